"""Heat maps: a cell is coloured only where it differs from the others of its room by more than chance explains."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from edge.contract.payloads import Facing
from edge.reporting.heat_map import Grid, Measured, heat_map, masks_unknown, measures, some_left_out
from edge.reporting.intervals import wilson
from edge.reporting.lesson_comparison import Conditions
from edge.reporting.lesson_statistics import Figure, LessonSummary
from edge.reporting.scatter import digamma, trigamma, usual
from edge.reporting.totals import MOST_LABELS, add_up
from tests.support.lessons import summarize
from tests.support.simulated_lessons import USUAL, SimulatedLesson

DAY = timedelta(days=1)
START = datetime(2026, 11, 16, 8, 0, tzinfo=timezone.utc)
SAME = Conditions("emotions", "f@1", "e@1", "front, p@1")
NAMED = replace(
    add_up([]), windows=270, frames=100, named_frames=100, counts={"happy": 1500},
    facing=Facing(front=1500, away=500, unknown=0),
)  # fmt: skip
"""Fifteen named faces in the average frame, of twenty whose direction is known."""


def measured(happy: float = 0.2, front: float = 0.7, faces: float = 20.0, error: float = 0.02) -> Measured:
    def share(value: float) -> Figure:
        return Figure(value, *wilson(value, 15), error)

    summary = LessonSummary(
        2700, 2700, 2700, 2700, Figure(faces, faces - 1, faces + 1, 0.5), share(front), "estimate",
        {"happy": share(happy), "neutral": share(1 - happy)}, directed=20.0, named=15.0,
    )  # fmt: skip
    return Measured(START, START + timedelta(minutes=45), NAMED, summary, SAME)


def room(*cells: Measured) -> Grid:
    """A row of cells around a fifth that look happy, and others."""
    return [[*cells, *(measured(0.18 + 0.01 * n) for n in range(5))]]


def states(grid: Grid, measure: str = "happy", rooms: Sequence[str] = ("a",)) -> list[str]:
    return [cell.state if cell else "" for row in heat_map(grid, measure, rooms) for cell in row]


def test_what_there_are_maps_of() -> None:
    assert measures(room(), ["a"]) == ["faces", "front", "happy", "neutral"]
    assert measures([[None]], ["a"]) == []


def test_a_room_with_other_labels_in_each_cell_adds_few_maps() -> None:
    def named(*names: str) -> Measured:
        each = measured()
        return replace(
            each, summary=replace(each.summary, expressions={name: Figure(0.1, 0, 1, 0.1) for name in names})
        )

    own = [named(*(f"a{cell}-{n}" for n in range(11))) for cell in range(24)]
    bored = [named("happy", "neutral", "bored")] * 24
    rooms, grid = ["hostile", "north", "south"], [own, bored, bored]
    found = measures(grid, rooms)
    assert found[:5] == ["faces", "front", "happy", "neutral", "a0-0"]
    assert "bored" in found  # two rooms have it, and each other foreign label is of one
    assert len(found) == 2 + MOST_LABELS
    assert some_left_out(grid, rooms)
    assert not some_left_out(grid[1:], rooms[1:])


def test_a_large_difference_is_coloured_and_only_that_one() -> None:
    assert states(room(measured(0.7))) == ["above", *["usual"] * 5]
    assert states(room(measured(0.7)), "neutral") == ["below", *["usual"] * 5]
    assert states(room(measured(0.7)), "front") == ["usual"] * 6
    cell = heat_map(room(measured(0.7)), "happy", ["a"])[0][0]
    assert cell
    assert cell.usual == pytest.approx(0.2)


def test_what_is_not_larger_than_its_own_interval_is_not_coloured() -> None:
    assert states(room(measured(0.3, error=0.001)))[0] == "usual"


def test_a_difference_of_a_face_or_two_is_none() -> None:
    few = replace(measured(0.7), summary=replace(measured(0.7).summary, named=4.0))
    assert states(room(few))[0] == "usual"


def test_the_same_difference_is_chance_where_cells_differ_that_much() -> None:
    grid = [[measured(each) for each in (0.7, 0.05, 0.5, 0.1, 0.45, 0.2)]]
    assert states(grid) == ["usual"] * 6


def test_rooms_are_not_compared_with_one_another() -> None:
    grid = [[measured(level + 0.01 * n) for n in range(5)] for level in (0.1, 0.1, 0.1, 0.8)]
    assert set(states(grid, rooms="abcd")) == {"usual"}


def test_three_others_are_needed() -> None:
    assert states([[measured(0.9), measured(), measured(0.21)]]) == ["too_few_others"] * 3
    assert heat_map([[measured(), measured()]], "happy", ["a"])[0][0] is not None


def test_other_conditions_are_marked_and_not_compared() -> None:
    moved = replace(measured(0.7), conditions=replace(SAME, faces="f@2"))
    mixed = replace(measured(0.7), conditions=None)
    counted = replace(moved, conditions=SAME, summary=replace(moved.summary, basis="counts"))
    for other in (moved, mixed, counted):
        cells = heat_map(room(other), "happy", ["a"])[0]
        assert [cell.state for cell in cells if cell] == ["other_conditions", *["usual"] * 5]
        assert cells[0]
        assert cells[0].figure
        assert all(cell.usual < 0.25 for cell in cells if cell and cell.usual is not None)
    assert states(room(counted), "front") == ["usual"] * 6


def test_cells_within_which_something_changed_are_all_marked() -> None:
    """The newest would decide, were one of them as good as another."""
    grid = [
        [
            replace(measured(), conditions=replace(SAME, mode=f"changed {n}", steady=False), start=START + n * DAY)
            for n in range(5)
        ]
    ]
    assert states(grid, "faces") == ["other_conditions"] * 5
    assert not masks_unknown(grid, ["a"])
    rest = [measured() for _ in range(4)]
    assert states([[*grid[0][:4], *rest]]) == ["other_conditions"] * 4 + ["usual"] * 4


def masked(*masks: str | None) -> Grid:
    """A row of cells, the last one the newest, under these masks."""
    cells = [
        replace(measured(0.2), conditions=replace(SAME, masks=each), start=START + n * timedelta(days=1))
        for n, each in enumerate(masks)
    ]
    return [cells]


def test_masks_that_nobody_knows_fit_any_and_it_is_said() -> None:
    after_an_update = masked(None, None, None, "a", "a")
    assert states(after_an_update) == ["usual"] * 5
    assert masks_unknown(after_an_update, ["a"])
    for grid in (masked(None, None), masked("a", "a", "a")):
        assert not masks_unknown(grid, ["a"])


def test_masks_that_differ_are_not_compared_through_those_that_nobody_knows() -> None:
    assert states(masked("a", None, "a", "b", None)) == ["usual", "usual", "usual", "other_conditions", "usual"]
    assert states(masked("a", "b", None))[:2] == ["other_conditions", "too_few_others"]  # the newest decides
    other = [[*masked(None, "a")[0], replace(measured(), conditions=replace(SAME, faces="f@2"))]]
    assert states(other)[2] == "other_conditions"
    assert not masks_unknown(masked("a", "b", "b"), ["a"])


def test_what_has_no_figure_says_why_and_is_no_zero() -> None:
    empty = replace(measured(), totals=add_up([]), summary=summarize([]))
    lesson = SimulatedLesson(1, people=4, minutes=20, window=30)
    hidden = lesson.windows()
    short = SimulatedLesson(1, minutes=6, window=30).windows()
    cases = {
        "nothing": empty,
        "withheld": replace(empty, totals=add_up(hidden), summary=summarize(hidden)),
        "few": replace(empty, totals=add_up(short), summary=summarize(short)),
    }
    for state, each in cases.items():
        for measure in ("faces", "front", "happy"):
            cell = heat_map(room(each), measure, ["a"])[0][0]
            assert cell
            assert (cell.state, cell.figure, cell.usual) == (state, None, None)
    without = heat_map([[None, *room()[0]]], "happy", ["a"])[0]
    assert without[0] is None


def test_what_rooms_tell_of_one_another() -> None:
    assert digamma(1.0) == pytest.approx(-0.5772157, abs=1e-6)
    assert trigamma(1.0) == pytest.approx(math.pi**2 / 6, abs=1e-6)
    assert usual([(4.0, 4)], 0.0).degrees == 0  # a room alone
    alike = usual([(1.0, 4)] * 10, 0.0)
    assert alike.degrees == 20
    assert alike.variance == pytest.approx(0.25, rel=0.3)
    assert usual([(0.001, 4), (100.0, 4), (1.0, 4)], 0.0).degrees < 1  # rooms that are too different to tell anything
    assert usual([(1.0, 4)] * 10 + [(0.01, 4), (0.0, 4)], 0.1) == alike  # what is as good as still tells nothing


@pytest.mark.parametrize("made_up", [1e-9, 0.02, 3e2, 1e4, 1e12])
def test_one_room_does_not_decide_what_is_usual(made_up: float) -> None:
    honest = [(7 * variance, 7) for variance in (2.1, 2.9, 3.6, 4.4, 5.5, 7.6)]
    known, beside = usual(honest, 0.1), usual([*honest, (7 * made_up, 7)], 0.1)
    assert known.variance / 1.5 < beside.variance < known.variance * 1.5
    assert beside.degrees > 8  # as many as a room has of its own


USUAL_DAY, ROOMS_DIFFER = 0.35, 0.4


def by_chance(chance: random.Random, rooms: int, columns: int) -> Grid:
    """A map in which nothing but chance differs: rooms have levels and a scatter of their own."""
    grid = []
    for _ in range(rooms):
        scatter = math.exp(chance.gauss(0, ROOMS_DIFFER)) if rooms > 1 else 1.0
        level, faces = chance.uniform(0.4, 0.85), chance.uniform(12, 30)
        row = []
        for _ in range(columns):
            weights = [share * math.exp(chance.gauss(0, USUAL_DAY * scatter)) for share in USUAL.values()]
            happy = weights[list(USUAL).index("happy")] / sum(weights)
            front = min(0.98, max(0.02, chance.gauss(level, 0.07 * scatter)))
            row.append(measured(happy, front, max(1.0, chance.gauss(faces, 1.5))))
        grid.append(row)
    return grid


@pytest.mark.parametrize(("rooms", "columns", "trials"), [(1, 30, 300), (12, 6, 100)])
def test_maps_in_which_nothing_differs_are_coloured_in_a_twentieth_of_cases(
    rooms: int, columns: int, trials: int
) -> None:
    chance = random.Random(columns)  # noqa: S311 - rooms of a school, no secret
    names = [f"room-{number}" for number in range(rooms)]
    coloured = dict.fromkeys(("faces", "front", "happy"), 0)
    for _ in range(trials):
        grid = by_chance(chance, rooms, columns)
        for measure in coloured:
            found = heat_map(grid, measure, names)
            coloured[measure] += any(cell.differs for row in found for cell in row if cell)
    for times in coloured.values():
        assert times <= 0.05 * trials + 3 * (0.05 * 0.95 * trials) ** 0.5  # three standard errors


@pytest.mark.parametrize("width", [1e-6, 4.0, 16.0, 1000.0])
def test_one_room_s_figures_neither_hide_nor_colour_what_others_show(width: float) -> None:
    chance = random.Random(5)  # noqa: S311 - rooms of a school, no secret
    made_up = [measured(faces=2000 + width * (-1) ** number) for number in range(8)]
    rooms, shown, by_chance = [f"room-{number}" for number in range(7)], 0, 0

    def coloured(grid: Grid) -> list[tuple[int, int]]:
        cells = heat_map([*grid, made_up], "faces", rooms)
        return [(y, x) for y, row in enumerate(cells) for x, cell in enumerate(row) if y < 6 and cell and cell.differs]

    for _ in range(100):
        levels = [chance.uniform(15, 28) for _ in range(6)]
        grid = [[measured(faces=chance.gauss(level, 2.0)) for _ in range(8)] for level in levels]
        by_chance += bool(coloured(grid))
        first = grid[0][3].summary.faces
        assert first
        grid[0][3] = measured(faces=first.value + 14)
        shown += (0, 3) in coloured(grid)
    assert shown >= 78  # 92 without that room
    assert by_chance <= 5


def test_a_week_of_simulated_lessons() -> None:
    def cell(number: int, happy: float) -> Measured:
        rest = (1 - happy) / (1 - USUAL["happy"])
        mixture = {label: share * rest for label, share in USUAL.items()} | {"happy": happy}
        windows = SimulatedLesson(number, minutes=30, window=60, mixture=mixture).windows()
        return Measured(START, START, add_up(windows), summarize(windows), SAME)

    still = [cell(number, USUAL["happy"]) for number in range(12)]
    for measure in ("faces", "front", "happy", "neutral"):
        assert set(states([still], measure)) == {"usual"}
    assert states([[cell(20, 0.65), *still[:11]]])[0] == "above"
