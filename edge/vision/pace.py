"""What there is time for in a second: frames, detections, faces to classify. Pure: what things cost is told.

The rule, in this order, each step only as far as it has to go:

1. Faces are looked for and classified in every frame.
2. Faces are looked for in fewer frames, but `detect_fps` times a second, and followed in between.
3. Faces are classified in turn, those first that have waited longest, but each of them once a second.
4. Fewer frames are analysed.
"""

from __future__ import annotations

import statistics
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass

FULL = 0.9  # of the time of a processor; a loop that has no time to spare comes late, and drops what it wanted to see
CALM = 0.5  # seconds of a processor that have to be measured before they are believed
SLOWEST = 0.5  # frames a second that are analysed at whatever cost, for the sake of the figures
SAMPLES = 15  # of each cost: half of them may be outliers
STEPS = 10  # of a bisection: fine enough for a rate
NO_LIMIT = 1 << 30


@dataclass(frozen=True)
class Plan:
    """What is done from now on.

    Attributes:
        fps: Frames that are analysed in a second.
        detections: Of these, in how many faces are looked for; in the others they are followed.
        faces: Faces that are classified in a frame, at most.
    """

    fps: float
    detections: float
    faces: int = NO_LIMIT


class Pace:
    """Learns what things cost, and plans within the limits.

    Args:
        budget: Share of all processors that the whole process may use, 0..1.
        processors: How many there are for this process.
        detect_fps: Detections a second that are kept up, unless fewer frames are analysed.
    """

    def __init__(self, budget: float, processors: int, detect_fps: float) -> None:
        self._limit = budget * processors
        self._detect_fps = detect_fps
        self.overlaps = processors > 1 and self._limit > 1
        """Whether one frame may be searched on another processor while the faces of the one before are classified."""
        self._costs: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=SAMPLES))
        self._faces = 0.0  # to classify, in the newest frame
        self._spent = 0.0  # seconds that the stages took since the last comparison
        self._since: tuple[float, float] | None = None  # what both clocks said then
        self._ratio = 1.0  # what the process uses for every second that a stage takes

    def took(self, stage: str, seconds: float, times: int = 1) -> None:
        """A stage took so long.

        Args:
            stage: `detect` or `follow`, `classify`, or anything else that every frame needs.
            seconds: Altogether.
            times: How often it was done: faces that were classified.
        """
        self._spent += seconds
        if times:
            self._costs[stage].append(seconds / times)

    def saw(self, faces: int) -> None:
        """There were so many faces to classify in a frame."""
        self._faces = faces

    def compare(self, wall: float, used: float) -> None:
        """Learn what the process uses beside and within the stages: capturing, a model's own threads.

        Args:
            wall: Seconds of any monotonic clock.
            used: Seconds of processors that the whole process has used.
        """
        if self._since is None:  # what was used before went into starting
            self._since, self._spent = (wall, used), 0.0
        elif self._spent >= CALM:
            now = (used - self._since[1]) / self._spent
            self._ratio += 0.5 * (now - self._ratio)
            self._since, self._spent = (wall, used), 0.0

    def plan(self, wanted: float) -> Plan:
        """What there is time for where so many frames a second are wanted."""
        everything = Plan(wanted, wanted)
        if not self._costs["detect"] or self._fits(everything):
            return everything
        least = min(self._detect_fps, wanted)
        detections = _most(least, wanted, lambda rate: self._fits(Plan(wanted, rate)))
        if self._fits(Plan(wanted, detections)):
            return Plan(wanted, detections)
        once_a_second = self._faces / wanted
        faces = _most(once_a_second, self._faces, lambda number: self._fits(Plan(wanted, least), number))
        if self._fits(Plan(wanted, least), faces):
            return Plan(wanted, least, max(1, round(faces)))
        slowest = min(SLOWEST, wanted)
        fps = _most(slowest, wanted, lambda rate: self._fits(Plan(rate, min(least, rate)), self._faces / rate))
        return Plan(fps, min(least, fps), max(1, -int(-self._faces // fps)))

    def _fits(self, plan: Plan, faces: float | None = None) -> bool:
        """Whether there is time for it, with so many classified faces in a frame; None: all of them."""
        number = self._faces if faces is None else min(faces, self._faces)
        search = plan.detections * self._cost("detect")
        rest = (plan.fps - plan.detections) * self._cost("follow")
        rest += plan.fps * (number * self._cost("classify") + sum(map(self._cost, self._costs.keys() - _OWN)))
        alone = max(search, rest) if self.overlaps else search + rest
        return alone <= FULL and (search + rest) * self._ratio <= self._limit

    def _cost(self, stage: str) -> float:
        """Median seconds of a stage; 0 while it is not known."""
        return statistics.median(self._costs[stage]) if self._costs[stage] else 0.0


_OWN = {"detect", "follow", "classify"}


def _most(low: float, high: float, fits: Callable[[float], bool]) -> float:
    """The highest number up to `high` that fits, `low` at least; what fits must go on fitting below."""
    if high <= low or fits(high):
        return max(low, high)
    for _ in range(STEPS):
        middle = (low + high) / 2
        if fits(middle):
            low = middle
        else:
            high = middle
    return low
