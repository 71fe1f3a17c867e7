"""What a device says about itself, from untrusted messages: `info`, `health`, `alert/<id>`; nothing about people.

A newer device may say more than this program knows, so unknown keys are left out, not refused.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from edge.contract.payloads import Timestamp
from edge.contract.timestamps import parse_timestamp
from edge.contract.topics import NAME_PATTERN

KINDS = ("info", "health", "alert")
MAX_INFO = 16 * 1024  # bytes
MAX_ALERT = 8 * 1024
ID_PATTERN = r"[a-z0-9_-]{1,32}"

Text = Annotated[str, Field(max_length=2000)]
Amount = Annotated[float, Field(ge=0, le=1e12)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


class MachineModel(_Part):
    """One model file."""

    name: Text
    sha256: Text


class MachineModels(_Part):
    """The models in use; None where something is not measured."""

    faces: MachineModel
    emotions: MachineModel | None = None
    pose: MachineModel | None = None


class MachinePolicy(_Part):
    """By which rules figures are withheld and rounded."""

    min_faces: Annotated[int, Field(ge=1, le=10_000)]
    round_to: Annotated[int, Field(ge=1, le=10_000)]


class MachineInfo(_Part):
    """What runs there."""

    version: Text
    models: MachineModels
    camera: Text
    window_seconds: Annotated[float, Field(gt=0, le=86_400)]
    masked: Annotated[float, Field(ge=0, le=1)] = 0.0
    place: Annotated[str, Field(pattern=r"^[0-9a-f]{8}$")] | None = None
    privacy: MachinePolicy | None = None


class MachineHealth(_Part):
    """How it is doing; None where the machine does not report it."""

    time: Timestamp
    uptime: Amount
    fps: Amount
    temperature_c: Annotated[float, Field(ge=-100, le=300)] | None = None
    throttled_bits: Annotated[int, Field(ge=0, lt=2**32)] | None = None
    under_voltage: bool | None = None
    disk_free_mb: Amount | None = None
    outbox_depth: Annotated[int, Field(ge=0, le=10**9)]


class MachineAlert(_Part):
    """A problem and its remedy."""

    problem: Text
    remedy: Text
    since: Timestamp


class MachineMessage(NamedTuple):
    """A message of a device about itself."""

    device: str
    kind: Literal["info", "health", "alert"]
    alert: str
    """Which one; empty unless it is one."""
    content: MachineInfo | MachineHealth | MachineAlert | None
    """None: it holds no longer."""


def is_about_machine(topic: str) -> bool:
    """Whether a topic of a device is one of these."""
    return topic.partition("/")[2].partition("/")[2].partition("/")[0] in KINDS


def read_machine_message(prefix: str, topic: str, payload: bytes) -> MachineMessage:
    """Read a message on `info`, `health` or `alert/<id>`.

    Raises:
        ValueError: It is no such message, or not valid.
    """
    first, device, kind, *rest = topic.split("/")
    if first != prefix or not re.fullmatch(NAME_PATTERN, device):
        raise ValueError
    if len(payload) > (MAX_INFO if kind == "info" else MAX_ALERT):
        raise ValueError
    if kind == "info" and not rest:
        info = MachineInfo.model_validate_json(payload, strict=True) if payload else None
        return MachineMessage(device, "info", "", info)
    if kind == "health" and not rest:
        health = MachineHealth.model_validate_json(payload, strict=True) if payload else None
        if health:
            parse_timestamp(health.time)
        return MachineMessage(device, "health", "", health)
    if kind == "alert" and len(rest) == 1 and re.fullmatch(ID_PATTERN, rest[0]):
        alert = MachineAlert.model_validate_json(payload, strict=True) if payload else None
        if alert:
            parse_timestamp(alert.since)
        return MachineMessage(device, "alert", rest[0], alert)
    raise ValueError
