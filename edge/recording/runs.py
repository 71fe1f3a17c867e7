"""Windows that follow on one another, as one: enough to find gaps and missing numbers by, and few rows.

A run ends where time or numbers skip, and where what is withheld changes.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from edge.recording.window_record import Stretch

SHORT = timedelta(seconds=2)  # between windows that follow on one another
MOST_RUNS = 400  # of one roll-up: more than windows of a second can make honestly
MILLISECOND = timedelta(milliseconds=1)
LATEST = 2 * 24 * 3600 * 1000  # milliseconds that a run may last: a window has at most a day


class Run(NamedTuple):
    """As `Stretch`."""

    start: datetime
    first: int
    end: datetime
    last: int
    epoch: str
    opening: timedelta
    closing: timedelta
    reason: str | None

    def as_json(self, since: datetime) -> list[object]:
        """For a file: times in milliseconds, the first two since a moment."""
        start, end, opening, closing = (
            each // MILLISECOND for each in (self.start - since, self.end - since, self.opening, self.closing)
        )
        return [start, end, self.epoch, self.first, self.last, opening, closing, self.reason]

    @classmethod
    def from_json(cls, values: Iterable[object], since: datetime) -> Run:
        """The same back. Raises ValueError, TypeError or OverflowError for what is none."""
        start, end, epoch, first, last, opening, closing, reason = values
        whole = (start, end, first, last, opening, closing)
        if not all(isinstance(each, int) for each in whole) or not (reason is None or isinstance(reason, str)):
            raise TypeError
        begin, until, low, high, head, tail = (int(str(each)) for each in whole)
        if (
            not 0 <= begin < until < LATEST
            or not 0 <= low <= high
            or not (isinstance(epoch, str) and head > 0 and tail > 0)
        ):
            raise ValueError
        return cls(
            since + begin * MILLISECOND, low, since + until * MILLISECOND, high, epoch, head * MILLISECOND,
            tail * MILLISECOND, reason,
        )  # fmt: skip


def joined(stretches: Iterable[Stretch]) -> list[Run]:
    """Runs as long as they can be, in order of time, whatever the order in which windows came."""
    found: list[Run] = []
    runs = (Run(s.start, s.first, s.end, s.last, s.epoch, s.opening, s.closing, s.reason) for s in stretches)
    for run in sorted(runs, key=lambda run: (run.start, run.first)):
        if found and (_follows(found[-1], run) or len(found) == MOST_RUNS):
            before = found[-1]
            first, last = min(before.first, run.first), max(before.last, run.last)  # beyond the most, of any order
            found[-1] = before._replace(end=max(before.end, run.end), first=first, last=last, closing=run.closing)
        else:
            found.append(run)
    return found


def _follows(before: Run, after: Run) -> bool:
    return (
        before.last + 1 == after.first
        and before.epoch == after.epoch
        and before.reason == after.reason
        and timedelta() <= after.start - before.end <= SHORT
    )
