"""Roll-ups of whole days (UTC) in PostgreSQL, by the arithmetic of `edge.recording.daily_rollups`.

Whoever changes five minutes takes their day back in the same transaction; it is made anew once it is over.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from datetime import date, datetime, timezone

import psycopg

from edge.recording.daily_rollups import DAY, MOST_ROWS, SECONDS, start_of, whole_day
from edge.recording.postgres.bucket_rows import KEPT, SERIES, read_bucket
from edge.recording.postgres.columns import columns
from edge.recording.postgres.names import SeriesIds
from edge.recording.window_row import DAMAGED, DamagedError

logger = logging.getLogger(__name__)

TAKE_BACK = """
WITH changed AS (
    SELECT DISTINCT device, (start AT TIME ZONE 'UTC')::date AS day
    FROM unnest(%s::int4[], %s::timestamptz[]) AS given (device, start)
), gone AS (
    DELETE FROM edge.daily_rollups d USING changed c WHERE d.device = c.device AND d.day = c.day AND NOT d.kept
) INSERT INTO edge.changed_days SELECT device, day FROM changed ON CONFLICT DO NOTHING
"""
NEXT = """
SELECT c.device, c.day FROM edge.changed_days c JOIN edge.devices d ON d.id = c.device
WHERE d.school = %s AND c.day < %s AND (c.device, c.day) > (%s, %s) ORDER BY c.device, c.day LIMIT 1
"""
OF_DAY = f"""
SELECT r.start, {SERIES}, r.sums::text, r.runs FROM edge.rollups r JOIN edge.series e ON e.id = r.series
WHERE r.device = %s AND r.start >= %s AND r.start < %s ORDER BY r.start, r.series LIMIT %s
"""  # noqa: S608
STORE = "INSERT INTO edge.daily_rollups VALUES (%s, %s, %s, %s::jsonb, %s, %s)"


def take_back(connection: psycopg.Connection, changed: Iterable[tuple[int, datetime]]) -> None:
    """Have the days of these five minutes made anew, within the caller's transaction, which has locked the devices."""
    connection.execute(TAKE_BACK, columns(sorted(changed)))


class DailyRollups:
    """Makes days that are over, in turn and for a moment at a time: no room's days hold up those of others."""

    def __init__(self) -> None:
        self._after = (0, date.min)  # the day that was looked at last

    def make(self, connection: psycopg.Connection, school: int, series: SeriesIds, now: datetime) -> bool:
        """Make some, each in a transaction of its own; whether there are more to look at before all have had a turn.

        Raises:
            psycopg.Error: To be explained.
        """
        today, began = now.astimezone(timezone.utc).date(), time.monotonic()
        while time.monotonic() - began < SECONDS:
            found = connection.execute(NEXT, (school, today, *self._after)).fetchone()
            if found is None:
                self._after = (0, date.min)
                return False
            self._after = (found[0], found[1])
            with connection.transaction():
                _make(connection, series, *self._after)
        return True


def _make(connection: psycopg.Connection, series: SeriesIds, device: int, day: date) -> None:
    start = start_of(day)
    connection.execute("SELECT 1 FROM edge.devices WHERE id = %s FOR NO KEY UPDATE", (device,))
    rows = connection.execute(OF_DAY, (device, start, start + DAY, MOST_ROWS + 1)).fetchall()
    if len(rows) > MOST_ROWS:  # it stays as it is, and readers leave it out
        return
    forget = "DELETE FROM edge.changed_days WHERE device = %s AND day = %s"
    if not connection.execute(forget, (device, day)).rowcount:
        return  # another recorder has made it
    kept = connection.execute(KEPT, (device, day, day + DAY)).fetchall()
    try:
        whole = whole_day(start, (read_bucket(since, row) for since, *row in [*kept, *rows]))
    except (*DAMAGED, DamagedError):  # the days of other rooms are made all the same
        logger.warning("a roll-up of device %d of %s is damaged: its day is left out", device, day)
        return
    if kept:  # what came later goes into the day, as those before it did
        connection.execute("DELETE FROM edge.daily_rollups WHERE device = %s AND day = %s", (device, day))
        query = "DELETE FROM edge.rollups WHERE device = %s AND start >= %s AND start < %s"
        connection.execute(query, (device, start, start + DAY))
    series.prepare(connection, (each.series for each in whole))  # they are all there
    with connection.cursor() as cursor:
        cursor.executemany(STORE, [(device, day, series[each.series], *each.to_row(), bool(kept)) for each in whole])
