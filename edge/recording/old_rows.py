"""Finds the rows of a file that may be too old, by an index: what is to be kept is not read to find out."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

TIMES = {
    "windows": ("start", ("start < :limit", "start > :ahead")),
    "newer_windows": ("received", ("received < :limit",)),
    "states": ("since", ("since < :limit",)),
    "availability": ("received", ("received < :limit",)),
    "places": ("heard", ("heard < :limit",)),
}
"""Of each table the time that it has an index of, behind the device, and between which times old rows can be."""


class OldRows:
    """Walks through the old rows of a table, some at a time: of each device, in the order of time.

    Args:
        table: Its name.
        old: Which of the rows within `TIMES` are too old; the others are walked past once a round.
    """

    def __init__(self, table: str, old: str) -> None:
        self._table = table
        self._time, self._spans = TIMES[table]
        self._old = old
        self._device: object = None  # where we are; None: a round begins
        self._span = 0
        self._kept: int | None = None  # the last row that was walked past there; what was before it is gone, or kept

    def delete(self, database: sqlite3.Connection, values: Mapping[str, str], most: int) -> tuple[int, bool]:
        """Go on, within the caller's transaction.

        Args:
            database: In a transaction.
            values: Of the names in `TIMES` and in what is old.
            most: Rows that are looked at.

        Returns:
            How many were deleted, and whether the round is not over.
        """
        if self._device is None and not self._next_device(database):
            return 0, False
        rows = self._rows(database, values, most)
        gone = [(row,) for row, old in rows if old]
        database.executemany(f"DELETE FROM {self._table} WHERE rowid = ?", gone)  # noqa: S608
        self._kept = next((row for row, old in reversed(rows) if not old), self._kept)
        if len(rows) == most:
            return len(gone), True
        self._span, self._kept = self._span + 1, None
        if self._span < len(self._spans):
            return len(gone), True
        return len(gone), self._next_device(database)

    def _rows(self, database: sqlite3.Connection, values: Mapping[str, str], most: int) -> list[tuple[int, bool]]:
        """The next ones, and whether they are too old."""
        rows = f"SELECT rowid, {self._old} FROM {self._table} WHERE device = :device"  # noqa: S608
        order, span = f"ORDER BY {self._time}, rowid LIMIT :most", self._spans[self._span]
        if self._kept is None:
            query = f"{rows} AND {span} {order}"
        else:
            # No value of the row is kept here, as other programs may have made it of anything. Where it is gone,
            # nothing is found, and the next round goes on. Those of one time are found by number, however many.
            here = f"(SELECT {self._time} FROM {self._table} WHERE rowid = :kept)"  # noqa: S608
            same = f"{rows} AND {self._time} = {here} AND rowid > :kept {order}"
            later = f"{rows} AND {self._time} > {here} AND {span} {order}"
            query = f"SELECT * FROM ({same}) UNION ALL SELECT * FROM ({later}) LIMIT :most"  # noqa: S608
        given = {**values, "device": self._device, "kept": self._kept, "most": most}
        return database.execute(query, given).fetchall()

    def _next_device(self, database: sqlite3.Connection) -> bool:
        """Go to the next device; False: there is none, and the next round begins."""
        query = f"SELECT MIN(device) FROM {self._table}"  # noqa: S608
        if self._device is not None:
            query += " WHERE device > :device"
        (self._device,) = database.execute(query, {"device": self._device}).fetchone()
        self._span, self._kept = 0, None
        return self._device is not None
