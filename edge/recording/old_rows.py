"""Finds the rows of a file that may be too old, by an index: what is to be kept is not read to find out."""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Mapping
from typing import NamedTuple

TIMES = {
    "windows": ("start", ("start < :limit", "start > :ahead")),
    "newer_windows": ("received", ("received < :limit",)),
    "states": ("since", ("since < :limit",)),
    "availability": ("received", ("received < :limit",)),
    "places": ("heard", ("heard < :limit",)),
}
"""Of each table the time that it has an index of, behind the device, and between which times old rows can be."""


class _Turn(NamedTuple):
    """Where the walk has come to with a device.

    Attributes:
        device: Its name, as it is stored.
        span: Which of those in `TIMES`.
        kept: The last row of it that was walked past; those before it are gone, or kept. None: it begins.
    """

    device: object
    span: int = 0
    kept: int | None = None


class OldRows:
    """Walks through the old rows of a table, some at a time: of each device, in the order of time.

    Devices take turns: what they sent at the same time lies in the same pages, which are written once.

    Args:
        table: Its name.
        old: Which of the rows within `TIMES` are too old; the others are walked past once a round.
    """

    def __init__(self, table: str, old: str) -> None:
        self._table = table
        self._time, self._spans = TIMES[table]
        self._old = old
        self._device: object = None  # the last one whose first turn has come; None: none has in this round
        self._turns: deque[_Turn] = deque()  # of those with more to look at

    def delete(self, database: sqlite3.Connection, values: Mapping[str, str], most: int) -> tuple[int, bool]:
        """Go on, within the caller's transaction.

        Args:
            database: In a transaction.
            values: Of the names in `TIMES` and in what is old.
            most: Rows that are looked at.

        Returns:
            How many were deleted, and whether the round is not over.
        """
        turn = self._next_turn(database)
        if turn is None:
            return 0, False
        rows = self._rows(database, turn, values, most)
        gone = [(row,) for row, old in rows if old]
        database.executemany(f"DELETE FROM {self._table} WHERE rowid = ?", gone)  # noqa: S608
        if len(rows) == most:
            self._turns.append(turn._replace(kept=next((row for row, old in reversed(rows) if not old), turn.kept)))
        elif turn.span + 1 < len(self._spans):
            self._turns.append(_Turn(turn.device, turn.span + 1))
        return len(gone), True

    def _next_turn(self, database: sqlite3.Connection) -> _Turn | None:
        """None: the round is over."""
        query = f"SELECT MIN(device) FROM {self._table}"  # noqa: S608
        if self._device is not None:
            query += " WHERE device > :device"
        (device,) = database.execute(query, {"device": self._device}).fetchone()
        if device is not None:
            self._device = device
            return _Turn(device)
        if self._turns:
            return self._turns.popleft()
        self._device = None
        return None

    def _rows(
        self, database: sqlite3.Connection, turn: _Turn, values: Mapping[str, str], most: int
    ) -> list[tuple[int, bool]]:
        """The next ones, and whether they are too old."""
        rows = f"SELECT rowid, {self._old} FROM {self._table} WHERE device = :device"  # noqa: S608
        order, span = f"ORDER BY {self._time}, rowid LIMIT :most", self._spans[turn.span]
        if turn.kept is None:
            query = f"{rows} AND {span} {order}"
        else:
            # No value of the row is kept here, as other programs may have made it of anything. Where it is gone,
            # nothing is found, and the next round goes on. Those of one time are found by number, however many.
            here = f"(SELECT {self._time} FROM {self._table} WHERE rowid = :kept)"  # noqa: S608
            same = f"{rows} AND {self._time} = {here} AND rowid > :kept {order}"
            later = f"{rows} AND {self._time} > {here} AND {span} {order}"
            query = f"SELECT * FROM ({same}) UNION ALL SELECT * FROM ({later}) LIMIT :most"  # noqa: S608
        given = {**values, "device": turn.device, "kept": turn.kept, "most": most}
        return database.execute(query, given).fetchall()
