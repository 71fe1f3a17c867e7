"""The parts of the table `windows`, made before they are needed: no window waits for one, none has to be moved.

Months, as long as clocks may be right; years for all other times, which only clocks have that are wrong, or recordings
that are old. So nobody can have more parts made than there are years, and what goes through all of them stays quick.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, timezone
from typing import NamedTuple

import psycopg
from psycopg import sql

from edge.recording.postgres.schema import lock_tables
from edge.recording.retention import DEFAULT_DAYS

FIRST_YEAR, LAST_YEAR = 2024, 2100  # two partitions hold everything outside
AHEAD = 3  # months
EVER, NEVER = datetime.min.replace(tzinfo=timezone.utc), datetime.max.replace(tzinfo=timezone.utc)
PARTS = """
SELECT c.relname, pg_get_expr(c.relpartbound, c.oid) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'edge.windows'::regclass ORDER BY c.relname
"""


class Part(NamedTuple):
    """A partition, of the windows that begin from `first` on and before `last`."""

    name: str
    first: datetime
    last: datetime


class Partitions:
    """Knows which there are; makes the others."""

    def __init__(self) -> None:
        self._known: list[Part] = []

    def prepare(self, connection: psycopg.Connection, moments: Iterable[datetime], now: datetime) -> None:
        """Make what these windows need, each in a transaction of its own.

        Args:
            connection: Outside of a transaction.
            moments: Starts of windows.
            now: The time of day.

        Raises:
            psycopg.Error: To be explained.
        """
        for month in sorted({month_of(moment) for moment in moments}):
            if not covered(self._known, month):
                self._known = _make(connection, month, now)

    def forget(self) -> None:
        """Ask the database again: it may be another one."""
        self._known.clear()


def months_ahead(now: datetime) -> list[datetime]:
    """This month and the next ones."""
    return [after(month_of(now), months) for months in range(AHEAD + 1)]


def parts_of(connection: psycopg.Connection) -> list[Part]:
    """What there is; times of the session are in UTC."""
    return [Part(name, *_bounds(text)) for name, text in connection.execute(PARTS).fetchall()]


def covered(parts: Iterable[Part], moment: datetime) -> bool:
    """Whether a window that begins then has a partition."""
    return any(part.first <= moment < part.last for part in parts)


def _make(connection: psycopg.Connection, month: datetime, now: datetime) -> list[Part]:
    """Make a partition with this month in it, where there is none; all that there are."""
    with connection.transaction():
        lock_tables(connection)
        parts = parts_of(connection)
        if covered(parts, month):  # another recorder was first
            return parts
        new = wanted(parts, month, now)
        # Not PARTITION OF, which would wait for everybody who reads, and have everybody wait for it.
        table = sql.Identifier("edge", new.name)
        connection.execute(sql.SQL("CREATE TABLE {} (LIKE edge.windows INCLUDING ALL)").format(table))
        attach = "ALTER TABLE edge.windows ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})"
        connection.execute(sql.SQL(attach).format(table, _literal(new.first), _literal(new.last)))
        return [*parts, new]


def wanted(parts: Sequence[Part], month: datetime, now: datetime) -> Part:
    """The partition to be made for a month that has none beside these."""
    if month.year < FIRST_YEAR:
        return Part("windows_early", EVER, _month(FIRST_YEAR, 1))
    if month.year >= LAST_YEAR:
        return Part("windows_late", _month(LAST_YEAR, 1), NEVER)
    if month_of(now - timedelta(days=DEFAULT_DAYS)) <= month <= months_ahead(now)[-1]:
        return Part(f"windows_{month:%Y_%m}", month, after(month, 1))
    # What is left of the year between the partitions before and behind.
    first = max([_month(month.year, 1), *(part.last for part in parts if part.last <= month)])
    last = min([_month(month.year + 1, 1), *(part.first for part in parts if part.first > month)])
    return Part(f"windows_{first:%Y_%m}_to_{after(last, -1):%m}", first, last)


def month_of(moment: datetime) -> datetime:
    """When the month of a moment begins."""
    moment = moment.astimezone(timezone.utc)
    return _month(moment.year, moment.month)


def after(month: datetime, months: int) -> datetime:
    """The month so many months after one."""
    number = month.year * 12 + month.month - 1 + months
    return _month(number // 12, number % 12 + 1)


def _bounds(text: str) -> tuple[datetime, datetime]:
    """Of `FOR VALUES FROM (MINVALUE) TO ('2024-01-01 00:00:00+00')`."""
    found = re.fullmatch(r"FOR VALUES FROM \((?:MINVALUE|'(.+)')\) TO \((?:MAXVALUE|'(.+)')\)", text)
    if found is None:  # none of ours: a default partition holds everything
        return EVER, NEVER
    first, last = ((each and datetime.fromisoformat(f"{each}:00")) for each in found.groups())
    return first or EVER, last or NEVER


def _literal(moment: datetime) -> sql.Composable:
    if moment in (EVER, NEVER):
        return sql.SQL("MINVALUE" if moment == EVER else "MAXVALUE")
    return sql.Literal(f"{moment:%Y-%m-%d} 00:00+00")


def _month(year: int, month: int) -> datetime:
    return datetime(year, month, 1, tzinfo=timezone.utc)
