"""What is recorded of a school in PostgreSQL, as `edge.recording.reader` has it of a file."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any, TypeVar

import psycopg
from psycopg import errors

from edge.contract.timestamps import format_timestamp
from edge.errors import EdgeError
from edge.recording.allowance import MOST_DEVICES
from edge.recording.daily_rollups import DAY, MOST_ROWS
from edge.recording.deletion_requests import Request
from edge.recording.five_minutes import overlaps
from edge.recording.places import MOST, Place
from edge.recording.postgres.address import PostgresAddress
from edge.recording.postgres.connection import connect, explained
from edge.recording.postgres.deletion_requests import requests_of
from edge.recording.postgres.kept_days import KEPT
from edge.recording.postgres.names import find_school, recorded_devices
from edge.recording.postgres.window_rows import BETWEEN, After, compacted, to_columns
from edge.recording.reader import (
    MOST_CHANGES,
    MOST_DELETED,
    Deleted,
    StateChange,
    WindowsOfDay,
    midnight,
    next_midnight,
)
from edge.recording.rollups import WIDTH, Bucket
from edge.recording.runs import MILLISECOND, middle_of
from edge.recording.window_record import Series, WindowRecord
from edge.recording.window_row import DAMAGED, DamagedError, read_windows
from edge.text import printable

T = TypeVar("T")
Slice = Callable[[str, datetime, datetime], Iterator[T]]
MONTH = timedelta(days=31)
AT_ONCE = 1000  # rows in memory, of up to 43 KB: between two of these, others may ask over the same connection

PAGES_AT_ONCE = 64  # that the server asks its disk for side by side
NEXT_WINDOW = "SELECT start FROM edge.windows WHERE device = %s AND start >= %s AND start < %s ORDER BY start LIMIT 1"
NEXT_ROLLUP = "SELECT start FROM edge.rollups WHERE device = %s AND start >= %s AND start < %s ORDER BY start LIMIT 1"
FIRST_WINDOW, FIRST_SERIES = (-1, ""), -1  # before every one
# As `window_rows.BETWEEN`.
BUCKETS = """
WITH r AS MATERIALIZED (SELECT * FROM edge.rollups WHERE device = %s AND start >= %s AND start < %s)
SELECT r.start, r.series, e.mode, e.model_faces, e.model_emotions, e.model_pose, r.sums::text, r.runs
FROM r JOIN edge.series e ON e.id = r.series WHERE (r.start, r.series) > (%s, %s)
    AND (r.start AT TIME ZONE 'UTC')::date NOT IN (
        SELECT (start AT TIME ZONE 'UTC')::date FROM r GROUP BY 1 HAVING count(*) > %s
    )
ORDER BY r.start, r.series LIMIT %s
"""
OUTERMOST = """
SELECT r.start, r.series, e.mode, e.model_faces, e.model_emotions, e.model_pose, r.sums::text, r.runs
FROM edge.rollups r JOIN edge.series e ON e.id = r.series
WHERE r.device = %s ORDER BY r.start {order} FETCH FIRST 1 ROW WITH TIES
"""
OUTERMOST_DAYS = """
SELECT d.day::timestamp AT TIME ZONE 'UTC', d.series, e.mode, e.model_faces, e.model_emotions, e.model_pose,
    d.sums::text, d.runs
FROM edge.daily_rollups d JOIN edge.series e ON e.id = d.series
WHERE d.device = %s AND d.kept ORDER BY d.day {order} FETCH FIRST 1 ROW WITH TIES
"""
OLDEST, NEWEST = ([query.format(order=order) for query in (OUTERMOST, OUTERMOST_DAYS)] for order in ("", "DESC"))
DAYS = """
SELECT d.day, d.series, e.mode, e.model_faces, e.model_emotions, e.model_pose, d.sums::text, d.runs
FROM edge.daily_rollups d JOIN edge.series e ON e.id = d.series
WHERE d.device = %s AND d.day >= %s AND d.day < %s
UNION ALL SELECT day, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM edge.changed_days
WHERE device = %s AND day >= %s AND day < %s ORDER BY 1, 2
"""
BY_DAY = """
SELECT (start AT TIME ZONE 'UTC')::date, count(*), max(received), sum(seq) FROM edge.windows
WHERE device = %s AND start >= %s AND start < %s GROUP BY 1 ORDER BY 1
"""
# As JSON, in which a column that an older version's tables lack is nothing and no error.
IDENTITY = "SELECT coalesce(to_jsonb(s) ->> 'recording', '') FROM edge.schools s WHERE id = %s"
DELETED = """
SELECT id, device, start, coalesce("end", asked) FROM edge.deletions WHERE school = %s AND id > %s
ORDER BY id LIMIT %s
"""
STATES = """
SELECT since, mode, reason FROM edge.states WHERE device = %s AND since < %s
ORDER BY since DESC, received DESC LIMIT %s
"""
WORDS = """
SELECT received, CASE WHEN online THEN 'online' ELSE 'offline' END, '' FROM edge.availability
WHERE device = %s AND received < %s ORDER BY received DESC, id DESC LIMIT %s
"""
PLACES = """
SELECT after, heard, place, masked FROM edge.places WHERE device = %s AND heard < %s
ORDER BY heard DESC, id DESC LIMIT %s
"""


class PostgresRecording:
    """A school in a database; recorders may be writing it.

    Args:
        address: Which database and school; an empty school means the only one.
        purpose: What the server calls the connection.
    """

    def __init__(self, address: PostgresAddress, purpose: str = "edge report") -> None:
        self._address = address
        self._purpose = purpose
        self._connection: psycopg.Connection | None = None
        self._school, self._school_name = 0, address.school
        self._ids: dict[str, int] = {}
        self._recorded: list[str] = []

    def start(self) -> None:
        """Connect. Raises EdgeError: it cannot be reached, or there is no such school."""
        with explained(self._address, was_open=False):
            self._connection = connect(self._address, self._purpose)
            self._connection.execute("SET default_transaction_read_only = on")
            with contextlib.suppress(errors.InvalidParameterValue):  # a server whose system knows no such thing
                self._connection.execute(f"SET effective_io_concurrency = {PAGES_AT_ONCE}")
        with self._explained() as connection:
            self._school, self._school_name = find_school(connection, self._address)
            devices = "SELECT name, id FROM edge.devices WHERE school = %s"
            self._ids = dict(connection.execute(devices, (self._school,)).fetchall())
            self._recorded = [name for name, _ in recorded_devices(connection, self._school, MOST_DEVICES)]

    def stop(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()

    @property
    def source(self) -> str:
        """Which recording it is, in words: its name, wherever it moves to."""
        return f"school {self._school_name}"

    @property
    def identity(self) -> str:
        """Which it is, whatever it is called: random, and kept in it; "" where an older version made it."""
        with self._explained() as connection:
            row = connection.execute(IDENTITY, (self._school,)).fetchone()
        return str(row[0]) if row else ""

    def names(self) -> list[str]:
        """The devices of which anything was recorded, in order."""
        return self._recorded

    def has(self, device: str) -> bool:
        """Whether anything of a device was recorded."""
        return device in self._recorded

    def newest(self, device: str) -> datetime | None:
        """When the last window of a device ended; None without any."""
        return max((end for _, end in self._reaches(NEWEST, device)), default=None)

    def devices(self) -> dict[str, tuple[datetime, datetime]]:
        """The devices by name, each with the start of its first window and the end of its last."""
        found = {}
        for device in self.names():
            first = min((start for start, _ in self._reaches(OLDEST, device)), default=None)
            last = self.newest(device)
            if first and last:
                found[device] = (first, last)
        return found

    def windows(self, device: str, start: datetime, end: datetime) -> Iterator[WindowRecord]:
        """The windows that begin in a period, in order."""
        return read_windows(self._rows(device, start, end), self.damaged)

    def rows(self, device: str, start: datetime, end: datetime) -> Iterator[tuple[object, ...]]:
        """The same as a file has them: the values of `COLUMNS`."""
        return map(compacted, self._rows(device, start, end))

    def _rows(self, device: str, start: datetime, end: datetime) -> Iterator[tuple[object, ...]]:
        return self._slices(self._rows_of_slice, NEXT_WINDOW, device, start, end, DAY)

    def _slices(
        self, read: Slice[T], query: str, device: str, start: datetime, end: datetime, width: timedelta
    ) -> Iterator[T]:
        """A long time bit by bit, so that what is sorted at once stays small; time without anything is passed over."""
        while start < end:
            until, empty = min(start + width, end), True
            for each in read(device, start, until):
                empty = False
                yield each
            if empty and until < end:
                found = self._ask(query, device, until, end)
                if not found:
                    return
                until = found[0][0]
            start = until

    def _rows_of_slice(self, device: str, start: datetime, end: datetime) -> Iterator[tuple[object, ...]]:
        after: After = (start, *FIRST_WINDOW)
        while True:
            page = self._ask(BETWEEN, device, start, end, *after, AT_ONCE)
            for row in page:
                columns, after = to_columns(device, row)
                yield columns
            if len(page) < AT_ONCE:
                return

    def windows_by_day(self, device: str, start: datetime, end: datetime) -> list[WindowsOfDay]:
        """What there is of each day on which windows of a period begin, in order."""
        return [
            WindowsOfDay(day, windows, format_timestamp(received), int(numbers))
            for day, windows, received, numbers in self._ask(BY_DAY, device, start, end)
        ]

    def buckets(self, device: str, start: datetime, end: datetime) -> Iterator[Bucket]:
        """The roll-ups whose five minutes begin in a period, in order.

        Days (UTC) with more of them than an honest room has are left out.
        """
        return self._slices(self._buckets_of_slice, NEXT_ROLLUP, device, start, end, MONTH)

    def _buckets_of_slice(self, device: str, start: datetime, end: datetime) -> Iterator[Bucket]:
        after: tuple[Any, ...] = (start, FIRST_SERIES)
        while True:
            page = self._ask(BUCKETS, device, start, end, *after, MOST_ROWS, AT_ONCE)
            for row in page:
                after = row[:2]
                yield self._bucket(device, row)
            if len(page) < AT_ONCE:
                return

    def days(self, device: str, start: datetime, end: datetime) -> Iterator[Bucket]:
        """As `Recorded`: whole days of UTC where these are made."""
        first, last = next_midnight(start), midnight(end)
        if first > last:
            yield from self._part_of_day(device, start, end, (start, end))
            return
        yield from self._part_of_day(device, start, first, (start, end))
        # Made and changed ones at the same moment: a day is one or the other.
        span = (first.date(), last.date())
        for day, *row in self._ask(DAYS, device, *span, self._ids.get(device), *span):
            since = datetime(day.year, day.month, day.day, tzinfo=timezone.utc)
            if row[0] is None:
                yield from self.buckets(device, since, since + DAY)
            else:
                yield replace(self._bucket(device, (since, *row)), duration=DAY)
        yield from self._part_of_day(device, last, end, (start, end))

    def _part_of_day(
        self, device: str, since: datetime, until: datetime, period: tuple[datetime, datetime]
    ) -> Iterator[Bucket]:
        """The five minutes of a part of a day; and of a day that is kept without them all, or nothing."""
        if since >= until:
            return
        day = midnight(since)
        for each in self._kept(device, day, day + DAY):
            if period[0] <= min(middle_of(each.runs), day + DAY - MILLISECOND) < period[1]:
                yield each
        yield from self.buckets(device, since, until)

    def kept_days(self, device: str, start: datetime, end: datetime) -> list[Bucket]:
        """As `Recorded`."""
        days = self._kept(device, midnight(start) - DAY, next_midnight(end))
        return [each for each in days if any(overlaps(run.start, run.end, start, end) for run in each.runs)]

    def _kept(self, device: str, first: datetime, last: datetime) -> list[Bucket]:
        """The days that have outlived their five minutes, of whole days."""
        rows = self._ask(KEPT, device, first.date(), last.date())
        return [replace(self._bucket(device, (row[0], None, *row[1:])), duration=DAY) for row in rows]

    def deleted(self, after: int) -> list[Deleted]:
        """As `Recorded`."""
        with self._explained() as connection:
            rows = connection.execute(DELETED, (self._school, after, MOST_DELETED)).fetchall()
        return [Deleted(*row) for row in rows]

    def requests(self) -> Iterator[Request]:
        """As `Recorded`."""
        with self._explained() as connection, connection.cursor() as cursor:
            yield from requests_of(cursor, self._school)

    def state_changes(self, device: str, end: datetime) -> tuple[list[StateChange], list[StateChange]]:
        """The newest states that the device reported until a moment, and its availability, each in order."""
        states, words = (self._ask(query, device, end, MOST_CHANGES) for query in (STATES, WORDS))
        return [StateChange(*row) for row in states][::-1], [StateChange(*row) for row in words][::-1]

    def places(self, device: str, end: datetime) -> list[Place]:
        """What was hidden or left out of the device's picture until a moment, in order."""
        return [Place(*row) for row in self._ask(PLACES, device, end, MOST)][::-1]

    def damaged(self, row: Sequence[object]) -> EdgeError:
        """To be raised for a row that `edge record` did not write."""
        device, seq = printable(str(row[0])), printable(repr(row[2]))
        return DamagedError(f"{self._address}: window {seq} of {device} is damaged", "another program changed it")

    def _reaches(self, queries: Sequence[str], device: str) -> Iterator[tuple[datetime, datetime]]:
        """From when to when some roll-ups are; a damaged one keeps no question about other devices from its answer."""
        for row in (row for query in queries for row in self._ask(query, device)):
            try:
                bucket = self._bucket(device, row)
                yield bucket.start, bucket.end
            except DamagedError:
                yield row[0], row[0] + WIDTH

    def _bucket(self, device: str, row: tuple[Any, ...]) -> Bucket:
        start, _, mode, faces, emotions, pose, sums, runs = row
        try:
            return Bucket.from_row(start, Series(mode, faces, emotions, pose), sums, runs)
        except DAMAGED:
            raise DamagedError(
                f"{self._address}: roll-up {start} of {printable(device)} is damaged", "another program changed it"
            ) from None

    def _ask(self, query: str, device: str, *values: object) -> list[tuple[Any, ...]]:
        """The rows about a device; none of one that is not there."""
        if device not in self._ids:
            return []
        with self._explained() as connection:
            return connection.execute(query, (self._ids[device], *values)).fetchall()

    @contextlib.contextmanager
    def _explained(self) -> Iterator[psycopg.Connection]:
        if self._connection is None:
            raise EdgeError(f"{self._address} is not open")
        with explained(self._address, was_open=False):
            yield self._connection
