"""The one arithmetic over several windows, for reports and the dashboard. Pure.

Counts add. Estimated shares are averaged, each window as heavy as its named faces, and so are the bounds of their
intervals. The shares of several windows are the estimate where at least half of the named faces have one, else the
summed counts over all named faces; `unknown` is no share. Of one window this is `contract.shares.window_shares`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from edge.contract.labels import UNKNOWN, reading_order
from edge.contract.payloads import Facing
from edge.contract.shares import Basis, ShareRange, Shares
from edge.recording.window_record import WindowRecord
from edge.reporting.gaps import missing

OTHER = "other"
MOST_LABELS = 12  # emotions that are shown each by itself


@dataclass(frozen=True)
class Totals:
    """The sum of some windows.

    Attributes:
        windows: All of them.
        withheld: Those without figures about people.
        emotions_withheld: Those with faces, but with emotions withheld.
        headcounts: Those in which faces were only counted.
        replayed: Those that came later than their time.
        unsynced: Those whose device was not sure of the time.
        missing: Numbers between theirs that never came.
        recorded: Seconds that they cover.
        analysed: Seconds of that in which frames were analysed.
        frames: Analysed frames of the windows with figures.
        mean: Faces in the average one of these frames; None without any.
        least: Fewest faces in a frame.
        most: Most faces in a frame.
        counts: Face observations per emotion and `unknown`.
        named_frames: Frames that the counts come from.
        estimate: Mean of the estimated shares, weighted by named faces; the bounds are the means of the bounds.
        estimated: Windows that it comes from.
        emotional: Windows with counts.
        facing: Face observations by the direction of the head; None where no window tells it.
        part: Named faces in windows with an estimate, as a part of all named faces, 0..1.
    """

    windows: int
    withheld: int
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
    named_frames: int
    estimate: dict[str, ShareRange]
    estimated: int
    emotional: int
    facing: Facing | None
    part: float

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
        named = self.named
        return {label: ShareRange(n / named) for label, n in self.counts.items() if label != UNKNOWN} if named else {}


def add_up(windows: Sequence[WindowRecord]) -> Totals:
    """Add windows up."""
    shown = [window for window in windows if window.mean is not None]
    frames = sum(window.frames for window in shown)
    counts: Counter[str] = Counter()
    sums: dict[str, tuple[float, float, float]] = {}
    named_faces = weighed = 0
    for window in shown:
        if window.counts is None:
            continue
        counts.update(window.counts)
        named = sum(window.counts.values()) - window.counts.get(UNKNOWN, 0)
        named_faces += named
        if window.estimate and named:
            weighed += named
            for name, each in window.estimate.items():
                share, low, high = sums.get(name, (0.0, 0.0, 0.0))
                sums[name] = (
                    share + named * each.share,
                    low + named * (each.low or 0.0),
                    high + named * (each.high or 0.0),
                )
    return Totals(
        windows=len(windows),
        withheld=sum(window.mean is None for window in windows),
        emotions_withheld=sum(window.mean is not None and window.withheld is not None for window in windows),
        headcounts=sum(window.mode != "emotions" for window in windows),
        replayed=sum(window.replayed for window in windows),
        unsynced=sum(not window.clock_synced for window in windows),
        missing=missing(windows),
        recorded=sum(window.duration.total_seconds() for window in windows),
        analysed=sum(window.duration.total_seconds() * window.coverage for window in windows),
        frames=frames,
        mean=sum((window.mean or 0.0) * window.frames for window in shown) / frames if frames else None,
        least=min((window.low for window in shown if window.low is not None), default=None),
        most=max((window.high for window in shown if window.high is not None), default=None),
        counts={name: sum(counts[each] for each in those) for name, those in _grouped(counts)},
        named_frames=sum(window.frames for window in shown if window.counts is not None),
        estimate={
            name: _mean_range([sums[each] for each in those], weighed) for name, those in _grouped(sums) if weighed
        },
        estimated=sum(bool(window.estimate) for window in shown),
        emotional=sum(window.counts is not None for window in shown),
        facing=_facing([window.facing for window in shown if window.facing is not None]),
        part=weighed / named_faces if named_faces else 0.0,
    )


def _facing(each: Sequence[Facing]) -> Facing | None:
    """The sum; None of nothing."""
    sums = {name: sum(getattr(facing, name) for facing in each) for name in Facing.model_fields}
    return Facing(**sums) if each else None


def binned(windows: Sequence[WindowRecord], start: datetime, width: timedelta) -> list[tuple[int, Totals]]:
    """The totals of each stretch of time that has windows with figures, by its number from `start` on."""
    groups: dict[int, list[WindowRecord]] = {}
    for window in windows:
        if window.mean is not None:
            middle = window.start + (window.end - window.start) / 2
            groups.setdefault((middle - start) // width, []).append(window)
    return [(number, add_up(group)) for number, group in sorted(groups.items())]


def _grouped(names: Iterable[str]) -> list[tuple[str, list[str]]]:
    """The names in order, each with those that it stands for: what would be too many share one."""
    order = reading_order(names)
    if len(order) <= MOST_LABELS:
        return [(name, [name]) for name in order]
    first, rest = order[: MOST_LABELS - 2], order[MOST_LABELS - 2 :]
    unknown = [(UNKNOWN, [UNKNOWN])] if UNKNOWN in rest else []
    return [*((name, [name]) for name in first), (OTHER, [name for name in rest if name != UNKNOWN]), *unknown]


def _mean_range(sums: Sequence[tuple[float, float, float]], weight: float) -> ShareRange:
    share, low, high = (min(sum(parts) / weight, 1.0) for parts in zip(*sums, strict=True))
    return ShareRange(share, low, high)
