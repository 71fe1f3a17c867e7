"""The one arithmetic over several windows, for reports and the dashboard. Pure.

Counts add. Estimated shares are averaged, each window as heavy as its named faces, and so are the bounds of their
intervals. The shares of several windows are the estimate where at least half of the named faces have one, else the
summed counts over the named faces; `unknown` is no share. Of one window this is `contract.shares.window_shares`.
Where two models were used whose labels differ, each label goes by the windows of those that have it: such shares are of
different times, and add up to more than 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from edge.contract.labels import UNKNOWN, reading_order
from edge.contract.payloads import Facing
from edge.contract.shares import Basis, ShareRange, Shares
from edge.recording.rollups import Bucket, bucket_of
from edge.recording.window_record import Series, WindowRecord
from edge.recording.window_row import FACING
from edge.recording.window_sums import OTHER, UNIT
from edge.reporting.deleted_times import Times
from edge.reporting.measured_time import MeasuredTime, measured_time
from edge.reporting.model_sums import Base, ModelSums, base_of, weight_of
from edge.reporting.overlapping_time import OverlappingTime
from edge.reporting.skipped_numbers import LostAtEdge, SkippedNumbers

MOST_LABELS = 12  # emotions that are shown each by itself
MIXED = 0.1  # part of the recorded time that may overlap for the whole to count as one device's
UNSET = 0.1  # part of the windows, from which nobody knows whether they are of this time
Part = WindowRecord | Bucket
"""What is added up: a window, or what some windows were added up to."""


@dataclass(frozen=True)
class Totals:
    """The sum of some windows.

    Attributes:
        windows: All of them.
        withheld: Those without figures about people.
        too_short: Those of them that were too short to tell whether there were too few people.
        emotions_withheld: Those with faces, but with emotions withheld.
        headcounts: Those in which faces were only counted.
        replayed: Those that came later than their time.
        unsynced: Those whose device was not sure of the time.
        missing: Numbers between theirs that never came, and were not deleted.
        recorded: Seconds that they last.
        analysed: Seconds of that in which frames were analysed.
        frames: Analysed frames of the windows with figures.
        mean: Faces in the average one of these frames; None without any.
        least: Fewest faces in a frame.
        most: Most faces in a frame.
        counts: Face observations per emotion and `unknown`.
        bases: By emotion and `unknown`, what its counts are a part of.
        named_frames: Frames that the counts come from.
        models: How many models named emotions.
        estimate: Mean of the estimated shares, weighted by named faces; the bounds are the means of the bounds.
        estimated: Windows that it comes from.
        emotional: Windows with counts.
        facing: Face observations by the direction of the head; None where no window tells it.
        part: Named faces in windows with an estimate, as a part of all named faces, 0..1.
        time: How long there are figures, and how long they are withheld. Of roll-ups it is reckoned, not summed, so it
            is not compared.
        figures: Milliseconds of `time.figures`, where what was recorded twice is counted once; of roll-ups at most.
        lost_at_edges: What is missing across the edges of this time: `missing` has of each the least that was in it.
        overlapping: Seconds of `recorded` in which another window of the room was there as well, of days on which it
            was so for more than a minute.
    """

    windows: int
    withheld: int
    too_short: int
    emotions_withheld: int
    headcounts: int
    replayed: int
    unsynced: int
    missing: int
    recorded: float
    analysed: float
    frames: int
    mean: float | None
    least: int | None
    most: int | None
    counts: dict[str, int]
    bases: dict[str, Base]
    named_frames: int
    models: int
    estimate: dict[str, ShareRange]
    estimated: int
    emotional: int
    facing: Facing | None
    part: float
    time: MeasuredTime = field(compare=False)
    lost_at_edges: tuple[LostAtEdge, ...] = ()
    overlapping: float = field(default=0.0, compare=False)
    figures: int = field(default=0, compare=False)

    @property
    def mixed(self) -> bool:
        """Whether two devices sent as this room: their figures cannot be told apart."""
        return self.overlapping > 0

    @property
    def one_device(self) -> bool:
        """Whether it may be compared: what is mixed is little of it."""
        return not self.mixed or self.overlapping < MIXED * self.recorded

    @property
    def covered(self) -> float:
        """Seconds in which something was recorded."""
        return self.recorded - self.overlapping

    @property
    def withheld_seconds(self) -> float:
        """Seconds of `covered` without figures about people."""
        if not self.mixed:
            return self.time.withheld / 1000
        return max(0.0, self.covered - self.figures / 1000)

    @property
    def most_missing(self) -> int:
        """How many may be missing at most."""
        return self.missing + sum(each.most - each.least for each in self.lost_at_edges)

    @property
    def clock_set(self) -> bool:
        """Whether the time is surely that of the windows; a few before the network sets a clock do not count."""
        return not self.unsynced or self.unsynced < UNSET * self.windows

    @property
    def named(self) -> int:
        """Face observations with an emotion."""
        return sum(self.counts.values()) - self.unknown

    @property
    def unknown(self) -> int:
        """Face observations without one."""
        return self.counts.get(UNKNOWN, 0)

    @property
    def basis(self) -> Basis | None:
        """Where the shares come from; None: there are none."""
        if self.estimate and self.part >= 0.5:
            return "estimate"
        return "counts" if self.named else None

    @property
    def shares(self) -> Shares | None:
        """The shares of these windows, in reading order; None where nothing is known."""
        basis = self.basis
        return Shares(basis, self.shares_by(basis)) if basis else None

    def shares_by(self, basis: Basis) -> dict[str, ShareRange]:
        """The shares of one of the two bases, in reading order, without `unknown`; empty without any."""
        if basis == "estimate":
            return self.estimate
        return {
            label: ShareRange(n / self.bases[label].named)
            for label, n in self.counts.items()
            if label != UNKNOWN and self.bases[label].named
        }


def add_up(parts: Iterable[Part], deleted: Times = ()) -> Totals:
    """Add windows up, or roll-ups of them, with the same result; in order of time, or more may be `missing`.

    Args:
        parts: Of one room.
        deleted: What was deleted of it on request, which is not `missing`.
    """
    added, skipped, overlapping = _Added(), SkippedNumbers(deleted), OverlappingTime()
    for part in parts:
        time = added.add(part)
        skipped.add(part)
        overlapping.add(part, time.figures)
    return totals_of(added.sums, skipped.total, added.time, overlapping)


class _Added:
    """What parts add up to, and how long they have figures."""

    def __init__(self) -> None:
        self.sums = ModelSums()
        self.time = MeasuredTime()

    def add(self, part: Part) -> MeasuredTime:
        """Add a part, and say how long it has figures."""
        time = measured_time(part)
        self.sums.add(part)
        self.time = self.time.plus(time)
        return time

    def merge(self, other: _Added) -> None:
        self.sums.merge(other.sums)
        self.time = self.time.plus(other.time)


def totals_of(
    by_model: ModelSums,
    skipped: int | None = None,
    time: MeasuredTime | None = None,
    overlapping: OverlappingTime | None = None,
) -> Totals:
    """What is shown of sums.

    Args:
        by_model: Of some windows.
        skipped: Numbers that their order in time shows as skipped; None: not known.
        time: How long these windows have figures; None: nobody asks.
        overlapping: How long two of them were there at once; None: nobody asks.
    """
    time = time or MeasuredTime()
    twice = overlapping.total if overlapping else 0.0
    sums, models = by_model.total, by_model.naming
    counts, estimates = _grouped(sums.counts), _grouped(sums.estimate)
    return Totals(
        windows=sums.windows,
        withheld=sums.figures_withheld,
        too_short=sums.withheld.get("figures short", 0),
        emotions_withheld=sums.emotions_withheld,
        headcounts=sums.headcounts,
        replayed=sums.replayed,
        unsynced=sums.unsynced,
        missing=sums.missing if skipped is None else min(sums.missing, skipped),
        recorded=sums.recorded / 1000,
        analysed=sums.analysed / (1000 * UNIT),
        frames=sums.frames,
        mean=sums.faces / (UNIT * sums.frames) if sums.frames else None,
        least=sums.least,
        most=sums.most,
        counts={name: sum(sums.counts[each] for each in those) for name, those in counts},
        bases={name: base_of(those, sums, models) for name, those in counts},
        named_frames=sums.counted_frames,
        models=len(models),
        estimate={
            name: _mean_range([sums.estimate[each] for each in those], UNIT * weight)
            for name, those in estimates
            if (weight := weight_of(those, sums, models))
        },
        estimated=sums.estimated,
        emotional=sums.counted,
        facing=Facing(**dict(zip(FACING, sums.facing, strict=True))) if sums.facing else None,
        part=sums.weight / sums.named if sums.named else 0.0,
        time=time,
        overlapping=twice,
        figures=overlapping.figures if overlapping and twice else time.figures,
    )


class Bins:
    """Adds up by stretches of time while it reads, so that nothing is kept of what it has read.

    Args:
        start: Of the first stretch; None: of the five minutes, or the day, of the first part.
        width: Of each.
        deleted: What was deleted of the room on request, which is not `missing`.
    """

    def __init__(self, start: datetime | None, width: timedelta, deleted: Times = ()) -> None:
        self.start = start
        self.width = width
        self._added: dict[int, _Added] = {}
        self._shown: set[int] = set()
        self._skipped = SkippedNumbers(deleted)
        self._overlapping = OverlappingTime()
        self.series: set[Series | None] = set()
        """Of all parts."""

    @classmethod
    def of(cls, parts: Iterable[Part], start: datetime | None, width: timedelta) -> Bins:
        """Parts, added up; in order of time."""
        bins = cls(start, width)
        for part in parts:
            bins.add(part)
        return bins

    def add(self, part: Part) -> None:
        """Add a part to its stretch; in order of time."""
        if self.start is None:
            self.start = part.since if isinstance(part, Bucket) else bucket_of(part.start)
        number = (part.start - self.start) // self.width
        time = self._added.setdefault(number, _Added()).add(part)
        self._skipped.add(part)
        self._overlapping.add(part, time.figures)
        self.series.add(part.series)
        if part.has_figures:
            self._shown.add(number)

    @property
    def filled(self) -> int:
        """How many stretches there are in which windows with figures begin."""
        return len(self._shown)

    @property
    def totals(self) -> Totals:
        """Of everything."""
        every = _Added()
        for each in self._added.values():
            every.merge(each)
        return totals_of(every.sums, self._skipped.total, every.time, self._overlapping)

    def shown(self) -> list[tuple[int, Totals]]:
        """The totals of each stretch in which windows with figures begin, by its number, in order."""
        found = ((number, self._added[number]) for number in sorted(self._shown))
        return [(number, totals_of(each.sums, time=each.time)) for number, each in found]


def binned(parts: Iterable[Part], start: datetime, width: timedelta) -> list[tuple[int, Totals]]:
    """The totals of each stretch of time in which windows with figures begin, by its number from `start` on."""
    return Bins.of(parts, start, width).shown()


def _grouped(names: Iterable[str]) -> list[tuple[str, list[str]]]:
    """The names in order, each with those that it stands for: what would be too many share one."""
    order = reading_order(names)
    if len(order) <= MOST_LABELS:
        return [(name, [name]) for name in order]
    first, rest = order[: MOST_LABELS - 2], order[MOST_LABELS - 2 :]
    unknown = [(UNKNOWN, [UNKNOWN])] if UNKNOWN in rest else []
    return [*((name, [name]) for name in first), (OTHER, [name for name in rest if name != UNKNOWN]), *unknown]


def _mean_range(sums: Sequence[Sequence[int]], weight: int) -> ShareRange:
    share, low, high = (min(sum(parts) / weight, 1.0) for parts in zip(*sums, strict=True))
    return ShareRange(share, low, high)
