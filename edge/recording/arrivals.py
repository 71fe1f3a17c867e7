"""When what a file has came last: no clock of whoever reads the file can move that."""

from __future__ import annotations

import contextlib
import sqlite3
from datetime import datetime, timezone

from edge.contract.timestamps import parse_timestamp
from edge.recording.window_row import DAMAGED

NEWEST = (
    "SELECT substr(received, 1, 30) FROM windows ORDER BY rowid DESC LIMIT 1",
    "SELECT substr(changed, 1, 30) FROM rollups ORDER BY rowid DESC LIMIT 1",
)
"""The order of arrival; windows may be gone before their roll-ups."""


def last_arrival(database: sqlite3.Connection) -> datetime | None:
    """When what was stored last came; None: nothing is there."""
    for query in NEWEST:
        found = database.execute(query).fetchone()
        if found is not None:
            with contextlib.suppress(*DAMAGED):
                return parse_timestamp(found[0]).astimezone(timezone.utc)
    return None
