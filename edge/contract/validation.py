"""Untrusted messages, checked before anything believes them; version 1 is upgraded, newer versions are recognised."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edge.contract import version1
from edge.contract.labels import fit_a_window
from edge.contract.machine_messages import MachineInfo
from edge.contract.numbering import begins_again
from edge.contract.payloads import FaceFigures, State, WindowPayload
from edge.contract.timestamps import parse_timestamp
from edge.contract.topics import NAME_PATTERN

MAX_PAYLOAD = 64 * 1024
MAX_COUNT = 10**9
MAX_PEOPLE = 10**5
LONGEST_WINDOW = timedelta(days=1)
MAX_FPS = 240  # frames analysed per second: four times what a configuration allows
ROUNDING = 0.0051  # of a mean, which has two decimals
AVAILABILITY = {b"online": True, b"offline": False, b"": None}
VERSION = 2  # of `edge.window` that this program writes and reads
SCHEMA = f"edge.window/{VERSION}"
CURRENT = f'"{SCHEMA}"'.encode()
SCHEMA_PATTERN = r"^edge\.window/([1-9][0-9]{0,5})$"

# What each kind of withholding covers.
_EMOTIONS: dict[str, object] = {
    "counts": None, "unclassified": None, "people": None, "estimate": None, "estimate_absent": None,
}  # fmt: skip
_FACING: dict[str, object] = {**_EMOTIONS, "facing": None}
_FIGURES: dict[str, object] = {**_FACING, "faces": FaceFigures(total=None, mean=None, min=None, max=None)}
WITHHELD_FIELDS = {"emotions": _EMOTIONS, "facing": _FACING, "figures": _FIGURES}


class NewerWindow(NamedTuple):
    """A window in a newer version of the contract than this program knows: to be stored as it is, and reported."""

    schema: str
    payload: bytes


class DeviceMessage(NamedTuple):
    """A message of a device."""

    device: str
    kind: str
    """The last level of its topic."""
    content: WindowPayload | NewerWindow | State | MachineInfo | bool | None
    """A window or None of `window` and `latest`; a state or None; whether it is online, or None when nobody knows."""
    schema: str = ""
    """Of a window, as it came; version 1 is upgraded."""


class _Envelope(BaseModel):
    """What every version of a window has."""

    model_config = ConfigDict(extra="ignore")

    schema_: str = Field(alias="schema", pattern=SCHEMA_PATTERN)
    device: str


def read_message(prefix: str, topic: str, payload: bytes) -> DeviceMessage:
    """Read a message on `window`, `latest`, `state` or `availability`.

    Args:
        prefix: The first level of the topics.
        topic: Its topic.
        payload: Its payload; longer than `MAX_PAYLOAD` is refused, so a caller may cut it off one byte after that.

    Returns:
        The message. Windows of version 1 come as version 2; withheld fields are null, whatever the sender put there.

    Raises:
        ValueError: It is no such message, not valid, or cannot be true.
    """
    first, name, kind = topic.split("/")
    if first != prefix or not re.fullmatch(NAME_PATTERN, name) or len(payload) > MAX_PAYLOAD:
        raise ValueError
    if kind == "availability" and payload in AVAILABILITY:
        return DeviceMessage(name, kind, AVAILABILITY[payload])
    if kind == "state":
        return DeviceMessage(name, kind, State.model_validate_json(payload, strict=True) if payload else None)
    if kind not in ("window", "latest"):
        raise ValueError
    if not payload:  # it only says that none is retained any more
        return DeviceMessage(name, kind, None)
    return DeviceMessage(name, kind, *_read_window(payload, name))


def end_of(window: WindowPayload) -> datetime:
    """When the window ended. Raises ValueError for a date that does not exist."""
    return parse_timestamp(window.window.end)


def frames_fit(frames: int, seconds: float, windows: int = 1) -> bool:
    """Whether so many frames can have been analysed in windows that are so long together.

    A second more for each window: it may begin with frames that waited.
    """
    return frames <= MAX_FPS * (seconds + windows)


def faces_fit(frames: int, faces: FaceFigures) -> bool:
    """Whether figures that are not withheld can be those of so many frames, in which one face counts one."""
    total, mean, fewest, most = faces.total, faces.mean, faces.min, faces.max
    if total is None or mean is None or fewest is None or most is None:
        return False
    if not frames:
        return total == mean == fewest == most == 0
    return (
        fewest * frames <= total <= most * frames and fewest <= mean <= most and abs(mean - total / frames) <= ROUNDING
    )


def newer(window: WindowPayload, shown: WindowPayload) -> bool:
    """Whether a window of the same device follows the one that is shown."""
    if window.epoch != shown.epoch:
        return not window.replayed or window.window.end > shown.window.end
    # Of a window that comes late a clock that was not set may have said anything; a live one was measured just now.
    comparable = not window.replayed or (window.quality.clock_synced and shown.quality.clock_synced)
    again = comparable and begins_again(window.seq, window.window.start, shown.seq, shown.window.start)
    return again or window.seq > shown.seq


def _read_window(payload: bytes, device: str) -> tuple[WindowPayload | NewerWindow, str]:
    """A window, and the schema in which it came."""
    if CURRENT in payload:  # nearly always: then it is read once, not first for its version
        with contextlib.suppress(ValidationError):
            return _believable(WindowPayload.model_validate_json(payload, strict=True), device), SCHEMA
    envelope = _Envelope.model_validate_json(payload, strict=True)
    if envelope.device != device:
        raise ValueError
    version = int(envelope.schema_.rpartition("/")[2])
    if version > VERSION:
        return NewerWindow(envelope.schema_, payload), envelope.schema_
    if version == 1:
        old = version1.WindowV1.model_validate_json(payload, strict=True)
        # Version 1 gave all three where emotions were measured, and none where not.
        if not old.suppressed and len({part is None for part in (old.counts, old.people, old.quality.too_small)}) > 1:
            raise ValueError
        window = version1.upgrade(old)
    else:
        window = WindowPayload.model_validate_json(payload, strict=True)
    return _believable(window, device), envelope.schema_


def _believable(window: WindowPayload, device: str) -> WindowPayload:
    """The window without what it withholds. Raises ValueError for what cannot be true."""
    if window.device != device:
        raise ValueError
    if window.withheld is not None:
        window = window.model_copy(update=WITHHELD_FIELDS[window.withheld.what])
    _check(window)
    return window


def _check(window: WindowPayload) -> None:
    """Raise ValueError for what is well formed and yet cannot be true, or cannot be shown."""
    length = (end_of(window) - parse_timestamp(window.window.start)).total_seconds()
    if window.window.seconds > LONGEST_WINDOW.total_seconds():  # a room is silent after three windows, not after years
        raise ValueError
    if window.seq > MAX_COUNT or not frames_fit(window.frames, min(length, window.window.seconds)):
        raise ValueError
    faces, withheld = window.faces, window.withheld.what if window.withheld else None
    if withheld == "figures":
        return
    if any(number is None or number > MAX_COUNT for number in (faces.total, faces.min, faces.max)):
        raise ValueError
    if faces.mean is None or faces.mean > MAX_PEOPLE or not faces_fit(window.frames, faces):
        raise ValueError
    emotional = (window.counts, window.people, window.unclassified)
    measured = window.mode == "emotions" and withheld is None
    if any((part is not None) != measured for part in emotional) or (window.mode == "headcount" and window.facing):
        raise ValueError
    reasons = (window.estimate, window.estimate_absent)
    if None not in reasons or (window.counts is None and reasons != (None, None)):
        raise ValueError
    if window.counts is None or window.people is None:
        return
    _check_labels(window.counts, window.people, window.estimate or {})


def _check_labels(counts: Mapping[str, int], people: Mapping[str, float], estimate: Mapping[str, object]) -> None:
    if not fit_a_window(counts.keys() | estimate.keys()):
        raise ValueError
    # `facing` and `unclassified` sum to counts, and these to faces.total: no part is larger.
    if any(number > MAX_PEOPLE for number in people.values()) or counts.keys() != people.keys():
        raise ValueError
