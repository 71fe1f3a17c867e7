"""What a heat map shows, whatever it was read from: its rows, columns and cells, and what each room adds up to."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal, NamedTuple

from edge.reporting.heat_map import Cell, Grid, heat_map, measures
from edge.reporting.lesson_statistics import LessonSummary
from edge.reporting.totals import Totals

Kind = Literal["week", "day", "days", "term", "lesson"]
Column = str | date
"""A lesson or an hour by its name; a day; a week by its Monday."""


@dataclass(frozen=True)
class RoomSums:
    """A room over the whole time of a map.

    Attributes:
        room: Its name.
        totals: What its windows add up to.
        summary: The same with intervals.
        planned: Seconds of the lessons that the timetable has for it from the day of its first window until now; None
            without a timetable, and for a term.
        taught: Seconds of these that were recorded.
        days_only: Days (UTC) of which only sums are kept, and which are in no cell; none of a term.
        begun: Whether its first window was before the end of this time: until then there was no such room.
        silent_since: When its last window ended, where it has sent nothing since before this time; else None. It was
            renamed, replaced or taken away, or it is broken: nobody knows which.
    """

    room: str
    totals: Totals
    summary: LessonSummary
    planned: float | None
    taught: float
    days_only: frozenset[date] = frozenset()
    begun: bool = True
    silent_since: datetime | None = None

    @property
    def expected(self) -> bool:
        """Whether anything was to be recorded of it; only such rooms are counted."""
        return self.begun and self.silent_since is None

    @property
    def missed(self) -> float | None:
        """Seconds of its lessons that were not recorded; None: there is no telling, or none was expected."""
        return max(0.0, self.planned - self.taught) if self.expected and self.planned is not None else None


@dataclass(frozen=True)
class MapData:
    """What a map shows.

    Attributes:
        kind: `week`: lessons of a room by days; of a school `day`: rooms by lessons, `days`: rooms by days, `term`:
            rooms by weeks, `lesson`: rooms, and one lesson.
        start, end: Of its time.
        rows: Names of lessons or rooms.
        columns: What the columns are.
        rooms: The room of each row.
        grid: The cells.
        sums: Of each room, in order.
        damaged: Rooms that are left out, because what was recorded of them is damaged.
    """

    kind: Kind
    start: datetime
    end: datetime
    rows: list[str]
    columns: list[Column]
    rooms: list[str]
    grid: Grid
    sums: list[RoomSums]
    damaged: list[str] = field(default_factory=list)

    @property
    def days_only(self) -> list[date]:
        """The days (UTC) of which only sums are kept, of any room, in order."""
        return sorted({day for each in self.sums for day in each.days_only})


class Map(NamedTuple):
    """The map of one figure."""

    measure: str
    cells: list[list[Cell | None]]


def maps_of(data: MapData) -> list[Map]:
    """All maps, in the order in which they are shown."""
    return [Map(measure, heat_map(data.grid, measure, data.rooms)) for measure in measures(data.grid, data.rooms)]


def week_of(day: date) -> str:
    """The week of a day, as the command line has it."""
    year, week, _ = day.isocalendar()
    return f"{year}-W{week:02}"
