"""`edge delete`: a room, a day or a lesson out of a recording, on request, and what was deleted when and by whom."""

from __future__ import annotations

import argparse
import os
import pwd
import sys
from datetime import datetime, timezone
from pathlib import Path

from edge.cli.database_arguments import add_database_arguments, named_database
from edge.errors import EXIT_FAILED, EXIT_OK, ConfigError
from edge.files.left_journal import left_journals
from edge.recording.daily_rollups import DAY
from edge.recording.deletion_requests import APART
from edge.recording.stores import Target, make_eraser
from edge.recording.window_eraser import Affected, Deletion, counts_from
from edge.reporting.period import Period, lesson_period, period, time_zone
from edge.text import counted, listed, printable
from edge.timing.clock import clock_synced
from edge.timing.timetable import Timetable

EXAMPLES = """examples:
  edge delete --database school.sqlite --device room-1 --day 2026-11-20
  edge delete --database school.sqlite --device room-1 --day 2026-11-20 --from 08:00 --to 08:45
  edge delete --database school.sqlite --device room-1 --day 2026-11-20 --timetable timetable.yaml --lesson "2nd period"
  edge delete --database school.sqlite --device room-1                    everything of the room
  edge delete --database school.sqlite --all-rooms --day 2026-11-20 --yes
  edge delete --database school.sqlite --list                             what was deleted, by whom and when
  edge delete --database postgresql://edge_recorder@db/edge --school north --device room-1 --day 2026-11-20

Also while edge record writes. Windows, what they were added up to, and states are deleted, and what still comes of
that time is not recorded. Files that edge report wrote, and copies of the recording, are yours to delete.
"""

LONGEST_NAME = 100  # characters
MOST_TOLD = 10  # sums that go as a whole


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_database_arguments(parser, "--school", "recording of `edge record`")
    rooms = parser.add_mutually_exclusive_group(required=True)
    rooms.add_argument("--device", metavar="NAME", help="of this room")
    rooms.add_argument("--all-rooms", action="store_true", help="of every room")
    rooms.add_argument("--list", action="store_true", help="show what was deleted, and delete nothing")
    parser.add_argument("--day", metavar="2026-11-20", help="of this day (without a time: everything)")
    parser.add_argument("--week", metavar="2026-W47", help="of this week, Monday to Sunday")
    parser.add_argument("--from", dest="begin", metavar="TIME", help="08:00 of the --day, or 2026-11-20T08:00")
    parser.add_argument("--to", dest="end", metavar="TIME", help="the same")
    parser.add_argument("--timetable", type=Path, metavar="FILE", help="when lessons are; its time zone is used")
    parser.add_argument("--lesson", metavar="NAME", help="a lesson of the --day, as --timetable names it")
    parser.add_argument("--zone", metavar="Europe/Vienna", help="time zone of all times (default: this machine's)")
    parser.add_argument("--by", metavar="NAME", help="who asked for it, for the list (default: your account)")
    parser.add_argument("--yes", action="store_true", help="do not ask")


def main(args: argparse.Namespace) -> int:
    """Delete what was asked for, once that was confirmed."""
    asked = None if args.list else _asked(args)
    target = named_database(args)
    eraser = make_eraser(target)
    try:
        eraser.start()
        if args.list:
            _print_list(list(eraser.deletions()), args.zone)
            return EXIT_OK
        if args.device is not None and args.device not in eraser.devices():
            raise ConfigError(
                f"{args.database} has nothing of {printable(args.device)!r}",
                f"it has: {', '.join(printable(name) for name in eraser.devices()[:20]) or 'no device'}",
            )
        start, end = (asked.start, asked.end) if asked else (None, None)
        what = f"{printable(args.device) if args.device else 'all rooms'}, {asked or 'everything'}"
        now = datetime.now(timezone.utc)
        there = eraser.count(args.device, start, end)
        since = counts_from(end, eraser.last_arrival(), there.newest, now, synced=clock_synced())
        if start is not None and start >= since + DAY:
            raise ConfigError(f"{what}: lies in the future", "is this computer's clock behind? Set it")
        if abs(since - now) > APART:
            print(f"edge: {_doubted(since, now)}", file=sys.stderr)
        end = _at_most_a_day_ahead(end, since)
        if there.whole:
            print(f"edge: {_whole(there, 'this goes')}", file=sys.stderr)
        if not _confirmed(args, f"{counted(there.windows, 'window')}{_summed(there, 'are')}: {what}"):
            print("nothing was deleted")
            return EXIT_FAILED
        by = printable(args.by, LONGEST_NAME) if args.by else _account()
        waited = datetime.now(timezone.utc) - now  # for an answer
        windows, gone = eraser.delete(args.device, start, end, by, now + waited, since + waited)
        print(f"deleted {counted(windows, 'window')}{_summed(there, 'were')}: {what}")
        if there.whole:
            print(f"edge: {_whole(there, 'this went')}", file=sys.stderr)
        if not gone:
            print(f"edge: {_left(target)}", file=sys.stderr)
        for each in left_journals(target) if isinstance(target, Path) else ():
            print(f"edge: {each} may have some of it: delete it when it is of no use any more", file=sys.stderr)
    finally:
        eraser.stop()
    return EXIT_OK


def _doubted(last: datetime, now: datetime) -> str:
    """Why a request counts as of another time than that of our clock."""
    if last > now:
        return (
            f"this computer's clock ({now.astimezone():%Y-%m-%d %H:%M}) is behind what was recorded. So the request "
            f"counts as of {last.astimezone():%Y-%m-%d %H:%M}"
        )
    return (
        f"this computer's clock is {(now - last).days} days ahead of what was recorded last, and nothing says that it "
        f"is set. So the request counts as of {last.astimezone():%Y-%m-%d %H:%M}: all that is there goes, and what was "
        "measured later is recorded when it comes"
    )


def _at_most_a_day_ahead(end: datetime | None, since: datetime) -> datetime | None:
    """The end of a time: what a room last said in it is kept as said then, and would come after what it says later."""
    if end is None or end <= since + DAY:
        return end
    end = since + DAY
    print(
        f"edge: what is measured from {end.astimezone():%Y-%m-%d %H:%M} on is recorded: a deletion reaches no farther "
        "than a day ahead. Ask again when that time is over",
        file=sys.stderr,
    )
    return end


def _summed(there: Affected, are: str) -> str:
    return f" ({there.summed:,} of them {are} there only in sums)" if there.summed else ""


def _whole(there: Affected, goes: str) -> str:
    """What cannot be divided, and so is deleted with what lies outside of the time."""
    told = listed([_span(*each) for each in there.whole], MOST_TOLD)
    return f"only sums are kept, and cannot be divided: {goes} as a whole, also what is outside of that time: {told}"


def _span(start: datetime, end: datetime) -> str:
    """Five minutes, or a day, both of UTC."""
    return f"{start:%Y-%m-%d} (UTC)" if end - start == DAY else f"{start:%Y-%m-%d %H:%M} to {end:%H:%M} (UTC)"


def _left(target: Target) -> str:
    """What may still have some of it."""
    if isinstance(target, Path):
        return f"some of it stays in {target}-wal until the programs that read the file now are ended"
    return "the server's files, log and backups have some of it until they are overwritten: docs/district.md"


def _asked(args: argparse.Namespace) -> Period | None:
    """The time that is meant; None: all of it. Raises ConfigError where it is not said which day."""
    if not (args.day or args.week or args.begin or args.end or args.lesson):
        return None
    if not (args.day or args.week or args.lesson) and not all(each and "T" in each for each in (args.begin, args.end)):
        raise ConfigError(
            "it is not said which day is meant", "add --day 2026-11-20, or write --from and --to as 2026-11-20T08:00"
        )
    now = datetime.now(timezone.utc)
    if args.lesson:
        if not (args.timetable and args.device and args.day) or args.begin or args.end or args.week or args.zone:
            raise ConfigError("--lesson needs --device, --day and --timetable", "and no other time")
        timetable = Timetable.read(args.timetable)
        day = period(timetable.zone, now, day=args.day, week=None, begin=None, end=None).start.date()
        return lesson_period(timetable, args.device, day, args.lesson)
    return period(time_zone(args.zone), now, day=args.day, week=args.week, begin=args.begin, end=args.end)


def _confirmed(args: argparse.Namespace, what: str) -> bool:
    if args.yes:
        return True
    if not sys.stdin.isatty():
        raise ConfigError(f"{what} would be deleted for good", "confirm it with --yes")
    return input(f"delete {what}? This cannot be undone [y/N] ").strip().lower() in ("y", "yes")


def _account() -> str:
    """Who started us, also through sudo: the record has to name a person where it can."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        name = f"user {os.getuid()}"
    behind = os.environ.get("SUDO_USER")
    return f"{name}, for {printable(behind, LONGEST_NAME)}" if behind else name


def _print_list(deletions: list[Deletion], zone_name: str | None) -> None:
    zone = time_zone(zone_name)
    if not deletions:
        print("nothing has been deleted on request so far")
    for each in deletions:
        span = f"{each.start.astimezone(zone):%Y-%m-%d %H:%M}" if each.start else "the first"
        span += f" to {each.end.astimezone(zone):%Y-%m-%d %H:%M}" if each.end else " to the last"
        room = printable(each.device) if each.device else "all rooms"
        note = "" if each.finished else "; INTERRUPTED, delete it again"
        print(
            f"{each.asked.astimezone(zone):%Y-%m-%d %H:%M}  {room}, {span}: {counted(each.windows, 'window')}, by "
            f"{printable(each.by, LONGEST_NAME)}{note}"
        )
