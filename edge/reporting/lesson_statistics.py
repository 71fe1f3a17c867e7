"""How a lesson was, in figures with 90 % intervals: faces, how many turned to the front, expressions. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from edge.contract.shares import Basis, ShareRange, front_share
from edge.recording.rollups import WIDTH, Bucket, bucket_of
from edge.recording.window_sums import MILLISECOND
from edge.reporting.intervals import (
    FEWEST_BLOCKS,
    block_error,
    draws,
    estimate_interval,
    independent_draws,
    interval,
    mean_interval,
)
from edge.reporting.totals import Bins, Part, Totals, binned

FRONT = "front"
"""Name of the share turned to the front beside those of the expressions."""

MINUTE = timedelta(minutes=1)
LEAST_MINUTES = 10  # with figures; below that nothing is said about a lesson
LEAST_FACES = 2.1  # of the average frame: what fewer of them do is claimed of no share


class Minute(NamedTuple):
    """One minute of a lesson with figures, added up; minutes without are left out.

    Where windows are longer than a minute, or only roll-ups are kept, it is as long as one of these.
    """

    start: datetime
    totals: Totals
    width: timedelta = MINUTE

    @property
    def middle(self) -> datetime:
        """Where lines are drawn through it."""
        return self.start + self.width / 2

    @property
    def end(self) -> datetime:
        """When it ends."""
        return self.start + self.width


class Point(NamedTuple):
    """A share in one `Minute` of a lesson, and the faces per frame that it is about."""

    start: datetime
    share: float
    faces: float
    width: timedelta

    @property
    def end(self) -> datetime:
        """As of the minute."""
        return self.start + self.width


class Figure(NamedTuple):
    """A figure with its 90 % interval: a share, 0..1, or a number of faces.

    Attributes:
        value: As reports add it up.
        low, high: The interval.
        error: Standard error of the value as far as it comes from the time that was measured, in the same unit.
    """

    value: float
    low: float
    high: float
    error: float


@dataclass(frozen=True)
class Change:
    """A stretch of a lesson that was different from the rest of it (`edge.reporting.change_detection`).

    Attributes:
        what: An expression, or `front`.
        start: Of the first minute.
        end: Of the last minute; None: it lasted until the end of the lesson.
        before: Share in the rest of the lesson, 0..1, with its range.
        during: Share in the stretch, with its range, which does not overlap the other one.
        evidence: Logarithm of the likelihood ratio against a lesson in which nothing changed.
    """

    what: str
    start: datetime
    end: datetime | None
    before: ShareRange
    during: ShareRange
    evidence: float


@dataclass(frozen=True)
class LessonSummary:
    """A lesson in figures; what was not measured for long enough is None or empty.

    Attributes:
        recorded: Seconds that its windows cover.
        measured: Seconds of these with figures about people; what was recorded twice is counted once.
        facing_measured: Seconds of these in which the direction of heads was told.
        expressions_measured: Seconds of these in which expressions were told.
        faces: In the average frame.
        front: Share of the faces turned to the front, of those whose direction is known.
        basis: Whether the shares of the expressions are estimates or counts.
        expressions: Share of each, in reading order, of the faces turned to the front.
        directed: Faces whose direction is known, in the average frame of `facing_measured`.
        named: Faces with a named expression, in the average frame of `expressions_measured`.
    """

    recorded: float
    measured: float
    facing_measured: float
    expressions_measured: float
    faces: Figure | None
    front: Figure | None
    basis: Basis | None
    expressions: dict[str, Figure]
    directed: float | None = None
    named: float | None = None

    @property
    def enough(self) -> bool:
        """Whether enough was measured to say anything."""
        return self.faces is not None


def minutes(parts: Sequence[Part]) -> list[Minute]:
    """The minutes of a lesson with figures, in order, counted from its first window; each is `width_of` long."""
    if not parts:
        return []
    start, width = min(part.start for part in parts), width_of(parts)
    if any(isinstance(part, Bucket) for part in parts):
        start = bucket_of(start)  # the first window of five minutes may begin late: the next five do not wait for it
    return [Minute(start + number * width, totals, width) for number, totals in binned(parts, start, width)]


def width_of(parts: Sequence[Part]) -> timedelta:
    """How much time a figure stands for: a minute, or what is longer, the usual window or a roll-up."""
    lengths = sorted(_window_of(part) for part in parts)
    usual = timedelta(seconds=round(lengths[len(lengths) // 2].total_seconds())) if lengths else MINUTE
    return max(MINUTE, usual, WIDTH if any(isinstance(part, Bucket) for part in parts) else MINUTE)


def _window_of(part: Part) -> timedelta:
    """The length of a window, or the mean of those of a roll-up."""
    return part.sums.recorded * MILLISECOND / part.sums.windows if isinstance(part, Bucket) else part.duration


def summarize_minutes(totals: Totals, parts: Sequence[Minute]) -> LessonSummary:
    """The summary of a lesson from its sum and its minutes."""
    if totals.mixed:
        parts = _counted_once(totals, parts)
    counted = [part for part in parts if part.totals.frames]
    turned = [part for part in counted if front_share(part.totals.facing) is not None]
    named = [part for part in counted if part.totals.named]
    measured = sum(part.totals.time.figures for part in counted) / 1000
    facing_measured = sum(part.totals.time.facing for part in turned) / 1000
    expressions_measured = _named_seconds(named)
    basis, front = totals.basis, front_share(totals.facing)
    shown = _expressions(totals, named, basis) if basis and _enough(expressions_measured, named) else {}
    return LessonSummary(
        recorded=totals.recorded,
        measured=measured,
        facing_measured=facing_measured,
        expressions_measured=expressions_measured,
        faces=_number(totals.mean, counted, measured)
        if totals.mean is not None and _enough(measured, counted)
        else None,
        front=_share(ShareRange(front), front_series(turned))
        if front is not None and _enough(facing_measured, turned)
        else None,
        basis=basis if shown else None,
        expressions=shown,
        directed=_directed(turned),
        named=totals.named / totals.named_frames if totals.named_frames else None,
    )


def _counted_once(totals: Totals, parts: Sequence[Minute]) -> list[Minute]:
    """The same where two devices recorded them: their time is no longer than there was."""
    part = totals.figures / max(1, totals.time.figures)
    return [each._replace(totals=replace(each.totals, time=each.totals.time.times(part))) for each in parts]


def summarize_bins(bins: Bins) -> LessonSummary:
    """The summary of a time from its sums, whose stretches are the pieces that intervals come from."""
    return summarize_minutes(bins.totals, pieces_of(bins))


def pieces_of(bins: Bins) -> list[Minute]:
    """The stretches with figures, in order."""
    return [
        Minute(bins.start + number * bins.width, totals, bins.width) for number, totals in bins.shown() if bins.start
    ]


def front_series(parts: Sequence[Minute]) -> list[Point]:
    """Share turned to the front of each minute that tells it."""
    return [
        Point(part.start, share, (facing.front + facing.away) / part.totals.frames, part.width)
        for part in parts
        if (facing := part.totals.facing) is not None
        and (share := front_share(facing)) is not None
        and part.totals.frames
    ]


def expression_series(parts: Sequence[Minute], label: str, basis: Basis) -> list[Point]:
    """Share of an expression of each minute that tells it."""
    found = []
    for part in parts:
        shares = part.totals.shares_by(basis)
        if label in shares and part.totals.named:
            faces = part.totals.named / max(1, part.totals.named_frames)
            found.append(Point(part.start, shares[label].share, faces, part.width))
    return found


def _named_seconds(parts: Sequence[Minute]) -> float:
    return sum(part.totals.time.expressions for part in parts) / 1000


def _enough(seconds: float, parts: Sequence[Minute]) -> bool:
    """Whether a figure may rest on so many seconds with figures, in these parts; long windows make few of them."""
    return seconds >= LEAST_MINUTES * MINUTE.total_seconds() and len(parts) >= FEWEST_BLOCKS


def _number(mean: float, parts: Sequence[Minute], seconds: float) -> Figure:
    error = block_error([(part.totals.mean or 0.0, float(part.totals.frames)) for part in parts])
    return Figure(mean, *mean_interval(mean, error, seconds), error)


def _directed(parts: Sequence[Minute]) -> float | None:
    """Faces with a known direction in the average frame; frames of windows that withhold it are not reckoned with."""
    known = frames = 0.0
    for each in (part.totals for part in parts):
        if each.facing is not None and each.time.figures:
            known += each.facing.front + each.facing.away
            frames += each.frames * each.time.facing / each.time.figures
    return known / frames if frames else None


def _share(each: ShareRange, series: Sequence[Point]) -> Figure:
    """A share with the interval that its minutes give it."""
    people, error = _people(series), _error(series)
    return Figure(each.share, *interval(each, people, draws(each.share, people, error)), error)


def _people(series: Sequence[Point]) -> float:
    """Per frame, on average."""
    return sum(point.faces for point in series) / len(series)


def _error(series: Sequence[Point]) -> float:
    return block_error([(point.share, point.faces) for point in series])


def _expressions(totals: Totals, parts: Sequence[Minute], basis: Basis) -> dict[str, Figure]:
    shares, series, seconds = totals.shares_by(basis), {}, math.inf
    for label in shares:
        # The time of another model, which does not have this label, is no time of it.
        told = [part for part in parts if label in part.totals.shares_by(basis)]
        if _enough(_named_seconds(told), told):
            series[label] = expression_series(told, label, basis)
            seconds = min(seconds, _named_seconds(told))
    if basis == "counts":
        return {label: _share(shares[label], each) for label, each in series.items()}
    errors = {label: _error(each) for label, each in series.items()}
    people = min(map(_people, series.values()), default=0.0)
    draws = independent_draws([(shares[label].share, error) for label, error in errors.items()], people, seconds)
    return {
        label: Figure(shares[label].share, *estimate_interval(shares[label], draws), error)
        for label, error in errors.items()
    }
