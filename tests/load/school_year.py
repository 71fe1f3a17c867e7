"""Forty rooms over a school year, in one file: how long a lesson, a week and a term take to be read, in which memory.

python -m tests.load.school_year                 40 rooms, 190 days of six hours: 16 million windows, 16 GB
python -m tests.load.school_year --days 19       a tenth
python -m tests.load.school_year --folder /mnt/disk --keep

Made-up windows go straight into the tables, as the recorder would have left them. A process of its own asks each
question, with the reader that reports use. Exit status 1 when an answer takes longer than it may, or over 200 MB.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

from edge.contract.timestamps import format_timestamp
from edge.languages.words import Words
from edge.recording.database import Database
from edge.recording.reader import Recording
from edge.recording.rollups import STORE_ROLLUP, Bucket
from edge.recording.window_record import WindowRecord
from edge.recording.window_row import INSERT_WINDOW, window_row
from edge.reporting.model_sums import ModelSums
from edge.reporting.school_data import School
from edge.reporting.totals import add_up, totals_of
from edge.web.dashboard.map_answer import map_answer
from tests.load.made_up_windows import (
    EACH_DAY,
    EPOCH,
    FIRST,
    HOURS,
    LENGTH,
    SECONDS,
    moved,
    pattern_of,
    patterns,
    roll_ups_of_first_day,
    school_days,
)

ROOMS, DAYS = 40, 190
WEEKS = 13  # of a term
BYTES = 1150  # on the disk for each window, with its share of the roll-up
MEMORY_MB = 200
QUESTIONS = {"lesson": 0.3, "week": 1.0, "term": 5.0, "week map": 1.0, "day map": 5.0, "days map": 5.0, "term map": 5.0}
"""Seconds; the maps are those of pages and reports: a room's week, and of all rooms a day, a week and a term."""


def generate(path: Path, days: int, rooms: int) -> int:
    """Make the file; returns how many windows it has."""
    database = Database(path, "classroom")
    database.start()
    database.stop()
    file = sqlite3.connect(path, isolation_level=None)
    file.execute("PRAGMA synchronous=OFF")
    file.execute("PRAGMA journal_mode=OFF")
    rows = [list(window_row(window, "", "edge.window/2")) for window in patterns()]
    records = [WindowRecord.of(window) for window in patterns()]
    names = [f"room-{number:02}" for number in range(1, rooms + 1)]
    file.execute("INSERT INTO series VALUES (1, ?, ?, ?, ?)", records[0].series or ())
    count, began = 0, time.monotonic()
    first_day = [roll_ups_of_first_day(records, number) for number in range(rooms)]
    for day, start in enumerate(school_days(days)):
        file.execute("BEGIN")
        # In the order of arrival: forty rooms side by side.
        file.executemany(INSERT_WINDOW, _windows(start, day, rows, names))
        file.executemany(
            STORE_ROLLUP,
            (
                _row(moved(bucket, start, day), name)
                for name, each in zip(names, first_day, strict=True)
                for bucket in each
            ),
        )
        file.execute("COMMIT")
        count += EACH_DAY * rooms
        if day % 10 == 9:
            print(f"{count:,} windows after {time.monotonic() - began:.0f} s", flush=True)
    file.close()
    database.start()
    while database.add_up_days(FIRST + timedelta(days=1000)):
        pass
    database.stop()
    return count


def _windows(start: datetime, day: int, rows: list[list[object]], names: list[str]) -> Iterator[list[object]]:
    for number in range(EACH_DAY):
        begin = start + number * LENGTH
        begins, ends = format_timestamp(begin), format_timestamp(begin + LENGTH)
        for room, name in enumerate(names):
            row = rows[pattern_of(number, room)]
            yield [name, EPOCH, day * EACH_DAY + number + 1, begins, ends, row[5], ends, *row[7:]]


def _row(bucket: Bucket, name: str) -> tuple[object, ...]:
    since = format_timestamp(bucket.since)
    return name, since, 1, since, *bucket.to_row()


def answer(path: Path, question: str, number: int) -> dict[str, float]:
    """Ask a question of the file, and say what it took."""
    began, spent = time.monotonic(), time.process_time()
    recording = Recording(path)
    recording.start()
    devices = recording.devices()
    dice = random.Random(number)  # noqa: S311
    device = dice.choice(list(devices))
    first, last = devices[device]
    weeks = max(1, (last - first) // timedelta(weeks=1))
    monday = first + timedelta(weeks=dice.randrange(weeks))
    if question == "lesson":
        start = monday + timedelta(days=dice.randrange(5), minutes=45 * dice.randrange(7))
        count = add_up(recording.windows(device, start, start + timedelta(minutes=45))).windows
    elif question == "week":
        count = add_up(recording.buckets(device, monday, monday + timedelta(days=7))).windows
    elif question.endswith(" map"):
        school = School(recording, list(devices), None, timezone.utc, last)
        day = monday.date()
        data = {
            "week map": lambda: school.week(device, day), "day map": lambda: school.day(day),
            "days map": lambda: school.days(day),
            "term map": lambda: school.term(first.date(), (first + (WEEKS - 1) * timedelta(weeks=1)).date()),
        }[question]()  # fmt: skip
        json.dumps(map_answer(data, Words(), lessons=True))
        count = sum(each.totals.windows for each in data.sums)
    else:
        # Room by room, and of each room week by week: what a head reads.
        count = 0
        for name in devices:
            sums: dict[int, ModelSums] = {}
            for bucket in recording.days(name, first, first + timedelta(weeks=WEEKS)):
                sums.setdefault((bucket.since - first) // timedelta(weeks=1), ModelSums()).add(bucket)
            count += sum(totals_of(each).windows for each in sums.values())
    recording.stop()
    took = time.monotonic() - began
    cpu = time.process_time() - spent
    return {
        "seconds": took,
        "cpu": cpu,
        "windows": count,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def ask(path: Path, question: str, number: int) -> dict[str, float]:
    """The same in a process of its own."""
    command = [sys.executable, "-m", "tests.load.school_year", "--ask", question, "--number", str(number), str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def measure(path: Path) -> bool:
    """Ask each question several times, print a table; whether all is as quick and as lean as it must be."""
    good = True
    print("question       windows  median s  longest s   CPU s  allowed s  memory MB")
    for question, allowed in QUESTIONS.items():
        answers = [ask(path, question, number) for number in range(3 if "term" in question else 15)]
        took = sorted(each["seconds"] for each in answers)
        memory, cpu = (max(each[name] for each in answers) for name in ("memory", "cpu"))
        windows = max(each["windows"] for each in answers)
        good &= took[-1] <= allowed and memory <= MEMORY_MB
        times = f"{took[len(took) // 2]:>10.3f}{took[-1]:>11.3f}{cpu:>8.3f}{allowed:>11.1f}"
        print(f"{question:<10}{windows:>12,.0f}{times}{memory:>11.0f}")
    return good


def main() -> int:
    """Generate, measure, delete."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=DAYS, help=f"school days (default: {DAYS})")
    parser.add_argument("--rooms", type=int, default=ROOMS, help=f"rooms (default: {ROOMS})")
    parser.add_argument("--folder", type=Path, help="where the file is made (default: the folder for temporary files)")
    parser.add_argument("--keep", action="store_true", help="do not delete the file")
    parser.add_argument("--ask", choices=list(QUESTIONS), help=argparse.SUPPRESS)
    parser.add_argument("--number", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("path", type=Path, nargs="?", help="measure this file, and make none")
    args = parser.parse_args()
    if args.ask:
        print(json.dumps(answer(args.path, args.ask, args.number)))
        return 0
    if args.path:
        return int(not measure(args.path))
    needed = args.days * args.rooms * HOURS * 3600 // SECONDS * BYTES
    folder = Path(tempfile.mkdtemp(dir=args.folder))
    try:
        if shutil.disk_usage(folder).free < 1.3 * needed:
            print(
                f"{folder} has too little room: {needed / 1e9:.0f} GB are needed; give another --folder or fewer --days"
            )
            return 1
        path = folder / "school.sqlite"
        began = time.monotonic()
        count = generate(path, args.days, args.rooms)
        size = path.stat().st_size
        took = time.monotonic() - began
        print(f"{count:,} windows in {size / 1e9:.2f} GB ({size / count:.0f} bytes each), {took:.0f} s")
        return int(not measure(path))
    finally:
        if not args.keep:
            shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main())
