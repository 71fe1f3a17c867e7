"""How far does each figure of a map lie from the others of its room, and how probable is that by chance? Pure.

A cell is judged by what the other cells of its room scatter, and by what other rooms scatter by (`scatter.py`).
docs/statistics.md has the reasons, and how many maps are coloured by chance.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from edge.reporting.lesson_comparison import FACES, FEWEST
from edge.reporting.lesson_statistics import Figure
from edge.reporting.lessons_apart import BY_CHANCE_AWAY
from edge.reporting.scatter import plus_known, squares_of, usual
from edge.reporting.share_scales import LEAST_ERROR, LEAST_FACTOR, by_factors
from edge.reporting.student import student_tail

STILL_FACES = 0.1  # standard deviation; a room that scatters less has nobody in it, or is made up
Place = tuple[int, int]
"""Row and column of a cell."""


class Apart(NamedTuple):
    """How far a figure lies from the others of its room.

    Attributes:
        usual: Mean of the others.
        probability: Of a distance as large as this, were it like them.
        surely: Whether it is more than its own interval.
    """

    usual: float
    probability: float
    surely: bool


def judge(groups: Sequence[Mapping[Place, Figure]], measure: str) -> dict[Place, Apart]:
    """Each figure against the others of its room."""
    if measure == FACES:
        probabilities = _probabilities(groups, 0.0, STILL_FACES, BY_CHANCE_AWAY)
    else:
        probabilities = _probabilities(groups, LEAST_ERROR, LEAST_ERROR / 10)
        factors = [{place: by_factors(figure) for place, figure in group.items()} for group in groups]
        for place, probability in _probabilities(factors, LEAST_FACTOR, LEAST_FACTOR / 10).items():
            probabilities[place] = max(probabilities[place], probability)
    found: dict[Place, Apart] = {}
    for group in groups:
        total = sum(figure.value for figure in group.values())
        for place in group.keys() & probabilities.keys():
            mine = group[place]
            others = (total - mine.value) / (len(group) - 1)
            found[place] = Apart(others, probabilities[place], not mine.low <= others <= mine.high)
    return found


def _probabilities(
    groups: Sequence[Mapping[Place, Figure]], least: float, still: float, beside: float = 0.0
) -> dict[Place, float]:
    """Of a distance from the others as large as each figure's, were it like them; none of too few others.

    Args:
        groups: The figures of each room.
        least: Standard deviation that is always reckoned with.
        still: That up to which a room tells nothing of others.
        beside: That which comes on top of what the figures scatter: the rarer something is, the less few cells tell
            how often it happens.
    """
    spreads = [squares_of([figure.value for figure in group.values()]) for group in groups]
    known = usual(spreads, still)
    found: dict[Place, float] = {}
    for group, (squares, number) in zip(groups, spreads, strict=True):
        if number < FEWEST:  # others
            continue
        mean = sum(figure.value for figure in group.values()) / len(group)
        within = sum(figure.error**2 for figure in group.values())
        for place, mine in group.items():
            # Leaving a value out of a mean and of a sum of squares, without adding all others up again.
            off = mine.value - mean
            distance = abs(off) * (number + 1) / number
            left = max(0.0, squares - off**2 * (number + 1) / number)
            scatter, degrees = known.moderate(left, number - 1)
            scatter = max(scatter, (within - mine.error**2) / number, least**2)
            scatter, degrees = plus_known(scatter, degrees, beside**2)
            error = math.sqrt(scatter / number + max(scatter, mine.error**2 + beside**2))
            found[place] = student_tail(distance / error, degrees) if error else float(not distance)
    return found
