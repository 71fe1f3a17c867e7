"""Which lessons a day of a room has, how much of each was recorded, and which comes before and after."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta, timezone, tzinfo

from edge.errors import ConfigError
from edge.recording.recorded import Recorded
from edge.reporting.period import Period, clock_time, wall_time
from edge.reporting.stretch import covered, runs_of
from edge.text import Sentence, printable
from edge.timing.timetable import Lesson, Timetable
from edge.web.dashboard.lesson import JSON, milliseconds

DAY = timedelta(days=1)
MOST_DAYS = 70  # that are looked at for the lesson before or after: the summer is shorter


def midnight(day: date, zone: tzinfo) -> datetime:
    """When a day begins."""
    return datetime.combine(day, time(), zone)


def day_json(
    recording: Recorded, room: str, day: date, timetable: Timetable | None, zone: tzinfo, now: datetime
) -> JSON:
    """The lessons of a day, each with the seconds that were recorded of it."""
    start, end = midnight(day, zone), midnight(day + DAY, zone)
    lessons = timetable.lessons(room, day) if timetable else []
    buckets, days = recording.buckets(room, start - timedelta(minutes=5), end), recording.kept_days(room, start, end)
    recorded = covered(
        runs_of(sorted([*buckets, *days], key=lambda bucket: bucket.since)),
        [(start, end), *((each.start, each.end) for each in lessons)],
    )
    holiday = timetable.holiday(day) if timetable else None
    return {
        "room": room, "day": day.isoformat(), "today": now.astimezone(zone).date().isoformat(),
        "timetable": timetable is not None,
        "holiday": None if holiday is None else holiday.name,
        "lessons": [
            {
                "name": each.name, "from": f"{each.start:%H:%M}", "to": f"{each.end:%H:%M}",
                "start": milliseconds(each.start), "end": milliseconds(each.end),
                "recorded": seconds,
            }
            for each, seconds in zip(lessons, recorded[1:], strict=True)
        ],
        "recorded": recorded[0],
    }  # fmt: skip


def day_named(text: str) -> date:
    """A date in an address. Raises ConfigError."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = date.min
    if not 1971 < day.year < 2200:
        raise ConfigError(
            Sentence("{day} is no date", {"day": printable(text) or "-"}), Sentence("write it as 2026-11-20")
        )
    return day


def period_named(room: str, day: date, name: str, timetable: Timetable | None, zone: tzinfo) -> Period:
    """A lesson by its name, or a time as `08:00-09:30`; 24:00 is the end of the day. Raises ConfigError."""
    lesson = timetable.named(room, day, name) if timetable else None
    if lesson:
        return Period(lesson.start, lesson.end, zone, lesson.name)
    first, _, last = name.partition("-")
    try:
        start = wall_time(day, clock_time(first), zone, ends=False)
        end = midnight(day + DAY, zone) if last == "24:00" else wall_time(day, clock_time(last), zone, ends=True)
    except ValueError:
        raise _unknown(name) from None
    if end.astimezone(timezone.utc) <= start.astimezone(timezone.utc):
        raise _unknown(name)
    return Period(start, end, zone)


def lesson_of_day(
    recording: Recorded, room: str, day: date, timetable: Timetable | None, zone: tzinfo, now: datetime
) -> Period:
    """What is shown first of a day: of today the newest lesson that was recorded, else the first; or all of it."""
    lessons = [each for each in (timetable.lessons(room, day) if timetable else []) if each.start <= now]
    if not lessons:
        return _whole(day, zone)
    if day == now.astimezone(zone).date():
        lessons.reverse()
    running = next((each for each in lessons if now < each.end), None)
    shown = running or next(_held(recording, room, lessons), None)
    if shown is None and not _anything(recording, room, midnight(day, zone), midnight(day + DAY, zone)):
        shown = lessons[0]
    return Period(shown.start, shown.end, zone, shown.name) if shown else _whole(day, zone)


def _held(recording: Recorded, room: str, lessons: Iterable[Lesson]) -> Iterator[Lesson]:
    """Those of which something was recorded."""
    return (each for each in lessons if _anything(recording, room, each.start, each.end))


def _anything(recording: Recorded, room: str, start: datetime, end: datetime) -> bool:
    return next(recording.buckets(room, start, end), None) is not None


def _whole(day: date, zone: tzinfo) -> Period:
    return Period(midnight(day, zone), midnight(day + DAY, zone), zone)


def _unknown(name: str) -> ConfigError:
    return ConfigError(
        Sentence("This day has no lesson called {name}", {"name": printable(name)}), Sentence("choose one of the list")
    )


def newest_lesson(recording: Recorded, room: str, timetable: Timetable | None, zone: tzinfo, now: datetime) -> Period:
    """What a page shows first: the lesson that goes on, else the last that was recorded; or the day."""
    if timetable and (running := timetable.at(room, now)):
        return Period(running.start, running.end, zone, running.name)
    newest = min(recording.newest(room) or now, now)
    day = (newest - timedelta(seconds=1)).astimezone(zone).date()
    lessons = [each for each in (timetable.lessons(room, day) if timetable else []) if each.start < newest]
    shown = next(_held(recording, room, reversed(lessons)), None)
    return Period(shown.start, shown.end, zone, shown.name) if shown else _whole(day, zone)


def neighbours(room: str, lesson: Period, timetable: Timetable | None, now: datetime) -> JSON:
    """The lesson before and the one after, also of other days; of the future only what has begun."""
    if timetable is None or not lesson.name:
        day = lesson.start.date()
        tomorrow = day + DAY
        later = {"day": tomorrow.isoformat(), "name": ""} if midnight(tomorrow, lesson.zone) <= now else None
        return {"before": {"day": (day - DAY).isoformat(), "name": ""}, "after": later}
    before = next((each for each in _from(room, lesson, timetable, -1) if each.start < lesson.start), None)
    after = next((each for each in _from(room, lesson, timetable, 1) if each.start > lesson.start), None)
    return {"before": _named(before), "after": _named(after) if after and after.start <= now else None}


def _from(room: str, lesson: Period, timetable: Timetable, direction: int) -> Iterator[Lesson]:
    """The lessons of the day and of those before or after it, nearest first."""
    day = lesson.start.date()
    for number in range(MOST_DAYS):
        yield from timetable.lessons(room, day + direction * number * DAY)[::direction]


def _named(lesson: Lesson | None) -> JSON | None:
    return None if lesson is None else {"day": lesson.start.date().isoformat(), "name": lesson.name}
