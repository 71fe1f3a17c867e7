"""Few earlier lessons: what one expression scatters from day to day is read off all of them."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

from edge.reporting.lesson_statistics import Figure
from edge.reporting.lessons_apart import Scatter, expected_share, scatter_of
from edge.reporting.scatter import NOTHING_KNOWN

USUAL = {"neutral": 0.65, "happy": 0.15, "sad": 0.07, "surprise": 0.06, "angry": 0.04, "fear": 0.02, "disgust": 0.01}


def days(chance: random.Random, number: int, scatter: dict[str, float]) -> dict[str, list[Figure]]:
    """Of each expression its share on so many days, each weight by a factor of e to the power N(0, scatter²)."""
    found: dict[str, list[Figure]] = {label: [] for label in USUAL}
    for _ in range(number):
        weights = {label: share * math.exp(chance.gauss(0, scatter[label])) for label, share in USUAL.items()}
        for label, weight in weights.items():
            share = weight / sum(weights.values())
            found[label].append(Figure(share, 0.0, 1.0, 0.01))
    return found


def probability(share: float, others: Sequence[Figure], scatter: Scatter) -> float:
    return expected_share(Figure(share, 0.0, 1.0, 0.01), others, scatter).probability


def test_four_lessons_tell_a_rise_by_what_the_other_expressions_scatter() -> None:
    chance, alone, together = random.Random(1), 0, 0  # noqa: S311 - days of a school, no secret
    for _ in range(100):
        earlier = days(chance, 4, dict.fromkeys(USUAL, 0.3))
        alone += probability(0.5, earlier["happy"], Scatter()) < 0.005
        together += probability(0.5, earlier["happy"], scatter_of(list(earlier.values()))) < 0.005
    assert alone <= 30
    assert together >= 60


def test_an_expression_that_scatters_more_than_the_others_is_not_believed_to_scatter_as_little() -> None:
    chance, false, trials = random.Random(2), 0, 600  # noqa: S311
    for _ in range(trials):
        earlier = days(chance, 6, dict.fromkeys(USUAL, 0.15) | {"happy": 0.8})
        scatter = scatter_of([each[1:] for each in earlier.values()])
        mine, *others = earlier["happy"]
        false += probability(mine.value, others, scatter) < 0.05 / 9
    assert false <= 0.03 * trials, "of all expressions 5 % may be false, and the others hardly ever are"


def test_a_lesson_that_was_measured_for_less_time_may_scatter_more() -> None:
    """Nothing but chance differs: 200 draws tell each of nine lessons, and 50 one that was a quarter as long."""
    chance, false, unheeded, trials = random.Random(4), 0, 0, 500  # noqa: S311

    def drawn(draws: int) -> Figure:
        share = 0.3 + chance.gauss(0, math.sqrt(0.3 * 0.7 / draws))
        return Figure(share, 0.0, 1.0, math.sqrt(0.3 * 0.7 / draws))

    for _ in range(trials):
        mine, others = drawn(50), [drawn(200) for _ in range(9)]
        false += expected_share(mine, others, Scatter(), 4.0).probability < 0.05
        unheeded += expected_share(mine, others, Scatter()).probability < 0.05
        as_long = expected_share(mine, others, Scatter(), 0.25)
        assert as_long == expected_share(mine, others, Scatter()), (
            "longer ones are known no more exactly than lessons scatter"
        )
    assert false <= 0.05 * trials
    assert unheeded >= 0.1 * trials


def test_few_expressions_tell_nothing_of_one_another() -> None:
    """Of two that sum to 1 each scatters as the other does, whatever that is."""
    earlier = days(random.Random(3), 5, dict.fromkeys(USUAL, 0.3))  # noqa: S311
    assert scatter_of([earlier["happy"], earlier["neutral"]]) == Scatter(NOTHING_KNOWN, NOTHING_KNOWN)
    assert scatter_of([]) == Scatter()


def test_expressions_that_nobody_ever_shows_tell_nothing() -> None:
    never = [Figure(0.0, 0.0, 0.1, 0.0)] * 5
    assert scatter_of([never] * 7) == Scatter()
    assert probability(0.0, never, scatter_of([never] * 7)) == 1.0
