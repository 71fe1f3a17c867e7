"""As `edge.recording.counted_windows`, for many rooms in one question; days outlive their five minutes here."""

from __future__ import annotations

import contextlib
import json
from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import date, datetime, timezone

import psycopg

from edge.recording.counted_windows import key_of, old_windows, rows_are_gone
from edge.recording.rollups import MOST_AT_ONCE
from edge.recording.runs import Run, may_hold, read_runs
from edge.recording.window_record import WindowRecord
from edge.recording.window_row import DAMAGED
from edge.recording.window_sums import WindowSums

ROLLED = """
SELECT r.device, r.start, r.sums::text, r.runs FROM edge.rollups r
JOIN unnest(%s::int4[], %s::timestamptz[]) AS k (device, start) USING (device, start)
"""
KEPT = """
SELECT d.device, d.day, d.runs FROM edge.daily_rollups d
JOIN unnest(%s::int4[], %s::date[]) AS k (device, day) USING (device, day) WHERE d.kept
"""
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
    counted: set[tuple[int, datetime, str, int]] = set()
    days = kept_days(connection, groups)
    rolled, runs = _rolled(connection, groups)
    held = {key: [each for each in group if _in_any(runs[key], each)] for key, group in groups.items()}
    stored = _stored(connection, [key for key, some in held.items() if some])
    for key, group in groups.items():
        gone = held[key] if held[key] and rows_are_gone(stored[key], rolled[key]) else []
        of_day = [each for each in group if _in_any(days.get(day_of(*key), ()), each)]
        counted.update(key_of(key[0], each) for each in (*gone, *of_day))
    return counted


def kept_days(connection: psycopg.Connection, keys: Iterable[FiveMinutes]) -> dict[Day, list[list[Run]]]:
    """The runs of days of some five minutes that have outlived these, of each series."""
    found: dict[Day, list[list[Run]]] = {}
    for device, day, runs in connection.execute(KEPT, _columns({day_of(*key) for key in keys})):
        with contextlib.suppress(*DAMAGED):
            begins = datetime(day.year, day.month, day.day, tzinfo=timezone.utc)
            found.setdefault((device, day), []).append(read_runs(runs, begins))
    return found


def day_of(device: int, start: datetime) -> Day:
    """The day (UTC) that five minutes are of."""
    return device, start.astimezone(timezone.utc).date()


def _rolled(
    connection: psycopg.Connection, keys: Iterable[FiveMinutes]
) -> tuple[dict[FiveMinutes, int], dict[FiveMinutes, list[list[Run]]]]:
    """How many windows were added up, and their runs of each series."""
    windows: dict[FiveMinutes, int] = defaultdict(int)
    runs: dict[FiveMinutes, list[list[Run]]] = defaultdict(list)
    for device, start, sums, text in connection.execute(ROLLED, _columns(keys)):
        with contextlib.suppress(*DAMAGED):  # it begins anew with what is added
            runs[device, start].append(read_runs(text, start))
            windows[device, start] += WindowSums.from_json(json.loads(sums)).windows
    return windows, runs


def _stored(connection: psycopg.Connection, keys: Collection[FiveMinutes]) -> dict[FiveMinutes, int]:
    if not keys:
        return {}
    return {(device, start): rows for device, start, rows in connection.execute(STORED, _columns(keys))}


def _in_any(runs: Iterable[list[Run]], window: WindowRecord) -> bool:
    return any(may_hold(some, window) for some in runs)


def _columns(keys: Iterable[tuple[int, date]]) -> list[list[object]]:
    return [list(column) for column in zip(*sorted(keys), strict=True)]
