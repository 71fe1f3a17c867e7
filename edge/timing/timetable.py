"""When lessons are: names and times by the clock on the wall, per weekday and room, in one time zone; and holidays.

A plan may hold from one day to another, and in every other week: a day has the lessons of the plan that held on it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone
from pathlib import Path
from typing import Literal
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

Letter = Literal["a", "b"]
"""Of weeks that alternate."""


@dataclass(frozen=True)
class Plan:
    """The lessons of a week, for as long as they hold.

    Attributes:
        week: Lessons of every room that is not named in `rooms`.
        rooms: Weekdays that are different in a room; those that a room does not name are as in `week`.
        first, last: Days from and until which it holds, both included; None: no limit.
        letter: Of the weeks in which it holds; None: in all.
    """

    week: Week = field(default_factory=dict)
    rooms: Mapping[str, Week] = field(default_factory=dict)
    first: date | None = None
    last: date | None = None
    letter: Letter | None = None

    def meets(self, other: Plan) -> bool:
        """Whether there may be days on which both hold."""
        ends = [(self, other), (other, self)]
        apart = any(one.last and two.first and one.last < two.first for one, two in ends)
        return not apart and (None in (self.letter, other.letter) or self.letter == other.letter)


@dataclass(frozen=True)
class Timetable:
    """All lessons of a school.

    Attributes:
        zone: Whose clock is on the wall, with its summer time.
        plans: Of which no two hold on the same day.
        holidays: Days without lessons.
        valid_from, valid_until: The first and the last day with lessons; None: no limit.
        a_weeks: Days of A weeks, from each of which weeks alternate anew; before the first as after it.
    """

    zone: ZoneInfo
    plans: Sequence[Plan] = ()
    holidays: Sequence[Holiday] = ()
    valid_from: date | None = None
    valid_until: date | None = None
    a_weeks: Sequence[date] = ()

    @classmethod
    def read(cls, path: Path) -> Timetable:
        """Read a file. Raises ConfigError, with every mistake, its line, and what to write instead."""
        from edge.timing.timetable_file import read_timetable  # noqa: PLC0415 - it makes one of us

        return read_timetable(path)

    @property
    def span(self) -> tuple[date | None, date | None]:
        """The first and the last day that may have lessons; None: no limit."""
        first = min((plan.first or date.min for plan in self.plans), default=date.min)
        last = max((plan.last or date.max for plan in self.plans), default=date.max)
        first, last = max(first, self.valid_from or date.min), min(last, self.valid_until or date.max)
        return None if first == date.min else first, None if last == date.max else last

    def holiday(self, day: date) -> Holiday | None:
        """The holiday that a day belongs to, if any."""
        return next((each for each in self.holidays if each.first <= day <= each.last), None)

    def lessons(self, room: str, day: date) -> list[Lesson]:
        """The lessons of a day by the plan that held on it, in order; a room that is not named has those of all.

        A lesson over the change of clocks begins and ends when the clock on the wall says so, and takes an hour more or
        less; one of which nothing remains, in the hour that clocks skip, is left out.
        """
        if (self.valid_from and day < self.valid_from) or (self.valid_until and day > self.valid_until):
            return []
        plan = self._plan(day)
        if plan is None or self.holiday(day):
            return []
        entries = plan.rooms.get(room, {}).get(day.weekday(), plan.week.get(day.weekday(), ()))
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

    def same(self, room: str, lesson: Lesson, direction: int) -> Iterator[Lesson]:
        """The same lesson of other weeks, nearest first; one of that name at another hour of the day is another one.

        Args:
            room: Whose.
            lesson: Which.
            direction: 1: of later weeks; -1: of earlier ones.
        """
        day = lesson.start.astimezone(self.zone).date()
        for _ in range(MOST_WEEKS):
            day += direction * WEEK
            if (found := self.named(room, day, lesson.name)) and _same_hour(found, lesson):
                yield found

    def letter(self, day: date) -> Letter | None:
        """Whether a day is of an A week or of a B week; None: weeks do not alternate."""
        if not self.a_weeks:
            return None
        first, begun = monday(day), sorted(monday(each) for each in self.a_weeks)
        since = max((each for each in begun if each <= first), default=begun[0])
        return "b" if (first - since) // WEEK % 2 else "a"

    def _plan(self, day: date) -> Plan | None:
        """The one that holds on a day."""
        letter = self.letter(day)
        return next(
            (
                plan
                for plan in self.plans
                if (plan.first or day) <= day <= (plan.last or day) and plan.letter in (None, letter)
            ),
            None,
        )

    def _moment(self, day: date, clock: time, fold: int) -> datetime:
        """That time by the clock on the wall; where it comes twice the first or the second (fold: 0 or 1)."""
        local = datetime.combine(day, clock, self.zone).replace(fold=fold)
        # Through UTC and back, so that a time that no clock shows becomes one that it does.
        return local.astimezone(timezone.utc).astimezone(self.zone)


def monday(day: date) -> date:
    """The first day of its week."""
    return day - timedelta(days=day.weekday())


def _same_hour(one: Lesson, other: Lesson) -> bool:
    """Whether each has the middle of the other by the clock on the wall: bells may move by some minutes."""
    begin, end, first, last = (
        60 * moment.hour + moment.minute for moment in (one.start, one.end, other.start, other.end)
    )
    return begin <= (first + last) / 2 <= end and first <= (begin + end) / 2 <= last


def _instant(moment: datetime) -> datetime:
    return moment.astimezone(timezone.utc)  # times of one zone would compare by the clock on the wall
