"""Numbers that were skipped across the edge of a time: of lost windows nobody knows when in the gap they were measured.

A lesson, a day and a week ask the same question with the same answer, whatever they are read from: the last window
before the time and the first one of it tell how many are missing between, and how long the gap is tells how many of
them can have been on this side of the edge, and how many must.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

from edge.recording.deletion_requests import DeletedTimes
from edge.recording.recorded import Recorded
from edge.recording.rollups import WIDTH, bucket_of
from edge.recording.runs import Run
from edge.recording.window_record import Stretch
from edge.recording.window_row import DamagedError
from edge.recording.window_sums import MILLISECOND
from edge.reporting.deleted_times import Times, lost
from edge.reporting.gaps import skipped
from edge.reporting.skipped_numbers import LostAtEdge
from edge.reporting.totals import Totals

SET_BACK = timedelta(days=1)  # by which a clock may have gone back while the power was off


def with_lost_at_edges(
    totals: Totals, recording: Recorded, device: str, start: datetime, end: datetime, deleted: DeletedTimes
) -> Totals:
    """The totals of a time, with what was lost at its edges.

    Args:
        totals: Of the windows that begin in it.
        recording: Started.
        device: Whose they are.
        start: Of the time.
        end: Of the time.
        deleted: What was deleted on request.
    """
    if not totals.windows:
        return totals  # nothing is said of it
    start, end = (moment.astimezone(timezone.utc) for moment in (start, end))
    found = _lost_at_edges(recording, device, start, end, deleted)
    return replace(
        totals,
        missing=totals.missing + sum(each.least for each in found),
        lost_at_edges=tuple(found),
    )


def _lost_at_edges(
    recording: Recorded, device: str, start: datetime, end: datetime, deleted: DeletedTimes
) -> list[LostAtEdge]:
    try:
        pairs = [
            (edge, _last_before(recording, device, edge), _first_from(recording, device, edge)) for edge in (start, end)
        ]
        found = [
            between(before, after, number, start, end, deleted.between(device, before.end, after.start))
            for edge, before, after in pairs
            # Else windows of one run are on both sides of the edge.
            if before and after and before.end - before.closing < edge
            if (number := _missing(recording, device, before, after))
        ]
    except DamagedError:  # beside the time, which is not what was asked for
        return []
    return [each for each in found if each]


def _missing(recording: Recorded, device: str, before: Stretch, after: Stretch) -> int:
    """How many windows between two stretches are nowhere, also not a little earlier.

    A board without a clock of its own begins where it was when its power was cut, or somewhat before, until the network
    sets its clock.
    """
    number = skipped(before, after)
    if not number:
        return 0
    since = bucket_of(before.end - SET_BACK)
    runs = (run for bucket in recording.buckets(device, since, before.end) for run in bucket.runs)
    earlier = sum(
        run.last - run.first + 1
        for run in runs
        if run.epoch == before.epoch and before.last < run.first and run.last < after.first
    )
    return max(0, number - earlier)


def between(
    before: Stretch, after: Stretch, number: int, start: datetime, end: datetime, deleted: Times
) -> LostAtEdge | None:
    """How much was lost between two stretches, and how much of it in a time that ends or begins in between.

    Args:
        before: The last one before the edge of the time.
        after: The first one behind it.
        number: Of windows that are missing between them.
        start: Of the time.
        end: Of the time.
        deleted: What was deleted on request of the device.
    """
    since, until = before.end, after.start
    usual = max(MILLISECOND, min(before.closing, after.opening))
    number = lost(number, since, until, usual, deleted)
    inside = min(until, end) - max(since, start)
    if not number or inside <= timedelta():
        return None
    # No more can have been on either side of the edge than there was time for.
    least = max(0, number - round((until - since - inside) / usual))
    most = min(number, round(inside / usual))
    return LostAtEdge(since, until, number, min(least, most), most) if most else None


def _last_before(recording: Recorded, device: str, moment: datetime) -> Run | None:
    """The run that begins last before a moment."""
    edge = moment
    while buckets := recording.beside(device, edge, before=True):
        runs = [run for bucket in buckets for run in bucket.runs if run.start < moment]
        if runs:
            return max(runs)
        edge = buckets[0].since  # all of these begin later
    return None


def _first_from(recording: Recorded, device: str, moment: datetime) -> Run | None:
    """The run that begins first at a moment or later."""
    edge = bucket_of(moment)
    while buckets := recording.beside(device, edge, before=False):
        runs = [run for bucket in buckets for run in bucket.runs if run.start >= moment]
        if runs:
            return min(runs)
        edge = buckets[0].since + WIDTH  # all of these begin earlier
    return None
