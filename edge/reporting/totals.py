"""Adding windows up: counts add, and estimates are averaged without making them look surer than they are. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from edge.aggregation.windows import UNKNOWN
from edge.recording.reader import Interval, Recorded
from edge.reporting.gaps import missing

ORDER = ("happy", "surprise", "neutral", "sad", "fear", "disgust", "angry")
OTHER = "other"
MOST_NAMES = 12  # emotions that are told apart


@dataclass(frozen=True)
class Totals:
    """The sum of some windows.

    Attributes:
        windows: All of them.
        suppressed: Those with too few people for figures.
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
        part: Named faces in windows with an estimate, as a part of all named faces, 0..1.
    """

    windows: int
    suppressed: int
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
    estimate: dict[str, Interval]
    estimated: int
    emotional: int
    part: float

    @property
    def basis(self) -> str:
        """Where shares are to be taken from: `estimate` where most faces have one, else `counts`; empty: no shares."""
        if not sum(self.counts.values()):
            return ""
        return "estimate" if self.estimate and self.part >= 0.5 else "counts"

    def shares(self, basis: str) -> dict[str, float]:
        """The share of each emotion, 0..1, in their fixed order; of counts also of the unknown. Empty without any."""
        if basis == "estimate":
            return {name: each.share for name, each in self.estimate.items()}
        total = sum(self.counts.values())
        return {name: count / total for name, count in self.counts.items()} if total else {}


def add_up(windows: Sequence[Recorded]) -> Totals:
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
        if window.estimate:
            weighed += named
            for name, each in window.estimate.items():
                share, low, high = sums.get(name, (0.0, 0.0, 0.0))
                sums[name] = (share + named * each.share, low + named * each.low, high + named * each.high)
    return Totals(
        windows=len(windows),
        suppressed=sum(window.suppressed for window in windows),
        headcounts=sum(not window.emotions for window in windows),
        replayed=sum(window.replayed for window in windows),
        unsynced=sum(not window.clock_synced for window in windows),
        missing=missing(windows),
        recorded=sum(_seconds(window) for window in windows),
        analysed=sum(_seconds(window) * window.coverage for window in windows),
        frames=frames,
        mean=sum((window.mean or 0.0) * window.frames for window in shown) / frames if frames else None,
        least=min((window.low for window in shown if window.low is not None), default=None),
        most=max((window.high for window in shown if window.high is not None), default=None),
        counts={name: sum(counts[each] for each in those) for name, those in _told_apart(counts)},
        named_frames=sum(window.frames for window in shown if window.counts is not None),
        estimate={
            name: _mean_interval([sums[each] for each in those], weighed)
            for name, those in _told_apart(sums)
            if weighed
        },
        estimated=sum(bool(window.estimate) for window in shown),
        emotional=sum(window.counts is not None for window in shown),
        part=weighed / named_faces if named_faces else 0.0,
    )


def ordered(names: Iterable[str]) -> list[str]:
    """Emotions from pleasant to unpleasant, foreign ones after ours, `unknown` last."""
    there = set(names)
    foreign = sorted(there - {*ORDER, UNKNOWN})
    return [*(name for name in ORDER if name in there), *foreign, *([UNKNOWN] if UNKNOWN in there else [])]


def binned(windows: Sequence[Recorded], start: datetime, width: timedelta) -> list[tuple[int, Totals]]:
    """The totals of each stretch of time that has windows with figures, by its number from `start` on."""
    groups: dict[int, list[Recorded]] = {}
    for window in windows:
        if window.mean is not None:
            middle = window.start + (window.end - window.start) / 2
            groups.setdefault((middle - start) // width, []).append(window)
    return [(number, add_up(group)) for number, group in sorted(groups.items())]


def _told_apart(names: Iterable[str]) -> list[tuple[str, list[str]]]:
    """The names in order, each with those that it stands for: what would be too many share one."""
    order = ordered(names)
    if len(order) <= MOST_NAMES:
        return [(name, [name]) for name in order]
    first, rest = order[: MOST_NAMES - 2], order[MOST_NAMES - 2 :]
    unknown = [(UNKNOWN, [UNKNOWN])] if UNKNOWN in rest else []
    return [*((name, [name]) for name in first), (OTHER, [name for name in rest if name != UNKNOWN]), *unknown]


def _mean_interval(sums: Sequence[tuple[float, float, float]], weight: float) -> Interval:
    share, low, high = (min(sum(parts) / weight, 1.0) for parts in zip(*sums, strict=True))
    return Interval(share, low, high)


def _seconds(window: Recorded) -> float:
    return (window.end - window.start).total_seconds()
