"""The commands that measure what is claimed of simulated lessons run through, and count what they should."""

from __future__ import annotations

import pytest

from tests.load import lesson_comparisons, lesson_intervals
from tests.load.lesson_changes import CHANGES, STILL, main, rate
from tests.support.simulated_lessons import USUAL


def test_every_kind_of_lesson_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--lessons", "1", "--others", "1", "--dwell", "30", "--processes", "1"]) in (0, 1)
    rows = [line.split(" | ")[0].strip("| ") for line in capsys.readouterr().out.splitlines() if " | 30 s | " in line]
    assert rows == [*STILL, *CHANGES]


def test_comparisons_of_lessons_that_are_alike_and_that_differ_are_measured(
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = ["--people", "8", "--dwell", "600", "--lessons", "13", "--trials", "3", "--pools", "alike"]
    assert lesson_comparisons.main([*arguments, "--processes", "1"]) == 0
    heads, _, *rows = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines()]
    assert heads[1:] == ["3 earlier", "5 earlier", "9 earlier", "12 earlier", *lesson_comparisons.DIFFERENT]
    assert [row[0] for row in rows] == ["8 people, 600 s, alike", "8 pupils, only faces"]
    assert all(cell == "0.0 %" for row in rows for cell in row[1:5])


def test_the_intervals_of_all_nine_figures_are_measured(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--people", "12", "--minutes", "20", "--dwell", "600", "--lessons", "2", "--processes", "1"]
    assert lesson_intervals.main(arguments) in (0, 1)
    rows = [line.split(" | ")[0].strip("| ") for line in capsys.readouterr().out.splitlines()[2:]]
    assert rows == ["faces", "front", *USUAL]


def test_a_rate_has_wilsons_interval() -> None:
    assert rate([True] * 5 + [False] * 95) == pytest.approx((0.05, 0.0215, 0.1118), abs=1e-3)
    assert rate([False] * 20)[:2] == (0.0, 0.0)
