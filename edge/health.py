"""How the daemon itself is doing: rates and times over an interval, memory, temperature. Never a guess: null."""

from __future__ import annotations

import statistics
from collections import defaultdict
from pathlib import Path

MAX_SAMPLES = 4096  # per interval and stage; an hour at one frame a second


class Meter:
    """Collects how long the stages take; read and emptied once per interval.

    How long tracking and classifying take tells how many people there are, so those times wait until their window
    is closed, and are thrown away with the figures of a suppressed one.
    """

    def __init__(self, start: float) -> None:
        self._since = start
        self._frames = 0
        self._stages: defaultdict[str, list[float]] = defaultdict(list)
        self._waiting: defaultdict[str, list[float]] = defaultdict(list)
        self._faces: float | None = None

    def stage(self, name: str, seconds: float) -> None:
        """A stage took so long."""
        times = (self._stages if name == "detect" else self._waiting)[name]
        if len(times) < MAX_SAMPLES:
            times.append(seconds)

    def frame(self) -> None:
        """A frame was analysed."""
        self._frames += 1

    def close_window(self, faces: float | None) -> None:
        """A window was published with this mean number of faces, None when it was suppressed."""
        self._faces = faces
        if faces is not None:
            for name, times in self._waiting.items():
                self._stages[name] += times[: MAX_SAMPLES - len(self._stages[name])]
        self._waiting.clear()

    def read(self, now: float) -> tuple[float, dict[str, float], float | None]:
        """Since the last call: frames per second, median ms per stage; and the mean faces of the newest window."""
        fps = self._frames / max(now - self._since, 1e-6)
        stages = {name: statistics.median(times) * 1000 for name, times in self._stages.items() if times}
        self._since, self._frames = now, 0
        self._stages.clear()
        return fps, stages, self._faces


def temperature() -> float | None:
    """Of the processor in degrees Celsius, None where the board does not say."""
    try:
        return int(Path("/sys/class/thermal/thermal_zone0/temp").read_text()) / 1000
    except (OSError, ValueError):
        return None


def throttled_bits() -> int | None:
    """The Raspberry Pi firmware's bits (bit 0 under-voltage, 1 frequency capped, 2 throttled), None elsewhere."""
    try:
        path = Path("/sys/devices/platform/soc/soc:firmware/get_throttled")
        return int(path.read_text(), 16)
    except (OSError, ValueError):
        return None


def rss_megabytes() -> float | None:
    """Resident memory of this process."""
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
    except (OSError, ValueError, IndexError):
        pass
    return None
