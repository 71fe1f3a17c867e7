"""Times that were deleted on request: what is still on its way from them is not recorded any more."""

from __future__ import annotations

import json
import logging
import sqlite3
import time
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from edge.contract.payloads import State
from edge.contract.timestamps import format_timestamp, parse_timestamp
from edge.errors import ConfigError
from edge.recording.arrivals import last_arrival
from edge.recording.deletion_requests import APART, NEWEST, REQUESTS, DeletionRequests, Request, times_between
from edge.recording.spans import Spans
from edge.recording.window_record import WindowRecord
from edge.recording.window_row import DAMAGED
from edge.timing.clock import clock_synced

logger = logging.getLogger(__name__)

EVER, NEVER = "", "~"  # before and after every time, as text
WARN_EVERY = 3600.0  # seconds
MOST_WARNED = 10  # devices in that time
LONGEST_WAIT = timedelta(days=31)  # that a window was under way: a broker keeps a recorder's session for 30 days
MOST = 100_000  # times that do not touch, which take some 40 MB

CORRECT = """
UPDATE deletions SET asked = :until, "end" = CASE WHEN "end" > :until THEN :until ELSE "end" END WHERE id = :number
"""


class DeletedSpans:
    """Knows them, as far as they stand in the recording: all of them, or nothing is recorded.

    Args:
        synced: Whether our own clock is set; None: as the system says.
        elapsed: Seconds of a clock that nobody can set.
        quiet: Log nothing: a recorder of the same recording does.
    """

    def __init__(
        self,
        synced: Callable[[], bool] | None = None,
        elapsed: Callable[[], float] = time.monotonic,
        *,
        quiet: bool = False,
    ) -> None:
        self._elapsed = elapsed
        self._quiet = quiet
        self._requests = DeletionRequests(synced or clock_synced, elapsed)
        self._newest: Request | None = None
        self._spans, self._future = Spans(), Spans()
        self._recent = self._soon = EVER  # a minute ago, in a minute
        self._warned_at: float | None = None
        self._warned: set[str] = set()  # since then

    @property
    def number(self) -> int:
        """How many times there are that do not touch; at most `MOST`."""
        return max(self._spans.number, self._future.number, len(self._requests.to_come))

    def load(self, database: sqlite3.Connection, now: datetime) -> None:
        """Read them where that is needed, within the caller's transaction. Raises as `replace`."""
        newest = next(map(Request._make, database.execute(NEWEST)), None)
        if self.outdated(newest, now):
            requests = map(Request._make, database.execute(REQUESTS))
            database.executemany(CORRECT, self.replace(newest, requests, last_arrival(database), now))

    def outdated(self, newest: Request | None, now: datetime) -> bool:
        """Whether they are to be read, for want of the newest or because somebody has set our clock.

        Args:
            newest: The request with the highest number.
            now: The time of day, which holds until the next call.
        """
        self._recent, self._soon = (format_timestamp(each) for each in (now - APART, now + APART))
        return newest != self._newest or self._requests.clock_was_set(now)

    def replace(
        self, newest: Request | None, requests: Iterable[Request], last: datetime | None, now: datetime
    ) -> list[dict[str, object]]:
        """Know these.

        Args:
            newest: As `outdated`.
            requests: All, in the order of their starts.
            last: When what is recorded came last; None: nothing is there.
            now: The time of day.

        Returns:
            Those of a time to come where that is certainly wrong, by number, and until when they are to hold: to be
            corrected where they stand, so that they end there after a restart, too.

        Raises:
            ConfigError: There are more than can be known, and what was deleted would be recorded again.
        """
        spans, future = Spans(), Spans()
        for request, until, future_until in self._requests.reaches(requests, last, now):
            spans.add(request.device, request.start or EVER, until)
            future.add(request.device, request.start or EVER, future_until)
            if max(spans.number, future.number, len(self._requests.to_come)) > MOST:
                raise ConfigError(
                    f"more than {MOST:,} times that do not touch were deleted on request",
                    "delete one long time in which they lie: edge delete --list shows them",
                )
        # Only now: where they cannot all be read, they are to be read again.
        self._newest, self._spans, self._future = newest, spans, future
        if self.number and not self._quiet:
            logger.info("times deleted on request: %d; what still comes of them is left out", self.number)
        to_come = self._requests.to_come
        if to_come and not self._quiet:
            logger.warning(
                "%d requests to delete have a time in the future: a clock is wrong. They end with what was there when "
                "they were seen first: see edge delete --list, and set this machine's clock if it is behind",
                len(to_come),
            )
        return [{"number": number, "until": until} for (number, *_), until in to_come.items() if self._requests.wrong]

    def covers(self, device: str, start: datetime, end: datetime) -> bool:
        """Whether some of a window lies in one."""
        return self.number > 0 and self._overlap(device, format_timestamp(start), format_timestamp(end)) is not None

    def leaves_out(self, device: str, window: WindowRecord, arrived: datetime | None) -> bool:
        """Whether a window is not to be recorded.

        Args:
            device: Whose.
            window: Which.
            arrived: When it came, by our clock; None: it comes from another recording.
        """
        if not self.covers(device, window.start, window.end):
            return False
        if arrived is None or window.replayed:
            return True
        if self._measured_later(device, window, arrived):
            return False
        self._warn(
            device, "what comes from %s is left out: by its clock it is of %s, which was deleted on request. If it is "
            "measured now, set the clock of that room; see edge delete --list", format_timestamp(window.start),
        )  # fmt: skip
        return True

    def _measured_later(self, device: str, window: WindowRecord, arrived: datetime) -> bool:
        """Whether a window that seems to be of a time that was deleted can only be of a later one.

        A whole room may be used again, with a clock that is behind: all that it measures seems to be of before the
        request. Where it says that its clock is not set, and nothing waits for so long, the time of arrival counts.
        Never for a lesson or a day alone: a clock that is behind passes it soon, and what is of it must not come back.
        """
        if window.clock_synced or arrived - window.end <= LONGEST_WAIT:
            return False
        seems = self._spans.found(device, format_timestamp(window.start), format_timestamp(window.end))
        if any(start != EVER for start, _ in seems):
            return False
        began = format_timestamp(arrived - window.duration - APART)
        return self._spans.until(device, began, format_timestamp(arrived)) is None

    def covers_moment(self, device: str, moment: str) -> bool:
        """Whether a time, as it is stored, lies in one."""
        return self.until(device, moment) is not None

    def until(self, device: str, moment: str) -> str | None:
        """When the one ends in which a time lies, both as they are stored; None: it lies in none."""
        return self._overlap(device, moment, f"{moment}~")  # times as text: nothing lies between

    def lasting(self, device: str, state: State) -> State | None:
        """What is recorded of a state: of one that began in a deleted time only that it lasts, from its end on.

        None: nothing, as of a room of which all was deleted.
        """
        since = state.since
        while (until := self.until(device, since)) is not None:
            if any(start == EVER for start, _ in self._spans.found(device, since, f"{since}~")):
                return None
            since = until
        return state if since == state.since else state.model_copy(update={"reason": "", "since": since})

    def between(self, device: str, start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
        """Those of a device that have a moment in common with a time, in order, not touching: starts and ends."""
        return times_between(self._spans, device, start, end) if self.number else []

    def covers_newer(self, device: str, payload: bytes) -> bool:
        """Whether a window of a schema that we do not know says that some of it lies in one."""
        span = span_of(payload) if self.number else None
        return span is not None and self._overlap(device, *span) is not None

    def _overlap(self, device: str, begins: str, ends: str) -> str | None:
        """When the one ends that has a moment in common with a time, which does not include its end."""
        until = (self._future if ends > self._soon else self._spans).until(device, begins, ends)
        if until is not None and ends >= self._recent:
            self._warn(
                device, "what %s measures now is left out until %s, because that was deleted on request: see "
                "edge delete --list, and set the clocks if that is not meant", until,
            )  # fmt: skip
        return until

    def _warn(self, device: str, text: str, moment: str) -> None:
        if self._quiet:
            return
        elapsed = self._elapsed()
        if self._warned_at is None or elapsed - self._warned_at >= WARN_EVERY:
            self._warned_at, self._warned = elapsed, set()
        if device not in self._warned and len(self._warned) < MOST_WARNED:
            self._warned.add(device)
            logger.warning(text, device, moment)


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
