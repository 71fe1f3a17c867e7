"""What any number of windows add up to, in whole numbers: sums of sums are exactly the sums of the windows.

Fractions (shares, coverage, the mean) are millionths, which is as fine as payloads write them. Whole numbers add up to
the same in any order and grouping; floating-point numbers do not.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from operator import add
from typing import Any

from edge.contract.labels import UNKNOWN
from edge.recording.window_record import Stretch, WindowRecord

UNIT = 1_000_000  # millionths
OTHER = "other"
MOST_EPOCHS = 20  # whose numbers are known: a device has a new one only when its outbox was lost
MAX_LABELS = 24  # whose sums are kept apart; models have 8
MILLISECOND = timedelta(milliseconds=1)


@dataclass
class WindowSums:
    """The sum of some windows. What is withheld or was not measured is in no sum.

    Attributes:
        windows: How many.
        withheld: Windows by what is withheld and why: `figures few_people`.
        headcounts: Windows in which emotions were not to be measured.
        replayed: Windows that came later than their time.
        unsynced: Windows whose device was not sure of the time.
        recorded: Milliseconds that they cover.
        analysed: Millionths of milliseconds of that in which frames were analysed.
        frames: Analysed frames of the windows with figures.
        faces: Millionths of face observations in these frames: the mean of each window times its frames.
        least, most: Fewest and most faces in a frame; None without figures.
        counts: Face observations per emotion and `unknown`.
        counted: Windows that these come from.
        counted_frames: Frames of these.
        named: Face observations with an emotion.
        estimate: Per emotion share, low and high: millionths times named faces of the window.
        estimated: Windows with an estimate.
        weight: Named faces in these.
        facing: Face observations to the front, away, and unknown; None where no window tells.
        unclassified: Face observations too small, away, unclear; None where no window tells.
        epochs: Per epoch the lowest and the highest number, and how many there are.
    """

    windows: int = 0
    withheld: dict[str, int] = field(default_factory=dict)
    headcounts: int = 0
    replayed: int = 0
    unsynced: int = 0
    recorded: int = 0
    analysed: int = 0
    frames: int = 0
    faces: int = 0
    least: int | None = None
    most: int | None = None
    counts: dict[str, int] = field(default_factory=dict)
    counted: int = 0
    counted_frames: int = 0
    named: int = 0
    estimate: dict[str, list[int]] = field(default_factory=dict)
    estimated: int = 0
    weight: int = 0
    facing: list[int] | None = None
    unclassified: list[int] | None = None
    epochs: dict[str, list[int]] = field(default_factory=dict)

    @property
    def figures_withheld(self) -> int:
        """Windows without figures about people."""
        return sum(n for what, n in self.withheld.items() if what.startswith("figures "))

    @property
    def emotions_withheld(self) -> int:
        """Windows with faces, but with emotions withheld."""
        return sum(self.withheld.values()) - self.figures_withheld

    def add(self, window: WindowRecord) -> None:
        """Add a window."""
        length = window.duration // MILLISECOND
        self.windows += 1
        self.headcounts += window.mode != "emotions"
        self.replayed += window.replayed
        self.unsynced += not window.clock_synced
        self.recorded += length
        self.analysed += length * round(window.coverage * UNIT)
        self.add_numbers((window,))
        if window.withheld is not None:
            key = f"{window.withheld.what} {window.withheld.reason}"
            self.withheld[key] = self.withheld.get(key, 0) + 1
        if window.mean is None:
            return
        self.frames += window.frames
        self.faces += window.frames * round(window.mean * UNIT)
        self.least = _either(min, self.least, window.low)
        self.most = _either(max, self.most, window.high)
        if (facing := window.facing) is not None:
            self.facing = _plus(self.facing, (facing.front, facing.away, facing.unknown))
        if (unclassified := window.unclassified) is not None:
            parts = (unclassified.too_small, unclassified.away or 0, unclassified.unclear)
            self.unclassified = _plus(self.unclassified, parts)
        if window.counts is not None:
            self._add_emotions(window, window.counts)

    def _add_emotions(self, window: WindowRecord, counts: dict[str, int]) -> None:
        self.counted += 1
        self.counted_frames += window.frames
        _add_counts(self.counts, counts)
        named = sum(counts.values()) - counts.get(UNKNOWN, 0)
        self.named += named
        if not window.estimate:
            return
        self.estimated += 1
        if not named:
            return
        self.weight += named
        for name, (share, low, high) in window.estimate.items():
            parts = self.estimate.setdefault(kept_label(self.estimate, name), [0, 0, 0])
            parts[0] += named * round(share * UNIT)
            parts[1] += named * round((low or 0.0) * UNIT)
            parts[2] += named * round((high or 0.0) * UNIT)

    def add_numbers(self, stretches: Iterable[Stretch]) -> None:
        """Take note of the numbers of windows."""
        for each in stretches:
            if not self._counts_epoch(each.epoch):
                continue
            low, high, count = self.epochs.get(each.epoch, [each.first, each.last, 0])
            more = count + each.last - each.first + 1
            self.epochs[each.epoch] = [min(low, each.first), max(high, each.last), more]

    def _counts_epoch(self, epoch: str) -> bool:
        return epoch in self.epochs or len(self.epochs) < MOST_EPOCHS

    def merge(self, other: WindowSums) -> None:
        """Add what others add up to."""
        # One by one, not in a loop over names: a term of a school has 200,000 of these.
        self.windows += other.windows
        self.headcounts += other.headcounts
        self.replayed += other.replayed
        self.unsynced += other.unsynced
        self.recorded += other.recorded
        self.analysed += other.analysed
        self.frames += other.frames
        self.faces += other.faces
        self.counted += other.counted
        self.counted_frames += other.counted_frames
        self.named += other.named
        self.estimated += other.estimated
        self.weight += other.weight
        self.least = _either(min, self.least, other.least)
        self.most = _either(max, self.most, other.most)
        for reason, n in other.withheld.items():
            self.withheld[reason] = self.withheld.get(reason, 0) + n
        _add_counts(self.counts, other.counts)
        for name, more in other.estimate.items():
            parts = self.estimate.setdefault(kept_label(self.estimate, name), [0, 0, 0])
            parts[0] += more[0]
            parts[1] += more[1]
            parts[2] += more[2]
        if other.facing is not None:
            self.facing = _plus(self.facing, other.facing)
        if other.unclassified is not None:
            self.unclassified = _plus(self.unclassified, other.unclassified)
        for epoch, (low, high, count) in other.epochs.items():
            if not self._counts_epoch(epoch):
                continue
            first, last, before = self.epochs.get(epoch, [low, high, 0])
            self.epochs[epoch] = [min(low, first), max(high, last), count + before]

    @property
    def missing(self) -> int:
        """How many numbers are missing between the lowest and the highest of every epoch: windows that never came.

        A number that was used twice counts twice, and where numbers begin again lower all between count as missing: in
        order of time that can be told (`edge.reporting.skipped_numbers`).
        """
        return sum(max(0, high - low + 1 - count) for low, high, count in self.epochs.values())

    def as_json(self) -> dict[str, object]:
        """For a file: what is not zero, nothing or empty."""
        return {name: value for name, value in vars(self).items() if value or (value == 0 and name in BOUNDS)}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> WindowSums:
        """The same back. Raises ValueError, TypeError or AttributeError for what is none."""
        sums = cls(**values)
        numbers = [getattr(sums, name) for name in PLAIN]
        numbers += [each for each in (sums.least, sums.most) if each is not None]
        numbers += [*sums.withheld.values(), *sums.counts.values()]
        for three in (*sums.estimate.values(), *sums.epochs.values(), sums.facing or NONE, sums.unclassified or NONE):
            first, second, third = three
            numbers += (first, second, third)
        if min(numbers) < 0 or set(map(type, numbers)) != {int}:
            raise ValueError
        return sums


NONE = (0, 0, 0)
BOUNDS = ("least", "most")
PLAIN = (
    "windows", "headcounts", "replayed", "unsynced", "recorded", "analysed", "frames", "faces", "counted",
    "counted_frames", "named", "estimated", "weight",
)  # fmt: skip
"""Those that are one number, which is zero without windows."""


def _add_counts(sums: dict[str, int], more: dict[str, int]) -> None:
    for name, n in more.items():
        if name in sums:
            sums[name] += n
        else:
            kept = kept_label(sums, name)
            sums[kept] = sums.get(kept, 0) + n


def kept_label(known: Collection[str], name: str) -> str:
    """A label as it is kept beside those that are known: `other` where a device has made up too many."""
    return name if name in known or len(known) < MAX_LABELS or name == UNKNOWN else OTHER


def _plus(sums: list[int] | None, more: Iterable[int]) -> list[int]:
    return list(more) if sums is None else list(map(add, sums, more))


def _either(choose: Callable[[int, int], int], one: int | None, other: int | None) -> int | None:
    return other if one is None else one if other is None else choose(one, other)
