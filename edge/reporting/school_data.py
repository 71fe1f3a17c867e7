"""What heat maps stand on: a room's week, a school's day, week or term, read from roll-ups with the one arithmetic.

A cell is read from five minutes (of a term from days): their sums are exactly those of the windows. Where a lesson
begins or ends within five minutes, its windows there are read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from itertools import pairwise
from typing import NamedTuple, TypeVar

from edge.recording.deletion_requests import DeletedTimes
from edge.recording.five_minutes import overlaps
from edge.recording.places import Place
from edge.recording.recorded import Recorded
from edge.recording.rollups import WIDTH, Bucket, bucket_of
from edge.recording.runs import Run
from edge.recording.window_row import FIRST, LAST, DamagedError
from edge.reporting.conditions import compare_days, conditions_of
from edge.reporting.deleted_times import Times, within
from edge.reporting.heat_map import Measured
from edge.reporting.hour_pieces import HOUR, HourPieces
from edge.reporting.lesson_statistics import LessonSummary, summarize_bins
from edge.reporting.lost_at_edges import with_lost_at_edges
from edge.reporting.map_data import MapData, RoomSums
from edge.reporting.stretch import covered, parts_between, runs_of
from edge.reporting.totals import Bins, Part
from edge.timing.timetable import Timetable

DAY, WEEK = timedelta(days=1), timedelta(days=7)
MOST_WEEKS = 60
Found = TypeVar("Found")
Ends = Mapping[str, tuple[datetime, datetime]]
"""Of rooms: when the first window began, and when the last one ended."""


class Slot(NamedTuple):
    """A stretch of a day: a lesson, or an hour."""

    name: str
    start: datetime
    end: datetime


@dataclass
class _Day:
    """A room on a day; its roll-ups are not kept.

    Attributes:
        slots: Its lessons, or all hours.
        cells: What was recorded in each slot, by its name.
        hours: In which anything was recorded.
    """

    slots: list[Slot]
    cells: dict[str, Measured]
    hours: set[int]


@dataclass
class _Sums:
    """What a room adds up to, day by day."""

    pieces: HourPieces
    deleted: Times  # on request
    planned: float = 0.0
    taught: float = 0.0
    days_only: set[date] = field(default_factory=set)
    kept: list[Run] = field(default_factory=list)  # when something was recorded of which only those days are there


class School:
    """Rooms of a recording and their timetable.

    Args:
        recording: Started.
        rooms: That may be looked at, in order.
        timetable: When lessons are; None: hours stand for them.
        zone: Of days and hours.
        now: Lessons that begin later are not missed.
        ends: When the first window of each room began and its last one ended; None: they are looked up.
    """

    def __init__(
        self, recording: Recorded, rooms: Sequence[str], timetable: Timetable | None, zone: tzinfo, now: datetime,
        ends: Ends | None = None,
    ) -> None:  # fmt: skip
        self._recording = recording
        self._rooms = list(rooms)
        self._timetable = timetable
        self._zone = zone
        self._now = now
        self._known_ends = ends
        self._known_places: dict[str, list[Place]] = {}
        self._deleted = DeletedTimes(recording.requests())

    def week(self, room: str, monday: date, length: int = 7) -> MapData:
        """A week of a room, or another number of days: lessons (or hours) by days."""
        start, end = self._midnight(monday), self._midnight(monday + length * DAY)
        sums = self._sums(room, start, end)
        found = {day: self._day(room, day, sums) for day in (monday + n * DAY for n in range(length))}
        lessons = bool(self._timetable)
        days = [day for day, each in found.items() if day.weekday() < 5 or (lessons and each.slots) or each.hours]
        names = self._names(found[day] for day in days)
        grid = [[found[day].cells.get(name) for day in days] for name in names]
        summed = [self._summed(room, sums, start, end)]
        return MapData("week", start, end, names, [*days], [room] * len(names), grid, summed)

    def day(self, day: date) -> MapData:
        """A day of all rooms: rooms by lessons (or hours)."""
        start, end = self._midnight(day), self._midnight(day + DAY)

        def read(room: str) -> tuple[_Day, RoomSums]:
            sums = self._sums(room, start, end)
            return self._day(room, day, sums), self._summed(room, sums, start, end)

        found, damaged = self.each(read)
        names = self._names(each for each, _ in found.values())
        grid = [[each.cells.get(name) for name in names] for each, _ in found.values()]
        summed = [each for _, each in found.values()]
        return MapData("day", start, end, [*found], [*names], [*found], grid, summed, damaged)

    def days(self, monday: date) -> MapData:
        """A week of all rooms: rooms by days."""
        days = [monday + n * DAY for n in range(7)]
        start, end = self._midnight(monday), self._midnight(monday + WEEK)

        def read(room: str) -> tuple[list[Measured], RoomSums]:
            sums = self._sums(room, start, end)
            return [self._whole(room, day, sums) for day in days], self._summed(room, sums, start, end)

        found, damaged = self.each(read)
        seen = {n for row, _ in found.values() for n, each in enumerate(row) if each.totals.windows}
        kept = [n for n, day in enumerate(days) if day.weekday() < 5 or n in seen]
        grid = [[row[n] for n in kept] for row, _ in found.values()]
        summed = [each for _, each in found.values()]
        return MapData("days", start, end, [*found], [days[n] for n in kept], [*found], grid, summed, damaged)

    def term(self, first: date, last: date) -> MapData:
        """The weeks from that of one day to that of another, of all rooms: rooms by weeks."""
        monday = first - first.weekday() * DAY
        weeks = [monday + n * WEEK for n in range((last - monday).days // 7 + 1)][:MOST_WEEKS]
        edges = [self._midnight(week) for week in [*weeks, weeks[-1] + WEEK]]

        def read(room: str) -> tuple[list[Measured], RoomSums]:
            days: list[int] = []
            row, every = [], Bins(edges[0], DAY, self._deleted.between(room, edges[0], edges[-1]))
            for start, end in pairwise(edges):
                bins = Bins(start, DAY)
                for part in self._recording.days(room, start, end):
                    bins.add(part)
                    every.add(part)
                row.append(_measured(start, end, bins, summarize_bins(bins), self.places(room)))
                days.append(bins.filled)
            sums = RoomSums(room, every.totals, summarize_bins(every), None, 0.0)
            return compare_days(row, days), self._room(sums, edges[0], edges[-1])

        found, damaged = self.each(read)
        grid, summed = [row for row, _ in found.values()], [each for _, each in found.values()]
        return MapData("term", edges[0], edges[-1], [*found], [*weeks], [*found], grid, summed, damaged)

    def each(self, read: Callable[[str], Found]) -> tuple[dict[str, Found], list[str]]:
        """What is read of each room, in order, and the rooms of which something is damaged: these are left out."""
        found: dict[str, Found] = {}
        damaged = []
        for room in self._rooms:
            try:
                found[room] = read(room)
            except DamagedError:
                damaged.append(room)
        return found, damaged

    def parts(self, room: str, start: datetime, end: datetime) -> list[Part]:
        """The windows of a room that begin in a stretch of time, as roll-ups as far as these begin and end with it."""
        return self._parts(room, list(self._recording.buckets(room, bucket_of(start), end)), start, end)

    def _day(self, room: str, day: date, sums: _Sums) -> _Day:
        """A day of a room; it is added to the sums."""
        buckets = self._buckets(room, day, sums)
        slots = self._lessons(room, day) if self._timetable else self._every_hour(day)
        cells: dict[str, Measured] = {}
        for slot in slots:
            if slot.name not in cells:
                cells[slot.name] = self._measured(room, buckets, slot.start, slot.end)
        self._plan(room, buckets, slots if self._timetable else (), sums)
        return _Day(slots, cells, {each.since.astimezone(self._zone).hour for each in buckets})

    def _whole(self, room: str, day: date, sums: _Sums) -> Measured:
        """All of a day of a room; it is added to the sums."""
        buckets = self._buckets(room, day, sums)
        self._plan(room, buckets, self._lessons(room, day), sums)
        start, end = self._midnight(day), self._midnight(day + DAY)
        pieces = HourPieces(start)
        for part in self._parts(room, buckets, start, end):
            pieces.add(part)
        return _measured(start, end, pieces.hours, pieces.summary(), self.places(room))

    def _buckets(self, room: str, day: date, sums: _Sums) -> list[Bucket]:
        """The roll-ups of a day of a room; they are added to the sums."""
        times = self._midnight(day), self._midnight(day + DAY)
        buckets = list(self._recording.buckets(room, *times))
        for each in buckets:
            sums.pieces.add(each)
        for each in self._recording.kept_days(room, *times):
            sums.days_only.add(each.since.date())
            sums.kept += each.runs
        return buckets

    def _plan(self, room: str, buckets: Sequence[Bucket], lessons: Iterable[Slot], sums: _Sums) -> None:
        """Add how much there should be, and was, of the lessons of a day that have begun; none before its first day."""
        first, begun = self._midnight(self._begins(room).astimezone(self._zone).date()), []
        for slot in lessons:
            if slot.start < first:
                continue  # until then there was no such room
            # How much of it was recorded cannot be told where only its day is kept, or some of it was deleted.
            untold = any(overlaps(run.start, run.end, slot.start, slot.end) for run in sums.kept)
            untold = untold or bool(within(sums.deleted, slot.start, slot.end))
            if slot.start < self._now and not untold:
                begun.append((slot.start, min(slot.end, self._now)))
        sums.planned += sum(end.timestamp() - start.timestamp() for start, end in begun)
        # A window that reaches into a lesson, or out of it, is none of the next one's time.
        sums.taught += sum(covered(runs_of(buckets), begun)) if begun else 0.0

    def _measured(self, room: str, buckets: Sequence[Bucket], start: datetime, end: datetime) -> Measured:
        bins = Bins.of(self._parts(room, buckets, start, end), bucket_of(start), WIDTH)
        return _measured(start, end, bins, summarize_bins(bins), self.places(room))

    def _sums(self, room: str, start: datetime, end: datetime) -> _Sums:
        """Nothing yet of a time of a room."""
        deleted = self._deleted.between(room, start, end)
        return _Sums(HourPieces(deleted=deleted), deleted)

    def _summed(self, room: str, sums: _Sums, start: datetime, end: datetime) -> RoomSums:
        planned = sums.planned if self._timetable else None
        days_only = frozenset(sums.days_only)
        totals = sums.pieces.hours.totals
        summed = RoomSums(room, totals, sums.pieces.summary(), planned, sums.taught, days_only)
        return self._room(summed, start, end)

    def _room(self, sums: RoomSums, start: datetime, end: datetime) -> RoomSums:
        """The same, with what was lost at both edges, and whether it was heard."""
        found = with_lost_at_edges(sums.totals, self._recording, sums.room, start, end, self._deleted)
        return self.heard(replace(sums, totals=found), start, end)

    def heard(self, sums: RoomSums, start: datetime, end: datetime) -> RoomSums:
        """The sums of a time of a room, with whether there was such a room, and it was heard since."""
        _, last = self._ends.get(sums.room, (end, end))
        # In holidays, or before the first lesson of a day, nobody wonders where a room is; nor, where no timetable
        # tells of these, as long as no other one has sent anything.
        awaited = any(start < each for _, each in self._ends.values()) if sums.planned is None else sums.planned > 0
        silent = last <= start < self._now and awaited
        return replace(
            sums,
            begun=self._begins(sums.room) < end,
            silent_since=last.astimezone(self._zone) if silent else None,
        )

    def _begins(self, room: str) -> datetime:
        """When the first window of a room begins; of a clock that is ahead nobody knows, and it counts as always."""
        first, _ = self._ends.get(room, (LAST, LAST))
        return FIRST if self._now < first < LAST else first

    @property
    def _ends(self) -> Ends:
        if self._known_ends is None:
            self._known_ends = self._recording.devices()
        return self._known_ends

    def places(self, room: str) -> list[Place]:
        """What was hidden in the picture of a room, and when that changed."""
        if room not in self._known_places:
            self._known_places[room] = self._recording.places(room, self._now)
        return self._known_places[room]

    def _parts(self, room: str, buckets: Sequence[Bucket], start: datetime, end: datetime) -> list[Part]:
        return parts_between(self._recording, room, buckets, start, end)

    def _every_hour(self, day: date) -> list[Slot]:
        """By the watch: where the clock is put back an hour is two hours long, and where it is put on one is not."""
        found: dict[str, Slot] = {}
        start, midnight = (self._midnight(each).astimezone(timezone.utc) for each in (day, day + DAY))
        while start < midnight:
            begins, start = start.astimezone(self._zone), min(start + HOUR, midnight)
            name = f"{begins:%H}:00"
            found[name] = Slot(name, found[name].start if name in found else begins, start.astimezone(self._zone))
        return [*found.values()]

    def _lessons(self, room: str, day: date) -> list[Slot]:
        return [Slot(*vars(each).values()) for each in self._timetable.lessons(room, day)] if self._timetable else []

    def _names(self, days: Iterable[_Day]) -> list[str]:
        """Of the lessons; or of the hours from the first of a day in which anything was recorded to the last."""
        if self._timetable:
            return _names(each.slots for each in days)
        hours = {hour for each in days for hour in each.hours}
        return [f"{hour:02}:00" for hour in range(min(hours), max(hours) + 1)] if hours else []

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, time(), self._zone)


def summary_of(parts: Iterable[Part], start: datetime) -> LessonSummary:
    """Parts of a lesson with intervals, as a cell of a map has them; `start` is when it began."""
    return summarize_bins(Bins.of(parts, bucket_of(start), WIDTH))


def _measured(start: datetime, end: datetime, bins: Bins, summary: LessonSummary, places: Sequence[Place]) -> Measured:
    totals = bins.totals
    found = conditions_of(bins.series, places, start, end, clock_set=totals.clock_set, one_device=totals.one_device)
    return Measured(start, end, totals, summary, found)


def _names(slots: Iterable[Sequence[Slot]]) -> list[str]:
    """Each name once, by the time of day at which it first begins."""
    begins: dict[str, time] = {}
    for those in slots:
        for slot in those:
            begins[slot.name] = min(begins.get(slot.name, time.max), slot.start.time())
    return sorted(begins, key=lambda name: (begins[name], name))
