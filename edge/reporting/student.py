"""Student's t: how improbable a distance is by few values, and the distance of a probability. Pure."""

from __future__ import annotations

import math


def student_tail(distance: float, degrees: int) -> float:
    """Probability that Student's t lies at least so far from 0, to either side (Abramowitz & Stegun 26.7.3 and 4).

    Args:
        distance: At least 0.
        degrees: Of freedom, 1 or more.
    """
    angle = math.atan(distance / math.sqrt(degrees))
    cosine, sine = math.cos(angle), math.sin(angle)
    odd = degrees % 2
    term, total = (cosine if odd else 1.0), 0.0
    for k in range(1 + odd, degrees, 2):
        total += term
        term *= cosine**2 * k / (k + 1)
    if odd:
        return max(0.0, 1 - 2 / math.pi * (angle + sine * total))
    return max(0.0, 1 - sine * total)


def student_quantile(probability: float, degrees: int) -> float:
    """The distance that Student's t exceeds, to either side, with this probability, by bisection."""
    low, high = 0.0, 1.0
    while student_tail(high, degrees) > probability:
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if student_tail(middle, degrees) > probability else (low, middle)
    return high
