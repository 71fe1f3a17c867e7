"""How old the rows of an outbox are, where some tell it only in part: those stored before NTP had set the clock."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from itertools import accumulate, islice

from edge.delivery.outbox_tables import TIME_COLUMNS
from edge.timing.elapsed import TimePoint, age

AT_ONCE = 100_000  # rows in one look, more than 64 MB hold: the publisher waits for it
AHEAD = 100  # rows that are asked about those to be sent, which is done many times a second


class RowAges:
    """Ages of the rows of one opened database.

    A row is at least as old as any that was stored after it. Of some only a lower bound is known, as of the first ones
    after each start of a board without a battery: they say nothing of those behind them, but those say something of
    them. Such rows at the head are read once, since they never tell more while this program runs.
    """

    def __init__(self) -> None:
        self._passed = 0  # no row up to this number tells its age
        self._older: tuple[int, TimePoint] | None = None  # found too old; rows in flight outlast it, and need it later

    def last_older(self, database: sqlite3.Connection, now: TimePoint, max_age: float) -> int:
        """The number of the last row that is older than `max_age` seconds, as are all before it; 0: none is."""
        self._pass_silent(database, now)
        # Whatever is from before this start is as old as that: then those that tell nothing else are too old as well.
        after, last = (0 if now.uptime > max_age else self._passed), 0
        if self._older is not None and age(self._older[1], now) > max_age:
            last = self._older[0]
        for seq, then in islice(_rows(database, max(after, last)), AT_ONCE):
            if age(then, now) > max_age:
                last, self._older = seq, (seq, then)
            elif _tells(then, now):
                break
        return last

    def of(self, database: sqlite3.Connection, now: TimePoint, found: Sequence[tuple[int, TimePoint]]) -> list[float]:
        """Ages in seconds, at least, of rows that follow each other, by their numbers and times."""
        asked = list(found)
        if found and not _tells(found[-1][1], now):
            behind = islice(_rows(database, max(found[-1][0], self._passed)), AHEAD)
            asked += [row for row in behind if _tells(row[1], now)][:1]
        newest_first = accumulate((age(then, now) for _, then in reversed(asked)), max)
        return list(newest_first)[::-1][: len(found)]

    def oldest(self, database: sqlite3.Connection, now: TimePoint) -> float | None:
        """Seconds for which the first row has waited, at least; None: there is none."""
        self._pass_silent(database, now)
        found = [row for after in (0, self._passed) for row in islice(_rows(database, after), 1)]
        return max((age(then, now) for _, then in found), default=None)

    def _pass_silent(self, database: sqlite3.Connection, now: TimePoint) -> None:
        for seq, then in islice(_rows(database, self._passed), AT_ONCE):
            if _tells(then, now):
                break
            self._passed = seq


def _tells(then: TimePoint, now: TimePoint) -> bool:
    """Whether no row behind this one can be known to be older.

    Without a clock that is set now, all rows from before this start of the machine are as old as that, and the rest is
    younger. A time of day after this start, of a row from before it, is that of a clock that was wrong.
    """
    return not now.synced or then.boot == now.boot or (then.synced and then.unix <= now.unix - now.uptime)


def _rows(database: sqlite3.Connection, after: int) -> Iterator[tuple[int, TimePoint]]:
    query = f"SELECT seq, {TIME_COLUMNS} FROM windows WHERE seq > ? ORDER BY seq"  # noqa: S608
    with contextlib.closing(database.execute(query, (after,))) as cursor:
        for seq, *stored in cursor:
            yield seq, TimePoint(*stored)
