"""Which cells of a map of lessons, days or weeks differ from the others? Only these are coloured. Pure.

The cell is the unit, as the lesson is in `lesson_comparison`: it differs where it lies outside what the others of its
room lead one to expect of one more, by more than its own interval and, a share, by two faces, and Holm's procedure
keeps the probability that any cell of a map is coloured by chance at 5 %. docs/statistics.md has the reasons and
simulations.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from edge.contract.labels import LABELS, reading_order
from edge.recording.window_sums import OTHER
from edge.reporting.cells_apart import Place, judge
from edge.reporting.lesson_comparison import FACES, Conditions, far_enough, figures, remaining
from edge.reporting.lesson_statistics import FRONT, Figure, LessonSummary
from edge.reporting.totals import MOST_LABELS, Totals

State = Literal["usual", "above", "below", "too_few_others", "few", "withheld", "nothing", "other_conditions"]


@dataclass(frozen=True)
class Measured:
    """What was recorded in the stretch of time that a cell stands for.

    Attributes:
        start, end: Of the stretch.
        totals: What its windows add up to.
        summary: The same with intervals.
        conditions: Under which it was measured; None: nobody knows.
    """

    start: datetime
    end: datetime
    totals: Totals
    summary: LessonSummary
    conditions: Conditions | None


Grid = Sequence[Sequence[Measured | None]]
"""Rows of cells; None where there is nothing to measure, such as a lesson that a day does not have."""


@dataclass(frozen=True)
class Cell:
    """One cell.

    Attributes:
        figure: With its interval; None with `few` (too little was measured), `withheld` and `nothing` (nothing was
            recorded, or this was not measured).
        state: `above` and `below` differ, `usual` does not; `too_few_others` has fewer than three to be compared with;
            `other_conditions` was measured in another way than
            most cells of its room, and is compared with none.
        usual: Mean of the others that it was compared with; None: it was not compared.
        probability: Of a distance as large as this, were it like them.
    """

    figure: Figure | None
    state: State
    usual: float | None = None
    probability: float | None = None

    @property
    def differs(self) -> bool:
        """Whether it is coloured."""
        return self.state in ("above", "below")


_Kind = tuple[Conditions | None, str | None]


def measures(grid: Grid, rooms: Sequence[str]) -> list[str]:
    """What the grid is shown of: `faces`, `front`, and at most `MOST_LABELS` expressions in reading order.

    Each measure is a map of all rooms, so that one room with labels of its own in every window must not add many.

    Args:
        grid: What was recorded.
        rooms: Of each row.
    """
    known = _known(grid, rooms)
    whole = [name for name in (FACES, FRONT) if name in known]
    # Ours come first, then those that most rooms have.
    expressions = sorted(known.keys() - whole, key=lambda name: (name not in LABELS, -len(known[name]), name))
    return [*whole, *reading_order(expressions[:MOST_LABELS])]


def some_left_out(grid: Grid, rooms: Sequence[str]) -> bool:
    """Whether there are more expressions than `measures` has."""
    return len(_known(grid, rooms).keys() - {FACES, FRONT}) > MOST_LABELS


def _known(grid: Grid, rooms: Sequence[str]) -> dict[str, set[str]]:
    """All that the grid has figures of, and the rooms that have it."""
    known: dict[str, set[str]] = {}
    for room, row in zip(rooms, grid, strict=True):
        for each in row:
            for name in figures(each.summary) if each else ():
                known.setdefault(name, set()).add(room)
    return known


def heat_map(grid: Grid, measure: str, rooms: Sequence[str]) -> list[list[Cell | None]]:
    """The cells of a map.

    Args:
        grid: What was recorded.
        measure: One of `measures`.
        rooms: Of each row: only cells of the same room are compared, since each camera sees its room in its own way.
    """
    shown = _shown(grid, measure)
    comparable = _comparable(grid, measure, rooms, shown)
    judged = judge(comparable, measure)
    different = remaining({place: each.probability for place, each in judged.items()})
    alike = {place for group in comparable for place in group}

    def cell(place: Place, each: Measured) -> Cell:
        figure = shown.get(place)
        if figure is None:
            return Cell(None, why_absent(each, measure))
        if place not in alike:
            return Cell(figure, "other_conditions")
        if place not in judged:
            return Cell(figure, "too_few_others")
        others, probability, surely = judged[place]
        differs = place in different and surely and far_enough(figure.value, others, each.summary, measure)
        state: State = "usual" if not differs else "above" if figure.value > others else "below"
        return Cell(figure, state, others, probability)

    return [
        [cell((row, column), each) if each else None for column, each in enumerate(cells)]
        for row, cells in enumerate(grid)
    ]


def masks_unknown(grid: Grid, rooms: Sequence[str]) -> bool:
    """Whether cells stand side by side of which only some tell what was hidden in the picture.

    Args:
        grid: What was recorded.
        rooms: Of each row.
    """
    for measure in measures(grid, rooms):
        for group in _comparable(grid, measure, rooms, _shown(grid, measure)):
            cells = (grid[row][column] for row, column in group)
            if len({each.conditions.masks is None for each in cells if each and each.conditions}) > 1:
                return True
    return False


def _shown(grid: Grid, measure: str) -> dict[Place, Figure]:
    """The figures of a map."""
    return {
        (row, column): figure
        for row, cells in enumerate(grid)
        for column, each in enumerate(cells)
        if each and (figure := figures(each.summary).get(measure))
    }


def _comparable(
    grid: Grid, measure: str, rooms: Sequence[str], shown: Mapping[Place, Figure]
) -> list[dict[Place, Figure]]:
    """Of each room the figures that were measured as most of them were, the newest deciding a tie."""
    places: dict[str, list[tuple[Place, Measured]]] = {}
    for row, cells in enumerate(grid):
        for column, each in enumerate(cells):
            if each and (row, column) in shown:
                places.setdefault(rooms[row], []).append(((row, column), each))
    found = []
    for those in places.values():
        newest = sorted(those, key=lambda item: item[1].start, reverse=True)
        kinds = Counter(_kind(each, measure) for _, each in newest if each.conditions)
        if kinds:
            most = max(kinds, key=lambda kind: sum(number for each, number in kinds.items() if _fits(each, kind)))
            found.append({place: shown[place] for place, each in those if _fits(_kind(each, measure), most)})
    return [group for group in found if group]  # where no clock was set, nothing fits anything


def _kind(each: Measured, measure: str) -> _Kind:
    """What must be the same in two cells: estimated shares and counted ones are no more comparable than two models."""
    return each.conditions, None if measure in (FACES, FRONT) else each.summary.basis


def _fits(kind: _Kind, most: _Kind) -> bool:
    """Whether figures of a kind stand among those of another one: masks that nobody knows fit any, as in lessons."""
    (mine, basis), (theirs, wanted) = kind, most
    if mine is None or theirs is None:
        return False
    return basis == wanted and not mine.differing(theirs) and not mine.knows_more_than(theirs)


def why_absent(each: Measured, measure: str) -> State:
    """Why there is no figure of it."""
    totals, summary, time = each.totals, each.summary, each.totals.time
    if measure not in (FACES, FRONT) and totals.named and not totals.counts.keys() & {measure, OTHER}:
        return "nothing"  # the model does not have this label
    if measure == FACES:
        hidden, seconds = time.withheld, summary.measured
    elif measure == FRONT:
        hidden, seconds = time.withheld + time.facing_withheld, summary.facing_measured
    else:
        hidden, seconds = time.withheld + time.expressions_withheld, summary.expressions_measured
    if hidden and (not seconds or 2 * hidden >= 1000 * totals.recorded):
        return "withheld"
    return "few" if seconds else "nothing"
