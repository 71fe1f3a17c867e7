"""One lesson in all rooms: of each what its own report says, beside the same lesson of earlier weeks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from edge.recording.recorded import Recorded
from edge.reporting.heat_map import Cell, Measured, State, measures, why_absent
from edge.reporting.lesson_comparison import FACES, EarlierLessons, figures
from edge.reporting.lesson_report import beside_earlier, compare_with_earlier
from edge.reporting.lesson_sentences import describe, mean_so_far
from edge.reporting.map_data import Map, MapData, RoomSums
from edge.reporting.period import Period
from edge.reporting.report_data import ReportData, read_stretch
from edge.reporting.school_data import Ends, School
from edge.text import Sentence
from edge.timing.timetable import Lesson, Timetable


@dataclass(frozen=True)
class SchoolLesson:
    """A lesson in all rooms that have it.

    Attributes:
        data: As of a day with this one lesson; what it is compared with is in `earlier`.
        reports: What was recorded, by room, in order.
        earlier: What it is compared with, by room.
        without: Rooms whose timetable does not have it.
    """

    data: MapData
    reports: Mapping[str, ReportData]
    earlier: Mapping[str, EarlierLessons]
    without: list[str]

    @property
    def maps(self) -> list[Map]:
        """The cells of each figure, one a room; of the number of faces always: each room has a row."""
        names = dict.fromkeys([FACES, *measures(self.data.grid, self.data.rooms)])
        return [Map(name, [[self._cell(name, row)] for row in range(len(self.data.rooms))]) for name in names]

    def told(self, room: str) -> list[Sentence]:
        """What is said of a room in words: whether it was different, or why that is not known."""
        report = self.reports[room]
        if not report.parts:
            return []
        if not report.summary.enough:
            return [*mean_so_far(report.totals.mean), *describe(report.summary)]
        return beside_earlier(self.earlier[room])

    def _cell(self, measure: str, row: int) -> Cell | None:
        measured, room = self.data.grid[row][0], self.data.rooms[row]
        if measured is None:
            return None
        figure = figures(measured.summary).get(measure)
        if figure is None:
            return Cell(None, why_absent(measured, measure))
        comparison = self.earlier[room].comparison
        beside = comparison.figures.get(measure) if comparison else None
        if comparison is None or beside is None or comparison.verdict not in ("same", "different"):
            refused = comparison is not None and comparison.verdict == "refused"
            return Cell(figure, "other_conditions" if refused else "too_few_others")
        state: State = "usual" if not beside.differs else "above" if figure.value > beside.usual else "below"
        return Cell(figure, state, beside.usual, beside.probability)


def read_lesson(
    recording: Recorded, ends: Ends, timetable: Timetable, lessons: Mapping[str, Lesson], now: datetime
) -> SchoolLesson:
    """Read a lesson of all rooms.

    Args:
        recording: Started.
        ends: Of all rooms, when the first window began and the last one ended.
        timetable: Where the same lessons of earlier weeks are found.
        lessons: When it is, by room; at least one.
        now: What ends later still goes on.
    """
    rooms = [room for room in ends if room in lessons]
    school = School(recording, rooms, timetable, timetable.zone, now, ends)
    reports, earlier = dict[str, ReportData](), dict[str, EarlierLessons]()

    def read(room: str) -> RoomSums:
        lesson = lessons[room]
        asked = Period(lesson.start, lesson.end, timetable.zone, lesson.name)
        report = read_stretch(recording, room, asked, now)
        beside = compare_with_earlier(recording, report, timetable, lesson, now)
        kept = recording.kept_days(room, lesson.start, lesson.end)
        days = frozenset(each.since.date() for each in kept if not report.parts)
        # Only here: of a room that is damaged nothing is told.
        reports[room], earlier[room] = report, beside
        sums = RoomSums(room, report.totals, report.summary, None, 0.0, days)
        return school.heard(sums, lesson.start, lesson.end)

    found, damaged = school.each(read)
    start, end = (of(getattr(each, name) for each in lessons.values()) for of, name in ((min, "start"), (max, "end")))
    grid = [[Measured(lessons[r].start, lessons[r].end, s.totals, s.summary, None)] for r, s in found.items()]
    name = next(iter(lessons.values())).name
    data = MapData("lesson", start, end, [*found], [name], [*found], grid, [*found.values()], damaged)
    return SchoolLesson(data, reports, earlier, [room for room in ends if room not in lessons])
