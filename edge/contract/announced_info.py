"""What Home Assistant is told of a room, from its untrusted `info`."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

from edge.contract.labels import LABELS
from edge.contract.machine_messages import MAX_INFO, MachineModel
from edge.contract.topics import NAME_PATTERN


class AnnouncedModels(BaseModel):
    """Of the models in use the one that says which entities there are."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    pose: MachineModel | None = None


class AnnouncedInfo(BaseModel):
    """The part of `info` that a discovery message is made of; each value is bounded.

    Labels that this program does not know are left out: a room that made up others again and again would have Home
    Assistant keep entities without end.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    version: Annotated[str, Field(pattern=r"^[0-9A-Za-z.+!-]{1,64}$")]
    models: AnnouncedModels
    labels: tuple[str, ...]
    window_seconds: Annotated[float, Field(gt=0, le=86_400)]

    @field_validator("labels")
    @classmethod
    def _known(cls, labels: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(label for label in LABELS if label in labels)


def read_announced_info(prefix: str, topic: str, payload: bytes) -> tuple[str, AnnouncedInfo | None]:
    """Read a message on `<prefix>/<device>/info`.

    Args:
        prefix: The first level of the topics.
        topic: Its topic.
        payload: Its payload; longer than `MAX_INFO` is refused, so a caller may cut it off one byte after that.

    Returns:
        The device, named by the topic alone, and what is told of it; None: the room is gone.

    Raises:
        ValueError: It is no such message, or not valid.
    """
    first, device, kind = topic.split("/")
    if first != prefix or kind != "info" or not re.fullmatch(NAME_PATTERN, device) or len(payload) > MAX_INFO:
        raise ValueError
    return device, AnnouncedInfo.model_validate_json(payload, strict=True) if payload else None
