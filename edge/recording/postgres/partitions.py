"""The months of the table `windows`, made before they are needed: no window waits for one, none has to be moved."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timezone

import psycopg
from psycopg import sql

from edge.recording.postgres.schema import LOCK, table_exists

FIRST_YEAR, LAST_YEAR = 2024, 2100  # outside only clocks that are wrong can be: two partitions hold all of that
AHEAD = 3  # months
EARLY, LATE = "windows_early", "windows_late"


class Partitions:
    """Knows which there are; makes the others."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def prepare(self, connection: psycopg.Connection, moments: Iterable[datetime], now: datetime) -> None:
        """Make what these windows need, and the next months, in a transaction of their own.

        Args:
            connection: Outside of a transaction.
            moments: Starts of windows.
            now: The time of day.

        Raises:
            psycopg.Error: To be explained.
        """
        wanted = {name_of(moment) for moment in moments} | set(months_ahead(now))
        for name in sorted(wanted - self._known):
            if not table_exists(connection, "edge", name):
                _make(connection, name)
            self._known.add(name)

    def forget(self) -> None:
        """Ask the database again: it may be another one."""
        self._known.clear()


def _make(connection: psycopg.Connection, name: str) -> None:
    # Not PARTITION OF, which would wait for everybody who reads, and have everybody wait for it.
    table, (first, last) = sql.Identifier("edge", name), bounds(name)
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        if not table_exists(connection, "edge", name):  # another recorder may have been first
            connection.execute(sql.SQL("CREATE TABLE {} (LIKE edge.windows INCLUDING ALL)").format(table))
            attach = "ALTER TABLE edge.windows ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})"
            connection.execute(sql.SQL(attach).format(table, first, last))


def name_of(moment: datetime) -> str:
    """The partition that a window belongs to which begins at this moment."""
    moment = moment.astimezone(timezone.utc)
    if moment.year < FIRST_YEAR:
        return EARLY
    return LATE if moment.year >= LAST_YEAR else f"windows_{moment:%Y_%m}"


def months_ahead(now: datetime) -> list[str]:
    """The partitions of this month and the next ones."""
    now = now.astimezone(timezone.utc)
    months = [now.year * 12 + now.month - 1 + ahead for ahead in range(AHEAD + 1)]
    return [name_of(datetime(month // 12, month % 12 + 1, 1, tzinfo=timezone.utc)) for month in months]


def bounds(name: str) -> tuple[sql.Composable, sql.Composable]:
    """Where a partition begins, and before what it ends, in SQL."""
    if name == EARLY:
        return sql.SQL("MINVALUE"), _month(FIRST_YEAR, 1)
    if name == LATE:
        return _month(LAST_YEAR, 1), sql.SQL("MAXVALUE")
    year, month = map(int, name.split("_")[1:])
    return _month(year, month), _month(year + month // 12, month % 12 + 1)


def _month(year: int, month: int) -> sql.Literal:
    return sql.Literal(f"{year}-{month:02}-01 00:00+00")
