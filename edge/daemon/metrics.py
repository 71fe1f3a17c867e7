"""How the daemon itself is doing: rates and times over an interval, memory. Never a guess: null."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable

from edge.hardware.process_memory import RESIDENT, memory

MAX_SAMPLES = 4096  # per interval and stage; an hour at one frame a second


class Meter:
    """Collects how long the stages take; read and emptied once per interval.

    How long a stage takes tells how many people there are, and detection whether there is anybody, so the times wait
    until their window is closed, and are thrown away where its figures are withheld.

    Args:
        start: Monotonic seconds.
        observe: Called with each stage and its seconds, once they may be told.
    """

    def __init__(self, start: float, observe: Callable[[str, float], None] = lambda _stage, _seconds: None) -> None:
        self._observe = observe
        self.start = start
        self._since = start
        self._frames = 0
        self.frames = 0
        """Frames analysed since the start."""
        self._stages: defaultdict[str, list[float]] = defaultdict(list)
        self._waiting: defaultdict[str, list[float]] = defaultdict(list)
        self._faces: float | None = None

    def begin(self, now: float) -> None:
        """Measure from now on; monotonic seconds."""
        self.start = self._since = now

    def record_stage(self, name: str, seconds: float) -> None:
        """Record the duration of a stage."""
        times = self._waiting[name]
        if len(times) < MAX_SAMPLES:
            times.append(seconds)

    def count_frame(self) -> None:
        """Count a frame that was analysed."""
        self._frames += 1
        self.frames += 1

    def close_window(self, faces: float | None, *, exact: bool = True) -> None:
        """A window was published with this mean number of faces, None when it was suppressed.

        Args:
            faces: Mean number of faces as published.
            exact: Whether exact numbers of all groups were published, so that times may reveal as much.
        """
        self._faces = faces
        if faces is not None and exact:
            for name, times in self._waiting.items():
                self._stages[name] += times[: MAX_SAMPLES - len(self._stages[name])]
                for seconds in times:
                    self._observe(name, seconds)
        self._waiting.clear()

    def read(self, now: float) -> tuple[float, dict[str, float], float | None]:
        """Since the last call: frames per second, median ms per stage; and the mean faces of the newest window."""
        fps = self._frames / max(now - self._since, 1e-6)
        stages = {name: statistics.median(times) * 1000 for name, times in self._stages.items() if times}
        self._since, self._frames = now, 0
        self._stages.clear()
        return fps, stages, self._faces


def rss_megabytes() -> float | None:
    """Resident memory of this process."""
    resident = memory(RESIDENT)
    return None if resident is None else resident / 2**20
