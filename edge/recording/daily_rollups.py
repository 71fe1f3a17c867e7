"""Roll-ups of whole days (UTC), made of those of five minutes: a term of a school is read from a few thousand rows.

The file itself takes a day back whenever one of its five minutes changes, whoever changes it; it is made anew later.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta, timezone
from typing import Any

from edge.contract.timestamps import format_timestamp
from edge.recording.rollups import SELECT_BUCKETS, Bucket, read_bucket, runs_text
from edge.recording.runs import Run
from edge.recording.window_record import Series
from edge.recording.window_row import DAMAGED, LONGEST_TEXT, DamagedError, moment
from edge.recording.window_sums import WindowSums
from edge.text import printable

logger = logging.getLogger(__name__)

DAY = timedelta(days=1)
SECONDS = 0.05  # after which no other day is begun: meanwhile no window can be stored
MOST_ROWS = 1500  # roll-ups of a day that are added up: 288 for each series of a room
MOST_BYTES = 4_000_000  # of these; an honest room has some 2 KB in each

TABLES = """
CREATE TABLE daily_rollups (
    device TEXT NOT NULL, day TEXT NOT NULL, series INTEGER NOT NULL, sums TEXT NOT NULL, runs TEXT NOT NULL,
    PRIMARY KEY (device, day, series)
);
CREATE TABLE changed_days (device TEXT NOT NULL, day TEXT NOT NULL, PRIMARY KEY (device, day)) WITHOUT ROWID
"""
# Without `OR IGNORE`, in whose place a trigger would put what the statement that fires it says of conflicts.
TRIGGER = """
CREATE TRIGGER {name} AFTER {event} ON rollups BEGIN
    DELETE FROM daily_rollups WHERE device = {row}.device AND day = substr({row}.start, 1, 10);
    INSERT INTO changed_days SELECT {row}.device, substr({row}.start, 1, 10) WHERE NOT EXISTS
        (SELECT 1 FROM changed_days WHERE device = {row}.device AND day = substr({row}.start, 1, 10)); END
"""
TRIGGERS = tuple(
    TRIGGER.format(name=f"rollup_{event.lower()}", event=event, row="OLD" if event == "DELETE" else "NEW")
    for event in ("INSERT", "UPDATE", "DELETE")
)
SELECT_FEW = SELECT_BUCKETS.replace(
    "ORDER BY",
    """AND substr(r.start, 1, 10) NOT IN (
        SELECT substr(start, 1, 10) FROM rollups WHERE device = ? AND start >= ? AND start < ?
        GROUP BY 1 HAVING count(*) > ? OR sum(length(sums) + length(runs)) > ?
    ) ORDER BY""",
)
"""As `SELECT_BUCKETS`, without the days that have too many or too large ones: a room may make up any number."""
SELECT_DAYS = f"""
SELECT substr(d.day, 1, 10) || 'T00:00:00.000Z', d.series, s.mode, substr(s.model_faces, 1, 200),
    substr(s.model_emotions, 1, 200), substr(s.model_pose, 1, 200),
    iif(length(d.sums) > {LONGEST_TEXT}, X'', d.sums), iif(length(d.runs) > {LONGEST_TEXT}, X'', d.runs)
FROM daily_rollups d CROSS JOIN series s ON s.id = d.series
WHERE d.device = ?1 AND d.day >= ?2 AND d.day < ?3
UNION ALL SELECT substr(day, 1, 10) || 'T00:00:00.000Z', NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM changed_days WHERE device = ?1 AND day >= ?2 AND day < ?3 ORDER BY 1, 2
"""  # noqa: S608
"""Days that are made, and those that are not, without a series: in one statement, as a day may change from one to the
other at any moment, and would else be told twice or not at all."""
NEXT_SUMMED = """
SELECT substr(min(day), 1, 10) FROM (
    SELECT min(day) AS day FROM daily_rollups WHERE device = ?1 AND day >= ?2 AND day < ?3
    UNION ALL SELECT min(day) FROM changed_days WHERE device = ?1 AND day >= ?2 AND day < ?3
)
"""
NEXT_DAY = """
SELECT device, day FROM changed_days WHERE day < ? AND (device, day) > (?, ?) ORDER BY device, day LIMIT 1
"""
MADE = "DELETE FROM changed_days WHERE device = ? AND day = ?"
STORE_DAY = """
INSERT OR REPLACE INTO daily_rollups
SELECT ?1, ?2, id, ?7, ?8 FROM series
WHERE model_faces = ?4 AND mode = ?3 AND model_emotions IS ?5 AND model_pose IS ?6 LIMIT 1
"""


class TooMuchError(Exception):
    """More roll-ups than an honest room has in a day."""


class DailyRollups:
    """Makes days that are over, some at a time. Each call takes about as long as the largest day that is made.

    Days are taken in turn, so that a room that changes its own all the time keeps those of others from being made no
    longer than their number.
    """

    def __init__(self) -> None:
        self._after = ("", "")  # the day that was looked at last

    def make(self, database: sqlite3.Connection, now: datetime) -> bool:
        """Make some, within the caller's transaction; whether there are more to look at before all have had a turn."""
        today, began = day_of(now.astimezone(timezone.utc)), time.monotonic()
        while time.monotonic() - began < SECONDS:
            found = database.execute(NEXT_DAY, (today, *self._after)).fetchone()
            if found is None:
                self._after = ("", "")
                return False
            self._after = found
            self._make(database, *found)
        return True

    def _make(self, database: sqlite3.Connection, device: str, day: str) -> None:
        try:
            start = moment(f"{day}T00:00:00.000Z")
        except ValueError:  # no day: another program wrote it, and has nothing to be made of
            database.execute(MADE, (device, day))
            return
        rows = database.execute(SELECT_BUCKETS, (device, format_timestamp(start), format_timestamp(start + DAY)))
        try:
            whole = whole_day(start, (read_bucket(row) for row in _few(rows)))
        except TooMuchError:  # it stays as it is, and readers leave it out
            return
        except (*DAMAGED, DamagedError):  # the days of other rooms are made all the same
            logger.warning("a roll-up of %s of %s is damaged: its day is left out", printable(str(device)), day)
            whole = []
        for bucket in whole:
            database.execute(STORE_DAY, (device, day, *bucket.series, *bucket.to_row()))
        database.execute(MADE, (device, day))


def _few(rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    """The rows of a day. Raises TooMuchError: meanwhile no window of any room can be stored."""
    length = 0
    for number, row in enumerate(rows):
        length += sum(len(each) for each in row if isinstance(each, (str, bytes)))
        if number >= MOST_ROWS or length > MOST_BYTES:
            raise TooMuchError
        yield row


def whole_day(start: datetime, buckets: Iterable[Bucket]) -> list[Bucket]:
    """The roll-ups of a day as one for each series."""
    found: dict[Series, tuple[WindowSums, list[Run]]] = {}
    for bucket in buckets:
        sums, runs = found.setdefault(bucket.series, (WindowSums(), []))
        sums.merge(bucket.sums)
        runs += bucket.runs
    return [Bucket(start, series, sums, runs_text(runs, start), DAY) for series, (sums, runs) in found.items()]


def day_of(moment: datetime) -> str:
    """The day of a moment in UTC, as the tables have it."""
    return format_timestamp(moment)[:10]


def start_of(day: date) -> datetime:
    """When a day of UTC begins."""
    return datetime(day.year, day.month, day.day, tzinfo=timezone.utc)


def midnight(moment: datetime) -> datetime:
    """When the day of UTC begins that a moment is in."""
    return moment.astimezone(timezone.utc).replace(hour=0, minute=0, second=0, microsecond=0)


def next_midnight(moment: datetime) -> datetime:
    """When the first day of UTC begins that begins at a moment or later."""
    since = midnight(moment)
    return since if since == moment else since + DAY
