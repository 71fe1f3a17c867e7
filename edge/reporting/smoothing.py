"""A share over the minutes of a lesson, as a smooth line with a 90 % band. Pure.

Each point is the mean of the minutes around it, and its interval is as wide as the fewer of two numbers of draws make
it: the faces of the average frame, and as many as would scatter like blocks of minutes do. docs/statistics.md has the
reasons, and how often the band holds the truth.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from edge.contract.shares import Basis, ShareRange
from edge.reporting.intervals import FEWEST_BLOCKS, block_error, draws, interval
from edge.reporting.lesson_statistics import FRONT, Minute, Point, expression_series, front_series

REACH = timedelta(minutes=4)  # minutes that are further away do not count, but for the next; those near by count most
APART = timedelta(minutes=1, seconds=30)  # without figures ends a line: nobody knows what was between


class LinePoint(NamedTuple):
    """One `Minute` of a line: the smoothed share, 0..1, and its 90 % interval."""

    middle: datetime
    share: float
    low: float
    high: float


@dataclass(frozen=True)
class Line:
    """A share over time.

    Attributes:
        what: An expression, or `front`.
        pieces: Parts of the line, in order; between two of them nothing is known.
    """

    what: str
    pieces: Sequence[Sequence[LinePoint]]


def smoothed(parts: Sequence[Minute], basis: Basis | None, labels: Sequence[str]) -> list[Line]:
    """The lines of a lesson: turned to the front, and expressions.

    Args:
        parts: Its minutes with figures, in order.
        basis: What the shares of the expressions come from; None: there are none.
        labels: The expressions.
    """
    found = [_line(FRONT, front_series(parts), {})]
    for label in labels if basis else ():
        ranges = {part.start: part.totals.shares_by(basis).get(label) for part in parts if basis}
        found.append(_line(label, expression_series(parts, label, basis or "counts"), ranges))
    return [line for line in found if line.pieces]


def _line(what: str, series: Sequence[Point], ranges: dict[datetime, ShareRange | None]) -> Line:
    if len(series) < FEWEST_BLOCKS:
        return Line(what, [])
    # Of one minute, as the blocks of the whole lesson tell it.
    error = block_error([(point.share, point.faces) for point in series]) * math.sqrt(len(series))
    pieces: list[list[Point]] = [[series[0]]]
    for before, after in pairwise(series):
        if after.start - before.end >= APART:
            pieces.append([])
        pieces[-1].append(after)
    return Line(what, [[_point(piece, at, error, ranges) for at in range(len(piece))] for piece in pieces])


def _point(piece: Sequence[Point], at: int, error: float, ranges: dict[datetime, ShareRange | None]) -> LinePoint:
    """The weighted mean around one minute."""
    width = piece[at].width
    reach = max(REACH, width)
    near = [
        (point, (1 - ((point.start - piece[at].start) / (reach + width)) ** 2) * point.faces)
        for point in piece
        if abs(point.start - piece[at].start) <= reach
    ]
    total = sum(weight for _, weight in near)
    share = sum(point.share * weight for point, weight in near) / total
    faces = sum(point.faces * weight for point, weight in near) / total
    of_mean = error * math.sqrt(sum(weight**2 for _, weight in near)) / total
    known = [(each, weight) for point, weight in near if (each := ranges.get(point.start)) and each.low is not None]
    own = ShareRange(share)
    if len(known) == len(near):
        low, high = (
            sum((getattr(each, name) or 0.0) * weight for each, weight in known) / total for name in ("low", "high")
        )
        own = ShareRange(share, low, high)
    return LinePoint(piece[at].start + width / 2, share, *interval(own, faces, draws(share, faces, of_mean)))
