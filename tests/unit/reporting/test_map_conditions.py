"""What the mark ≠ stands for is said: which of model, mode, pose rule, masks or place differs."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from edge.reporting.heat_map import Measured
from edge.reporting.lesson_comparison import Conditions
from edge.reporting.lesson_statistics import Figure, LessonSummary
from edge.reporting.map_conditions import measured_differently
from edge.reporting.map_data import MapData, maps_of
from edge.reporting.totals import add_up

START = datetime(2026, 11, 16, 7, tzinfo=timezone.utc)
USUAL = Conditions("full", faces="a", emotions="b", pose="c", masks="d", place="e", policy="5/1")
SUMMARY = LessonSummary(2700, 2700, 0, 0, Figure(24, 23, 25, 0.5), None, None, {})


def week(*conditions: Conditions | None) -> MapData:
    cells = [
        Measured(
            START + number * timedelta(days=1), START + number * timedelta(days=1, hours=1), add_up([]), SUMMARY, each
        )
        for number, each in enumerate(conditions)
    ]
    days = [each.start.date() for each in cells]
    return MapData("week", START, START + timedelta(days=7), ["1st"], [*days], ["room-1"], [cells], [])


def told(data: MapData) -> list[str]:
    return [str(each) for each in measured_differently(data, maps_of(data))]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"clock_set": False}, "the clock of the device was not set, so the time may be another one"),
        ({"mode": "headcount"}, "something else was measured"),
        ({"faces": "x"}, "another model found the faces"),
        ({"emotions": "x"}, "another model named the expressions"),
        ({"pose": "x"}, "another rule decided which faces are turned to the front"),
        ({"policy": "10/1"}, "other figures were withheld, or they were rounded otherwise"),
        (
            {"daily": "less"},
            "on a day there are figures for less than half as long as in most weeks, or more than twice as long",
        ),
        (
            {"masks": "x"},
            "another camera was used, other parts of the picture were hidden, or faces were named by other limits",
        ),
    ],
)
def test_what_differs_is_said_once(changed: dict[str, Any], reason: str) -> None:
    other = replace(USUAL, **changed)
    assert told(week(USUAL, USUAL, USUAL, other, other)) == [f"≠ in room-1: {reason}."]


def test_nothing_is_said_where_nothing_differs() -> None:
    assert told(week(USUAL, USUAL)) == []


def test_what_changed_within_every_cell_is_no_secret() -> None:
    changed = [replace(USUAL, mode=f"changed {n}", steady=False) for n in range(3)]
    assert told(week(*changed)) == ["≠ in room-1: how it was measured changed within the time of a cell."]
    assert told(week(USUAL, USUAL, *changed)) == ["≠ in room-1: something else was measured."]


def test_nobody_knows() -> None:
    assert told(week(USUAL, USUAL, None)) == ["≠ in room-1: nobody knows how it was measured."]
