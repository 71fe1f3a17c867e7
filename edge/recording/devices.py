"""The devices of a file, found from name to name through an index, however many rows each has."""

from __future__ import annotations

import sqlite3

_DEVICES = """
WITH RECURSIVE names(device) AS (
    SELECT MIN(device) FROM {table}
    UNION ALL SELECT (SELECT MIN(device) FROM {table} WHERE device > names.device) FROM names WHERE device IS NOT NULL
) SELECT substr(device, 1, 64) FROM names WHERE device IS NOT NULL LIMIT ?
"""
_COUNT = "SELECT COUNT(*) FROM (SELECT 1 FROM windows WHERE device = ? LIMIT ?)"
RECORDED = ("windows", "rollups")


def devices_of(database: sqlite3.Connection, table: str, most: int) -> list[str]:
    """The devices that a table of ours has something of, in order, at most so many."""
    return [str(name) for (name,) in database.execute(_DEVICES.format(table=table), (most,))]


def count_windows(database: sqlite3.Connection, device: str, enough: int) -> int:
    """How many windows of a device there are, found in an index; beyond `enough` it is not looked."""
    return int(database.execute(_COUNT, (device, enough)).fetchone()[0])
