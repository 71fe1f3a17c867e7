"""A number of faces is coloured where many are missing, and not where somebody is; shares keep their own rule."""

from __future__ import annotations

import numpy as np
import pytest

from edge.reporting.heat_map import heat_map
from edge.reporting.lesson_comparison import FACES
from edge.reporting.scatter import PLENTY, plus_known
from tests.load.steady_classes import STILL, Classes, cell, coloured, main


def differing(missing: int, lessons: int) -> list[bool]:
    """Cells of a class of 25 in which nobody ever misses anything, but for one lesson."""
    rng = np.random.default_rng(3)
    row = [cell(25.0 - missing * (number == 2), rng) for number in range(lessons)]
    return [each is not None and each.differs for each in heat_map([row], FACES, [""])[0]]


@pytest.mark.parametrize("lessons", [5, 30])
def test_a_pupil_or_two_who_are_away_are_no_difference(lessons: int) -> None:
    assert not any(differing(1, lessons))
    assert not any(differing(2, lessons))


@pytest.mark.parametrize("lessons", [5, 30])
def test_a_class_of_which_a_third_is_missing_differs(lessons: int) -> None:
    assert differing(8, lessons) == [number == 2 for number in range(lessons)]
    assert differing(5, lessons)[2]


@pytest.mark.parametrize("classes", [Classes(lesson=0.005), Classes(lesson=0.04), Classes(pupils=12, lesson=0.02)])
def test_few_maps_are_coloured_because_of_who_happens_to_be_away(classes: Classes) -> None:
    rng = np.random.default_rng(4)
    assert sum(any(coloured(classes, 0, rng)) for _ in range(60)) <= 5  # of 60; 5 % and what chance makes of it


def test_the_sum_of_an_estimated_and_a_known_variance() -> None:
    assert plus_known(2.0, 4, 0.0) == (2.0, 4)
    assert plus_known(1.0, 4, 1.0) == (2.0, 16)
    assert plus_known(0.0, 4, 1.0) == (1.0, PLENTY)
    assert [plus_known(least, 4, 1.0)[1] for least in (1e-9, 1e-160, 5e-324)] == [PLENTY] * 3
    assert plus_known(1.0, 2 * PLENTY, 1e-9)[1] == 2 * PLENTY


def test_all_kinds_of_maps_are_measured(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--maps", "1"]) in (0, 1)
    rows = [line.split(" | ")[0].strip("| ") for line in capsys.readouterr().out.splitlines()[2:]]
    assert rows == [*STILL]
