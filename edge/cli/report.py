"""`edge report`: a lesson, a day or a week of a room, or all rooms, as a page, a picture or a table."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, time, timezone
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from edge.cli.database_arguments import add_database_arguments, named_database, tell_caveat
from edge.cli.report_output import NO_WINDOW, explained, speak
from edge.cli.school_report import check_school, write_school
from edge.errors import EXIT_OK, ConfigError
from edge.files.whole_file import write_whole
from edge.recording.recorded import Recorded
from edge.recording.rollups import bucket_of
from edge.recording.stores import make_reader
from edge.reporting.csv import left_out, write_csv
from edge.reporting.period import Period, lesson_period, no_lesson_between, period, time_zone
from edge.text import counted, listed, printable
from edge.timing.timetable import Lesson, Timetable

if TYPE_CHECKING:
    from edge.reporting.map_data import MapData
    from edge.reporting.report_data import ReportData

EXAMPLES = """examples:
  edge report --database school.sqlite                                      the newest day of the only device
  edge report --database school.sqlite --device room-1 --day 2026-11-20 --from 08:00 --to 08:45
  edge report --database school.sqlite --device room-1 --week 2026-W47 --output week.png
  edge report --database school.sqlite --device room-1 --day 2026-11-20 --output day.html --output day.csv
  edge report --database school.sqlite --device room-1 --day 2026-11-20 --timetable timetable.yaml --lesson "2nd period"
  edge report --database school.sqlite --device room-1 --day 2026-11-20 --timetable timetable.yaml --list-lessons
  edge report --database school.sqlite --school --week 2026-W47 --timetable timetable.yaml --language de
  edge report --database school.sqlite --school --day 2026-11-20 --timetable timetable.yaml --lesson "2nd period"
  edge report --database school.sqlite --school --term 2026-09-07 2026-12-18 --output term.html --output term.csv
  edge report --database postgresql://edge_reader@db/edge --school-name north --device room-1

The ending of --output chooses: .html is one page without scripts that needs nothing from anywhere, .png a picture,
.csv every window (of --school every cell) as a line. docs/record.md: how to read them, and how to write a timetable.
"""

ENDINGS = (".html", ".png", ".csv")
MOST_NAMED = 20  # devices in an error


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_database_arguments(parser, "--school-name", "recording of `edge record`")
    parser.add_argument("--device", metavar="NAME", help="default: the only one there is")
    parser.add_argument("--day", metavar="2026-11-20", help="default: the newest that was recorded")
    parser.add_argument("--week", metavar="2026-W47", help="Monday to Sunday")
    parser.add_argument("--school", action="store_true", help="all rooms: of a day, a week, a term or a lesson")
    parser.add_argument(
        "--term", nargs=2, metavar=("FIRST", "LAST"), help="with --school: its weeks, by the first and the last day"
    )
    parser.add_argument("--from", dest="begin", metavar="TIME", help="08:00 of that day, or 2026-11-20T08:00")
    parser.add_argument("--to", dest="end", metavar="TIME", help="the same")
    parser.add_argument("--timetable", type=Path, metavar="FILE", help="when lessons are; its time zone is used")
    parser.add_argument("--lesson", metavar="NAME", help="a lesson of that day, as --timetable names it")
    parser.add_argument("--list-lessons", action="store_true", help="show the lessons of that day, and write no report")
    parser.add_argument("--language", metavar="de", help="of page and picture (default: that of LANG, else English)")
    parser.add_argument("--zone", metavar="Europe/Vienna", help="time zone of all times (default: this machine's)")
    parser.add_argument(
        "--output",
        type=_output,
        action="append",
        metavar="FILE",
        help="name.html, name.png or name.csv; repeatable (default: the device and day as .html, in this folder)",
    )


def main(args: argparse.Namespace) -> int:
    """Write what was asked for."""
    now = datetime.now(timezone.utc)
    timetable = _timetable(args)
    zone = timetable.zone if timetable else time_zone(args.zone)
    recording = make_reader(named_database(args, default_school=True))
    try:
        recording.start()
        tell_caveat(recording)
        devices = recording.devices()
        if timetable and (apart := no_lesson_between(timetable, devices.values(), now)):
            print(f"edge: {args.timetable}: {apart}: no lesson of this timetable is in it", file=sys.stderr)
        if args.school:
            write_school(args, recording, devices, timetable, zone, now)
            return EXIT_OK
        device = _device(devices, args.device, args.database)
        asked = period(zone, devices[device][1], day=args.day, week=args.week, begin=args.begin, end=args.end)
        if timetable and args.list_lessons:
            _list_lessons(recording, timetable, device, asked)
            return EXIT_OK
        if timetable and args.lesson:
            asked = lesson_period(timetable, device, asked.start.date(), args.lesson)
        read = reader(recording, device, asked, now, timetable)
        for path in args.output or [Path(f"{_slug(device)}-{asked.slug}.html")]:
            table = path.suffix.lower() == ".csv"
            with explained(path):
                if table:
                    wrote = counted(write_csv(recording, device, asked.start, asked.end, path), "window")
                else:
                    wrote = _write(path, read, now, args.language)
            print(f"{path}: {printable(device)}, {asked}, {wrote}")
            if table:
                _tell_left_out(recording, device, asked, path)
    finally:
        recording.stop()
    return EXIT_OK


def _timetable(args: argparse.Namespace) -> Timetable | None:
    """The timetable that is asked for, if any. Raises ConfigError for options that do not go together."""
    if args.term and not args.school:
        raise ConfigError("--term is about all rooms", "add --school")
    if args.school:
        check_school(args)
    if not (args.lesson or args.list_lessons or args.timetable):
        return None
    if not args.timetable:
        raise ConfigError("no timetable", "name one with --timetable; docs/timetable.yaml is an example")
    if args.zone:
        raise ConfigError("the timetable has a time zone of its own", "leave out --zone")
    if args.school or (args.week and not (args.lesson or args.list_lessons)):
        return Timetable.read(args.timetable)
    if not (args.lesson or args.list_lessons):
        raise ConfigError("--timetable alone names no lesson", "add --lesson NAME, --list-lessons, --week or --school")
    if args.week or args.begin or args.end:
        raise ConfigError("a lesson is of one day", "leave out --week, --from and --to")
    return Timetable.read(args.timetable)


def _list_lessons(recording: Recorded, timetable: Timetable, device: str, day: Period) -> None:
    lessons = timetable.lessons(device, day.start.date())
    holiday = timetable.holiday(day.start.date())
    if not lessons:
        reason = f" ({holiday.name or 'a holiday'})" if holiday else ""
        print(f"{printable(device)}, {day}: no lessons{reason}")
    for each in lessons:
        print(f"{each.start:%H:%M} to {each.end:%H:%M}  {each.name}: {_held(recording, device, each)}")


def _held(recording: Recorded, device: str, lesson: Lesson) -> str:
    """How much there is of a lesson."""
    if windows := sum(1 for _ in recording.rows(device, lesson.start, lesson.end)):
        return counted(windows, "window")
    if next(recording.buckets(device, bucket_of(lesson.start), lesson.end), None):
        return "only the sums of five minutes are kept"
    if recording.kept_days(device, lesson.start, lesson.end):
        return "only the sums of the day are kept"
    return "nothing recorded"


def reader(
    recording: Recorded, device: str, asked: Period, now: datetime, timetable: Timetable | None
) -> Callable[[], tuple[ReportData, MapData | None]]:
    """What reads a report once, when it is first asked for: all pages and pictures of it tell the same."""

    @cache
    def read() -> tuple[ReportData, MapData | None]:
        # Only here: a recorder without pictures, or a .csv, must not need it.
        from edge.reporting.lesson_report import compare_with_earlier  # noqa: PLC0415
        from edge.reporting.report_data import read_report  # noqa: PLC0415
        from edge.reporting.school_data import School  # noqa: PLC0415

        told = read_report(recording, device, asked, now)
        if timetable and asked.name:
            lesson = Lesson(asked.name, asked.start, asked.end)
            told = replace(told, earlier=compare_with_earlier(recording, told, timetable, lesson, now))
        if asked.single or (asked.start.time(), asked.end.time()) != (time(), time()):
            return told, None
        rooms = School(recording, [device], timetable, asked.zone, now)
        return told, rooms.week(device, asked.start.date(), (asked.end.date() - asked.start.date()).days)

    return read


def _write(
    path: Path, read: Callable[[], tuple[ReportData, MapData | None]], now: datetime, language: str | None
) -> str:
    words = speak(language)
    # Only here: a recorder without pictures, or a .csv, must not need it.
    from edge.reporting.charts import set_up  # noqa: PLC0415
    from edge.reporting.html import page  # noqa: PLC0415
    from edge.reporting.png import poster  # noqa: PLC0415

    set_up()
    told, data = read()
    if path.suffix.lower() == ".png":
        poster(told, path, now, words, data)
    else:
        write_whole(path, page(told, now, words, data))
    return counted(told.totals.windows, "window")


def _tell_left_out(recording: Recorded, device: str, asked: Period, path: Path) -> None:
    """A table of windows seems to have all that is known of a time."""
    found = left_out(recording, device, asked.start, asked.end)
    if found.windows:
        number = f"{'' if found.exact else 'up to '}{found.windows:,} window{'s' * (found.windows != 1)}"
        page = printable(path.with_suffix(".html").name)
        print(
            f"edge: {path} lacks {number} of which only the sums of five minutes are kept: "
            f"--output {page} has these sums",
            file=sys.stderr,
        )
    if found.days:
        days = listed([f"{day}" for day in found.days], MOST_NAMED)
        print(
            f"edge: {path} lacks what is only kept as sums of whole days (UTC), {days}: "
            "edge report --school --term FIRST LAST adds these up by weeks",
            file=sys.stderr,
        )


def _device(devices: dict[str, tuple[datetime, datetime]], name: str | None, path: object) -> str:
    if not devices:
        raise ConfigError(f"{path} holds no window", NO_WINDOW)
    known = listed([printable(each) for each in devices], MOST_NAMED)
    if name is None and len(devices) > 1:
        raise ConfigError(f"{path} holds {len(devices)} devices", f"name one with --device: {known}")
    if name is not None and name not in devices:
        raise ConfigError(f"{path} has no window of {printable(name)!r}", f"it has: {known}")
    return name or next(iter(devices))


def _slug(name: str) -> str:
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in name).lstrip(".") or "report"


def _output(text: str) -> Path:
    path = Path(text)
    if path.suffix.lower() not in ENDINGS:
        raise argparse.ArgumentTypeError(f"{text!r} must end in {', '.join(ENDINGS)}")
    return path
