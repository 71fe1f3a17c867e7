"""`edge report --school`: all rooms of a day, a week, a term or a lesson."""

from __future__ import annotations

import argparse
import sys
from datetime import date, datetime, timedelta, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING

from edge.cli.report_output import NO_WINDOW, explained, speak
from edge.errors import ConfigError
from edge.files.whole_file import write_whole
from edge.recording.recorded import Recorded
from edge.recording.window_row import DamagedError
from edge.reporting.period import day_named, lesson_period, newest_of, period
from edge.text import counted, listed, printable
from edge.timing.timetable import Timetable

if TYPE_CHECKING:
    from edge.reporting.map_data import MapData
    from edge.reporting.school_lesson import SchoolLesson

MOST_TOLD = 10  # days


def check_school(args: argparse.Namespace) -> None:
    """Raises ConfigError for options that do not go together."""
    if args.device or args.list_lessons or args.begin or args.end:
        raise ConfigError(
            "--school is about all rooms, and whole days or a lesson",
            "leave out --device, --list-lessons, --from and --to; or leave out --school and name one room: "
            "--device ROOM",
        )
    if sum(bool(each) for each in (args.day, args.week, args.term)) > 1:
        raise ConfigError("--day, --week and --term exclude one another", "keep one of them")
    if args.lesson and (args.week or args.term):
        raise ConfigError("a lesson is of one day", "leave out --week and --term")
    if args.lesson and any(path.suffix.lower() == ".png" for path in args.output or ()):
        raise ConfigError("there is no picture of a lesson in all rooms", "write .html or .csv; --device ROOM has one")


def write_school(
    args: argparse.Namespace, recording: Recorded, devices: dict[str, tuple[datetime, datetime]],
    timetable: Timetable | None, zone: tzinfo, now: datetime,
) -> None:  # fmt: skip
    """Write what was asked for."""
    if not devices:
        raise ConfigError(f"{args.database} holds no window", NO_WINDOW)
    data, lesson, slug = _read(args, recording, devices, timetable, zone, now)
    if data.damaged:
        problem = f"what was recorded of {', '.join(map(printable, data.damaged))} is damaged"
        if not data.rooms:
            raise DamagedError(problem, "another program changed it")
        print(f"edge: {problem}: left out", file=sys.stderr)
    _tell_what_is_missing(data, devices, zone)
    for path in args.output or [Path(f"school-{slug}.html")]:
        with explained(path):
            if path.suffix.lower() == ".csv":
                from edge.reporting.map_data import maps_of  # noqa: PLC0415
                from edge.reporting.school_csv import school_csv  # noqa: PLC0415

                wrote = counted(school_csv(data, lesson.maps if lesson else maps_of(data), path), "cell")
            else:
                words = speak(args.language)
                from edge.reporting.charts import set_up  # noqa: PLC0415 - a .csv must not need it
                from edge.reporting.school_lesson_page import lesson_page  # noqa: PLC0415
                from edge.reporting.school_report import school_page, school_poster  # noqa: PLC0415

                set_up()
                if path.suffix.lower() == ".png":
                    school_poster(data, path, zone, now, words)
                else:
                    text = lesson_page(lesson, now, words) if lesson else school_page(data, zone, now, words)
                    write_whole(path, text)
                wrote = counted(sum(each.totals.windows for each in data.sums), "window")
        print(f"{path}: {counted(len(data.sums), 'room')}, {slug}, {wrote}")


def _read(
    args: argparse.Namespace, recording: Recorded, devices: dict[str, tuple[datetime, datetime]],
    timetable: Timetable | None, zone: tzinfo, now: datetime,
) -> tuple[MapData, SchoolLesson | None, str]:  # fmt: skip
    """What was asked for, the lesson if it is one, and a word for the name of the file."""
    # Only here: what needs no school must not load it.
    from edge.reporting.school_data import MOST_WEEKS, School  # noqa: PLC0415

    school = School(recording, list(devices), timetable, zone, now, devices)
    if args.term:
        first, last = (day_named(text, "--term") for text in args.term)
        if not timedelta() <= last - first <= MOST_WEEKS * timedelta(weeks=1):
            raise ConfigError(f"--term {first} {last} is no term", f"at most {MOST_WEEKS} weeks, in order")
        return school.term(first, last), None, f"{first}-to-{last}"
    newest = newest_of((end for _, end in devices.values()), now)
    asked = period(zone, newest, day=args.day, week=args.week, begin=None, end=None)
    day = asked.start.date()
    if timetable and args.lesson:
        lesson = _lesson(recording, devices, timetable, day, args.lesson, now)
        return lesson.data, lesson, f"{day}-{lesson.data.start:%H%M}-{lesson.data.end:%H%M}"
    return school.days(day) if args.week else school.day(day), None, asked.slug


def _lesson(
    recording: Recorded, devices: dict[str, tuple[datetime, datetime]], timetable: Timetable, day: date, name: str,
    now: datetime,
) -> SchoolLesson:  # fmt: skip
    """A lesson of all rooms that have it. Raises ConfigError where none has."""
    # Only here: what needs no lesson must not load it.
    from edge.reporting.school_lesson import read_lesson  # noqa: PLC0415

    lessons = {room: found for room in devices if (found := timetable.named(room, day, name))}
    if not lessons:
        lesson_period(timetable, next(iter(devices)), day, name)  # says which there are
    return read_lesson(recording, devices, timetable, lessons, now)


def _tell_what_is_missing(data: MapData, devices: dict[str, tuple[datetime, datetime]], zone: tzinfo) -> None:
    """Days that cannot be divided into hours and lessons. Raises ConfigError where nothing else is there."""
    days = [f"{each}" for each in data.days_only]
    only = f"of these days (UTC) only the sums are kept: {listed(days, MOST_TOLD)}"
    if any(each.totals.windows for each in data.sums):
        if days:
            print(f"edge: {only}. They are left out; --term adds them up by weeks", file=sys.stderr)
        return
    if days:
        raise ConfigError(only, "--term adds them up by weeks")
    ends = min(start for start, _ in devices.values()), max(end for _, end in devices.values())
    first, last = (moment.astimezone(zone).date() for moment in ends)
    raise ConfigError(
        f"nothing was recorded from {data.start:%Y-%m-%d} on in that time",
        f"there are windows from {first} to {last}",
    )
