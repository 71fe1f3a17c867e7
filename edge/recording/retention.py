"""How long what is recorded is kept: windows, and the roll-ups that may outlive them."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from edge.contract.timestamps import format_timestamp, parse_timestamp
from edge.recording import about
from edge.recording.allowance import MOST_DEVICES
from edge.recording.arrivals import last_arrival
from edge.recording.devices import devices_of
from edge.recording.old_rows import OldRows
from edge.recording.retention_time import RetentionTime

DEFAULT_DAYS = 400  # a school year and the summer after it
GRACE = timedelta(days=30)  # before a file that was made without a limit gets the default
PRUNE_MOST = 5000  # roll-ups that are looked at, at once: meanwhile nothing can be stored
PRUNE_SOME = 50  # rows of a device in another table, which may be large ones
SECONDS = 0.05  # after which no more of a table are looked at
AHEAD = timedelta(days=1)  # a clock that is further ahead is wrong
LATE = timedelta(days=30)  # that something may wait before it comes: `outbox.max_age_hours`, and the broker's session

OLD = {
    # A room's clock that is behind makes nothing old that came lately. When it came says the clock of a recorder, which
    # may have been years behind, or ahead: by itself it counts only for times to come.
    "windows": '("end" < :limit AND (received < :late OR received > :ahead)) OR (start > :ahead AND received < :limit)',
    "newer_windows": "received < :limit",
    "states": "since < :limit AND (received < :late OR received > :ahead) "
    "AND since < (SELECT MAX(since) FROM states AS other WHERE other.device = states.device)",
    "availability": "received < :limit AND rowid < "
    "(SELECT MAX(rowid) FROM availability AS other WHERE other.device = availability.device)",
    "places": "heard < :limit AND rowid < "
    "(SELECT MAX(rowid) FROM places AS other WHERE other.device = places.device AND heard < :limit)",
}
"""Which rows of a table may go: not the last thing known about a device, nor what is still in force."""
OLD_ROLLUPS = """
SELECT device, start, series, changed < ?5 OR changed > ?6 FROM rollups
WHERE device = ?1 AND (start, series) > (?2, ?3) AND start < ?4 ORDER BY start, series LIMIT ?7
"""
DELETE_ROLLUP = "DELETE FROM rollups WHERE device = ? AND start = ? AND series = ?"
ROLLUPS_AHEAD = """
DELETE FROM rollups WHERE (device, start, series) IN (
    SELECT device, start, series FROM (SELECT * FROM rollups WHERE device = ? AND start > ? ORDER BY start LIMIT ?)
    WHERE changed < ?
)
"""
"""Those of a clock that ran ahead are as old as their last change; of very many the first are looked at."""
FIRST_ROLLUP = ("", "", 0)  # before all: device, start, series


@dataclass(frozen=True)
class Retention:
    """What is kept.

    Attributes:
        days: Everything that is older is deleted; None: nothing is.
        window_days: Windows that are older are deleted, and their roll-ups stay; None: as everything else.
        begins: Nothing is deleted before.
        daily_days: Roll-ups of whole days are kept for longer; None: as everything else. Only a database can.
    """

    days: int | None = None
    window_days: int | None = None
    begins: datetime | None = None
    daily_days: int | None = None

    @property
    def shortest(self) -> int:
        """Days that a window is kept; those of everything else where windows have no limit of their own."""
        return min((each for each in (self.days, self.window_days) if each is not None), default=0)

    @staticmethod
    def late(limit: datetime, days: int) -> datetime:
        """Before when something must have come that is deleted because it says that it is older than a limit.

        A room's clock may be behind by more than anything is kept. So nothing is older than when it came, less what it
        may have waited for; where little is kept, less half of that.

        Args:
            limit: Before that it is too old.
            days: How long it is kept.
        """
        return limit + min(LATE, timedelta(days=days) / 2)

    def deletes(self, now: datetime) -> bool:
        """Whether anything is to be deleted now."""
        return (self.days is not None or self.window_days is not None) and (self.begins is None or now >= self.begins)


KEEP_ALL = Retention()


def default_begins(database: sqlite3.Connection, now: datetime) -> datetime:
    """When the default begins to apply to a file, within the caller's transaction; it is decided once."""
    begins = about.known(database, about.RETENTION_FROM)
    if begins is None:
        begins = format_timestamp(now if about.known(database, about.KEPT_ALL) is None else now + GRACE)
        about.keep(database, about.RETENTION_FROM, begins)
    return parse_timestamp(begins)


def retention_time(database: sqlite3.Connection, now: datetime) -> RetentionTime | None:
    """As `WindowStore.retention_time`."""
    kept = RetentionTime.of(about.known(database, about.RETENTION_TIME))
    return kept or RetentionTime.first(last_arrival(database), now)


class Pruner:
    """Looks at some rows at a time: a call costs the same however much there is. A round visits all that may be old."""

    def __init__(self) -> None:
        self._rows = {table: OldRows(table, old) for table, old in OLD.items()}
        self._done: set[str] = set()  # the tables of which all was looked at in this round
        self._rollup = FIRST_ROLLUP  # the last one that was looked at

    def prune(
        self, database: sqlite3.Connection, now: datetime, retention: Retention, by: datetime
    ) -> tuple[int, bool]:
        """Delete what is older than it may be, but not the last state of a device, within the caller's transaction.

        Args:
            database: In a transaction.
            now: What the clock shows.
            retention: How long what is there is kept.
            by: The time that it goes by.

        Returns:
            How many windows were deleted, and whether the round is not over.
        """
        deleted, more = 0, False
        days, ahead = retention.days, format_timestamp(max(now, by) + AHEAD)
        for table in OLD:
            kept = retention.shortest if table == "windows" else days
            if not kept or table in self._done:
                continue
            limit = by - timedelta(days=kept)
            values = {
                "limit": format_timestamp(limit),
                "late": format_timestamp(retention.late(limit, kept)),
                "ahead": ahead,
            }
            gone, again = self._prune_table(database, table, values)
            deleted += gone if table == "windows" else 0
            more = more or again
            if not again:
                self._done.add(table)
        if days is not None and not more:
            limit = by - timedelta(days=days)
            more = self._prune_rollups(database, limit, retention.late(limit, days), ahead)
        if not more:
            self._done.clear()
        return deleted, more

    def _prune_table(self, database: sqlite3.Connection, table: str, values: dict[str, str]) -> tuple[int, bool]:
        began, gone = time.monotonic(), 0
        while True:
            some, more = self._rows[table].delete(database, values, PRUNE_SOME)
            gone += some
            if not more or time.monotonic() - began >= SECONDS:
                return gone, more

    def _prune_rollups(self, database: sqlite3.Connection, limit: datetime, late: datetime, ahead: str) -> bool:
        """Look at some that may be too old; whether there are more. Kept ones do not hide those behind them."""
        old, come = format_timestamp(limit), format_timestamp(late)
        left = PRUNE_MOST
        for device in devices_of(database, "rollups", MOST_DEVICES):
            if device < self._rollup[0]:
                continue
            if device > self._rollup[0]:
                left -= database.execute(ROLLUPS_AHEAD, (device, ahead, left, old)).rowcount
                if left <= 0:
                    return True
                self._rollup = (device, *FIRST_ROLLUP[1:])
            found = database.execute(OLD_ROLLUPS, (*self._rollup, old, come, ahead, left)).fetchall()
            database.executemany(DELETE_ROLLUP, [row[:3] for row in found if row[3]])
            left -= len(found)
            if left <= 0:
                self._rollup = found[-1][:3]
                return True
        self._rollup = FIRST_ROLLUP
        return False
