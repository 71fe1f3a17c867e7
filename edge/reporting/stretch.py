"""Which windows and roll-ups stand for a stretch of time: the one answer for pages, pictures and heat maps.

A roll-up counts only where its five minutes lie within the stretch. Where the stretch cuts five minutes their windows
are read; where these were not kept nothing is said of them: their roll-up also tells of the time before or after. Where
there are too many windows they count as not kept: a room may send any number.
"""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timezone

from edge.contract.labels import LABELS, UNKNOWN
from edge.recording.recorded import Recorded
from edge.recording.rollups import WIDTH, Bucket, bucket_of
from edge.recording.runs import Run, in_order
from edge.recording.window_record import Stretch, WindowRecord
from edge.reporting.overlapping_time import told_once
from edge.reporting.totals import Part

MOST_WINDOWS = 20_000  # that are read one by one, and runs; a day in steps of ten seconds has 8,640
USUAL_LABELS = len((*LABELS, UNKNOWN))  # of a window: windows of more take the place of others


def parts_between(
    recording: Recorded, room: str, buckets: Sequence[Bucket], start: datetime, end: datetime
) -> list[Part]:
    """The windows that begin in a stretch: whole five minutes, and windows where it cuts them.

    Args:
        recording: Started.
        room: Whose.
        buckets: Its roll-ups, in order, at least those of the stretch.
        start: Of the stretch.
        end: Of the stretch.
    """
    start, end = (moment.astimezone(timezone.utc) for moment in (start, end))
    first, last = _whole(start, end)
    before = _windows(recording, room, buckets, start, min(first, end)) if start < first else ()
    after = _windows(recording, room, buckets, last, end) if first <= last < end else ()
    return [*before, *_within(buckets, first, last), *after]


def windows_between(
    recording: Recorded, room: str, buckets: Sequence[Bucket], start: datetime, end: datetime
) -> list[Part]:
    """The same, each window by itself; where some of the whole five minutes were not kept, as `parts_between`."""
    start, end = (moment.astimezone(timezone.utc) for moment in (start, end))
    windows = _windows(recording, room, buckets, start, end)
    first, last = _whole(start, end)
    kept = sum(first <= window.start < last for window in windows)
    if kept >= sum(bucket.sums.windows for bucket in _within(buckets, first, last)):
        return [*windows]
    return parts_between(recording, room, buckets, start, end)


def stretches_of(parts: Sequence[Part]) -> list[Stretch]:
    """The times that there were windows in, in order: each window, or the runs of roll-ups."""
    if all(isinstance(part, WindowRecord) for part in parts):
        return [part for part in parts if isinstance(part, WindowRecord)]
    found: list[Stretch] = [*runs_of([part for part in parts if isinstance(part, Bucket)])]
    found += [part for part in parts if isinstance(part, WindowRecord)]
    return in_order(found)


def runs_of(buckets: Sequence[Bucket]) -> Iterator[Run]:
    """The runs of roll-ups, in order; of a room that makes far too many up, one for each roll-up.

    Args:
        buckets: In order; of those of one time, as of two models, the runs take turns.
    """
    many = sum(bucket.sums.windows for bucket in buckets) > MOST_WINDOWS
    many = many and sum(len(bucket.runs) for bucket in buckets) > MOST_WINDOWS
    for _, together in itertools.groupby(buckets, key=lambda bucket: bucket.since):
        found: list[Run] = []
        for bucket in together:
            runs = bucket.runs
            if many:
                runs = [runs[0]._replace(end=max(run.end for run in runs), last=max(run.last for run in runs))]
            found += runs
        yield from in_order(found)


def covered(runs: Iterable[Run], times: Sequence[tuple[datetime, datetime]]) -> list[float]:
    """Seconds of each time that windows cover, also those that begin before it or end after it, counted once.

    Args:
        runs: Of a room, in order; it may have any number, so none is kept.
        times: Starts and ends. What two devices recorded at once is told once: never more than there is of a time.
    """
    # In seconds since 1970: where the clock is changed a time is longer, or shorter, than it looks on the wall.
    edges = [(start.timestamp(), end.timestamp()) for start, end in times]
    found = [0.0] * len(edges)
    for first, last in told_once(((run.start.timestamp(), run.end.timestamp()) for run in runs), -math.inf):
        for number, (start, end) in enumerate(edges):
            found[number] += max(0.0, min(last, end) - max(first, start))
    return found


def _windows(
    recording: Recorded, room: str, buckets: Sequence[Bucket], start: datetime, end: datetime
) -> Sequence[WindowRecord]:
    """The windows that begin in a stretch; none where there are too many, of which roll-ups may say nothing."""
    if sum(bucket.sums.windows for bucket in _within(buckets, bucket_of(start), end)) > MOST_WINDOWS:
        return ()
    found, left = [], MOST_WINDOWS * USUAL_LABELS
    for window in recording.windows(room, start, end):
        left -= max(USUAL_LABELS, len(window.counts or ()), len(window.estimate or ()))
        if left < 0:
            return ()
        found.append(window)
    return found


def _whole(start: datetime, end: datetime) -> tuple[datetime, datetime]:
    """Where the whole five minutes of a stretch begin, and where they end; both in UTC."""
    first = start if bucket_of(start) == start else bucket_of(start) + WIDTH
    return first, max(first, bucket_of(end))


def _within(buckets: Sequence[Bucket], first: datetime, last: datetime) -> Sequence[Bucket]:
    since: Callable[[Bucket], datetime] = lambda bucket: bucket.since  # noqa: E731
    return buckets[bisect.bisect_left(buckets, first, key=since) : bisect.bisect_left(buckets, last, key=since)]
