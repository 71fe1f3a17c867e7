"""Times that were deleted on request: what is still on its way from them is not recorded any more."""

from __future__ import annotations

import sqlite3
from datetime import datetime

from edge.contract.timestamps import format_timestamp

EVER, NEVER = "", "~"  # before and after every time, as text


class DeletedSpans:
    """Knows them, as far as they stand in the file."""

    def __init__(self) -> None:
        self._newest: int | None = None
        self._spans: dict[str | None, list[tuple[str, str]]] = {}

    def load(self, database: sqlite3.Connection) -> None:
        """Read them again where there are new ones, within the caller's transaction."""
        newest = database.execute("SELECT MAX(id) FROM deletions").fetchone()[0]
        if newest == self._newest:
            return
        self._newest, self._spans = newest, {}
        # A whole room may be used again: then what was measured until the request is meant.
        query = 'SELECT device, coalesce(start, ?), coalesce("end", asked) FROM deletions'
        for device, start, end in database.execute(query, (EVER,)):
            self._spans.setdefault(device, []).append((start, end))

    def covers(self, device: str, start: datetime, end: datetime) -> bool:
        """Whether some of a window lies in one."""
        if not self._spans:
            return False
        begins, ends = format_timestamp(start), format_timestamp(end)
        return any(first < ends and begins < last for key in (device, None) for first, last in self._spans.get(key, ()))
