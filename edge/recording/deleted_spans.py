"""Times that were deleted on request: what is still on its way from them is not recorded any more."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from datetime import datetime

from edge.contract.timestamps import format_timestamp, parse_timestamp
from edge.recording.window_row import DAMAGED

EVER, NEVER = "", "~"  # before and after every time, as text


class DeletedSpans:
    """Knows them, as far as they stand in the file."""

    def __init__(self) -> None:
        self._newest: int | None = None
        self._spans: dict[str | None, list[tuple[str, str]]] = {}

    def load(self, database: sqlite3.Connection) -> None:
        """Read them again where there are new ones, within the caller's transaction."""
        newest = database.execute("SELECT MAX(id) FROM deletions").fetchone()[0]
        if not self.is_current(newest):
            # A whole room may be used again: then what was measured until the request is meant.
            query = 'SELECT device, coalesce(start, ?), coalesce("end", asked) FROM deletions'
            self.replace(newest, database.execute(query, (EVER,)))

    def is_current(self, newest: int | None) -> bool:
        """Whether the newest request is known."""
        return newest == self._newest

    def replace(self, newest: int | None, spans: Iterable[tuple[str | None, str, str]]) -> None:
        """Know these.

        Args:
            newest: The number of the newest request.
            spans: Device (None: all), start and end, as they are stored; see `EVER`.
        """
        self._newest, self._spans = newest, {}
        for device, start, end in spans:
            self._spans.setdefault(device, []).append((start, end))

    def covers(self, device: str, start: datetime, end: datetime) -> bool:
        """Whether some of a window lies in one."""
        if not self._spans:
            return False
        begins, ends = format_timestamp(start), format_timestamp(end)
        return any(first < ends and begins < last for first, last in self._of(device))

    def covers_moment(self, device: str, moment: str) -> bool:
        """Whether a time, as it is stored, lies in one."""
        return any(first <= moment < last for first, last in self._of(device))

    def covers_newer(self, device: str, payload: bytes) -> bool:
        """Whether a window of a schema that we do not know says that some of it lies in one."""
        span = span_of(payload) if self._spans else None
        return span is not None and any(first < span[1] and span[0] < last for first, last in self._of(device))

    def _of(self, device: str) -> list[tuple[str, str]]:
        return [*self._spans.get(device, ()), *self._spans.get(None, ())]


def span_of(payload: bytes) -> tuple[str, str] | None:
    """Start and end of a window of a schema that we do not know, as they are stored; None: it does not tell."""
    try:
        window = json.loads(payload)["window"]
        start, end = (format_timestamp(parse_timestamp(str(window[name]))) for name in ("start", "end"))
    except DAMAGED:
        return None
    return start, end


def may_be_of(payload: bytes, received: str, begins: str, ends: str) -> bool:
    """Whether a window of a schema that we do not know may be of a time: by what it says, else by when it came."""
    span = span_of(payload)
    return received >= begins if span is None else span[0] < ends and span[1] > begins
