"""Until when each request to delete holds, whichever clock is wrong."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from edge.contract.timestamps import format_timestamp, parse_timestamp
from edge.recording.daily_rollups import DAY
from edge.recording.spans import Spans
from edge.recording.window_row import DAMAGED, FIRST

BEHIND = 31 * DAY  # that our clock may be: a board without a battery was off for so long
APART = timedelta(seconds=60)  # that the clocks of two machines may be

REQUESTS = """
SELECT id, substr(CAST(device AS TEXT), 1, 200), substr(CAST(start AS TEXT), 1, 200),
    substr(CAST("end" AS TEXT), 1, 200), substr(CAST(asked AS TEXT), 1, 200)
FROM deletions ORDER BY 3
"""
NEWEST = REQUESTS.replace("ORDER BY 3", "ORDER BY id DESC LIMIT 1")
"""The number alone does not tell whether there are others than before: a backup may have been put back."""


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


class Reach(NamedTuple):
    """Until when what still comes is left out.

    Attributes:
        until: Where it comes in its time.
        future_until: Where it comes from our future.
    """

    request: Request
    until: str
    future_until: str


class DeletedTimes:
    """The times that were deleted on request, for whoever reads what is left: what lacks there was not lost.

    Args:
        requests: All, in the order of their starts; damaged ones are left out.
    """

    def __init__(self, requests: Iterable[Request]) -> None:
        self._spans = Spans()
        for each in requests:
            with contextlib.suppress(*DAMAGED):  # another program wrote it
                self._spans.add(each.device, each.start or format_timestamp(FIRST), _reach(each)[1])

    def between(self, device: str, start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
        """Those of a device that have a moment in common with a time, in order, not touching: starts and ends."""
        return times_between(self._spans, device, start, end)


def times_between(spans: Spans, device: str, start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    """Times as texts, of a device, that have a moment in common with a time; in order, not touching."""
    found = spans.between(device, format_timestamp(start), format_timestamp(end))
    return [(parse_timestamp(first) if first else FIRST, parse_timestamp(last)) for first, last in found]


class DeletionRequests:
    """Knows those that were asked for in the future, by our clock.

    Nobody asks in a time to come. A request that seems to be of one was made with a clock that is ahead, or by whoever
    prepared the recording: then it ends with what was there when we saw it first, or every window would be left out
    until its time has come. Or our own clock is behind, and only that makes it seem so: then windows come from our
    future, and of these it holds as it was asked.

    Args:
        synced: Whether our own clock is set.
        elapsed: Seconds of a clock that nobody can set.
    """

    def __init__(self, synced: Callable[[], bool], elapsed: Callable[[], float]) -> None:
        self._synced = synced
        self._elapsed = elapsed
        self._zero: datetime | None = None  # the time of day at 0 of the other clock, when they were read
        self.to_come: dict[Request, str] = {}
        """Those of a time to come, and until when what was there when they were seen first."""
        self.wrong = False
        """Whether they certainly are: our own clock is not behind."""

    def clock_was_set(self, now: datetime) -> bool:
        """Whether somebody has set our clock since there were some of a time to come."""
        return bool(self.to_come) and self._zero is not None and abs(self._real_zero(now) - self._zero) > APART

    def reaches(self, requests: Iterable[Request], last: datetime | None, now: datetime) -> Iterator[Reach]:
        """Until when they hold; damaged ones are left out.

        Args:
            requests: All.
            last: When what is recorded came last; None: nothing is there.
            now: The time of day.
        """
        known = {} if self.clock_was_set(now) else self.to_come
        last = last or FIRST
        there = format_timestamp(min(last, now))
        self.to_come, self._zero = {}, self._real_zero(now)
        self.wrong = self._synced() and last <= now + APART
        for each in requests:
            try:
                asked, until = _reach(each)
            except DAMAGED:  # another program wrote it
                continue
            bounded = until
            if each in known or asked > now + APART:
                self.to_come[each] = known.get(each, there)
                bounded = min(until, self.to_come[each])
                if self.wrong or asked > now + BEHIND:
                    until = bounded
            yield Reach(each, bounded, until)

    def _real_zero(self, now: datetime) -> datetime:
        return now - timedelta(seconds=self._elapsed())


def _reach(request: Request) -> tuple[datetime, str]:
    """When it was asked for, and until when it holds. Raises one of `DAMAGED`.

    A whole room may be used again: then what was measured until the request is meant. A lesson or a day may go on when
    it is asked for, a longer time not.
    """
    asked = parse_timestamp(request.asked)
    until = asked if request.end is None else min(parse_timestamp(request.end), asked + DAY)
    return asked, format_timestamp(until)
