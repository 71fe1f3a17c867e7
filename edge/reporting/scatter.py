"""How much the figures of a room scatter, judged by few of its own and by what other rooms scatter by. Pure.

In `lessons_apart` it is the expressions of one room that tell one another's scatter, in the place of rooms.

Smyth's moderated variance (2004): rooms have variances that differ as a scaled inverse chi-squared law; how much they
differ is read off the rooms themselves, by the mean and the variance of the logarithms of theirs. As Phipson and others
(2016) do it, single rooms far from the others are first brought nearer: any room could otherwise decide about all.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, median, variance
from typing import NamedTuple

TRUST = 0.5  # in other rooms: single rooms are farther from the usual than the law says
FAR = 2.0  # standard deviations from the median at which a room counts at most; by medians alone chance colours more
PLENTY = 100  # degrees of freedom; of more, Student's t is as good as normal
NORMAL = 1.4826  # of them in the median distance from the median


class Usual(NamedTuple):
    """What is known of the variance of a room before its figures are looked at.

    Attributes:
        variance: The usual one.
        degrees: As how many degrees of freedom of its own it counts; 0: nothing is known.
    """

    variance: float
    degrees: float

    def moderate(self, squares: float, degrees: int) -> tuple[float, int]:
        """The variance of a room with this sum of squares, and the degrees of freedom that it has."""
        known = self.degrees + degrees
        return (self.degrees * self.variance + squares) / known, max(1, math.floor(known))


NOTHING_KNOWN = Usual(0.0, 0.0)


def squares_of(values: Sequence[float]) -> tuple[float, int]:
    """Sum of the squares around the mean, and its degrees of freedom."""
    mean = sum(values) / len(values)
    return sum((value - mean) ** 2 for value in values), len(values) - 1


def usual(groups: Sequence[tuple[float, int]], still: float) -> Usual:
    """What groups tell of one another.

    Args:
        groups: Of each the sum of the squares around its mean, and its degrees of freedom.
        still: Standard deviation up to which a group tells nothing: an empty room, roundings.
    """
    known = [(squares / degrees, degrees) for squares, degrees in groups if degrees and squares / degrees > still**2]
    if len(known) < 2:
        return NOTHING_KNOWN
    logs = [math.log(each) - digamma(degrees / 2) + math.log(degrees / 2) for each, degrees in known]
    by_chance = fmean(trigamma(degrees / 2) for _, degrees in known)
    middle = median(logs)
    far = FAR * max(math.sqrt(by_chance), NORMAL * median(abs(each - middle) for each in logs))
    logs = [min(max(each, middle - far), middle + far) for each in logs]
    spread = variance(logs) - by_chance
    most = float(sum(degrees for _, degrees in known))  # that all rooms have together
    degrees = most if spread <= 0 else min(most, 2 * _trigamma_inverse(spread))
    return Usual(math.exp(fmean(logs) + digamma(degrees / 2) - math.log(degrees / 2)), TRUST * degrees)


def plus_known(variance: float, degrees: int, known: float) -> tuple[float, int]:
    """The sum of a variance that was estimated and one that is known, and its degrees of freedom (Satterthwaite 1946).

    Args:
        variance: Estimated.
        degrees: With so many degrees of freedom.
        known: The other one; 0: there is none.
    """
    if not known:
        return variance, degrees
    total = variance + known
    part = (variance / total) ** 2  # of which nothing may be left: a room may say that it had 1e-80 faces
    return total, max(degrees, PLENTY if part * PLENTY <= degrees else math.floor(degrees / part))


def digamma(x: float) -> float:
    """Derivative of the logarithm of the gamma function, for x above 0 (Abramowitz & Stegun 6.3.5 and 18)."""
    found = 0.0
    while x < 6:
        found -= 1 / x
        x += 1
    square = 1 / x**2
    return found + math.log(x) - 1 / (2 * x) - square * (1 / 12 - square * (1 / 120 - square / 252))


def trigamma(x: float) -> float:
    """Its derivative (6.4.6 and 12)."""
    found = 0.0
    while x < 6:
        found += 1 / x**2
        x += 1
    square = 1 / x**2
    return found + 1 / x + square / 2 + square / x * (1 / 6 - square * (1 / 30 - square / 42))


def _trigamma_inverse(value: float) -> float:
    """Where trigamma has a value above 0, by bisection: it falls steadily."""
    low, high = 1e-6, 1e6
    for _ in range(100):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if trigamma(middle) > value else (low, middle)
    return low
