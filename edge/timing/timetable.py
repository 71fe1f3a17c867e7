"""When lessons are: names and times by the clock on the wall, per weekday and room, in one time zone; and holidays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

WEEK = timedelta(days=7)
MOST_WEEKS = 60  # that are looked at for the same lesson of another week: a school year


@dataclass(frozen=True)
class Lesson:
    """One lesson of one day.

    Attributes:
        name: As the timetable has it.
        start: When it begins, in the timetable's time zone.
        end: When it ends.
    """

    name: str
    start: datetime
    end: datetime


@dataclass(frozen=True)
class Entry:
    """A line of the timetable: a lesson of a weekday, by the clock on the wall; it ends on its day."""

    name: str
    begin: time
    end: time


@dataclass(frozen=True)
class Holiday:
    """Days without lessons; both belong to it."""

    first: date
    last: date
    name: str = ""


Week = Mapping[int, Sequence[Entry]]
"""Lessons by weekday, 0 Monday to 6 Sunday, in order of time."""


@dataclass(frozen=True)
class Timetable:
    """All lessons of a school.

    Attributes:
        zone: Whose clock is on the wall, with its summer time.
        week: Lessons of every room that is not named in `rooms`.
        rooms: Weekdays that are different in a room; those that a room does not name are as in `week`.
        holidays: Days without lessons.
        valid_from, valid_until: The first and the last day with lessons; None: no limit.
    """

    zone: ZoneInfo
    week: Week = field(default_factory=dict)
    rooms: Mapping[str, Week] = field(default_factory=dict)
    holidays: Sequence[Holiday] = ()
    valid_from: date | None = None
    valid_until: date | None = None

    @classmethod
    def read(cls, path: Path) -> Timetable:
        """Read a file. Raises ConfigError, with every mistake, its line, and what to write instead."""
        from edge.timing.timetable_file import read_timetable  # noqa: PLC0415 - it makes one of us

        return read_timetable(path)

    def holiday(self, day: date) -> Holiday | None:
        """The holiday that a day belongs to, if any."""
        return next((each for each in self.holidays if each.first <= day <= each.last), None)

    def lessons(self, room: str, day: date) -> list[Lesson]:
        """The lessons of a day, in order; a room that is not named has those of all.

        A lesson over the change of clocks begins and ends when the clock on the wall says so, and takes an hour more or
        less; one of which nothing remains, in the hour that clocks skip, is left out.
        """
        if (self.valid_from and day < self.valid_from) or (self.valid_until and day > self.valid_until):
            return []
        if self.holiday(day):
            return []
        entries = self.rooms.get(room, {}).get(day.weekday(), self.week.get(day.weekday(), ()))
        found = [
            Lesson(each.name, self._moment(day, each.begin, 0), self._moment(day, each.end, 1)) for each in entries
        ]
        return [each for each in found if _instant(each.start) < _instant(each.end)]

    def at(self, room: str, moment: datetime) -> Lesson | None:
        """The lesson that is under way."""
        day = moment.astimezone(self.zone).date()
        now = _instant(moment)
        return next(
            (each for each in self.lessons(room, day) if _instant(each.start) <= now < _instant(each.end)), None
        )

    def named(self, room: str, day: date, name: str) -> Lesson | None:
        """The lesson of that name on a day; capitals and spaces around it do not matter."""
        wanted = name.strip().casefold()
        return next((each for each in self.lessons(room, day) if each.name.casefold() == wanted), None)

    def previous(self, room: str, lesson: Lesson) -> Lesson | None:
        """The same lesson, by name and weekday, of the nearest earlier week that has it."""
        return next(self.same(room, lesson, -1), None)

    def next(self, room: str, lesson: Lesson) -> Lesson | None:
        """The same, of the nearest later week."""
        return next(self.same(room, lesson, 1), None)

    def same(self, room: str, lesson: Lesson, direction: int) -> Iterator[Lesson]:
        """The same lesson of other weeks, nearest first.

        Args:
            room: Whose.
            lesson: Which.
            direction: 1: of later weeks; -1: of earlier ones.
        """
        day = lesson.start.astimezone(self.zone).date()
        for _ in range(MOST_WEEKS):
            day += direction * WEEK
            if found := self.named(room, day, lesson.name):
                yield found

    def _moment(self, day: date, clock: time, fold: int) -> datetime:
        """That time by the clock on the wall; where it comes twice the first or the second (fold: 0 or 1)."""
        local = datetime.combine(day, clock, self.zone).replace(fold=fold)
        # Through UTC and back, so that a time that no clock shows becomes one that it does.
        return local.astimezone(timezone.utc).astimezone(self.zone)


def _instant(moment: datetime) -> datetime:
    return moment.astimezone(timezone.utc)  # times of one zone would compare by the clock on the wall
