"""Windows that follow on one another, as one: enough to find gaps and missing numbers by, and few rows.

A run ends where time or numbers skip, and where what is withheld changes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, TypeVar

from edge.contract.validation import MAX_COUNT
from edge.recording.sum_bounds import EPOCH_PATTERN, REASONS
from edge.recording.window_record import Stretch
from edge.recording.window_sums import MILLISECOND

SHORT = timedelta(seconds=2)  # between windows that follow on one another
MOST_RUNS = (
    100  # of one roll-up, which is read and written for each of its windows; those of ten seconds make 30 at most
)
Found = TypeVar("Found", bound=Stretch)
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
        if not (
            isinstance(start, int) and isinstance(end, int) and isinstance(first, int) and isinstance(last, int)
            and isinstance(opening, int) and isinstance(closing, int) and isinstance(epoch, str)
            and (reason is None or isinstance(reason, str))
        ):  # fmt: skip
            raise TypeError
        if not (0 <= start < end < LATEST and 0 < opening < LATEST and 0 < closing < LATEST):
            raise ValueError
        if not 0 <= first <= last <= MAX_COUNT or not EPOCH_PATTERN.fullmatch(epoch) or reason not in (None, *REASONS):
            raise ValueError
        return cls(
            since + start * MILLISECOND, first, since + end * MILLISECOND, last, epoch, opening * MILLISECOND,
            closing * MILLISECOND, reason,
        )  # fmt: skip


def in_order(stretches: Iterable[Found]) -> list[Found]:
    """The same by time, also those that only their reasons tell apart, as in a file that another program wrote."""
    return sorted(stretches, key=lambda each: (each.start, each.first))


def joined(stretches: Iterable[Stretch]) -> list[Run]:
    """Runs as long as they can be, in order of time, whatever the order in which windows came."""
    found: list[Run] = []
    runs = (Run(s.start, s.first, s.end, s.last, s.epoch, s.opening, s.closing, s.reason) for s in stretches)
    for run in in_order(runs):
        if found and (_follows(found[-1], run) or len(found) == MOST_RUNS):
            before = found[-1]
            first, last = min(before.first, run.first), max(before.last, run.last)  # beyond the most, of any order
            found[-1] = before._replace(end=max(before.end, run.end), first=first, last=last, closing=run.closing)
        else:
            found.append(run)
    return found


def read_runs(text: str, since: datetime, most: int | None = None) -> list[Run]:
    """Runs as they are stored, the first so many. Raises as `Run.from_json`, and ValueError for what is no JSON."""
    return [Run.from_json(each, since) for each in json.loads(text)[:most]]


def may_hold(runs: Sequence[Run], stretch: Stretch) -> bool:
    """Whether runs, as they are stored, have the windows of a stretch.

    That is certain but for the last of `MOST_RUNS`, in which windows of any number and epoch are joined.
    """
    mixed = runs[-1] if len(runs) == MOST_RUNS else None
    return any(
        run.start <= stretch.start < run.end
        and (run is mixed or (run.epoch == stretch.epoch and run.first <= stretch.first and stretch.last <= run.last))
        for run in runs
    )


def middle_of(runs: Iterable[Run]) -> datetime:
    """The moment until which half of the time of some runs, one at least, has passed."""
    found = in_order(runs)
    left = sum((run.end - run.start for run in found), timedelta()) / 2
    for run in found:
        if left <= run.end - run.start:
            return run.start + left
        left -= run.end - run.start
    return found[-1].end


def _follows(before: Run, after: Run) -> bool:
    return (
        before.last + 1 == after.first
        and before.epoch == after.epoch
        and before.reason == after.reason
        and timedelta() <= after.start - before.end <= SHORT
    )
