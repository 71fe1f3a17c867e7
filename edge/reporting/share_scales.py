"""Shares on two scales: points, and log odds. Whether those of a room scatter by points or by factors, nobody knows.

What differs from others must therefore differ on both: of a rare expression, which hardly anybody shows but now and
then one, points know nothing of how far chance reaches to the side where there is room.
"""

from __future__ import annotations

import math

from edge.reporting.lesson_statistics import Figure

LEAST_ERROR = 0.01  # of a share: they are published in hundredths, and a few equal ones prove nothing
HALF_A_FACE = 0.02  # of 25, as a share: one face more or less is no rise by an infinite factor


def by_factors(figure: Figure) -> Figure:
    """A share and its error on the scale of log odds; its interval stays as it was."""
    yes, no = figure.value + HALF_A_FACE, 1 - figure.value + HALF_A_FACE
    return figure._replace(value=math.log(yes / no), error=figure.error * (1 / yes + 1 / no))


def of_one_face(share: float) -> float:
    """Standard deviation of what a single face shows: in these units rare expressions scatter like frequent ones."""
    return math.sqrt((share + HALF_A_FACE) * (1 - share + HALF_A_FACE))


LEAST_FACTOR = by_factors(Figure(0.5, 0.0, 1.0, LEAST_ERROR)).error
"""`LEAST_ERROR` on this scale."""
