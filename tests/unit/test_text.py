"""Text for people: shares and units."""

from __future__ import annotations

import pytest

from edge.text import NO_BREAK, counted, keep_units, listed, percent


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (0.0, "0~%"),
        (0.004, "<~1~%"),
        (0.02, "2~%"),
        (0.145, "14~%"),
        (1.0, "100~%"),
    ],
)
def test_percent(share: float, words: str) -> None:
    assert percent(share).replace("\N{NO-BREAK SPACE}", "~") == words


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("14 % of 25", "14~% of 25"),
        ("5 min, 3 s, 61.8 °C, 21.8 GB", "5~min, 3~s, 61.8~°C, 21.8~GB"),
        ("1 h 05 min", "1~h 05~min"),
        ("3 sensors, 5 mint, room 7 said", "3 sensors, 5 mint, room 7 said"),
        ("no %", "no %"),
    ],
)
def test_a_number_stays_with_its_unit(text: str, kept: str) -> None:
    assert keep_units(text).replace(NO_BREAK, "~") == kept


@pytest.mark.parametrize(("number", "words"), [(0, "0 rooms"), (1, "1 room"), (1200, "1,200 rooms")])
def test_one_is_no_plural(number: int, words: str) -> None:
    assert counted(number, "room") == words


def test_long_lists_say_how_many_names_are_left_out() -> None:
    assert listed([], 2) == ""
    assert listed(["a", "b"], 2) == "a, b"
    assert listed(["a", "b", "c", "d"], 2) == "a, b and 2 more"
