"""What is known about the devices, from untrusted messages."""

from __future__ import annotations

import time
from collections.abc import Callable

from edge.cli.summary import POINTS, Device
from edge.contract.machine_messages import is_about_machine, read_machine_message
from edge.contract.payloads import State, WindowPayload
from edge.contract.timestamps import parse_timestamp
from edge.contract.validation import NewerWindow, newer, read_message
from edge.reporting.silence import is_gone, resumes

MAX_DEVICES = 200
MAX_SEEN = 1024  # identities of windows remembered per device


class Inbox:
    """What is known about every device, from untrusted messages.

    Args:
        prefix: The first level of the topics.
        now: The time of day in seconds since 1970.
    """

    def __init__(self, prefix: str, now: Callable[[], float] = time.time) -> None:
        self.prefix = prefix
        self._now = now
        self.devices: dict[str, Device] = {}
        self.invalid = 0
        self.full = False
        self.newer: set[str] = set()
        """Devices that send a newer schema than this program reads; at most `MAX_DEVICES`."""
        self._seen: dict[str, dict[tuple[str, int, str], None]] = {}

    def receive(self, topic: str, payload: bytes) -> WindowPayload | None:
        """Take a message; returns the window in it if it is one that was not here before."""
        try:
            if not is_about_machine(topic):
                return self._take(topic, payload)
            self._take_machine(topic, payload)
        except ValueError:  # pydantic's error is one
            self.invalid += 1
        return None

    def _take(self, topic: str, payload: bytes) -> WindowPayload | None:
        name, kind, content, _ = read_message(self.prefix, topic, payload)
        if isinstance(content, NewerWindow):
            self._take_newer(name)
            return None
        if content is None and (kind in ("window", "latest") or name not in self.devices):
            return None
        if isinstance(content, State):
            parse_timestamp(content.since)
        device = self._device(name)
        if device is None:
            return None
        if isinstance(content, WindowPayload):
            return self._accept(device, content)
        if kind == "availability":
            device.online = content if isinstance(content, bool) else None
        else:
            state = content if isinstance(content, State) else None
            if resumes(device.state, state):
                device.machine.resumed = self._milliseconds()
            device.state = state
        if is_gone(device.online, device.state):
            del self.devices[name], self._seen[name]
            self.newer.discard(name)
        return None

    def _take_newer(self, name: str) -> None:
        """A window that cannot be read, but shows that the device measures."""
        if len(self.newer) < MAX_DEVICES:
            self.newer.add(name)
        if name in self.devices:
            self.devices[name].machine.newer = self._milliseconds()

    def _take_machine(self, topic: str, payload: bytes) -> None:
        message = read_machine_message(self.prefix, topic, payload)
        known = self.devices.get(message.device)
        device = known or (self._device(message.device) if message.content is not None else None)
        if device is not None:
            device.machine.take(message, self._milliseconds())

    def _device(self, name: str) -> Device | None:
        if name not in self.devices:
            if len(self.devices) >= MAX_DEVICES:
                self.full = True
                return None
            self.devices[name] = Device(name, first=self._milliseconds())
            self._seen[name] = {}
        return self.devices[name]

    def _milliseconds(self) -> int:
        return round(self._now() * 1000)

    def _accept(self, device: Device, window: WindowPayload) -> WindowPayload | None:
        """Show a window unless a newer one is there; None for a duplicate."""
        seen, identity = self._seen[device.name], (window.epoch, window.seq, window.window.start)
        if identity in seen:
            return None
        seen[identity] = None
        device.machine.hear(window, self._milliseconds())
        if len(seen) > MAX_SEEN:
            del seen[next(iter(seen))]
        device.means[window.window.end] = window.faces.mean
        if len(device.means) > POINTS:
            del device.means[min(device.means)]
        if device.window is None or newer(window, device.window):
            device.window = window
        return window
