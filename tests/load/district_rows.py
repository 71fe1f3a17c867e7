"""Ten million windows in PostgreSQL: how long a lesson, a week, and a day of a whole district take to be read.

python -m tests.load.district_rows                    4,000 rooms for a day, 40 of them for 17 days: 10 million, 8 GB
python -m tests.load.district_rows --rooms 40 --days 65          one school's term
python -m tests.load.district_rows --rooms 400 --days 2          a small one
python -m tests.load.district_rows --keep, then --folder THERE   ask again

Windows and roll-ups go straight into the tables, in the order in which a recorder would have put them there; days are
made by the recorder's own code. Each question is asked once with nothing in memory, and several times more. Exit status
1 when an answer takes longer than it may.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

import psycopg

from edge.languages.words import Words
from edge.recording.postgres.address import PostgresAddress
from edge.recording.postgres.partitions import Partitions
from edge.recording.postgres.reader import PostgresRecording
from edge.recording.postgres.store import PostgresStore
from edge.recording.postgres.window_rows import COPIED, STORED, TYPES, to_row
from edge.recording.window_record import Series, WindowRecord
from edge.recording.window_row import COLUMNS, window_row
from edge.reporting.map_data import MapData
from edge.reporting.school_data import School
from edge.reporting.totals import add_up
from edge.web.dashboard.map_answer import map_answer
from tests.load.made_up_windows import (
    EACH_DAY,
    EPOCH,
    LENGTH,
    PATTERNS,
    moved,
    patterns,
    roll_ups_of_first_day,
    school_days,
)
from tests.support.paths import ROOT
from tests.support.postgres import LASTING, PostgresServer

SCHOOL = 40  # rooms of each
WEEKS = 13  # of a term
AGAIN = 15  # times that a question is asked once things are in memory
DAY = timedelta(days=1)
# In the order of arrival: all rooms side by side. Inserted by moments, so that no plan can mend the order.
WINDOWS = f"""
INSERT INTO edge.windows ({STORED}) SELECT {", ".join(f'"{name}"' for name in TYPES)} FROM (
    SELECT room AS device, {
    ", ".join(f'p."{name}"' for name in TYPES if name not in ("device", "start", "end", "received", "seq", "epoch"))
},
    %(start)s::timestamptz AS start, %(end)s::timestamptz AS "end", %(end)s AS received,
    %(seq)s::int4 AS seq, '{EPOCH}' AS epoch
    FROM generate_series(%(first)s::int4, %(last)s::int4) room
    JOIN pattern p ON p.place_in_batch = (%(number)s * 7 + room) %% {PATTERNS}) AS made
"""  # noqa: S608
# What Grafana asks of all schools, while the day goes on: five minutes by five minutes.
DISTRICT_NOW = """
SELECT r.start, sum((r.sums ->> 'windows')::bigint), sum((r.sums ->> 'faces')::numeric) / 1000000,
    sum((r.sums ->> 'frames')::bigint), sum((r.sums -> 'counts' ->> 'happy')::bigint),
    sum((r.sums ->> 'named')::bigint)
FROM edge.rollups r WHERE r.start >= %s AND r.start < %s GROUP BY r.start ORDER BY r.start
"""
# The same of a day that is over, by schools.
DISTRICT_DAY = """
SELECT d.school, sum((r.sums ->> 'windows')::bigint), sum((r.sums ->> 'faces')::numeric) / 1000000,
    sum((r.sums ->> 'frames')::bigint), sum((r.sums -> 'counts' ->> 'happy')::bigint),
    sum((r.sums ->> 'named')::bigint)
FROM edge.daily_rollups r JOIN edge.devices d ON d.id = r.device
WHERE r.day = %s GROUP BY d.school ORDER BY d.school
"""


class District:
    """A database full of schools.

    Args:
        server: Running.
        rooms: Of all schools together, for a day; those of the first school for all days.
        days: School days of the first school.
        school: Rooms of each school; the last may have fewer.
    """

    def __init__(self, server: PostgresServer, rooms: int, days: int, school: int = SCHOOL) -> None:
        self.server = server
        self.rooms = rooms
        self.school = school
        self.days = list(school_days(days))
        self.url = server.url("edge", "edge_recorder")

    @property
    def windows(self) -> int:
        """How many there are."""
        return EACH_DAY * (self.rooms + (len(self.days) - 1) * min(self.school, self.rooms))

    def generate(self) -> None:
        """Make everything."""
        self.server.psql("-f", str(ROOT / "docs/district.sql"))
        for name in self.school_names():  # which makes the tables as well
            with self._store(name):
                pass
        with psycopg.connect(self.url, autocommit=True) as connection:
            self._names(connection)
            Partitions().prepare(connection, self.days, self.days[-1])
            self._patterns(connection)
            records = [WindowRecord.of(window) for window in patterns()]
            places = {room % PATTERNS for room in range(1, self.rooms + 1)}
            buckets = {place: roll_ups_of_first_day(records, place) for place in places}
            for day, start in enumerate(self.days):
                last = self.rooms if day == len(self.days) - 1 else min(self.school, self.rooms)
                began = time.monotonic()
                with connection.transaction():
                    for number in range(EACH_DAY):
                        begin = start + number * LENGTH
                        values = {"start": begin, "end": begin + LENGTH, "seq": day * EACH_DAY + number + 1}
                        connection.execute(WINDOWS, {**values, "number": number, "first": 1, "last": last})
                    made = {place: [moved(bucket, start, day) for bucket in each] for place, each in buckets.items()}
                    with connection.cursor() as cursor, cursor.copy("COPY edge.rollups FROM STDIN") as copy:
                        for number in range(len(made[1 % PATTERNS])):
                            for room in range(1, last + 1):
                                bucket = made[room % PATTERNS][number]
                                copy.write_row((room, bucket.since, 1, bucket.since, *bucket.to_row()))
                    query = "INSERT INTO edge.changed_days SELECT room, %s FROM generate_series(1, %s) room"
                    connection.execute(query, (start.date(), last))
                say(f"day {day + 1}: {EACH_DAY * last:,} windows in {time.monotonic() - began:.0f} s")
            connection.execute("DROP TABLE pattern")
            began = time.monotonic()
            connection.execute("VACUUM ANALYZE")
            say(f"vacuumed in {time.monotonic() - began:.0f} s")
        began = time.process_time()
        for name in self.school_names():
            with self._store(name) as store:
                while store.add_up_days(self.days[-1] + DAY):
                    pass
        per_day = (time.process_time() - began) / (self.rooms + (len(self.days) - 1) * min(self.school, self.rooms))
        say(f"a day of a room made of its five minutes in {1000 * per_day:.1f} ms of a core")
        self.server.sql("VACUUM ANALYZE", database="edge")

    def school_names(self) -> list[str]:
        """In the order of their numbers."""
        return [f"school-{number:03}" for number in range(1, -(-self.rooms // self.school) + 1)]

    @contextlib.contextmanager
    def _store(self, name: str) -> Iterator[PostgresStore]:
        store = PostgresStore(PostgresAddress(self.url, name), "classroom")
        store.start()
        yield store
        store.stop()

    def _names(self, connection: psycopg.Connection) -> None:
        add = "INSERT INTO edge.devices (school, name, windows) SELECT (room - 1) / %s + 1, 'room-' || room, %s "
        connection.execute(f"{add} FROM generate_series(1, %s) room", (self.school, EACH_DAY, self.rooms))
        series = WindowRecord.of(patterns()[0]).series
        assert series is not None
        add = "INSERT INTO edge.series (mode, model_faces, model_emotions, model_pose) VALUES (%s, %s, %s, %s)"
        connection.execute(add, Series(*series))
        connection.execute("INSERT INTO edge.device_series SELECT id, 1 FROM edge.devices")

    def _patterns(self, connection: psycopg.Connection) -> None:
        table = f"CREATE TEMPORARY TABLE pattern AS SELECT {STORED}, 0 AS place_in_batch FROM edge.windows WITH NO DATA"  # noqa: S608
        connection.execute(table)
        with connection.cursor() as cursor, cursor.copy("COPY pattern FROM STDIN") as copy:
            copy.set_types([*COPIED, "int4"])
            for place, window in enumerate(patterns()):
                values = dict(zip(COLUMNS, window_row(window, window.window.end, "edge.window/2"), strict=True))
                copy.write_row((*to_row(values, 0, 1), place))
        connection.execute("ALTER TABLE pattern ADD PRIMARY KEY (place_in_batch)")
        connection.execute("ANALYZE pattern")

    @contextlib.contextmanager
    def recording(self, school: str = "school-001") -> Iterator[PostgresRecording]:
        """A school, open."""
        found = PostgresRecording(PostgresAddress(self.url, school))
        found.start()
        yield found
        found.stop()


class Questions:
    """What is asked, each with dice; the answer is how many windows it has heard of.

    Args:
        district: Of what.
    """

    def __init__(self, district: District) -> None:
        self._district = district
        self._first, self._last = district.days[0], district.days[-1]
        self._rooms = [f"room-{number}" for number in range(1, min(district.school, district.rooms) + 1)]
        self._weeks = max(1, len(district.days) // 5)

    def lesson(self, dice: random.Random) -> int:
        """The windows of 45 minutes of any room, on the day of all rooms."""
        number = dice.randrange(self._district.rooms)
        start = self._last + timedelta(minutes=45 * dice.randrange(7))
        with self._district.recording(self._district.school_names()[number // self._district.school]) as recording:
            return add_up(recording.windows(f"room-{number + 1}", start, start + timedelta(minutes=45))).windows

    def week(self, dice: random.Random) -> int:
        """What five minutes by five minutes of a room add up to."""
        start = self._first + timedelta(weeks=dice.randrange(self._weeks))
        with self._district.recording() as recording:
            return add_up(recording.buckets(dice.choice(self._rooms), start, start + timedelta(weeks=1))).windows

    def week_map(self, dice: random.Random) -> int:
        """As the dashboard shows it."""
        return self._map(dice, lambda school, day: school.week(dice.choice(self._rooms), day))

    def day_map(self, dice: random.Random) -> int:
        """The same of a school's day."""
        return self._map(dice, lambda school, day: school.day(day))

    def days_map(self, dice: random.Random) -> int:
        """Of its week."""
        return self._map(dice, lambda school, day: school.days(day))

    def term_map(self, dice: random.Random) -> int:
        """Of its term."""
        first = self._first
        return self._map(
            dice, lambda school, _: school.term(first.date(), (first + (WEEKS - 1) * timedelta(weeks=1)).date())
        )

    def _map(self, dice: random.Random, make: Callable[[School, date], MapData]) -> int:
        with self._district.recording() as recording:
            school = School(recording, list(recording.devices()), None, timezone.utc, self._last + DAY)
            data = make(school, self._first.date() + timedelta(weeks=dice.randrange(self._weeks)))
            json.dumps(map_answer(data, Words(), lessons=True))
            return sum(each.totals.windows for each in data.sums)

    def district_now(self, _: random.Random) -> int:
        """As Grafana shows the day that goes on."""
        return self._asked(DISTRICT_NOW, (midnight(self._last), midnight(self._last) + DAY))

    def district_day(self, _: random.Random) -> int:
        """As Grafana shows a day that is over."""
        return self._asked(DISTRICT_DAY, (self._last.date(),))

    def every_school(self, _: random.Random) -> int:
        """The same by what reports read with, school by school."""
        found, day = 0, midnight(self._last)
        for name in self._district.school_names():
            with self._district.recording(name) as recording:
                for room in recording.names():
                    found += sum(bucket.sums.windows for bucket in recording.days(room, day, day + DAY))
        return found

    def _asked(self, query: str, values: tuple[object, ...]) -> int:
        with psycopg.connect(self._district.url) as connection:
            return sum(int(row[1]) for row in connection.execute(query, values))


QUESTIONS: dict[str, tuple[float, Callable[[Questions, random.Random], int]]] = {
    "lesson of a room": (0.1, Questions.lesson), "week of a room": (0.3, Questions.week),
    "week map of a room": (0.3, Questions.week_map), "day map of a school": (2.0, Questions.day_map),
    "days map of a school": (5.0, Questions.days_map), "term map of a school": (5.0, Questions.term_map),
    "district, five minutes": (2.0, Questions.district_now), "district, day by schools": (2.0, Questions.district_day),
    "every school, room by room": (10.0, Questions.every_school),
}  # fmt: skip
"""With the seconds that each may take."""


def measure(district: District, only: str | None) -> bool:
    """Ask everything, print a table; whether all was quick enough."""
    good, questions = True, Questions(district)
    print("question                      windows  cold s  median s  longest s  allowed s  CPU s of reader")
    for name, (allowed, ask) in QUESTIONS.items():
        if only and only not in name:
            continue
        forget(district.server)
        times, spent = [], 0.0
        for number in range(AGAIN if allowed < 3 else 4):
            began, used = time.monotonic(), time.process_time()
            windows = ask(questions, random.Random(number))  # noqa: S311
            times.append(time.monotonic() - began)
            spent += time.process_time() - used
        cold, warm = times[0], sorted(times[1:])
        good &= warm[-1] <= allowed
        line = f"{cold:8.3f}{warm[len(warm) // 2]:10.3f}{warm[-1]:11.3f}{allowed:11.1f}{spent / len(times):17.3f}"
        print(f"{name:<28}{windows:>9,}{line}", flush=True)
    return good


def forget(server: PostgresServer) -> None:
    """Have nothing of the database in memory, neither the server's nor the system's."""
    server.stop()
    os.sync()
    for path in (server.folder / "data").rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    server.start()


def sizes(district: District) -> None:
    """Print what the tables take, for each window."""
    query = """
        SELECT CASE WHEN relname LIKE 'windows%' THEN 'windows' ELSE relname END, sum(pg_relation_size(c.oid)),
            sum(pg_indexes_size(c.oid)) FROM pg_class c
        WHERE relnamespace = 'edge'::regnamespace AND relkind = 'r' GROUP BY 1 HAVING sum(pg_relation_size(c.oid)) > 0
        ORDER BY 2 DESC LIMIT 3"""
    for line in district.server.sql(query, database="edge").splitlines():
        name, table, indexes = line.split("|")
        per_window = (int(table) / district.windows, int(indexes) / district.windows)
        print(f"{name}: {int(table) / 1e6:,.0f} MB and {int(indexes) / 1e6:,.0f} MB of indexes; for each window "
              f"{per_window[0]:.0f} and {per_window[1]:.0f} bytes")  # fmt: skip


def midnight(moment: datetime) -> datetime:
    """When its day begins."""
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def say(text: str) -> None:
    """Print it now."""
    print(text, flush=True)


def main() -> int:
    """Generate, measure, delete."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rooms", type=int, default=4000, help="of all schools (default: %(default)s)")
    parser.add_argument("--days", type=int, default=17, help="of the first school (default: %(default)s)")
    parser.add_argument("--folder", type=Path, help="a database that was kept, made with the same numbers")
    parser.add_argument("--keep", action="store_true", help="do not delete it")
    parser.add_argument("--only", metavar="WORD", help="questions with this word")
    args = parser.parse_args()
    server = PostgresServer(args.folder, LASTING) if args.folder else PostgresServer.made(LASTING)
    try:
        server.start()
        district = District(server, args.rooms, args.days)
        if not args.folder:
            if shutil.disk_usage(server.folder).free < 1000 * district.windows:
                print(f"{server.folder} has too little room: give fewer --rooms or --days")
                return 1
            say(f"{district.windows:,} windows in {server.folder}")
            district.generate()
        sizes(district)
        return int(not measure(district, args.only))
    finally:
        if args.keep or args.folder:
            server.stop()
        else:
            server.remove()


if __name__ == "__main__":
    sys.exit(main())
