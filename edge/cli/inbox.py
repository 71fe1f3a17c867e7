"""What is known about the devices, from messages that anybody may have sent."""

from __future__ import annotations

import re

from edge.cli.board import POINTS
from edge.cli.summary import Device, end_of
from edge.config import NAME_PATTERN
from edge.mqtt.payloads import State, WindowPayload

MAX_DEVICES = 200
MAX_PAYLOAD = 64 * 1024
MAX_SEEN = 1024  # identities of windows remembered per device
MAX_COUNT = 10**9
MAX_PEOPLE = 10**5
WORDS = {b"online": True, b"offline": False, b"": None}


class Inbox:
    """What is known about every device, from messages that anybody may have sent.

    Args:
        prefix: The first level of the topics.
    """

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.devices: dict[str, Device] = {}
        self.invalid = 0
        self.full = False
        self._seen: dict[str, dict[tuple[str, int], None]] = {}

    def receive(self, topic: str, payload: bytes) -> WindowPayload | None:
        """Take a message; returns the window in it if it is one that was not here before."""
        try:
            return self._take(topic, payload)
        except (ValueError, KeyError):  # pydantic's error is a ValueError
            self.invalid += 1
            return None

    def _take(self, topic: str, payload: bytes) -> WindowPayload | None:
        prefix, name, kind = topic.split("/")
        if prefix != self.prefix or not re.fullmatch(NAME_PATTERN, name) or len(payload) > MAX_PAYLOAD:
            raise ValueError
        if kind == "availability":
            online = WORDS[payload]
            if device := self._device(name):
                device.online = online
        elif kind == "state":
            state = State.model_validate_json(payload, strict=True) if payload else None
            if device := self._device(name):
                device.state = state
        elif payload or kind == "window":  # an empty retained `latest` only says that there is none
            window = WindowPayload.model_validate_json(payload, strict=True)
            _examine(window, name)
            if device := self._device(name):
                return self._accept(device, window)
        return None

    def _device(self, name: str) -> Device | None:
        if name not in self.devices:
            if len(self.devices) >= MAX_DEVICES:
                self.full = True
                return None
            self.devices[name] = Device(name)
            self._seen[name] = {}
        return self.devices[name]

    def _accept(self, device: Device, window: WindowPayload) -> WindowPayload | None:
        """Show a window unless a newer one is there; None for a duplicate."""
        seen = self._seen[device.name]
        if (window.epoch, window.seq) in seen:
            return None
        seen[window.epoch, window.seq] = None
        if len(seen) > MAX_SEEN:
            del seen[next(iter(seen))]
        device.means[window.window.end] = None if window.suppressed else window.faces.mean
        if len(device.means) > POINTS:
            del device.means[min(device.means)]
        if device.window is None or _newer(window, device.window):
            device.window = window
        return window


def _newer(window: WindowPayload, shown: WindowPayload) -> bool:
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
    whole = (faces.total, faces.min, faces.max, small, *counts.values())
    if any(number is None or number > MAX_COUNT for number in whole):
        raise ValueError
    if any(number > MAX_PEOPLE for number in (faces.mean, *people.values())) or counts.keys() != people.keys():
        raise ValueError
