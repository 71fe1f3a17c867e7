"""What heat maps stand on: a room's week, a school's day, week or term, read from roll-ups with the one arithmetic.

A cell is read from five minutes (of a term from days): their sums are exactly those of the windows. Where a lesson
begins or ends within five minutes, its windows there are read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from itertools import pairwise
from typing import Literal, NamedTuple

from edge.recording.places import Place
from edge.recording.recorded import Recorded
from edge.recording.rollups import WIDTH, Bucket, bucket_of
from edge.reporting.conditions import conditions_of
from edge.reporting.heat_map import Cell, Grid, Measured, heat_map, measures
from edge.reporting.lesson_statistics import LessonSummary, Minute, summarize_minutes
from edge.reporting.stretch import parts_between
from edge.reporting.totals import Part, Totals, add_up, binned
from edge.timing.timetable import Timetable

HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(days=7)
MOST_WEEKS = 60
Kind = Literal["week", "day", "days", "term"]
Column = str | date
"""A lesson or an hour by its name; a day; a week by its Monday."""


class Slot(NamedTuple):
    """A stretch of a day: a lesson, or an hour."""

    name: str
    start: datetime
    end: datetime


@dataclass(frozen=True)
class RoomSums:
    """A room over the whole time of a map.

    Attributes:
        room: Its name.
        totals: What its windows add up to.
        summary: The same with intervals.
        planned: Seconds of the lessons that the timetable has for it until now; None without a timetable,
            and for a term.
        taught: Seconds of these that were recorded.
    """

    room: str
    totals: Totals
    summary: LessonSummary
    planned: float | None
    taught: float


@dataclass(frozen=True)
class MapData:
    """What a map shows.

    Attributes:
        kind: `week`: lessons of a room by days; of a school `day`: rooms by lessons, `days`: rooms by days, `term`:
            rooms by weeks.
        start, end: Of its time.
        rows: Names of lessons or rooms.
        columns: What the columns are.
        rooms: The room of each row.
        grid: The cells.
        sums: Of each room, in order.
    """

    kind: Kind
    start: datetime
    end: datetime
    rows: list[str]
    columns: list[Column]
    rooms: list[str]
    grid: Grid
    sums: list[RoomSums]


class Map(NamedTuple):
    """The map of one figure."""

    measure: str
    cells: list[list[Cell | None]]


def maps_of(data: MapData) -> list[Map]:
    """All maps, in the order in which they are shown."""
    return [Map(measure, heat_map(data.grid, measure, data.rooms)) for measure in measures(data.grid)]


def week_of(day: date) -> str:
    """The week of a day, as the command line has it."""
    year, week, _ = day.isocalendar()
    return f"{year}-W{week:02}"


class School:
    """Rooms of a recording and their timetable.

    Args:
        recording: Started.
        rooms: That may be looked at, in order.
        timetable: When lessons are; None: hours stand for them.
        zone: Of days and hours.
        now: Lessons that begin later are not missed.
    """

    def __init__(
        self, recording: Recorded, rooms: Sequence[str], timetable: Timetable | None, zone: tzinfo, now: datetime
    ) -> None:
        self._recording = recording
        self._rooms = list(rooms)
        self._timetable = timetable
        self._zone = zone
        self._now = now
        self._known_places: dict[str, list[Place]] = {}

    def week(self, room: str, monday: date, length: int = 7) -> MapData:
        """A week of a room, or another number of days: lessons (or hours) by days."""
        start, end = self._midnight(monday), self._midnight(monday + length * DAY)
        buckets = list(self._recording.buckets(room, start, end))
        days = [monday + n * DAY for n in range(length)]
        recorded = {each.since.astimezone(self._zone).date() for each in buckets}
        hours = self._hours(buckets)
        slots = {day: self._slots(room, day, hours) for day in days}
        days = [day for day in days if day.weekday() < 5 or (self._timetable and slots[day]) or day in recorded]
        names = _names(slots[day] for day in days)
        grid = [[self._slot(room, buckets, slots[day], name) for day in days] for name in names]
        sums = self._sums(room, buckets, [each for day in days for each in slots[day]])
        return MapData("week", start, end, names, [*days], [room] * len(names), grid, [sums])

    def day(self, day: date) -> MapData:
        """A day of all rooms: rooms by lessons (or hours)."""
        start, end = self._midnight(day), self._midnight(day + DAY)
        found = {room: list(self._recording.buckets(room, start, end)) for room in self._rooms}
        hours = self._hours(each for buckets in found.values() for each in buckets)
        slots = {room: self._slots(room, day, hours) for room in self._rooms}
        names = _names(slots.values())
        grid = [[self._slot(room, found[room], slots[room], name) for name in names] for room in self._rooms]
        sums = [self._sums(room, found[room], slots[room]) for room in self._rooms]
        return MapData("day", start, end, [*self._rooms], [*names], [*self._rooms], grid, sums)

    def days(self, monday: date) -> MapData:
        """A week of all rooms: rooms by days."""
        start, end = self._midnight(monday), self._midnight(monday + WEEK)
        days = [monday + n * DAY for n in range(7)]
        grid, sums, seen = [], [], set()
        for room in self._rooms:
            buckets = list(self._recording.buckets(room, start, end))
            seen |= {each.since.astimezone(self._zone).date() for each in buckets}
            grid.append([self._whole(room, buckets, day) for day in days])
            sums.append(self._sums(room, buckets, [each for d in days for each in self._slots(room, d, [])]))
        kept = [number for number, day in enumerate(days) if day.weekday() < 5 or day in seen]
        shown = [[row[number] for number in kept] for row in grid]
        return MapData("days", start, end, [*self._rooms], [days[n] for n in kept], [*self._rooms], shown, sums)

    def term(self, first: date, last: date) -> MapData:
        """The weeks from that of one day to that of another, of all rooms: rooms by weeks."""
        monday = first - first.weekday() * DAY
        weeks = [monday + n * WEEK for n in range((last - monday).days // 7 + 1)][:MOST_WEEKS]
        edges = [self._midnight(week) for week in [*weeks, weeks[-1] + WEEK]]
        grid, sums = [], []
        for room in self._rooms:
            row, every = [], []
            for start, end in pairwise(edges):
                parts = list(self._recording.days(room, start, end))
                row.append(_measured(start, end, parts, DAY, self._places(room)))
                every += parts
            grid.append(row)
            sums.append(RoomSums(room, add_up(every), summary_of(every, edges[0], DAY), None, 0.0))
        return MapData("term", edges[0], edges[-1], [*self._rooms], [*weeks], [*self._rooms], grid, sums)

    def parts(self, room: str, start: datetime, end: datetime) -> list[Part]:
        """The windows of a room that begin in a stretch of time, as roll-ups as far as these begin and end with it."""
        return self._parts(room, list(self._recording.buckets(room, bucket_of(start), end)), start, end)

    def _slot(self, room: str, buckets: Sequence[Bucket], slots: Iterable[Slot], name: str) -> Measured | None:
        slot = next((each for each in slots if each.name == name), None)
        return self._stretch(room, buckets, slot.start, slot.end) if slot else None

    def _whole(self, room: str, buckets: Sequence[Bucket], day: date) -> Measured:
        start, end = self._midnight(day), self._midnight(day + DAY)
        return _measured(start, end, self._parts(room, buckets, start, end), HOUR, self._places(room))

    def _stretch(self, room: str, buckets: Sequence[Bucket], start: datetime, end: datetime) -> Measured:
        return _measured(start, end, self._parts(room, buckets, start, end), WIDTH, self._places(room))

    def _places(self, room: str) -> list[Place]:
        """What was hidden in the picture of a room, and when that changed."""
        if room not in self._known_places:
            self._known_places[room] = self._recording.places(room, self._now)
        return self._known_places[room]

    def _parts(self, room: str, buckets: Sequence[Bucket], start: datetime, end: datetime) -> list[Part]:
        return parts_between(self._recording, room, buckets, start, end)

    def _sums(self, room: str, buckets: Sequence[Bucket], slots: Iterable[Slot]) -> RoomSums:
        planned = [slot for slot in slots if slot.start < self._now] if self._timetable else []
        length = sum((min(slot.end, self._now) - slot.start).total_seconds() for slot in planned)
        taught = sum(add_up(self._parts(room, buckets, slot.start, slot.end)).recorded for slot in planned)
        summary = summary_of(buckets, buckets[0].since if buckets else self._now, HOUR)
        return RoomSums(room, add_up(buckets), summary, length if self._timetable else None, taught)

    def _slots(self, room: str, day: date, hours: Sequence[int]) -> list[Slot]:
        if self._timetable:
            return self._lessons(room, day)
        found = [(datetime.combine(day, time(hour), self._zone), f"{hour:02}:00") for hour in hours]
        return [Slot(name, start, _later(start, HOUR)) for start, name in found]

    def _lessons(self, room: str, day: date) -> list[Slot]:
        return [Slot(*vars(each).values()) for each in self._timetable.lessons(room, day)] if self._timetable else []

    def _hours(self, buckets: Iterable[Bucket]) -> list[int]:
        """From the first hour of a day in which anything was recorded to the last."""
        found = {each.since.astimezone(self._zone).hour for each in buckets}
        return list(range(min(found), max(found) + 1)) if found else []

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, time(), self._zone)


def summary_of(parts: Sequence[Part], start: datetime, width: timedelta = WIDTH) -> LessonSummary:
    """Parts of a stretch of time with intervals, as a cell of a map has them.

    Args:
        parts: What was recorded.
        start: Of the stretch.
        width: Of the pieces whose scatter the intervals come from.
    """
    if width == WIDTH:
        start = bucket_of(start)
    pieces = [Minute(start + number * width, totals) for number, totals in binned(parts, start, width)]
    return summarize_minutes(add_up(parts), pieces)


def _measured(
    start: datetime, end: datetime, parts: Sequence[Part], width: timedelta, places: Sequence[Place]
) -> Measured:
    conditions = conditions_of((each.series for each in parts), places, start, end)
    return Measured(start, end, add_up(parts), summary_of(parts, start, width), conditions)


def _names(slots: Iterable[Sequence[Slot]]) -> list[str]:
    """Each name once, by the time of day at which it first begins."""
    begins: dict[str, time] = {}
    for those in slots:
        for slot in those:
            begins[slot.name] = min(begins.get(slot.name, time.max), slot.start.time())
    return sorted(begins, key=lambda name: (begins[name], name))


def _later(start: datetime, length: timedelta) -> datetime:
    """So much later by the watch, also where the clock on the wall is changed."""
    return (start.astimezone(timezone.utc) + length).astimezone(start.tzinfo)
