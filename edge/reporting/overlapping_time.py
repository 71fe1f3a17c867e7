"""How long windows of a room overlap in time: those of one device follow on one another, so two of them send as it.

A copied card does that, or a box that goes on in another room under its old name. Pure.
"""

from __future__ import annotations

import json
from datetime import date, datetime, timezone

from edge.recording.rollups import Bucket
from edge.recording.window_record import WindowRecord
from edge.recording.window_row import DAMAGED
from edge.recording.window_sums import MILLISECOND

RESTART = 60_000  # milliseconds a day in which windows of one device overlap, where starts set its clock back
BEGIN = datetime(1970, 1, 1, tzinfo=timezone.utc)


class OverlappingTime:
    """Counts while parts come in order of time, and keeps none of them: more was recorded than there was time for.

    A device that is off at night may set its clock back each morning, so little of a day (UTC) is no overlap, however
    many days there are. Runs of a roll-up that has too many are put together, and then seem to cover what is between
    them: of a whole day this is the least that it can be.
    """

    def __init__(self) -> None:
        self._since = BEGIN  # of the parts that come together: series of the same five minutes, or of the same day
        self._recorded = 0
        self._times: list[tuple[int, int]] = []  # from when to when they are, milliseconds since 1970
        self._reached = 0  # until when all before them are
        self._days: dict[date, int] = {}

    def add(self, part: WindowRecord | Bucket) -> None:
        """Take the next part."""
        since = part.since if isinstance(part, Bucket) else part.start
        if since != self._since:
            self._count()
            if since < self._since:  # days that changed come behind those that did not
                self._reached = 0
            self._since = since
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

    def _count(self) -> None:
        """Of the parts that came together."""
        covered = 0
        for first, last in sorted(self._times):
            covered += max(0, last - max(first, self._reached))
            self._reached = max(self._reached, last)
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
