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

OLD = {
    # When it came says the clock of a recorder, which may have been years behind: it counts only for times to come.
    "windows": '"end" < :limit OR (start > :ahead AND received < :limit)',
    "newer_windows": "received < :limit",
    "states": "since < :limit AND since < (SELECT MAX(since) FROM states AS other WHERE other.device = states.device)",
    "availability": "received < :limit AND rowid < "
    "(SELECT MAX(rowid) FROM availability AS other WHERE other.device = availability.device)",
    "places": "heard < :limit AND rowid < "
    "(SELECT MAX(rowid) FROM places AS other WHERE other.device = places.device AND heard < :limit)",
}
"""Which rows of a table may go: not the last thing known about a device, nor what is still in force."""
DELETE_ROLLUPS = """
DELETE FROM rollups WHERE (device, start, series) IN (
    SELECT device, start, series FROM rollups WHERE device = ?1 AND start < ?2
    UNION ALL SELECT device, start, series FROM
        (SELECT * FROM rollups WHERE device = ?1 AND start > ?3 ORDER BY start LIMIT ?4) WHERE changed < ?2
    LIMIT ?4
)
"""
"""Those of a clock that ran ahead are as old as their last change; of very many the first are looked at."""


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
            if not kept:
                continue
            values = {"limit": format_timestamp(by - timedelta(days=kept)), "ahead": ahead}
            gone, again = self._prune_table(database, table, values)
            deleted += gone if table == "windows" else 0
            more = more or again
        if days is not None and not more:
            more = _prune_rollups(database, format_timestamp(by - timedelta(days=days)), ahead)
        return deleted, more

    def _prune_table(self, database: sqlite3.Connection, table: str, values: dict[str, str]) -> tuple[int, bool]:
        began, gone = time.monotonic(), 0
        while True:
            some, more = self._rows[table].delete(database, values, PRUNE_SOME)
            gone += some
            if not more or time.monotonic() - began >= SECONDS:
                return gone, more


def _prune_rollups(database: sqlite3.Connection, limit: str, ahead: str) -> bool:
    """Delete some that are too old; whether there are more."""
    left = PRUNE_MOST
    for device in devices_of(database, "rollups", MOST_DEVICES):
        left -= database.execute(DELETE_ROLLUPS, (device, limit, ahead, left)).rowcount
        if left <= 0:
            return True
    return False
