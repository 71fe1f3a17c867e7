"""What there is time for in a second: frames, detections, faces to classify. Pure: what things cost is told.

The rule, in this order, each step only as far as it has to go:

1. Faces are looked for and classified in every frame.
2. Faces are looked for in fewer frames, but `detect_fps` times a second, and followed in between.
3. Faces are classified in turn, those first that have waited longest, but each of them once a second.
4. Fewer frames are analysed.
"""

from __future__ import annotations

import math
import statistics
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass

FULL = 0.9  # of the time of a processor; a loop that has no time to spare comes late, and drops what it wanted to see
CALM = 0.5  # seconds of a processor that have to be measured before they are believed
IDLE = 5  # comparisons without any stage after which the process is not at work: its camera is lost
SLOWEST = 0.5  # frames a second that are analysed at whatever cost, for the sake of the figures
SAMPLES = 15  # of each cost: half of them may be outliers
STEPS = 10  # of a bisection: fine enough for a rate


@dataclass(frozen=True)
class Plan:
    """What is done in a second, from now on.

    Attributes:
        fps: Frames that are analysed.
        detections: Of these, in how many faces are looked for; in the others they are followed.
        faces: Faces that are classified, over all frames.
    """

    fps: float
    detections: float
    faces: float = math.inf

    @property
    def follows(self) -> bool:
        """Whether there are frames in which faces are not looked for."""
        return self.detections < self.fps


class RateController:
    """Learns what things cost, and plans within the limits.

    Args:
        budget: Share of all processors that the whole process may use, 0..1.
        processors: How many there are for this process.
        detect_fps: Detections a second that are kept up, unless fewer frames are analysed.
    """

    def __init__(self, budget: float, processors: int, detect_fps: float) -> None:
        self._limit = budget * processors
        self._detect_fps = detect_fps
        self._two = processors > 1 and self._limit > 1
        self._costs: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=SAMPLES))
        self._faces = 0  # to classify, in the newest frame
        self._ratio = 1.0  # what the process uses for every second that a stage takes
        self._spent = 0.0  # seconds that the stages took since that was last learnt
        self._used = 0.0  # and what the process used
        self._before: tuple[float, float] | None = None  # both, at the last comparison
        self._idle = 0  # comparisons since a stage was at work

    @property
    def overlaps(self) -> bool:
        """Whether one frame may be searched on another processor while the faces of the one before are classified.

        Not at once: the first frames come late because everything is new, and one frame more takes memory.
        """
        return self._two and len(self._costs["detect"]) == SAMPLES

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

    def compare(self, used: float) -> None:
        """Learn what the process uses beside and within the stages: capturing, a model's own threads.

        Args:
            used: Seconds of processors that the whole process has used; told about once a second.
        """
        before, self._before = self._before, (used, self._spent)
        if before is None:  # what was used before went into starting
            self._spent, self._before = 0.0, (used, 0.0)
            return
        self._idle = 0 if self._spent > before[1] else self._idle + 1
        if self._idle < IDLE:
            self._used += used - before[0]
        if self._spent >= CALM:
            self._ratio += 0.5 * (self._used / self._spent - self._ratio)
            self._used = self._spent = 0.0
            self._before = (used, 0.0)

    def plan(self, wanted: float) -> Plan:
        """What there is time for where so many frames a second are wanted."""
        everything = Plan(wanted, wanted)
        if not self._costs["detect"] or self._fits(everything):
            return everything
        least = min(self._detect_fps, wanted)
        if self._cost("follow") >= self._cost("detect"):
            least = wanted
        detections = _most(least, wanted, lambda rate: self._fits(Plan(wanted, rate)))
        if self._fits(Plan(wanted, detections)):
            return Plan(wanted, detections)
        once, always = float(self._faces), self._faces * wanted
        faces = _most(once, always, lambda number: self._fits(Plan(wanted, least, number)))
        if self._fits(Plan(wanted, least, faces)):
            return Plan(wanted, least, max(1.0, faces))
        slowest = min(SLOWEST, wanted)
        fps = _most(slowest, wanted, lambda rate: self._fits(Plan(rate, min(least, rate), once)))
        return Plan(fps, min(least, fps), max(1.0, once))

    def _fits(self, plan: Plan) -> bool:
        """Whether there is time for it."""
        search = plan.detections * self._cost("detect")
        rest = (plan.fps - plan.detections) * self._cost("follow")
        rest += min(plan.faces, plan.fps * self._faces) * self._cost("classify")
        rest += plan.fps * sum(map(self._cost, self._costs.keys() - _OWN))
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
