"""What there is time for in a second: frames, detections, faces to classify. Pure: costs are recorded by the caller.

The rule, in this order, each step only as far as it has to go:

1. Faces are detected and classified in every frame.
2. Faces are detected in fewer frames, but `detect_fps` times a second, and tracked by optical flow in between.
3. Faces are classified in turn, those first that have waited longest, but each of them once a second.
4. Fewer frames are analysed.
"""

from __future__ import annotations

import math
import os
import statistics
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge.vision.tracker import MAX_AGE

if TYPE_CHECKING:
    from edge.config.schema import Config

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
        detections: Of these, in how many faces are detected; in the others they are tracked by optical flow.
        faces: Faces that are classified, over all frames; more where there are more, for each has its turn.
    """

    fps: float
    detections: float
    faces: float = math.inf

    @property
    def uses_flow(self) -> bool:
        """Whether there are frames in which faces are tracked instead of detected."""
        return self.detections < self.fps


class RateController:
    """Learns what things cost, and plans within the limits.

    Args:
        budget: Share of all processors that the whole process may use, 0..1.
        processors: How many there are for this process.
        detect_fps: Detections a second that are kept up, unless fewer frames are analysed; one at least, for a face
            that no detection confirms is not counted for longer.
    """

    def __init__(self, budget: float, processors: int, detect_fps: float) -> None:
        self._limit = budget * processors
        self._detect_fps = max(detect_fps, 1 / MAX_AGE)
        self._parallel = processors > 1 and self._limit > 1
        self._costs: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=SAMPLES))
        self._faces = 0  # to classify, in the newest frame
        self._ratio = 1.0  # what the process uses for every second that a stage takes
        self._spent = 0.0  # seconds that the stages took since that was last learnt
        self._used = 0.0  # and what the process used
        self._before: tuple[float, float] | None = None  # both, at the last comparison
        self._idle = 0  # comparisons since a stage was at work

    @classmethod
    def of(cls, config: Config, processors: int | None = None) -> RateController:
        """The controller for a configuration.

        Args:
            config: The configuration.
            processors: How many there are; None: as many as this process may use.
        """
        vision = config.vision
        # Nobody can be tracked from one picture of a folder to the next.
        detect_fps = vision.fps if config.camera.source.startswith("images:") else vision.detect_fps
        return cls(vision.cpu_budget, processors or len(os.sched_getaffinity(0)), detect_fps)

    @property
    def overlaps(self) -> bool:
        """Whether detection in one frame may overlap with classification in the one before, on another processor.

        Not at once: the first frames come late because everything is new, and one frame more takes memory.
        """
        return self._parallel and len(self._costs["detect"]) == SAMPLES

    def record_stage(self, stage: str, seconds: float, count: int = 1) -> None:
        """Record the duration of a stage.

        Args:
            stage: `detect` or `follow`, `classify`, or anything else that every frame needs.
            seconds: Altogether.
            count: How often it was done: faces that were classified.
        """
        self._spent += seconds
        if count:
            self._costs[stage].append(seconds / count)

    def record_faces(self, faces: int) -> None:
        """Record the number of faces to classify in the newest frame."""
        self._faces = faces

    def forget_people(self) -> None:
        """Keep nothing that tells how many people there were: neither their number nor what they cost.

        What a detection costs, and what the process uses beside the stages, is learnt of the machine, and stays.
        """
        self._faces = 0
        for stage in self._costs.keys() - {"detect"}:
            del self._costs[stage]

    def record_cpu_time(self, used: float) -> None:
        """Learn what the process uses beside and within the stages: capturing, a model's own threads.

        Args:
            used: CPU seconds of the whole process since its start; recorded about once a second.
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

    def plan(self, fps: float) -> Plan:
        """What there is time for where `fps` frames a second are wanted."""
        everything = Plan(fps, fps)
        if not self._costs["detect"] or self._fits(everything):
            return everything
        least = min(self._detect_fps, fps)
        if self._cost("follow") >= self._cost("detect"):
            least = fps
        detections = _most(least, fps, lambda rate: self._fits(Plan(fps, rate)))
        if self._fits(Plan(fps, detections)):
            return Plan(fps, detections)
        once, always = float(self._faces), self._faces * fps
        faces = _most(once, always, lambda number: self._fits(Plan(fps, least, number)))
        if self._fits(Plan(fps, least, faces)):
            return Plan(fps, least, max(1.0, faces))
        slowest = min(SLOWEST, fps)
        lower = _most(slowest, fps, lambda rate: self._fits(Plan(rate, min(least, rate), once)))
        return Plan(lower, min(least, lower), max(1.0, once))

    def _fits(self, plan: Plan) -> bool:
        """Whether there is time for it."""
        detection = plan.detections * self._cost("detect")
        rest = (plan.fps - plan.detections) * self._cost("follow")
        rest += min(plan.faces, plan.fps * self._faces) * self._cost("classify")
        rest += plan.fps * sum(map(self._cost, self._costs.keys() - _OWN))
        alone = max(detection, rest) if self.overlaps else detection + rest
        return alone <= FULL and (detection + rest) * self._ratio <= self._limit

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
