"""Windows that are in their roll-up and have no row any more: retention deletes rows, and their sums stay.

That a window has no row says that it is new only for as long as rows are kept. One that comes again after that, by a
second copy of a file, or from a broker or a bridge that was restored, would be added up twice.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TypeVar

from edge.contract.timestamps import format_timestamp
from edge.recording.rollups import MOST_AT_ONCE, SELECT_BUCKETS, WIDTH, Bucket, bucket_of, read_bucket
from edge.recording.runs import may_hold
from edge.recording.window_record import Series, WindowRecord
from edge.recording.window_row import DAMAGED, DamagedError
from edge.recording.window_sums import OTHER

Device = TypeVar("Device", str, int)

RECENT = timedelta(hours=12)
"""Rows are kept for a day at least: what is not older is not asked for. The other half is for clocks that differ."""
STORED = "SELECT COUNT(*) FROM (SELECT 1 FROM windows WHERE device = ? AND start >= ? AND start < ? LIMIT ?)"


def key_of(device: Device, window: WindowRecord) -> tuple[Device, datetime, str, int]:
    """What a window is known by."""
    return device, window.start, window.epoch, window.seq


def old_windows(
    windows: Iterable[tuple[Device, WindowRecord]], now: datetime
) -> dict[tuple[Device, datetime], list[WindowRecord]]:
    """Those that may have been deleted as too old, by device and the beginning of their five minutes."""
    found: dict[tuple[Device, datetime], list[WindowRecord]] = {}
    for device, window in windows:
        if abs(now - window.end) > RECENT:
            found.setdefault((device, bucket_of(window.start)), []).append(window)
    return found


def held_by(buckets: Iterable[Bucket], windows: Iterable[WindowRecord]) -> list[WindowRecord]:
    """Those of windows that are in roll-ups, by their runs. Of a damaged one nothing can be told: it begins anew.

    Only runs of their own series are read, as when they are added: a room may have stored very many of others.
    """
    groups: dict[Series | None, list[WindowRecord]] = {}
    for window in windows:
        groups.setdefault(window.series, []).append(window)
    found = []
    for bucket in buckets:
        series = groups if bucket.series.faces == OTHER else groups.keys() & {bucket.series}
        if series:
            with contextlib.suppress(DamagedError):
                runs = bucket.runs
                found += [window for each in series for window in groups[each] if may_hold(runs, window)]
    return found


def rows_are_gone(stored: int, buckets: Iterable[Bucket]) -> bool:
    """Whether five minutes have fewer rows than windows were added up; more rows than an honest room has are not told.

    Args:
        stored: How many rows there are, counted up to MOST_AT_ONCE.
        buckets: All roll-ups of these.
    """
    return stored < min(sum(bucket.sums.windows for bucket in buckets), MOST_AT_ONCE)


def find_counted(
    database: sqlite3.Connection, windows: Iterable[tuple[str, WindowRecord]], now: datetime
) -> set[tuple[str, datetime, str, int]]:
    """The keys of windows that are added up already, within the caller's transaction.

    Where all rows of five minutes are there, these tell what is new, and no window of them is found.

    Args:
        database: The file, before any of the windows is stored.
        windows: Devices and windows.
        now: The time of day.
    """
    counted: set[tuple[str, datetime, str, int]] = set()
    for (device, since), group in old_windows(windows, now).items():
        span = (device, format_timestamp(since), format_timestamp(since + WIDTH))
        buckets = []
        for row in database.execute(SELECT_BUCKETS, span):
            with contextlib.suppress(*DAMAGED):
                buckets.append(read_bucket(row))
        held = held_by(buckets, group)
        if held and rows_are_gone(database.execute(STORED, (*span, MOST_AT_ONCE)).fetchone()[0], buckets):
            counted.update(key_of(device, each) for each in held)
    return counted
