"""As `edge.recording.counted_windows`, for many rooms in one question; days outlive their five minutes here."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime, timezone

import psycopg

from edge.recording.counted_windows import held_by, key_of, old_windows, rows_are_gone
from edge.recording.daily_rollups import start_of
from edge.recording.postgres.bucket_rows import SERIES, read_bucket
from edge.recording.postgres.columns import columns
from edge.recording.rollups import MOST_AT_ONCE, Bucket
from edge.recording.runs import may_hold
from edge.recording.window_record import WindowRecord
from edge.recording.window_row import DAMAGED, DamagedError

ROLLED = f"""
SELECT r.device, r.start, {SERIES}, r.sums::text, r.runs FROM edge.rollups r
JOIN unnest(%s::int4[], %s::timestamptz[]) AS k (device, start) USING (device, start)
JOIN edge.series e ON e.id = r.series
"""  # noqa: S608
KEPT = f"""
SELECT d.device, d.day, {SERIES}, d.sums::text, d.runs FROM edge.daily_rollups d
JOIN unnest(%s::int4[], %s::date[]) AS k (device, day) USING (device, day)
JOIN edge.series e ON e.id = d.series WHERE d.kept
"""  # noqa: S608
STORED = f"""
SELECT k.device, k.start, (SELECT count(*) FROM (
    SELECT 1 FROM edge.windows w WHERE w.device = k.device
    AND w.start >= k.start AND w.start < k.start + interval '5 minutes' LIMIT {MOST_AT_ONCE}) AS rows)
FROM unnest(%s::int4[], %s::timestamptz[]) AS k (device, start)
"""  # noqa: S608
FiveMinutes = tuple[int, datetime]  # device and beginning
Day = tuple[int, date]


def find_counted(
    connection: psycopg.Connection, windows: Iterable[tuple[int, WindowRecord]], now: datetime
) -> set[tuple[int, datetime, str, int]]:
    """The keys of windows that are added up already, within the caller's transaction, which has locked the devices.

    Where all rows of five minutes are there, these tell what is new, and no window of them is found.

    Args:
        connection: In a transaction.
        windows: Numbers of devices, and windows.
        now: The time of day.
    """
    groups = old_windows(windows, now)
    if not groups:
        return set()
    days, rolled = _kept_days(connection, groups), _rolled(connection, groups)
    held = {key: held_by(rolled.get(key, ()), group) for key, group in groups.items()}
    stored = _stored(connection, [key for key, found in held.items() if found])
    counted: set[tuple[int, datetime, str, int]] = set()
    for key, group in groups.items():
        found = held_by(days.get(_day_of(*key), ()), group)
        if key in stored and rows_are_gone(stored[key], rolled[key]):
            found += held[key]
        counted.update(key_of(key[0], each) for each in found)
    return counted


def are_in_kept_day(connection: psycopg.Connection, device: int, buckets: Sequence[Bucket]) -> bool:
    """Whether some of the roll-ups of five minutes, which are sound, are in a day that has outlived these."""
    for found in _kept_days(connection, [(device, buckets[0].since)]).values():
        for whole in found:
            with contextlib.suppress(DamagedError):
                runs = whole.runs
                if any(may_hold(runs, run) for each in buckets for run in each.runs):
                    return True
    return False


def _kept_days(connection: psycopg.Connection, keys: Iterable[FiveMinutes]) -> dict[Day, list[Bucket]]:
    found: dict[Day, list[Bucket]] = {}
    for device, day, *row in connection.execute(KEPT, columns({_day_of(*key) for key in keys})):
        with contextlib.suppress(*DAMAGED):
            found.setdefault((device, day), []).append(read_bucket(start_of(day), row))
    return found


def _day_of(device: int, start: datetime) -> Day:
    return device, start.astimezone(timezone.utc).date()


def _rolled(connection: psycopg.Connection, keys: Iterable[FiveMinutes]) -> dict[FiveMinutes, list[Bucket]]:
    found: dict[FiveMinutes, list[Bucket]] = {}
    for device, start, *row in connection.execute(ROLLED, columns(keys)):
        with contextlib.suppress(*DAMAGED):
            found.setdefault((device, start), []).append(read_bucket(start, row))
    return found


def _stored(connection: psycopg.Connection, keys: Collection[FiveMinutes]) -> dict[FiveMinutes, int]:
    if not keys:
        return {}
    return {(device, start): rows for device, start, rows in connection.execute(STORED, columns(keys))}
