"""Times that were deleted on request: what is still on its way from them is not recorded any more."""

from __future__ import annotations

import bisect
import json
import logging
import sqlite3
from collections.abc import Iterable
from datetime import datetime

from edge.contract.timestamps import format_timestamp, parse_timestamp
from edge.recording.daily_rollups import DAY
from edge.recording.window_row import DAMAGED

logger = logging.getLogger(__name__)

EVER, NEVER = "", "~"  # before and after every time, as text
BEHIND = 31 * DAY  # that our clock may be: a board without a battery was off for so long
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
            texts = (f"substr(CAST({name} AS TEXT), 1, 200)" for name in ("device", "start", '"end"', "asked"))
            query = f"SELECT {', '.join(texts)} FROM deletions ORDER BY id DESC LIMIT ?"  # noqa: S608
            self.replace(newest, database.execute(query, (MOST,)), now)

    def is_current(self, newest: int | None) -> bool:
        """Whether the newest request is known."""
        return newest == self._newest

    def replace(
        self, newest: int | None, requests: Iterable[tuple[str | None, str | None, str | None, str]], now: datetime
    ) -> None:
        """Know these.

        Args:
            newest: The number of the newest request.
            requests: Device (None: all), start and end (None: without one), and when it was asked for, as stored.
            now: The time of day.
        """
        self._newest, self._spans = newest, {}
        spans = [(device, start or EVER, _reach(end, asked, now)) for device, start, end, asked in requests]
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


def _reach(end: str | None, asked: str, now: datetime) -> str:
    """Until when what still comes is left out.

    A whole room may be used again: then what was measured until the request is meant. A lesson or a day may go on when
    it is asked for, a longer time not; and nobody asks in a time to come, but where our clock is behind. A file that
    says otherwise was prepared, and would keep every window out.
    """
    try:
        when = parse_timestamp(asked)
        until = when if end is None else parse_timestamp(end)
        return format_timestamp(min(until, when + DAY if when <= now + BEHIND else now))
    except DAMAGED:
        return EVER


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
