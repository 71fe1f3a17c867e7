"""Roll-ups in PostgreSQL: the sums of `edge.recording.rollups`, in the same transaction as their windows."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import psycopg

from edge.errors import EdgeError
from edge.recording.postgres.daily_rollups import take_back
from edge.recording.postgres.names import SeriesIds
from edge.recording.rollups import Bucket, roll_up
from edge.recording.series_ids import MOST_SERIES
from edge.recording.window_record import Series, WindowRecord
from edge.recording.window_row import DAMAGED, compact
from edge.recording.window_sums import OTHER

logger = logging.getLogger(__name__)

FIND = """
SELECT r.device, r.start, r.series, r.sums::text, r.runs FROM edge.rollups r
JOIN unnest(%s::int4[], %s::timestamptz[], %s::int4[]) AS k (device, start, series) USING (device, start, series)
"""
STORE = """
INSERT INTO edge.rollups SELECT device, start, series, %s, sums, runs
FROM json_to_recordset(%s::json) AS b (device int4, start timestamptz, series int4, sums jsonb, runs text)
ON CONFLICT (device, start, series) DO UPDATE SET changed = excluded.changed, sums = excluded.sums, runs = excluded.runs
"""
SERIES_OF = "SELECT device, array_agg(series) FROM edge.device_series WHERE device = ANY(%s) GROUP BY device"
ADD_SERIES = "INSERT INTO edge.device_series VALUES (%s, %s) ON CONFLICT DO NOTHING"
Key = tuple[int, datetime, int]


def in_roll_ups(series: Iterable[Series]) -> set[Series]:
    """Those that windows, or their roll-ups, may need."""
    return {each for one in series for each in (one, Series(one.mode, OTHER, None, None))}


class SeriesOfDevices:
    """Which series have roll-ups of a device: beyond the most, all further ones are one."""

    def __init__(self, ids: SeriesIds) -> None:
        self._ids = ids
        self._of: dict[int, set[int]] = {}

    def load(self, connection: psycopg.Connection, devices: Iterable[int]) -> None:
        """Learn them, for devices that are not known yet."""
        new = [device for device in devices if device not in self._of]
        if new:
            found: dict[int, list[int]] = dict(connection.execute(SERIES_OF, (new,)).fetchall())
            self._of.update({device: set(found.get(device, ())) for device in new})

    def choose(self, connection: psycopg.Connection, device: int, series: Series) -> int:
        """The series in whose roll-up a window goes, both of which are known, within the caller's transaction."""
        of_device, wanted = self._of[device], self._ids[series]
        if wanted not in of_device and len(of_device) >= MOST_SERIES:
            wanted = self._ids[Series(series.mode, OTHER, None, None)]
        if wanted not in of_device:
            connection.execute(ADD_SERIES, (device, wanted))
            of_device.add(wanted)
        return wanted

    def forget(self) -> None:
        """Ask the database again."""
        self._of.clear()


def take_rollups(
    connection: psycopg.Connection, series: SeriesOfDevices, device: int, buckets: Sequence[Bucket], changed: datetime
) -> bool:
    """Store the roll-ups of five minutes as they are, unless there are some already; whether they were stored."""
    query = "SELECT 1 FROM edge.rollups WHERE device = %s AND start = %s LIMIT 1"
    if connection.execute(query, (device, buckets[0].since)).fetchone():
        return False
    series.load(connection, (device,))
    found = {(device, each.since, series.choose(connection, device, each.series)): each for each in buckets}
    _store(connection, found, changed)
    take_back(connection, [(device, each.since) for each in buckets])
    return True


def add_windows(
    connection: psycopg.Connection,
    series: SeriesOfDevices,
    windows: Mapping[int, Iterable[WindowRecord]],
    changed: datetime,
) -> None:
    """Add windows by device, none of which is in its roll-ups yet; the caller's transaction has locked the devices."""
    series.load(connection, windows)
    found: dict[Key, Bucket] = {}
    for device, records in windows.items():
        for bucket in roll_up(records):
            key = (device, bucket.since, series.choose(connection, device, bucket.series))
            if key in found:  # two that were not told apart any more
                found[key].merge(bucket)
            else:
                found[key] = bucket
    if not found:
        return
    columns = [list(column) for column in zip(*found, strict=True)]
    for device, start, number, sums, runs in connection.execute(FIND, columns).fetchall():
        bucket = found[device, start, number]
        try:
            bucket.merge(Bucket.from_row(bucket.since, bucket.series, sums, runs))
        except (*DAMAGED, EdgeError):  # of this room alone; the windows are there still
            logger.warning("the roll-up of device %d from %s is damaged: it begins anew", device, start)
    _store(connection, found, changed)
    take_back(connection, [(device, start) for device, start, _ in found])


def _store(connection: psycopg.Connection, found: Mapping[Key, Bucket], changed: datetime) -> None:
    """In one statement: one for each would cost us and the server twice as much, and arrays of texts nearly so."""
    rows = []
    for (device, start, series), bucket in found.items():
        sums, runs = bucket.to_row()
        rows.append(
            f'{{"device":{device},"start":"{start.isoformat()}","series":{series},"sums":{sums},"runs":{compact(runs)}}}'
        )
    connection.execute(STORE, (changed, f"[{','.join(rows)}]"))
