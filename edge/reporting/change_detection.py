"""When did a lesson change, and by how much? A change is claimed only where chance hardly makes one. Pure.

Every stretch of a lesson is asked how much better a changed share explains the minutes than a room that wanders by
itself does (`edge.reporting.wandering`), over all ways in which it may wander: an integrated likelihood ratio, whose
mean over all stretches is the evidence. docs/statistics.md has the model, how the threshold was chosen, and what it
finds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache

import numpy as np

from edge.contract.shares import Basis, ShareRange
from edge.recording.window_sums import MILLISECOND
from edge.reporting.lesson_statistics import (
    FRONT,
    LEAST_FACES,
    MINUTE,
    Change,
    Minute,
    Point,
    expression_series,
    front_series,
)
from edge.reporting.wandering import DWELL, Array, Likelihoods, Wandering, log_sum

THRESHOLD = 0.2  # logarithm of the evidence; chosen in simulated lessons, for all series together,
USUAL_MINUTES, STRICTER = 45, 1.5  # of this length; in longer ones a room has more time to wander
LEAST_CHANGE = 0.15  # what is smaller is not claimed
FEWEST_FACES = 8  # per frame; the share of fewer jumps with each of them, and nothing is claimed of it
LEAST_MINUTES = 15  # with figures
LEAST_OF_MINUTE = 0.5  # with figures
LASTING = 0.25  # probability beforehand that what changed stayed so until the end
LONGEST = timedelta(hours=2)  # what is longer is no lesson
RANGE = 1.6449 * math.sqrt(2)  # standard errors between two values of which the 90 % intervals just touch

POOLED = 0.5  # weight of what other expressions tell: their shares sum to 1, so they tell much of it twice
OWN_WAY = 0.1  # probability beforehand that an expression is kept for another time than the others


@dataclass(frozen=True)
class _Series:
    """A share over the minutes of a lesson."""

    what: str
    points: Sequence[Point]
    wandering: Wandering

    @property
    def shares(self) -> Array:
        return np.array([point.share for point in self.points])

    @property
    def faces(self) -> float:
        """Per frame, on average."""
        return sum(point.faces for point in self.points) / len(self.points)

    def variance(self, shares: Array) -> Array:
        """Of a share of so many independent people; one more, of which half shows it: 0 is no proof of never."""
        better = (shares * self.faces + 0.5) / (self.faces + 1)
        return np.asarray(better * (1 - better) / max(self.faces, 1.0))


def find_changes(parts: Sequence[Minute], basis: Basis | None) -> list[Change] | None:
    """The largest change of each series that has one, the surest first; at most one for each.

    Args:
        parts: The minutes of a lesson, in order.
        basis: What the shares of the expressions come from; None: there are none.

    Returns:
        None where nothing can be said: too little was measured, too few faces, or no lesson is so long.
    """
    # A minute with one window of six is none, and most of it may be withheld: fewer people than there are stand for it.
    parts = [part for part in parts if _mostly(part, part.totals.time.figures)]
    if len(parts) < LEAST_MINUTES or parts[-1].start - parts[0].start >= LONGEST:
        return None
    points = {FRONT: front_series([part for part in parts if _mostly(part, part.totals.time.facing)])}
    if basis:
        parts = [part for part in parts if _mostly(part, part.totals.time.expressions)]
        labels = {label for part in parts for label in part.totals.shares_by(basis)}
        points |= {label: expression_series(parts, label, basis) for label in sorted(labels)}
    every: list[_Series] = []
    for what, each in points.items():
        if len(each) >= LEAST_MINUTES and sum(point.faces for point in each) >= FEWEST_FACES * len(each):
            times = tuple((point.start - each[0].start) / MINUTE for point in each)
            every.append(_Series(what, each, _wandering(times)))
    if not every:
        return None
    dwells = _dwells([each for each in every if each.what != FRONT])
    found = [_largest(each, dwells.get(each.what, np.zeros(len(DWELL)))) for each in every]
    return sorted((change for change in found if change), key=lambda change: -change.evidence)


def _mostly(part: Minute, milliseconds: int) -> bool:
    """Whether figures of so long a time stand for a minute."""
    return milliseconds * MILLISECOND >= LEAST_OF_MINUTE * part.width


@lru_cache(maxsize=4)
def _wandering(times: tuple[float, ...]) -> Wandering:
    """The models of these minutes: lessons without gaps share theirs, and making them takes longer than using them."""
    return Wandering(times)


def _dwells(expressions: Sequence[_Series]) -> dict[str, Array]:
    """By expression, how likely each of `DWELL` is, as far as the other expressions tell: logarithms.

    Those that less than one face shows tell nothing: they scatter like single people, not like a sum of many.
    """
    told = {}
    for each in expressions:
        mean = each.shares.mean()
        if mean * each.faces >= 1:
            still = each.wandering.likelihoods(each.shares, each.variance(np.array([mean]))).still[:, 0]
            told[each.what] = log_sum(still.reshape(len(DWELL), -1).T)
    found = {}
    for each in expressions:
        others = [logs for what, logs in told.items() if what != each.what]
        sums = POOLED * np.sum(others, axis=0) if others else np.zeros(len(DWELL))
        found[each.what] = np.log(OWN_WAY / len(DWELL) + (1 - OWN_WAY) * np.exp(sums - log_sum(sums)))
    return found


def _largest(series: _Series, dwells: Array) -> Change | None:
    """The stretch that differs most surely from the rest, if the evidence of all stretches is enough."""
    first, after, size = series.wandering.first, series.wandering.after, len(series.points)
    sums = np.concatenate([[0.0], series.shares.cumsum()])
    within, length = sums[after] - sums[first], after - first
    during, before = within / length, (sums[-1] - within) / (size - length)
    found = series.wandering.likelihoods(series.shares, series.variance((during + before) / 2))
    change, error, ratio = _averaged(found, np.repeat(dwells, len(found.still) // len(DWELL))[:, None])
    apart = np.minimum(np.abs(change), np.abs(during - before))
    least = max(LEAST_CHANGE, LEAST_FACES / series.faces)
    ratio = np.where((apart >= least) & (apart > RANGE * error), ratio, -np.inf)
    best = int(ratio.argmax())
    if not np.isfinite(ratio[best]):
        return None
    lasting = after == size
    weight = np.where(lasting, LASTING / lasting.sum(), (1 - LASTING) / max(1, (~lasting).sum()))
    evidence = float(log_sum(ratio + np.log(weight)))
    if evidence <= THRESHOLD + STRICTER * max(0.0, math.log(size / USUAL_MINUTES)):
        return None
    begin, end = int(first[best]), int(after[best])
    low, high = _ranges(float(before[best]), size - (end - begin), float(during[best]), end - begin, float(error[best]))
    until = series.points[end - 1].end if end < size else None
    return Change(series.what, series.points[begin].start, until, low, high, evidence)


def _averaged(found: Likelihoods, prior: Array) -> tuple[Array, Array, Array]:
    """Over all models, for each stretch: the change, its standard error, and the logarithm of the likelihood ratio."""
    moved = found.moved + prior
    weight = np.exp(moved - log_sum(moved))
    change = (weight * found.change).sum(axis=0)
    error = np.sqrt((weight * (found.variance + (found.change - change) ** 2)).sum(axis=0))
    return change, error, log_sum(moved) - log_sum(found.still + prior)


def _ranges(
    before: float, minutes_before: int, during: float, minutes_during: int, error: float
) -> tuple[ShareRange, ShareRange]:
    """Ranges that just touch where the difference is `RANGE` standard errors (Goldstein & Healy 1995).

    The same people sit there before and after, so the two shares have no error each that one could add up: their
    difference has one. It is split as the errors of shares of independent people would be.
    """
    parts = [
        math.sqrt(max(share * (1 - share), 0.01) / count)
        for share, count in ((before, minutes_before), (during, minutes_during))
    ]
    halves = [RANGE * error * part / sum(parts) for part in parts]
    low, high = (
        ShareRange(share, max(0.0, share - half), min(1.0, share + half))
        for share, half in zip((before, during), halves, strict=True)
    )
    return low, high
