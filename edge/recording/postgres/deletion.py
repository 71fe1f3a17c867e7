"""Deleting on request in a database, as `edge.recording.deletion` does it in a file.

First the request is committed, then each device is locked in turn: a recorder that locks it later has read the request,
and what an earlier one stored is there to be deleted.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import psycopg
from psycopg import sql

from edge.contract.timestamps import format_timestamp
from edge.errors import ConfigError
from edge.recording.deleted_spans import EVER, NEVER, may_be_of
from edge.recording.deletion import AT_ONCE, LONGEST_WINDOW, ceiling
from edge.recording.postgres.address import PostgresAddress
from edge.recording.postgres.connection import connect, explain
from edge.recording.postgres.daily_rollups import take_back
from edge.recording.postgres.five_minutes import edges, rolled_up, windows_of
from edge.recording.postgres.names import SeriesIds, find_school
from edge.recording.postgres.rollups import SeriesOfDevices, add_windows
from edge.recording.postgres.schema import check_version
from edge.recording.rollups import WIDTH, bucket_of
from edge.recording.window_eraser import Deletion

FIRST, LAST = "-infinity", "infinity"
LOCK = "SELECT 1 FROM edge.devices WHERE id = %s FOR NO KEY UPDATE"
ALL = "SELECT name, id FROM edge.devices WHERE school = %s ORDER BY id"
KNOWN = """
SELECT name, id FROM edge.devices d WHERE school = %s AND (
    EXISTS (SELECT 1 FROM edge.windows WHERE device = d.id) OR EXISTS (SELECT 1 FROM edge.rollups WHERE device = d.id)
    OR EXISTS (SELECT 1 FROM edge.daily_rollups WHERE device = d.id)
    OR EXISTS (SELECT 1 FROM edge.newer_windows WHERE device = d.id)
    OR EXISTS (SELECT 1 FROM edge.states WHERE device = d.id)
    OR EXISTS (SELECT 1 FROM edge.availability WHERE device = d.id)
    OR EXISTS (SELECT 1 FROM edge.places WHERE device = d.id)
) ORDER BY name COLLATE "C"
"""
ASK = """
INSERT INTO edge.deletions (school, asked, by, device, start, "end", windows) VALUES (%s, %s, %s, %s, %s, %s, 0)
RETURNING id
"""
WITHIN = """
FROM edge.windows WHERE device = %(device)s AND start >= %(since)s::timestamptz AND start < %(until)s::timestamptz
AND start < %(ends)s::timestamptz AND "end" > %(begins)s::timestamptz
"""
DELETE_SOME = f"""
WITH found AS (SELECT device, start, epoch, seq {WITHIN} LIMIT %(most)s),
gone AS (
    DELETE FROM edge.windows w USING found WHERE w.device = found.device AND w.start = found.start
    AND w.epoch = found.epoch AND w.seq = found.seq RETURNING w.tableoid::regclass::text AS part
) SELECT part, count(*) FROM gone GROUP BY part
"""  # noqa: S608
NOTE = """
WITH counted AS (UPDATE edge.devices SET windows = windows - %(gone)s WHERE id = %(device)s)
UPDATE edge.deletions SET windows = windows + %(gone)s WHERE id = %(number)s
"""
DELETE_ROLLUPS = """
DELETE FROM edge.rollups WHERE device = %s AND start >= %s::timestamptz AND start < %s::timestamptz
RETURNING device, start
"""
DELETE_SAID = (
    "DELETE FROM edge.states WHERE device = %s AND since >= %s::timestamptz AND since < %s::timestamptz",
    "DELETE FROM edge.availability WHERE device = %s AND received >= %s::timestamptz AND received < %s::timestamptz",
    # A day that has outlived its five minutes cannot be divided.
    (
        "DELETE FROM edge.daily_rollups WHERE device = %s AND kept "
        "AND (day + 1)::timestamp AT TIME ZONE 'UTC' > %s::timestamptz "
        "AND day::timestamp AT TIME ZONE 'UTC' < %s::timestamptz"
    ),
)
NEXT_NEWER = """
SELECT sha256, payload, received FROM edge.newer_windows WHERE device = %s AND sha256 > %s ORDER BY sha256 LIMIT 1
"""
# What was in force at the end of the time is needed to compare what comes later.
KEEP_PLACE = """
UPDATE edge.places SET heard = %(ends)s, after = CASE WHEN after IS NOT NULL THEN least(after, %(ends)s) END
WHERE id = (SELECT max(id) FROM edge.places
    WHERE device = %(device)s AND heard >= %(begins)s::timestamptz AND heard < %(ends)s)
"""
DELETE_PLACES = """
DELETE FROM edge.places WHERE device = %s AND heard >= %s::timestamptz AND heard < %s::timestamptz
"""
DELETIONS = """
SELECT asked, by, device, start, "end", windows, finished FROM edge.deletions WHERE school = %s ORDER BY id
"""


class PostgresEraser:
    """Deletes of a school in a database of this version.

    Args:
        address: Which database and school.
    """

    def __init__(self, address: PostgresAddress) -> None:
        self._address = address
        self._connection: psycopg.Connection | None = None
        self._school = 0
        self._series_of = SeriesOfDevices(SeriesIds())
        self._parts: set[str] = set()  # tables that windows were deleted of

    def start(self) -> None:
        """Connect. Raises EdgeError: it cannot be reached, is of another version, or has no such school."""
        try:
            self._connection = connect(self._address, "edge delete")
            check_version(self._connection, self._address)
            self._school, _ = find_school(self._connection, self._address)
        except psycopg.Error as error:
            raise explain(error, self._address, was_open=False) from None

    def stop(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()

    def devices(self) -> list[str]:
        """As `WindowEraser`."""
        return sorted(self._devices())

    def _devices(self) -> dict[str, int]:
        with self._explained() as connection:
            return dict(connection.execute(KNOWN, (self._school,)).fetchall())

    def count(self, device: str | None, start: datetime | None, end: datetime | None) -> int:
        """As `WindowEraser`."""
        begins, ends = _texts(start, end)
        since = FIRST if start is None else format_timestamp(start - LONGEST_WINDOW)
        span = {"since": since, "until": LAST, "begins": begins, "ends": ends}
        known, found = self._devices(), 0
        with self._explained() as connection:
            for name in [device] if device else known:
                row = connection.execute(f"SELECT count(*) {WITHIN}", {**span, "device": known.get(name)}).fetchone()
                found += int(row[0]) if row else 0
        return found

    def delete(
        self, device: str | None, start: datetime | None, end: datetime | None, by: str, now: datetime
    ) -> tuple[int, bool]:
        """As `WindowEraser`; the server's files, its log and its backups keep bytes for as long as it likes."""
        with self._explained() as connection:
            with connection.transaction():
                # Requests are seen in the order of their numbers, so that a recorder misses none.
                connection.execute("LOCK TABLE edge.deletions IN SHARE ROW EXCLUSIVE MODE")
                row = connection.execute(ASK, (self._school, now, by, device, start, end)).fetchone()
            task = _Task(connection, int(row[0]) if row else 0, start, end, now)
            # Also those of which nothing is there: a recorder may be about to commit the first.
            for number in [row[1] for row in connection.execute(ALL, (self._school,)) if device in (None, row[0])]:
                self._delete_of(task, number)
            connection.execute("UPDATE edge.deletions SET finished = %s WHERE id = %s", (now, task.number))
            row = connection.execute("SELECT windows FROM edge.deletions WHERE id = %s", (task.number,)).fetchone()
            self._give_back(connection)
        return int(row[0]) if row else 0, False

    def deletions(self) -> Iterator[Deletion]:
        """As `WindowEraser`."""
        with self._explained() as connection:
            rows = connection.execute(DELETIONS, (self._school,)).fetchall()
        yield from (Deletion(*row) for row in rows)

    def _delete_of(self, task: _Task, device: int) -> None:
        """Whole five minutes first, then those at the edges, then what is no window."""
        since = FIRST if task.start is None else format_timestamp(ceiling(task.start))
        until = LAST if task.end is None else format_timestamp(bucket_of(task.end))
        self._repeat(task, device, since, until)
        with task.locked(device) as connection:
            _delete_rollups(connection, device, since, until)
        for edge in edges(task.connection, device, task.start, task.end):
            self._delete_edge(task, device, edge)
        with task.locked(device) as connection:
            _delete_others(connection, task, device)

    def _repeat(self, task: _Task, device: int, since: str, until: str) -> None:
        """Delete windows, so many at once."""
        gone = AT_ONCE
        while gone == AT_ONCE:
            with task.locked(device):
                gone = self._delete_some(task, device, since, until)

    def _delete_some(self, task: _Task, device: int, since: str, until: str) -> int:
        values = {"device": device, "since": since, "until": until, "begins": task.begins, "ends": task.ends}
        gone: dict[str, int] = dict(task.connection.execute(DELETE_SOME, {**values, "most": AT_ONCE}).fetchall())
        self._parts |= gone.keys()
        number = sum(gone.values())
        task.connection.execute(NOTE, {"gone": number, "device": device, "number": task.number})
        return number

    def _delete_edge(self, task: _Task, device: int, since: datetime) -> None:
        """Delete some of the windows of five minutes, and add the others up anew; as in a file, or the roll-up goes."""
        span = (format_timestamp(since), format_timestamp(since + WIDTH))
        with task.locked(device) as connection:
            reach, rolled = rolled_up(connection, device, since, since + WIDTH).get(since, (since, 0))
            kept = windows_of(connection, device, since)
            if kept is None:  # more than an honest room has: nobody shall wait while they are added up anew
                _delete_rollups(connection, device, *span)
            else:
                gone = self._delete_some(task, device, *span)
                if len(kept) < rolled:
                    if (task.start is None or reach > task.start) and (task.end is None or since < task.end):
                        _delete_rollups(connection, device, *span)
                elif gone:
                    _delete_rollups(connection, device, *span)
                    left = windows_of(connection, device, since) or []
                    self._series_of.prepare(connection, ((device, each.series) for each in left if each.series))
                    add_windows(connection, self._series_of, {device: left}, task.now)
        if kept is None:
            self._repeat(task, device, *span)

    def _give_back(self, connection: psycopg.Connection) -> None:
        """Have the room of what was deleted used again, if that can be done at once; else the server does it later."""
        for part in sorted(self._parts):
            # Somebody else may look after the table just now, or own it, or it takes too long.
            with contextlib.suppress(psycopg.Error):
                connection.execute(sql.SQL("VACUUM (SKIP_LOCKED) {}").format(sql.Identifier(*part.split("."))))

    @contextlib.contextmanager
    def _explained(self) -> Iterator[psycopg.Connection]:
        if self._connection is None:
            raise ConfigError(f"{self._address} is not open")
        try:
            yield self._connection
        except psycopg.Error as error:
            raise explain(error, self._address, was_open=True) from None


class _Task:
    """A request that goes on.

    Args:
        connection: Outside of a transaction.
        number: Of the request.
        start, end: As they were asked for.
        now: When that was.
    """

    def __init__(
        self, connection: psycopg.Connection, number: int, start: datetime | None, end: datetime | None, now: datetime
    ) -> None:
        self.connection, self.number, self.start, self.end, self.now = connection, number, start, end, now
        self.begins, self.ends = _texts(start, end)

    @contextlib.contextmanager
    def locked(self, device: int) -> Iterator[psycopg.Connection]:
        """A transaction in which no recorder stores anything of a device."""
        with self.connection.transaction():
            self.connection.execute(LOCK, (device,))
            yield self.connection


def _delete_rollups(connection: psycopg.Connection, device: int, since: str, until: str) -> None:
    """Delete them, and have their days made anew."""
    gone: list[tuple[Any, ...]] = connection.execute(DELETE_ROLLUPS, (device, since, until)).fetchall()
    if gone:
        take_back(connection, [(number, start) for number, start in gone])


def _delete_others(connection: psycopg.Connection, task: _Task, device: int) -> None:
    """What a device said of itself in the time, its windows of a newer schema, and days that stand for windows."""
    for statement in DELETE_SAID:
        connection.execute(statement, (device, task.begins, task.ends))
    after, begins, ends = b"", *(None if each is None else format_timestamp(each) for each in (task.start, task.end))
    while found := connection.execute(NEXT_NEWER, (device, after)).fetchone():
        after, payload, received = found
        if may_be_of(payload, format_timestamp(received), begins or EVER, ends or NEVER):
            connection.execute("DELETE FROM edge.newer_windows WHERE device = %s AND sha256 = %s", (device, after))
    if task.start is not None or task.end is not None:
        until = task.now if task.end is None else task.end
        connection.execute(KEEP_PLACE, {"device": device, "begins": task.begins, "ends": until})
    connection.execute(DELETE_PLACES, (device, task.begins, task.ends))


def _texts(start: datetime | None, end: datetime | None) -> tuple[str, str]:
    return FIRST if start is None else format_timestamp(start), LAST if end is None else format_timestamp(end)
