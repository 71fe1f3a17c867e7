"""Deleting on request in a database, as `edge.recording.deletion` does it in a file.

First the request is committed, then each device is locked in turn: a recorder that locks it later has read the request,
and what an earlier one stored is there to be deleted.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import datetime

import psycopg
from psycopg import sql

from edge.contract.timestamps import format_timestamp
from edge.contract.validation import LONGEST_WINDOW
from edge.errors import ConfigError
from edge.recording.five_minutes import AT_ONCE, Rolled, as_texts, overlaps, whole_five_minutes
from edge.recording.postgres.address import PostgresAddress
from edge.recording.postgres.connection import connect, explained
from edge.recording.postgres.deleted_others import delete_others, delete_rollups
from edge.recording.postgres.deletion_task import INFINITE, DeletionTask
from edge.recording.postgres.five_minutes import edges, only_summed, rolled_up, summed, windows_of
from edge.recording.postgres.kept_days import count_windows, edge_days
from edge.recording.postgres.names import SeriesIds, find_school
from edge.recording.postgres.pruning import last_arrival
from edge.recording.postgres.rollups import SeriesOfDevices, add_windows, count_as_arrived
from edge.recording.postgres.schema import check_version
from edge.recording.rollups import WIDTH
from edge.recording.window_eraser import Affected, Deletion, together

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
COUNT = f"""
SELECT count(*), max("end") FILTER (WHERE isfinite("end")),
    count(*) FILTER (WHERE start >= %(first)s::timestamptz AND start < %(last)s::timestamptz)
{WITHIN}
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
        with explained(self._address, was_open=False):
            self._connection = connect(self._address, "edge delete")
            check_version(self._connection, self._address)
            self._school, _ = find_school(self._connection, self._address)

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

    def count(self, device: str | None, start: datetime | None, end: datetime | None) -> Affected:
        """As `WindowEraser`."""
        known = self._devices()
        numbers = [known[name] for name in ([device] if device else known) if name in known]
        with self._explained() as connection:
            return together(_count_of(connection, each, start, end) for each in numbers)

    def last_arrival(self) -> datetime | None:
        """As `WindowEraser`."""
        with self._explained() as connection:
            return last_arrival(connection, self._school)

    def delete(
        self,
        device: str | None,
        start: datetime | None,
        end: datetime | None,
        by: str,
        now: datetime,
        asked: datetime | None = None,
    ) -> tuple[int, bool]:
        """As `WindowEraser`; the server's files, its log and its backups keep bytes for as long as it likes."""
        with self._explained() as connection:
            with connection.transaction():
                # Requests are seen in the order of their numbers, so that a recorder misses none.
                connection.execute("LOCK TABLE edge.deletions IN SHARE ROW EXCLUSIVE MODE")
                row = connection.execute(ASK, (self._school, asked or now, by, device, start, end)).fetchone()
            task = DeletionTask(connection, int(row[0]) if row else 0, start, end, now)
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

    def _delete_of(self, task: DeletionTask, device: int) -> None:
        """Whole five minutes first, then those at the edges, then what is no window."""
        since, until = whole_five_minutes(task.start, task.end, INFINITE)
        there = summed(task.connection, device, since, until)
        gone = task.repeat(device, lambda most: self._delete_some(task, device, since, until, most))
        task.note(max(0, there - gone))
        task.repeat(device, lambda most: delete_rollups(task.connection, device, since, until, most))
        for edge in edges(task.connection, device, task.start, task.end):
            self._delete_edge(task, device, edge)
        delete_others(task, device)

    def _delete_some(self, task: DeletionTask, device: int, since: str, until: str, most: int) -> int:
        """Delete at most so many windows within the caller's transaction; how many."""
        values = {"device": device, "since": since, "until": until, "begins": task.begins, "ends": task.ends}
        gone: dict[str, int] = dict(task.connection.execute(DELETE_SOME, {**values, "most": most}).fetchall())
        self._parts |= gone.keys()
        number = sum(gone.values())
        task.connection.execute(NOTE, {"gone": number, "device": device, "number": task.number})
        return number

    def _delete_edge(self, task: DeletionTask, device: int, since: datetime) -> None:
        """Delete some of the windows of five minutes, and add the others up anew; as in a file, or the roll-up goes."""
        span = (format_timestamp(since), format_timestamp(since + WIDTH))
        with task.locked(device) as connection:
            rolled = rolled_up(connection, device, since, since + WIDTH).get(since, Rolled(since, since, 0))
            kept = windows_of(connection, device, since)
            if kept is None:  # more than an honest room has: nobody shall wait while they are added up anew
                delete_rollups(connection, device, *span, AT_ONCE)
            else:
                gone = self._delete_some(task, device, *span, AT_ONCE)
                only = rolled.only_summed(len(kept))
                if only is not None:
                    if overlaps(rolled.begins, rolled.ends, task.start, task.end):
                        delete_rollups(connection, device, *span, AT_ONCE)
                        task.note(only)
                elif gone:
                    delete_rollups(connection, device, *span, AT_ONCE)
                    left = windows_of(connection, device, since) or []
                    self._series_of.prepare(connection, ((device, each.series) for each in left if each.series))
                    add_windows(connection, self._series_of, {device: left}, task.now)
                    count_as_arrived(connection, device, [since])
        if kept is None:
            task.repeat(device, lambda most: self._delete_some(task, device, *span, most))

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
        with explained(self._address, was_open=True):
            yield self._connection


def _count_of(connection: psycopg.Connection, device: int, start: datetime | None, end: datetime | None) -> Affected:
    """What would be deleted of a device."""
    begins, ends = as_texts(start, end, INFINITE)
    since, until = as_texts(start and start - LONGEST_WINDOW, None, INFINITE)
    first, last = whole_five_minutes(start, end, INFINITE)
    span = {"since": since, "until": until, "begins": begins, "ends": ends, "first": first, "last": last}
    row = connection.execute(COUNT, {**span, "device": device}).fetchone()
    windows, newest, within = row or (0, None, 0)
    at_edges = edges(connection, device, start, end)
    parts = [(each, only_summed(connection, device, each, start, end)) for each in at_edges]
    days = edge_days(connection, device, start, end)
    sums = max(0, summed(connection, device, first, last) - within) + count_windows(connection, device, start, end)
    sums += sum(number or 0 for _, number in parts) + sum(each.windows for each in days)
    whole = [(each, each + WIDTH) for each, number in parts if number is not None]
    whole += [each.span for each in days if each.beyond]
    return Affected(windows + sums, newest, sums, whole)
