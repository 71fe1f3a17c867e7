"""Messages that anybody may have sent, checked before anything believes them."""

from __future__ import annotations

import re
from datetime import datetime
from typing import NamedTuple

from edge.contract.payloads import State, WindowPayload
from edge.contract.topics import NAME_PATTERN

MAX_PAYLOAD = 64 * 1024
MAX_COUNT = 10**9
MAX_PEOPLE = 10**5
MAX_LABELS = 64
MAX_LABEL = 128  # bytes
WORDS = {b"online": True, b"offline": False, b"": None}


class DeviceMessage(NamedTuple):
    """A message of a device."""

    device: str
    kind: str
    """The last level of its topic."""
    content: WindowPayload | State | bool | None
    """A window or None of `window` and `latest`; a state or None; whether it is online, or None when nobody knows."""


def read_message(prefix: str, topic: str, payload: bytes) -> DeviceMessage:
    """Read a message on `window`, `latest`, `state` or `availability`.

    Args:
        prefix: The first level of the topics.
        topic: Where it came.
        payload: What came; what is longer than `MAX_PAYLOAD` is refused, so no more than one byte more need be kept.

    Raises:
        ValueError: It is none, not valid, or cannot be true.
    """
    first, name, kind = topic.split("/")
    if first != prefix or not re.fullmatch(NAME_PATTERN, name) or len(payload) > MAX_PAYLOAD:
        raise ValueError
    if kind == "availability" and payload in WORDS:
        return DeviceMessage(name, kind, WORDS[payload])
    if kind == "state":
        return DeviceMessage(name, kind, State.model_validate_json(payload, strict=True) if payload else None)
    if kind == "latest" and not payload:  # an empty retained one only says that there is none
        return DeviceMessage(name, kind, None)
    if kind not in ("window", "latest"):
        raise ValueError
    window = WindowPayload.model_validate_json(payload, strict=True)
    _examine(window, name)
    return DeviceMessage(name, kind, window)


def end_of(window: WindowPayload) -> datetime:
    """When the window ended. Raises ValueError for a date that does not exist."""
    return moment(window.window.end)


def moment(stamp: str) -> datetime:
    """An RFC 3339 stamp in UTC, as payloads have it. Raises ValueError for a date that does not exist."""
    return datetime.fromisoformat(f"{stamp[:-1]}+00:00")


def newer(window: WindowPayload, shown: WindowPayload) -> bool:
    """Whether a window of the same device follows the one that is shown."""
    if window.epoch == shown.epoch:
        return window.seq > shown.seq
    return not window.replayed or window.window.end > shown.window.end


def _examine(window: WindowPayload, name: str) -> None:
    """Raise ValueError for what is well formed and yet cannot be true, or cannot be shown."""
    end_of(window)
    if window.device != name or window.seq > MAX_COUNT:
        raise ValueError
    if window.suppressed:
        return
    faces, small = window.faces, window.quality.too_small
    counts, people = window.counts, window.people
    if window.model.emotions is None and (counts, people, small) == (None, None, None):  # faces are only counted there
        counts, people, small = {}, {}, 0
    if counts is None or people is None or faces.mean is None or faces.total is None:
        raise ValueError
    labels = counts.keys() | (window.estimate or {}).keys()
    if len(labels) > MAX_LABELS or any(not 0 < len(label.encode()) <= MAX_LABEL for label in labels):
        raise ValueError
    whole = (faces.total, faces.min, faces.max, small, *counts.values())
    if any(number is None or number > MAX_COUNT for number in whole):
        raise ValueError
    if any(number > MAX_PEOPLE for number in (faces.mean, *people.values())) or counts.keys() != people.keys():
        raise ValueError
