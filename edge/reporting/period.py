"""From the words of the command line to a stretch of time: a lesson, a day, a week, in somebody's time zone."""

from __future__ import annotations

import os
import re
import zoneinfo
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from pathlib import Path

from edge.errors import ConfigError
from edge.text import printable
from edge.timing.local_zone import LOCAL, local_zone_problem, zone_of_file
from edge.timing.timetable import Timetable
from edge.timing.zone_names import zone_named

ONE_DAY = timedelta(hours=36)  # what is longer is drawn day by day
LONGEST = timedelta(days=32)
CLOCK = re.compile(r"[0-9]{2}:[0-9]{2}(:[0-9]{2})?")
AHEAD = timedelta(minutes=5)  # that a device's clock may be ahead of ours and still be believed


@dataclass(frozen=True)
class Period:
    """From `start` to `end`, both in `zone`; a lesson has a name."""

    start: datetime
    end: datetime
    zone: tzinfo
    name: str = ""

    @property
    def single(self) -> bool:
        """Whether it is drawn as one stretch, not day by day."""
        return self.end.astimezone(timezone.utc) - self.start.astimezone(timezone.utc) <= ONE_DAY

    @property
    def last_moment(self) -> datetime:
        """Within it: what ends at midnight belongs to the day before."""
        return self.end - timedelta(seconds=1)

    def __str__(self) -> str:
        first, last = self.start.date(), self.last_moment.date()
        if self.end - self.start == timedelta(days=1) and first == last:
            return f"{first:%A, %-d %B %Y}"
        if (self.start.time(), self.end.time()) == (time(), time()):
            return f"{first:%-d %B} to {last:%-d %B %Y}"
        if first == last:
            name = f"{self.name}, " if self.name else ""
            return f"{name}{first:%A, %-d %B %Y}, {self.start:%H:%M} to {self.end:%H:%M}"
        return f"{self.start:%-d %B %H:%M} to {self.end:%-d %B %Y %H:%M}"

    @property
    def slug(self) -> str:
        """For a file name."""
        first, last = self.start.date(), self.last_moment.date()
        if first != last:
            return f"{first}-to-{last}"
        whole = (self.start.time(), self.end.time()) == (time(), time())
        return f"{first}" if whole else f"{first}-{self.start:%H%M}-{self.end:%H%M}"


def period(
    zone: tzinfo, newest: datetime, *, day: str | None, week: str | None, begin: str | None, end: str | None
) -> Period:
    """The period that the arguments mean.

    Args:
        zone: The time zone of what is asked for and drawn.
        newest: The end of the newest window: without arguments its day is meant.
        day: `2026-11-20`.
        week: `2026-W47`, Monday to Sunday.
        begin: `2026-11-20T08:00`, or `08:00` of the day.
        end: The same; where clocks show it twice, the second time.

    Raises:
        ConfigError: They mean none, or one that is too long.
    """
    if week and (day or begin or end):
        raise ConfigError("--week stands alone", "for a part of it use --from and --to")
    if week:
        first = _week(week)
        return Period(_midnight(first, zone), _midnight(first + timedelta(days=7), zone), zone)
    if not day and begin and "T" in begin and not end:
        raise ConfigError("--from needs --to", "for one whole day use --day")
    of_day = day_named(day, "--day") if day else (newest - timedelta(seconds=1)).astimezone(zone).date()
    since = _moment(begin, of_day, zone, "--from") if begin else _midnight(of_day, zone)
    until = _moment(end, of_day, zone, "--to", ends=True) if end else _midnight(of_day + timedelta(days=1), zone)
    length = until.astimezone(timezone.utc) - since.astimezone(timezone.utc)
    if length <= timedelta():
        raise ConfigError(f"{since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M} is no period", "--to must be after --from")
    return Period(since, until, zone)


def newest_of(ends: Iterable[datetime], now: datetime) -> datetime:
    """The end of the newest window of some rooms, never later than now.

    A room whose clock is ahead does not tell when the others were last recorded: only alone it counts, as now.

    Args:
        ends: The end of the newest window of each room.
        now: By our own clock.
    """
    return min(now, max((end for end in ends if end <= now + AHEAD), default=now))


def no_lesson_between(timetable: Timetable, ends: Collection[tuple[datetime, datetime]], now: datetime) -> str:
    """That a timetable has no lesson in the time of a recording; empty where it may have some.

    Args:
        timetable: Any.
        ends: When the first window of each room begins, and when the newest one ends.
        now: By our own clock.
    """
    first, last = timetable.span
    begun = min((start for start, _ in ends), default=now).astimezone(timetable.zone).date()
    newest = newest_of((end for _, end in ends), now).astimezone(timetable.zone).date()
    if not ends or not ((first and newest < first) or (last and last < begun)):
        return ""
    lessons = f"from {first} to {last}" if first and last else f"from {first} on" if first else f"until {last}"
    return f"there are lessons {lessons}, but what was recorded is from {begun} to {newest}"


def clock_time(text: str) -> time:
    """A time of day by the clock on the wall, as `08:00`: without an offset. Raises ValueError."""
    if not CLOCK.fullmatch(text):
        raise ValueError(text)
    return time.fromisoformat(text)


def wall_time(day: date, clock: time, zone: tzinfo, *, ends: bool) -> datetime:
    """A time by the clock on the wall, as the start or the end of a period.

    Where clocks show a time twice, a period is from the first until the second: 02:15 to 02:45 is all that was measured
    when it was that time.

    Args:
        day: Of the clock on the wall.
        clock: What it shows.
        zone: Where it hangs.
        ends: Whether a period ends then. Until 02:00, if 02:00 to 03:00 comes twice, is until the first: only once it
            was before 02:00.
    """
    moment = datetime.combine(day, clock, zone)
    twice = all(_comes_twice(each) for each in (moment, moment - timedelta(microseconds=1)))
    return moment.replace(fold=1) if ends and twice else moment


def _comes_twice(moment: datetime) -> bool:
    first, second = (moment.replace(fold=fold).astimezone(timezone.utc) for fold in (0, 1))
    return first < second  # where a time is skipped, it is the other way round


def lesson_period(timetable: Timetable, room: str, day: date, name: str) -> Period:
    """The time of a lesson. Raises ConfigError where the timetable has none of that name, with those that it has."""
    if found := timetable.named(room, day, name):
        return Period(found.start, found.end, timetable.zone, found.name)
    names = ", ".join(each.name for each in timetable.lessons(room, day))
    holiday = timetable.holiday(day)
    there = (
        f"there are: {names}" if names else f"that day is {holiday.name or 'a holiday'}" if holiday else "it has none"
    )
    raise ConfigError(f"{room} has no lesson {printable(name)!r} on {day}", there)


def time_zone(name: str | None) -> tzinfo:
    """A time zone by name, or this machine's. Raises ConfigError."""
    name = name or os.environ.get("TZ", "").removeprefix(":")
    local = Path(name) if name.startswith("/") else LOCAL  # TZ may name a file
    if name and local is LOCAL:
        try:
            return zone_named(name)
        except ValueError as error:
            raise ConfigError(f"time zone {name!r}", str(error)) from None
    if problem := local_zone_problem():
        raise ConfigError(problem, "or name one with --zone")
    try:
        with local.open("rb") as file:
            return zoneinfo.ZoneInfo.from_file(file, key=zone_of_file(local))
    except (OSError, ValueError):
        return timezone.utc  # a machine without a setting runs on UTC


def _midnight(of: date, zone: tzinfo) -> datetime:
    return datetime.combine(of, time(), zone)


def day_named(text: str, option: str) -> date:
    """The day that an option of the command line means. Raises ConfigError."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"{option} {text!r} is no date", "write it as 2026-11-20") from None
    return _sane(found, f"{option} {text!r}")


def _week(text: str) -> date:
    match = re.fullmatch(r"(\d{4})-?W(\d{2})", text)
    try:
        found = date.fromisocalendar(int(match[1]), int(match[2]), 1) if match else None
    except ValueError:
        found = None
    if found is None or not 1970 < found.year < 9999:
        raise ConfigError(f"--week {text!r} is no week", "write it as 2026-W47")
    return found


def _moment(text: str, of_day: date, zone: tzinfo, option: str, *, ends: bool = False) -> datetime:
    try:
        if CLOCK.fullmatch(text):
            return wall_time(of_day, clock_time(text), zone, ends=ends)
        found = datetime.fromisoformat(re.sub("Z$", "+00:00", text))
    except ValueError:
        raise ConfigError(f"{option} {text!r} is no time", "write it as 2026-11-20T08:00, or 08:00 of --day") from None
    _sane(found.date(), f"{option} {text!r}")
    return found.astimezone(zone) if found.tzinfo else wall_time(found.date(), found.time(), zone, ends=ends)


def _sane(found: date, what: str) -> date:
    if not 1970 < found.year < 9999:
        raise ConfigError(f"{what} is out of range", "write it as 2026-11-20")
    return found
