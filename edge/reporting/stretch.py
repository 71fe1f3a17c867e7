"""Which windows and roll-ups stand for a stretch of time: the one answer for pages, pictures and heat maps.

A roll-up counts only where its five minutes lie within the stretch. Where the stretch cuts five minutes their windows
are read; where these were not kept nothing is said of them: their roll-up also tells of the time before or after. Where
there are too many windows they count as not kept: a room may send any number.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Sequence
from datetime import datetime, timezone

from edge.recording.recorded import Recorded
from edge.recording.rollups import WIDTH, Bucket, bucket_of
from edge.recording.window_record import WindowRecord
from edge.reporting.totals import Part

MOST_WINDOWS = 20_000  # that are read one by one; a day in steps of ten seconds has 8,640


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


def _windows(
    recording: Recorded, room: str, buckets: Sequence[Bucket], start: datetime, end: datetime
) -> Sequence[WindowRecord]:
    """The windows that begin in a stretch; none where there are too many."""
    if sum(bucket.sums.windows for bucket in _within(buckets, bucket_of(start), end)) > MOST_WINDOWS:
        return ()
    return list(recording.windows(room, start, end))


def _whole(start: datetime, end: datetime) -> tuple[datetime, datetime]:
    """Where the whole five minutes of a stretch begin, and where they end; both in UTC."""
    first = start if bucket_of(start) == start else bucket_of(start) + WIDTH
    return first, max(first, bucket_of(end))


def _within(buckets: Sequence[Bucket], first: datetime, last: datetime) -> Sequence[Bucket]:
    since: Callable[[Bucket], datetime] = lambda bucket: bucket.since  # noqa: E731
    return buckets[bisect.bisect_left(buckets, first, key=since) : bisect.bisect_left(buckets, last, key=since)]
