"""Times that were deleted on request: what is still on its way from them is not recorded any more."""

from __future__ import annotations

import bisect
import json
import logging
import sqlite3
from collections.abc import Iterable
from datetime import datetime

from edge.contract.timestamps import format_timestamp, parse_timestamp
from edge.recording.window_row import DAMAGED

logger = logging.getLogger(__name__)

EVER, NEVER = "", "~"  # before and after every time, as text
MOST = 10_000  # requests that are known, the newest


class DeletedSpans:
    """Knows them, as far as they stand in the file."""

    def __init__(self) -> None:
        self._newest: int | None = None
        self._spans: dict[str | None, list[tuple[str, str]]] = {}  # in order, none overlapping

    def load(self, database: sqlite3.Connection, now: datetime) -> None:
        """Read them again where there are new ones, within the caller's transaction."""
        newest = database.execute("SELECT MAX(id) FROM deletions").fetchone()[0]
        if not self.is_current(newest):
            # A whole room may be used again: then what was measured until the request is meant. A lesson or day may go
            # on when it is asked for, a longer time not; and nobody asks in a time to come. A file that says otherwise
            # was prepared, and would keep every window out.
            query = """
                SELECT substr(device, 1, 200), substr(coalesce(start, ?1), 1, 30),
                    min(coalesce(substr("end", 1, 30), substr(asked, 1, 30)),
                        iif(asked <= ?2, coalesce(strftime('%Y-%m-%dT%H:%M:%fZ', asked, '+1 day'), ?2), ?2))
                FROM deletions ORDER BY id DESC LIMIT ?3
            """
            self.replace(newest, database.execute(query, (EVER, format_timestamp(now), MOST)))

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
        for device, start, end in sorted(spans, key=lambda span: span[1]):
            known = self._spans.setdefault(device, [])
            if known and start <= known[-1][1]:
                known[-1] = (known[-1][0], max(known[-1][1], end))
            elif start < end:
                known.append((start, end))
        if number := sum(map(len, self._spans.values())):
            logger.info("%d times were deleted on request: what still comes of them is left out", number)

    def covers(self, device: str, start: datetime, end: datetime) -> bool:
        """Whether some of a window lies in one."""
        if not self._spans:
            return False
        return self._overlap(device, format_timestamp(start), format_timestamp(end))

    def covers_moment(self, device: str, moment: str) -> bool:
        """Whether a time, as it is stored, lies in one."""
        return self._overlap(device, moment, f"{moment}~")  # times as text: nothing lies between

    def covers_newer(self, device: str, payload: bytes) -> bool:
        """Whether a window of a schema that we do not know says that some of it lies in one."""
        span = span_of(payload) if self._spans else None
        return span is not None and self._overlap(device, *span)

    def _overlap(self, device: str, begins: str, ends: str) -> bool:
        """Whether one has a moment in common with a time, which does not include its end."""
        for spans in (self._spans.get(device, ()), self._spans.get(None, ())):
            at = bisect.bisect_left(spans, (ends, "")) - 1  # the last that begins before the end
            if at >= 0 and begins < spans[at][1]:
                return True
        return False


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
