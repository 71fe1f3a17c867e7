"""Times that were deleted on request: what is still on its way from them is not recorded any more."""

from __future__ import annotations

import bisect
import json
import logging
import sqlite3
import time
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta, timezone
from typing import NamedTuple

from edge.contract.timestamps import format_timestamp, parse_timestamp
from edge.recording.arrivals import last_arrival
from edge.recording.daily_rollups import DAY
from edge.recording.window_row import DAMAGED, FIRST
from edge.timing.clock import clock_synced

logger = logging.getLogger(__name__)

EVER, NEVER = "", "~"  # before and after every time, as text
BEHIND = 31 * DAY  # that our clock may be: a board without a battery was off for so long
APART = timedelta(seconds=60)  # that the clocks of two machines may be
WARN_EVERY = 3600.0  # seconds
MOST = 10_000  # requests that are known, the newest

CORRECT = """
UPDATE deletions SET asked = :until, "end" = CASE WHEN "end" > :until THEN :until ELSE "end" END WHERE id = :number
"""

Spans = dict["str | None", list[tuple[str, str]]]
"""By device (None: all), in order, none overlapping."""


class Request(NamedTuple):
    """A row of the table `deletions`, its times as stored.

    Attributes:
        device: None: all.
        start: None: from the first.
        end: None: to the last.
    """

    number: int
    device: str | None
    start: str | None
    end: str | None
    asked: str


class DeletedSpans:
    """Knows them, as far as they stand in the recording.

    Nobody asks in a time to come. A request that seems to be of one was made with a clock that is ahead, or by whoever
    prepared the recording: then it ends with what was there when we saw it first, or every window would be left out
    until its time has come. Or our own clock is behind, and only that makes it seem so: then windows come from our
    future, and of these it holds as it was asked.

    Args:
        synced: Whether our own clock is set; None: as the system says.
        elapsed: Seconds of a clock that nobody can set.
    """

    def __init__(self, synced: Callable[[], bool] | None = None, elapsed: Callable[[], float] = time.monotonic) -> None:
        self._synced = synced or clock_synced
        self._elapsed = elapsed
        self._newest: int | None = None
        self._spans: Spans = {}
        self._spans_asked: Spans = {}  # the same, of requests of a time to come all that was asked for
        self._bounds: dict[int, str] = {}  # of these requests: what was there when they were seen first
        self._zero: datetime | None = None  # the time of day at 0 of the other clock, when they were read
        self._now = datetime.min.replace(tzinfo=timezone.utc)
        self._recent = self._soon = EVER  # a minute ago, in a minute
        self._warned_at: float | None = None

    def load(self, database: sqlite3.Connection, now: datetime) -> None:
        """Read them where that is needed, within the caller's transaction."""
        newest = database.execute("SELECT MAX(id) FROM deletions").fetchone()[0]
        if self.outdated(newest, now):
            texts = (f"substr(CAST({name} AS TEXT), 1, 200)" for name in ("device", "start", '"end"', "asked"))
            query = f"SELECT id, {', '.join(texts)} FROM deletions ORDER BY id DESC LIMIT ?"  # noqa: S608
            requests = map(Request._make, database.execute(query, (MOST,)))
            database.executemany(CORRECT, self.replace(newest, requests, last_arrival(database)))

    def outdated(self, newest: int | None, now: datetime) -> bool:
        """Whether they are to be read, for want of the newest or because somebody has set our clock.

        Args:
            newest: The number of the newest request.
            now: The time of day, which holds until the next call.
        """
        self._now = now
        self._recent, self._soon = (format_timestamp(each) for each in (now - APART, now + APART))
        return newest != self._newest or (bool(self._bounds) and self._clock_was_set())

    def replace(
        self, newest: int | None, requests: Iterable[Request], last: datetime | None
    ) -> list[dict[str, object]]:
        """Know these.

        Args:
            newest: The number of the newest request.
            requests: All, or as many as can be known.
            last: When what is recorded came last; None: nothing is there.

        Returns:
            Those of a time to come where that is certainly wrong, by number, and until when they are to hold: to be
            corrected where they stand, so that they end there after a restart, too.
        """
        now, last = self._now, last or FIRST
        surely = self._synced() and last <= now + APART  # our own clock is not behind
        known = {} if self._clock_was_set() else self._bounds
        there = format_timestamp(min(last, now))
        bounds: dict[int, str] = {}
        spans: list[tuple[str | None, str, str]] = []
        spans_asked: list[tuple[str | None, str, str]] = []
        for each in requests:
            try:
                asked, until = _reach(each)
            except DAMAGED:  # another program wrote it
                continue
            bounded = until
            if each.number in known or asked > now + APART:
                bounds[each.number] = known.get(each.number, there)
                bounded = min(until, bounds[each.number])
                if surely or asked > now + BEHIND:
                    until = bounded
            spans.append((each.device, each.start or EVER, bounded))
            spans_asked.append((each.device, each.start or EVER, until))
        self._spans, self._spans_asked = _merged(spans), _merged(spans_asked)
        self._newest, self._bounds, self._zero = newest, bounds, self._real_zero()
        if number := sum(map(len, self._spans_asked.values())):
            logger.info("%d times were deleted on request: what still comes of them is left out", number)
        if bounds:
            logger.warning(
                "%d deletions were asked for in a time to come: a clock is wrong. They end with what was there when "
                "they were seen first: see edge delete --list, and set this machine's clock if it is behind",
                len(bounds),
            )
        return [{"number": number, "until": until} for number, until in bounds.items()] if surely else []

    def covers(self, device: str, start: datetime, end: datetime) -> bool:
        """Whether some of a window lies in one."""
        if not self._spans_asked:
            return False
        return self._overlap(device, format_timestamp(start), format_timestamp(end))

    def covers_moment(self, device: str, moment: str) -> bool:
        """Whether a time, as it is stored, lies in one."""
        return self._overlap(device, moment, f"{moment}~")  # times as text: nothing lies between

    def covers_newer(self, device: str, payload: bytes) -> bool:
        """Whether a window of a schema that we do not know says that some of it lies in one."""
        span = span_of(payload) if self._spans_asked else None
        return span is not None and self._overlap(device, *span)

    def _overlap(self, device: str, begins: str, ends: str) -> bool:
        """Whether one has a moment in common with a time, which does not include its end."""
        known = self._spans_asked if ends > self._soon else self._spans
        for spans in (known.get(device, ()), known.get(None, ())):
            at = bisect.bisect_left(spans, (ends, "")) - 1  # the last that begins before the end
            if at >= 0 and begins < spans[at][1]:
                if ends >= self._recent:
                    self._warn(device, spans[at][1])
                return True
        return False

    def _warn(self, device: str, until: str) -> None:
        elapsed = self._elapsed()
        if self._warned_at is not None and elapsed - self._warned_at < WARN_EVERY:
            return
        self._warned_at = elapsed
        logger.warning(
            "what %s measures now is left out until %s, because that was deleted on request: see edge delete --list, "
            "and set the clocks if that is not meant",
            device, until,
        )  # fmt: skip

    def _real_zero(self) -> datetime:
        return self._now - timedelta(seconds=self._elapsed())

    def _clock_was_set(self) -> bool:
        """Whether somebody has set our clock since they were read."""
        return self._zero is not None and abs(self._real_zero() - self._zero) > APART


def _reach(request: Request) -> tuple[datetime, str]:
    """When it was asked for, and until when what still comes is left out. Raises one of `DAMAGED`.

    A whole room may be used again: then what was measured until the request is meant. A lesson or a day may go on when
    it is asked for, a longer time not.
    """
    asked = parse_timestamp(request.asked)
    until = asked if request.end is None else min(parse_timestamp(request.end), asked + DAY)
    return asked, format_timestamp(until)


def _merged(spans: Iterable[tuple[str | None, str, str]]) -> Spans:
    """Times of devices, those that overlap as one."""
    found: Spans = {}
    for device, start, end in sorted(spans, key=lambda span: span[1]):
        known = found.setdefault(device, [])
        if known and start <= known[-1][1]:
            known[-1] = (known[-1][0], max(known[-1][1], end))
        elif start < end:
            known.append((start, end))
    return found


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
