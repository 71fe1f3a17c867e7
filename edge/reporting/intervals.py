"""90 % intervals of what was measured in the same few faces again and again: of lessons, cells, rooms and lines. Pure.

The frames of one face are no news of each other, and neither are the minutes of a room whose faces keep an expression
for long. As how many independent draws a time counts is told by how much its blocks scatter. The interval of an
estimated share has two parts: these draws, and what the classifier leaves open. Of counts, of the direction of heads
and of single minutes nothing tells the second part, so they count as no more draws than the average frame has faces.
That of a number of faces comes from the blocks alone. docs/statistics.md has the reasons, and how often each of them
holds the truth.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise

from edge.contract.shares import ShareRange

NORMAL_90 = 1.6449  # standard errors to either side that hold nine in ten of a normal distribution
FEWEST_BLOCKS = 3  # that a lesson is cut into, however slowly its shares change
STUDENT_90 = 2.92  # the same of Student's t with two degrees of freedom, as the fewest blocks have
AWAY = 360.0  # seconds: twice as long as who goes out is gone. The shorter the time, the less of it minutes can tell
ROUNDING = 1e-9  # of a share or a number of faces: far below what is published, far above what sums of floats lose
FEWEST_DRAWS = 0.25  # of the faces of a frame: what widens an interval more is a change, and told as one


def wilson(share: float, draws: float) -> tuple[float, float]:
    """Wilson's 90 % interval (1927) of a share of so many independent draws; `draws` is above 0."""
    z2 = NORMAL_90**2
    middle = (share + z2 / (2 * draws)) / (1 + z2 / draws)
    half = NORMAL_90 * math.sqrt(share * (1 - share) / draws + z2 / (4 * draws**2)) / (1 + z2 / draws)
    return max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half))


def block_error(series: Sequence[tuple[float, float]]) -> float:
    """Standard error of the weighted mean of values that follow on one another, by overlapping block means.

    The length of the blocks grows with how slowly the values change: Andrews' rule (1991) for a first-order
    autoregression, whose coefficient is corrected for its bias in short series (Kendall 1954).

    Args:
        series: (value, weight) in order, at least three; weights above 0.
    """
    total = sum(weight for _, weight in series)
    mean = sum(value * weight for value, weight in series) / total
    size = len(series)
    # What each value adds to the error of the weighted mean, times the number of values.
    parts = [size * weight / total * (value - mean) for value, weight in series]
    square = sum(part * part for part in parts)
    if square < ROUNDING**2:  # equal values, whose mean is hardly ever equal to them to the last digit
        return 0.0
    follow = sum(a * b for a, b in pairwise(parts)) / square
    follow = min(0.97, max(0.0, follow + (1 + 3 * follow) / size))
    length = math.ceil(1.1447 * (4 * follow**2 / (1 - follow**2) ** 2 * size) ** (1 / 3))
    length = max(1, min(length, size // FEWEST_BLOCKS))
    sums = [sum(parts[first : first + length]) for first in range(size - length + 1)]
    # Blocks of a short series lie near its own mean: the factor makes up for it where values are independent.
    variance = sum(each * each for each in sums) / (len(sums) * length) * size / (size - length)
    return math.sqrt(variance / size)


def draws(share: float, people: float, error: float) -> float:
    """As how many independent draws a share counts: one for each face of the average frame, or fewer."""
    if not error:
        return people
    return min(people, max(share * (1 - share) / error**2, people * FEWEST_DRAWS))


def interval(each: ShareRange, people: float, draws: float) -> tuple[float, float]:
    """The 90 % interval of a share: the wider of Wilson's and of the estimate's own, widened by what the blocks tell.

    An estimate counts every face of the average frame once, and contains what the calibration leaves open; but it is
    sure of what few faces hardly showed, and knows nothing of what they show next.

    Args:
        each: The share, with the estimate's own interval if it has one.
        people: Faces in the average frame.
        draws: As how many independent draws they count, at most as many.
    """
    low, high = wilson(each.share, draws)
    if each.low is None or each.high is None:
        return low, high
    wider = math.sqrt(people / draws)
    return (
        max(0.0, min(low, each.share - wider * (each.share - each.low))),
        min(1.0, max(high, each.share + wider * (each.high - each.share))),
    )


def independent_draws(shares: Iterable[tuple[float, float]], people: float, seconds: float) -> float:
    """As how many independent draws the estimated shares of a time count, by how much all of them scatter.

    Faces keep all expressions for about as long, so these have one effective sample size (Kish 1965): the sum of the
    variances that single draws would have, by the sum of those of the means. A rare expression tells next to nothing by
    itself: nobody showed it, so it did not scatter. Blocks are too few, and short times too short, as in
    `mean_interval`.

    Args:
        shares: Each with its standard error by `block_error`.
        people: Faces in the average frame.
        seconds: That were measured; more than `AWAY`.
    """
    pairs = list(shares)
    single, known = sum(share * (1 - share) for share, _ in pairs), sum(error**2 for _, error in pairs)
    if not known:  # nothing is heard of how long faces keep an expression, or rounding hides it
        return people
    wider = (STUDENT_90 / NORMAL_90) ** 2 * seconds / (seconds - AWAY)
    return max(people * FEWEST_DRAWS, single / (known * wider))


def estimate_interval(each: ShareRange, draws: float) -> tuple[float, float]:
    """The 90 % interval of an estimated share, of two independent errors: Wilson's interval, and the estimate's own.

    An estimate's own interval is about what the faces of one frame looked like to the classifier; which faces showed
    what, in this time and not in the next, is not in it. The distances of the limits from the share add up as squares,
    to either side (Zou & Donner 2008).

    Args:
        each: The share with the estimate's own interval.
        draws: As how many independent draws it counts; above 0.
    """
    share, low, high = each.share, *wilson(each.share, draws)
    own_low, own_high = (share if bound is None else bound for bound in each[1:])
    return (
        max(0.0, share - math.hypot(share - low, share - own_low)),
        min(1.0, share + math.hypot(high - share, own_high - share)),
    )


def mean_interval(mean: float, error: float, seconds: float) -> tuple[float, float]:
    """The 90 % interval of a mean number of faces.

    How long the blocks must be is read off the same minutes, so there may be no more of them than the fewest. And
    minutes scatter about their own mean by less than about the truth, most of all in a short time, of which somebody
    who is out for some minutes misses a large part.

    Args:
        mean: Of the time.
        error: Its standard error by `block_error`.
        seconds: That were measured; more than `AWAY`.
    """
    half = STUDENT_90 * error * math.sqrt(seconds / (seconds - AWAY))
    return max(0.0, mean - half), mean + half
