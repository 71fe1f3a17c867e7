"""Five minutes of a device, of which some is to be deleted: what is there, as windows and added up."""

from __future__ import annotations

import contextlib
from datetime import datetime

import psycopg

from edge.contract.validation import LONGEST_WINDOW
from edge.recording.five_minutes import AT_ONCE, Rolled, ceiling, overlaps
from edge.recording.postgres.bucket_rows import WINDOWS
from edge.recording.postgres.window_rows import BETWEEN, to_columns
from edge.recording.rollups import WIDTH, bucket_of
from edge.recording.window_record import WindowRecord
from edge.recording.window_row import DAMAGED, read_window

ROLLUPS = "SELECT start, sums::text, runs FROM edge.rollups WHERE device = %s AND start >= %s AND start < %s"
SUMMED = f"""
SELECT {WINDOWS} FROM edge.rollups WHERE device = %s AND start >= %s::timestamptz AND start < %s::timestamptz
"""  # noqa: S608


def summed(connection: psycopg.Connection, device: int, since: str, until: str) -> int:
    """How many windows the roll-ups of a time say that there were."""
    row = connection.execute(SUMMED, (device, since, until)).fetchone()
    return int(row[0]) if row else 0


def edges(connection: psycopg.Connection, device: int, start: datetime | None, end: datetime | None) -> list[datetime]:
    """The five minutes that lie partly in the time, or have a window that reaches into it."""
    found: set[datetime] = set()
    if end is not None and bucket_of(end) != end:
        found.add(bucket_of(end))
    if start is not None:
        first, last = start - LONGEST_WINDOW, ceiling(start)
        query = 'SELECT start FROM edge.windows WHERE device = %s AND start >= %s AND start < %s AND "end" > %s'
        rows = connection.execute(query, (device, first, last, start)).fetchall()
        found |= {bucket_of(moment) for (moment,) in rows}
        # Of a roll-up without its windows, its runs tell how far it reaches.
        rolled = rolled_up(connection, device, bucket_of(first), last)
        found |= {since for since, each in rolled.items() if each.ends > start}
    return sorted(found)


def rolled_up(connection: psycopg.Connection, device: int, since: datetime, until: datetime) -> dict[datetime, Rolled]:
    """What the roll-ups of some five minutes say."""
    found: dict[datetime, Rolled] = {}
    for start, sums, runs in connection.execute(ROLLUPS, (device, since, until)):
        each = Rolled.of(start, sums, runs)
        found[start] = found[start].together(each) if start in found else each
    return found


def only_summed(
    connection: psycopg.Connection, device: int, since: datetime, start: datetime | None, end: datetime | None
) -> int | None:
    """How many windows of five minutes are there only in sums that go with a time; None: no sum goes as a whole."""
    rolled = rolled_up(connection, device, since, since + WIDTH).get(since)
    if rolled is None or not overlaps(rolled.begins, rolled.ends, start, end):
        return None
    kept = windows_of(connection, device, since)
    return None if kept is None else rolled.only_summed(len(kept))


def windows_of(connection: psycopg.Connection, device: int, since: datetime) -> list[WindowRecord] | None:
    """The windows of five minutes, without damaged ones; None: there are too many to be added up while others wait."""
    span = (device, since, since + WIDTH, since - LONGEST_WINDOW, -1, "")
    rows = connection.execute(BETWEEN, (*span, AT_ONCE + 1)).fetchall()
    if len(rows) > AT_ONCE:
        return None
    found = []
    for row in rows:
        with contextlib.suppress(*DAMAGED):
            found.append(read_window(to_columns("", row)[0]))
    return found
