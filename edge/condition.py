"""What the daemon does now, and who wants it so: running, paused or without a camera."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from edge.mqtt.payloads import State
from edge.pause import Pause, PauseFile
from edge.sensor import Sensor


class Condition:
    """The pause in force, also on disk, and the state that was told last.

    Args:
        now: The time of day as a stamp.
    """

    def __init__(self, now: Callable[[], str]) -> None:
        self._now = now
        self._file: PauseFile | None = None
        self._stored = False  # the pause has its file, so that a missing file ends it
        self.pause: Pause | None = None
        self.told: State | None = None

    def use(self, path: Path) -> None:
        """Remember pauses in this file, and take the one that is there.

        Raises:
            EdgeError: A pause is in force already, and the file cannot be written.
        """
        self._file = PauseFile(path)
        if self.pause is None:
            self.pause = self._file.load()
            self._stored = self.pause is not None
        else:
            self.store()

    def begin_pause(self, by: str) -> None:
        """Be paused from now on."""
        self.pause = Pause(by, self._now())
        self._stored = False

    def store(self) -> None:
        """Write the pause to the disk. Raises EdgeError."""
        if self.pause is not None and self._file is not None:
            self._file.store(self.pause)
            self._stored = True

    def end_pause(self) -> None:
        """Be paused no longer. Raises EdgeError when the file cannot be removed: then the pause goes on."""
        if self._file is not None:
            self._file.clear()
        self.pause = None

    def pause_began(self) -> bool:
        """Whether somebody at the device asks for a pause, which is in force then."""
        if self.pause is not None or self._file is None:
            return False
        self.pause = self._file.load()
        self._stored = self.pause is not None
        return self._stored

    def pause_was_lifted(self) -> bool:
        """Whether somebody at the device asks for the end of the pause."""
        return self._stored and self.pause is not None and self._file is not None and self._file.load() is None

    def tell(self, sensor: Sensor, reason: str = "") -> State:
        """The state now, which counts as told; without a reason the one told before, if the mode is the same."""
        self.told = self._state(sensor, reason)
        return self.told

    def news(self, sensor: Sensor, reason: str = "") -> State | None:
        """The state if it is not what was told last; it counts as told then."""
        return None if self._state(sensor, reason) == self.told else self.tell(sensor, reason)

    def _state(self, sensor: Sensor, reason: str) -> State:
        mode, before = sensor.mode, self.told
        since = before.since if before is not None and before.mode == mode else self._now()
        if self.pause is not None:
            since = self.pause.since
            reason = f"paused by {self.pause.by}" + ("" if sensor.closed else "; the camera is still closing")
        elif mode == "camera_lost":
            reason = sensor.problem
        elif not reason and before is not None:
            reason = before.reason if before.mode == mode else "the camera is back"
        return State(mode=mode, reason=reason, since=since)
