"""How long windows of a room overlap in time: those of one device follow on one another, so two of them send as it.

A copied card does that, or a box that goes on in another room under its old name. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timezone
from typing import TypeVar

from edge.recording.rollups import Bucket, bucket_of
from edge.recording.window_record import WindowRecord
from edge.recording.window_row import DAMAGED
from edge.recording.window_sums import MILLISECOND

RESTART = 60_000  # milliseconds a day in which windows of one device overlap, where starts set its clock back
BEGIN = datetime(1970, 1, 1, tzinfo=timezone.utc)
Moment = TypeVar("Moment", int, float)


def told_once(times: Iterable[tuple[Moment, Moment]], reached: Moment) -> Iterator[tuple[Moment, Moment]]:
    """The same times, without what was in one before: then what they add up to is counted once.

    Args:
        times: From when to when each is, in order of their starts, as numbers of one unit.
        reached: Until when all before them are.
    """
    for first, last in times:
        if last > reached:
            yield max(first, reached), last
            reached = last


class OverlappingTime:
    """Counts while parts come in order of time, and keeps none of them: more was recorded than there was time for.

    A device that is off at night may set its clock back each morning, so little of a day (UTC) is no overlap, however
    many days there are. Runs of a roll-up that has too many are put together, and then seem to cover what is between
    them: of a whole day this is the least that it can be.

    How long there were figures is told of five minutes, or a day, as they are rolled up: counted once it is no more
    than there was time for.
    """

    def __init__(self) -> None:
        self._since = BEGIN  # of the parts that come together: series of the same five minutes, or of the same day
        self._recorded = 0
        self._times: list[tuple[int, int]] = []  # from when to when they are, milliseconds since 1970
        self._reached = 0  # until when all before them are
        self._days: dict[date, int] = {}
        self._five_minutes = BEGIN
        self._covered = 0  # milliseconds of these that parts cover
        self._shown = 0  # of the parts of these with figures, whether or not they overlap
        self._once = 0  # with figures until these

    def add(self, part: WindowRecord | Bucket, shown: int = 0) -> None:
        """Take the next part.

        Args:
            part: A window, or a roll-up.
            shown: Milliseconds of it with figures.
        """
        since = part.since if isinstance(part, Bucket) else part.start
        if since != self._since:
            self._count()
            if since < self._since:  # days that changed come behind those that did not
                self._reached = 0
            self._since = since
            if (five_minutes := since if isinstance(part, Bucket) else bucket_of(since)) != self._five_minutes:
                self._once, self._shown, self._covered = self.figures, 0, 0
                self._five_minutes = five_minutes
        self._shown += shown
        if isinstance(part, Bucket):
            self._recorded += part.sums.recorded
            self._times += _times_of(part)
        else:
            first, last = ((moment - BEGIN) // MILLISECOND for moment in (part.start, part.end))
            self._recorded += last - first
            self._times.append((first, last))

    @property
    def total(self) -> float:
        """Seconds so far, of the days on which they are more than a device makes by itself."""
        self._count()
        return sum(each for each in self._days.values() if each > RESTART) / 1000

    @property
    def figures(self) -> int:
        """Milliseconds with figures so far, counted once."""
        self._count()
        return self._once + min(self._shown, self._covered)

    def _count(self) -> None:
        """Of the parts that came together."""
        covered = 0
        for first, last in told_once(sorted(self._times), self._reached):
            covered += last - first
            self._reached = last
        self._covered += covered
        if self._recorded > covered:
            day = self._since.date()
            self._days[day] = self._days.get(day, 0) + self._recorded - covered
        self._recorded, self._times = 0, []


def _times_of(bucket: Bucket) -> list[tuple[int, int]]:
    """From when to when its runs are. Only these are read of them: a term has as many as days and rooms."""
    since = (bucket.since - BEGIN) // MILLISECOND
    try:
        return [(since + int(run[0]), since + int(run[1])) for run in json.loads(bucket.runs_text)]
    except (*DAMAGED, IndexError, KeyError):  # whoever asks for its runs says so
        return [(since, since + bucket.sums.recorded)]
