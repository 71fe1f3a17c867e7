"""What do earlier lessons lead one to expect of one more like them, and how probable is a lesson then? Pure.

Lessons scatter from day to day, and few of them tell little of how much. But all expressions of a room do, so each is
judged by what it scattered itself and by what the others did: Smyth's moderated variance (2004), as in maps of several
rooms (`scatter.py`). docs/statistics.md has the reasons, and how often lessons that are alike are told apart.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean
from typing import NamedTuple

from edge.reporting.lesson_statistics import Figure
from edge.reporting.scatter import NOTHING_KNOWN, Usual, plus_known, squares_of, usual
from edge.reporting.share_scales import LEAST_ERROR, LEAST_FACTOR, by_factors, of_one_face
from edge.reporting.student import student_quantile, student_tail

BY_CHANCE_AWAY = 1.0  # faces; standard deviation of who misses a lesson, even where hardly anybody did in the others
FEWEST_EXPRESSIONS = 4  # that tell how much each of them scatters: shares sum to 1, so fewer say the same of each other


class Expected(NamedTuple):
    """What one more lesson like the others would be, beside one that was.

    Attributes:
        usual: Mean of the others.
        low, high: Where nine in ten further lessons would lie.
        probability: Of a distance from the usual as large as this one's.
    """

    usual: float
    low: float
    high: float
    probability: float


class Scatter(NamedTuple):
    """How much the expressions of a room scatter from lesson to lesson.

    Attributes:
        points: Their shares, in units of `of_one_face`.
        factors: Their log odds.
    """

    points: Usual = NOTHING_KNOWN
    factors: Usual = NOTHING_KNOWN


def scatter_of(expressions: Sequence[Sequence[Figure]]) -> Scatter:
    """What expressions tell of one another.

    Args:
        expressions: Of each, its share in each of the lessons, one at least.
    """
    if len(expressions) < FEWEST_EXPRESSIONS:
        return Scatter()
    points, factors = [], []
    for each in expressions:
        squares, degrees = squares_of([figure.value for figure in each])
        points.append((squares / of_one_face(_mean(each)) ** 2, degrees))
        factors.append(squares_of([by_factors(figure).value for figure in each]))
    return Scatter(usual(points, LEAST_ERROR / 10), usual(factors, LEAST_FACTOR / 10))


def expected_faces(mine: Figure, others: Sequence[Figure], longer: float = 1.0) -> Expected:
    """Of a number of faces; as `expected_share`."""
    like = _like(mine, others, 0.0, longer, beside=BY_CHANCE_AWAY)
    return Expected(*like.range(math.inf), like.probability(mine))


def expected_share(mine: Figure, others: Sequence[Figure], scatter: Scatter, longer: float = 1.0) -> Expected:
    """Of a share: the range is of points, and what is improbable must be so by factors as well.

    Args:
        mine: Of the lesson.
        others: Of the other lessons, two at least.
        scatter: What is known of it before these are looked at.
        longer: How many times as long the others were measured, on average.
    """
    face = of_one_face(_mean(others))
    known = Usual(scatter.points.variance * face**2, scatter.points.degrees)
    points = _like(mine, others, LEAST_ERROR, longer, known)
    factor = by_factors(mine)
    factors = _like(factor, [by_factors(other) for other in others], LEAST_FACTOR, longer, scatter.factors)
    return Expected(*points.range(1.0), max(points.probability(mine), factors.probability(factor)))


class _Like(NamedTuple):
    """One more lesson like others: its mean, its standard deviation, and the degrees of freedom of that."""

    usual: float
    error: float
    degrees: int

    def range(self, most: float) -> tuple[float, float, float]:
        """The mean, and where nine in ten would lie, of what is 0 at least."""
        reach = student_quantile(0.1, self.degrees) * self.error
        return self.usual, max(0.0, self.usual - reach), min(most, self.usual + reach)

    def probability(self, mine: Figure) -> float:
        """Of a distance as large as this."""
        return student_tail(abs(mine.value - self.usual) / self.error, self.degrees)


def _like(
    mine: Figure,
    others: Sequence[Figure],
    least: float,
    longer: float,
    known: Usual = NOTHING_KNOWN,
    beside: float = 0.0,
) -> _Like:
    """What the others lead one to expect of one more.

    What minutes scatter is a part of what lessons do, and falls with their number: to one that was measured for less
    time than the others, the rest is added. Its own minutes are too few to tell how much they scatter.

    Args:
        mine: That one, for how much its own minutes scatter: nothing is known more exactly than by them.
        others: At least two.
        least: Standard deviation of a lesson that is always reckoned with.
        longer: How many times as long the others were measured, on average.
        known: Of what the others scatter, before they are looked at.
        beside: Standard deviation that comes on top of it.
    """
    number = len(others)
    scatter, degrees = known.moderate(*squares_of([other.value for other in others]))
    theirs = fmean(other.error**2 for other in others)
    within = (mine.error**2 + number * theirs) / (number + 1)
    scatter, degrees = plus_known(max(scatter, within, least**2), degrees, beside**2)
    return _Like(_mean(others), math.sqrt(scatter * (1 + 1 / number) + max(0.0, longer - 1) * theirs), degrees)


def _mean(figures: Sequence[Figure]) -> float:
    return fmean(figure.value for figure in figures)
