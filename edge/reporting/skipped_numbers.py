"""How many numbers of windows were skipped, also where a device gave numbers again after its card was restored."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from edge.contract.numbering import begins_again
from edge.recording.rollups import Bucket
from edge.recording.runs import MOST_RUNS, SHORT
from edge.recording.window_record import Stretch, WindowRecord
from edge.recording.window_row import DamagedError
from edge.recording.window_sums import MILLISECOND, MOST_EPOCHS, WindowSums
from edge.reporting.deleted_times import Times, lost


class SkippedNumbers:
    """Counts while parts come in order of time, and keeps none of them.

    Sums know the lowest and the highest number alone: of an epoch that began again in between, all numbers between the
    two would be missing. In order of time it shows. A clock that was set back can make many of few, so whoever asks
    takes the lesser of both.

    Args:
        deleted: What was deleted on request of the device: its numbers are not missing.
    """

    def __init__(self, deleted: Times = ()) -> None:
        self._deleted = deleted
        self._newest: dict[str, _Span] = {}  # by epoch
        self._together: list[WindowRecord | Bucket] = []  # of the same time, in which numbers of series take turns
        self._total = 0

    def add(self, part: WindowRecord | Bucket) -> None:
        """Take the next part."""
        if self._together and _since(part) != _since(self._together[0]):
            self._count()
        self._together.append(part)

    @property
    def total(self) -> int:
        """How many so far."""
        self._count()
        return self._total

    def _count(self) -> None:
        parts, self._together = self._together, []
        if not parts:
            return
        sums = _added(parts)
        # Else it does not matter in which order they are, or when exactly.
        spans = _runs(parts) if sums.missing or self._deleted else None
        if spans is None:
            since = _since(parts[0])
            until = max(part.since + part.duration if isinstance(part, Bucket) else part.end for part in parts)
            usual = max(MILLISECOND, sums.recorded * MILLISECOND / sums.windows) if sums.windows else SHORT
            self._total += lost(sums.missing, since, until, usual, self._deleted)
            spans = [_Span(since, low, high, epoch, since) for epoch, (low, high, _) in sums.epochs.items()]
        for span in spans:
            known = self._newest.get(span.epoch)
            if known is None and len(self._newest) >= MOST_EPOCHS:
                continue
            if known is not None and not begins_again(span.first, span.start, known.last, known.start):
                skipped = max(0, span.first - known.last - 1)
                self._total += lost(skipped, known.end, span.start, min(known.usual, span.usual), self._deleted)
            self._newest[span.epoch] = span


class LostAtEdge(NamedTuple):
    """Windows that were lost in a gap which an edge of a time divides: in which part of it, nobody knows.

    Attributes:
        since, until: From when to when the gap is; one of them is not in the time.
        number: How many are missing in it.
        least, most: Of these so many are of the time.
    """

    since: datetime
    until: datetime
    number: int
    least: int
    most: int


class _Span(NamedTuple):
    """Numbers that follow on one another."""

    start: datetime
    first: int
    last: int
    epoch: str
    end: datetime
    usual: timedelta = SHORT
    """How long each is."""


def _since(part: WindowRecord | Bucket) -> datetime:
    return part.since if isinstance(part, Bucket) else part.start


def _added(parts: Sequence[WindowRecord | Bucket]) -> WindowSums:
    """The numbers of parts of the same time; nearly always there is one."""
    if len(parts) == 1 and isinstance(parts[0], Bucket):
        return parts[0].sums
    sums = WindowSums()
    for part in parts:
        if isinstance(part, Bucket):
            sums.merge(part.sums)
        else:
            sums.add_numbers((part,))
    return sums


def _runs(parts: Iterable[WindowRecord | Bucket]) -> list[_Span] | None:
    """The numbers in order of time; None where that was not kept of all of them."""
    stretches: list[Stretch] = []
    for part in parts:
        if isinstance(part, WindowRecord):
            stretches.append(part)
            continue
        try:
            runs = part.runs
        except DamagedError:  # by the sums there are some all the same
            return None
        if len(runs) >= MOST_RUNS:  # those beyond were put together
            return None
        stretches += runs
    return sorted(
        _Span(
            each.start, each.first, each.last, each.epoch, each.end, max(MILLISECOND, min(each.opening, each.closing))
        )
        for each in stretches
    )
