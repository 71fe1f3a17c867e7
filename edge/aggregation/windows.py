"""Add up what the frames of a stretch of time showed. Pure: no I/O, and time comes with the frames."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass, field
from operator import add
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge.aggregation.prevalence import Tally
from edge.contract.labels import UNKNOWN

MAX_GAP = 1.0  # seconds that one analysed frame may stand for; longer without a frame is missing time
MISSED_FRAMES = 2.0  # or as many frames, where fewer than two come in a second


class People(NamedTuple):
    """The numbers that privacy judges by: faces, but for those that do not move; see `edge.vision.still_faces`.

    Attributes:
        seen: All of them.
        near: Those that are large enough.
        classified: Those that emotions are of.
    """

    seen: int
    near: int
    classified: int


NOBODY = People(0, 0, 0)
NEVER = People(sys.maxsize, sys.maxsize, sys.maxsize)
"""The fewest where no frame showed any."""


@dataclass(frozen=True)
class Observation:
    """What one analysed frame showed.

    Attributes:
        time: When it was taken, monotonic seconds.
        counts: Faces per label, every label present, `unknown` among them.
        too_small: Faces smaller than `vision.min_face_px`; all of them are unknown.
        probabilities: (n, labels) float32, what the classifier said about the faces that it saw in this very frame;
            None when faces are only counted.
        eligible: Faces in this frame that may be classified: large enough and, where poses are measured, turned to the
            front; more than n where they take turns.
        away: Faces turned away; None when poses are not measured.
        people: Whose faces these are; None: all are people's, and classified where they are near and to the front.
        still: Faces of each kind that do not move, and so are nobody's.
    """

    time: float
    counts: dict[str, int]
    too_small: int
    probabilities: NDArray[np.float32] | None = field(default=None, repr=False, compare=False)
    eligible: int = 0
    away: int | None = None
    people: People | None = None
    still: People = NOBODY

    @property
    def faces(self) -> int:
        """All faces of the frame."""
        return sum(self.counts.values())

    @property
    def near(self) -> int:
        """Faces that are large enough to be judged."""
        return self.faces - self.too_small

    @property
    def front(self) -> int:
        """Faces that are turned to the front; where poses are not measured, all that are near."""
        return self.near - (self.away or 0)


@dataclass(frozen=True)
class Window:
    """The sum over one stretch of time.

    Attributes:
        start: Monotonic seconds.
        end: Monotonic seconds.
        frames: Analysed frames; may be 0.
        counts: Face observations per label: one face in one frame counts one.
        lowest: Fewest faces in one frame, 0 without frames.
        highest: Most faces in one frame, 0 without frames.
        too_small: How many of the unknown were smaller than `vision.min_face_px`.
        coverage: Share of the time, 0..1, in which no more than a second (or two frames) passed without a frame.
        people: The sum over all frames.
        fewest: Fewest in a frame that showed any such face, also one that does not move; as in NEVER without one.
        away: Faces that were turned away; None when poses are not measured.
        front_only: Whether faces turned away are left unclassified, and so unknown.
        tally: What the classifier said about the faces of this window and of no other; None when it was not asked.
    """

    start: float
    end: float
    frames: int
    counts: dict[str, int]
    lowest: int
    highest: int
    too_small: int
    coverage: float
    people: People
    fewest: People
    away: int | None = None
    front_only: bool = True
    tally: Tally | None = field(default=None, repr=False, compare=False)

    @property
    def seconds(self) -> float:
        """Length."""
        return self.end - self.start

    @property
    def faces(self) -> int:
        """Face observations of all labels."""
        return sum(self.counts.values())

    @property
    def mean(self) -> float:
        """Faces in the average frame, 0 without frames."""
        return self.faces / self.frames if self.frames else 0.0

    @property
    def unclear(self) -> int:
        """Unknown faces that might have been named: the evidence was too weak, or they were still waiting."""
        return self.counts[UNKNOWN] - self.too_small - self.left_out

    @property
    def left_out(self) -> int:
        """Faces that were not classified because they are turned away."""
        return self.away or 0 if self.front_only else 0

    @property
    def front(self) -> int:
        """Faces turned to the front; where poses are not measured, all that are large enough."""
        return self.faces - self.too_small - (self.away or 0)


class WindowAggregator:
    """Cuts the stream of observations into windows that follow one another without gap or overlap.

    Args:
        labels: The labels of the classifier, without `unknown`.
        seconds: Length of a window.
        start: When the first one begins, monotonic seconds.
        fps: Frames per second that will come.
        front_only: Whether faces turned away are left unclassified.
    """

    def __init__(
        self, labels: tuple[str, ...], seconds: float, start: float, fps: float = 5.0, *, front_only: bool = True
    ) -> None:
        self.expect(fps)
        self._front_only = front_only
        self._labels = (*labels, UNKNOWN)
        self._seconds = seconds
        self._begin(start, start)

    def _begin(self, start: float, covered: float) -> None:
        self._start = start
        self._covered = covered  # up to here the gaps are known
        self._missing = 0.0
        self._counts: Counter[str] = Counter()
        self._frames = self._too_small = self._highest = 0
        self._people, self._fewest = NOBODY, NEVER
        self._away: int | None = None
        self._lowest: int | None = None
        self._tally: Tally | None = None

    def expect(self, fps: float) -> None:
        """Another number of frames per second comes from now on: what is left out on purpose is not missing."""
        self._max_gap = max(MAX_GAP, MISSED_FRAMES / fps)

    @property
    def end(self) -> float:
        """When the running window is due."""
        return self._start + self._seconds

    def due(self, now: float) -> list[Window]:
        """The windows whose time is over, oldest first; those without any frame are among them."""
        done = []
        while now >= self.end:
            done.append(self._close(self.end))
        return done

    def add(self, observation: Observation) -> None:
        """Add a frame to the running window; call `due` with its time first."""
        self._pass_until(observation.time)
        self._counts.update(observation.counts)
        self._frames += 1
        self._too_small += observation.too_small
        faces = observation.faces
        self._highest = max(self._highest, faces)
        self._lowest = faces if self._lowest is None else min(self._lowest, faces)
        people = observation.people or People(faces, observation.near, observation.front)
        self._people = People(*map(add, self._people, people))
        shown = zip(people, observation.still, self._fewest, strict=True)
        self._fewest = People(*(min(here, least) if here or still else least for here, still, least in shown))
        if observation.away is not None:
            self._away = (self._away or 0) + observation.away
        if observation.probabilities is not None:
            if self._tally is None:
                self._tally = Tally(observation.probabilities.shape[1])
            self._tally.add(observation.probabilities, observation.eligible)

    def finish(self, now: float) -> list[Window]:
        """What is left when the daemon stops: windows that are over, then the running one if it has frames."""
        last = self.due(now)
        if self._frames and now > self._start:
            last.append(self._close(now))
        return last

    def _pass_until(self, time: float) -> None:
        self._missing += max(0.0, time - self._covered - self._max_gap)
        self._covered = max(self._covered, time)

    def _close(self, end: float) -> Window:
        # Frames may have been taken just after the end: what they cover belongs to the next window.
        covered = min(self._covered, end)
        self._missing += max(0.0, end - covered - self._max_gap)
        length = end - self._start
        window = Window(
            start=self._start,
            end=end,
            frames=self._frames,
            counts={label: self._counts[label] for label in self._labels},
            lowest=self._lowest or 0,
            highest=self._highest,
            too_small=self._too_small,
            away=self._away,
            coverage=(max(0.0, 1 - self._missing / length) if self._frames else 0.0),
            people=self._people,
            fewest=self._fewest,
            front_only=self._front_only,
            tally=self._tally,
        )
        # The second of grace was spent at the end of this window: the next begins with what is left of it.
        self._begin(end, max(covered, end - self._max_gap))
        return window
