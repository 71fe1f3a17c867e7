"""How the daemon itself is doing: rates and times over an interval, memory, temperature. Never a guess: null."""

from __future__ import annotations

import statistics
import threading
from collections import defaultdict
from pathlib import Path

MAX_SAMPLES = 4096  # per interval and stage; an hour at one frame a second


class Meter:
    """Collects how long the stages take and how many faces a frame has; read and emptied once per interval."""

    def __init__(self, start: float) -> None:
        self._lock = threading.Lock()
        self._since = start
        self._clear()

    def _clear(self) -> None:
        self._stages: defaultdict[str, list[float]] = defaultdict(list)
        self._frames = 0
        self._faces = 0

    def stage(self, name: str, seconds: float) -> None:
        """A stage took so long."""
        with self._lock:
            if len(self._stages[name]) < MAX_SAMPLES:
                self._stages[name].append(seconds)

    def frame(self, faces: int) -> None:
        """A frame was analysed."""
        with self._lock:
            self._frames += 1
            self._faces += faces

    def read(self, now: float) -> tuple[float, dict[str, float], float | None]:
        """Frames per second, median ms per stage, faces per frame (None without frames) since the last call."""
        with self._lock:
            elapsed = max(now - self._since, 1e-6)
            fps = self._frames / elapsed
            stages = {name: statistics.median(times) * 1000 for name, times in self._stages.items()}
            faces = self._faces / self._frames if self._frames else None
            self._since = now
            self._clear()
            return fps, stages, faces


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
