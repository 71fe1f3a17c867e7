"""Roll-ups in PostgreSQL: the sums of `edge.recording.rollups`, in the same transaction as their windows."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import psycopg

from edge.recording.postgres.bucket_rows import SERIES
from edge.recording.postgres.columns import columns
from edge.recording.postgres.counted_windows import are_in_kept_day
from edge.recording.postgres.daily_rollups import take_back
from edge.recording.postgres.names import SeriesIds
from edge.recording.rollups import Bucket, roll_up
from edge.recording.series_ids import MOST_SERIES
from edge.recording.window_record import Series, WindowRecord
from edge.recording.window_row import DAMAGED, DamagedError, compact
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
COUNT_AS_ARRIVED = """
UPDATE edge.rollups r SET changed = least(r.changed, newest.received)
FROM unnest(%s::timestamptz[]) AS made (start), LATERAL
    (SELECT max(received) AS received FROM edge.windows WHERE device = %s AND start >= made.start
    AND start < made.start + interval '5 minutes') AS newest
WHERE r.device = %s AND r.start = made.start AND newest.received IS NOT NULL
"""
SERIES_OF = f"""
SELECT d.device, e.id, {SERIES} FROM edge.device_series d JOIN edge.series e ON e.id = d.series WHERE d.device = ANY(%s)
"""  # noqa: S608
ADD_SERIES = "INSERT INTO edge.device_series VALUES (%s, %s) ON CONFLICT DO NOTHING"
Key = tuple[int, datetime, int]


class SeriesOfDevices:
    """Which series windows and roll-ups of a device have: beyond the most, all further ones are one.

    What is decided stays so until `forget`, whether or not it comes to be stored.
    """

    def __init__(self, ids: SeriesIds) -> None:
        self._ids = ids
        self._of: dict[int, set[Series]] = {}
        self._stored: set[tuple[int, int]] = set()

    def prepare(self, connection: psycopg.Connection, wanted: Iterable[tuple[int, Series]]) -> None:
        """Make what is missing of what devices want, outside of a transaction: recorders would wait for each other."""
        wanted = list(wanted)
        new = {device for device, _ in wanted} - self._of.keys()
        if new:
            self._of.update({device: set() for device in new})
            for device, number, *series in connection.execute(SERIES_OF, (list(new),)).fetchall():
                self._of[device].add(Series(*series))
                self._stored.add((device, number))
        self._ids.prepare(connection, {self.kept(*each) for each in wanted})

    def kept(self, device: int, series: Series) -> Series:
        """The series that a window of a device has, which is prepared, once it is stored."""
        of_device = self._of[device]
        if series not in of_device and len(of_device) >= MOST_SERIES:
            series = Series(series.mode, OTHER, None, None)
        of_device.add(series)
        return series

    def choose(self, connection: psycopg.Connection, device: int, series: Series) -> int:
        """The number of that series, which a roll-up has then, within the caller's transaction."""
        number = self._ids[self.kept(device, series)]
        if (device, number) not in self._stored:
            connection.execute(ADD_SERIES, (device, number))
            self._stored.add((device, number))
        return number

    def forget(self) -> None:
        """Ask the database again."""
        self._of.clear()
        self._stored.clear()


def take_rollups(
    connection: psycopg.Connection, series: SeriesOfDevices, device: int, buckets: Sequence[Bucket], changed: datetime
) -> bool:
    """Store the roll-ups of five minutes as they are, unless there are some already; whether they were stored.

    Their series are prepared. Of a day that has outlived its five minutes they may be a part.
    """
    if are_in_kept_day(connection, device, buckets):
        return False
    query = "SELECT 1 FROM edge.rollups WHERE device = %s AND start = %s LIMIT 1"
    if connection.execute(query, (device, buckets[0].since)).fetchone():
        return False
    found: dict[Key, Bucket] = {}
    for each in buckets:
        _put(found, (device, each.since, series.choose(connection, device, each.series)), each)
    _store(connection, found, changed)
    take_back(connection, [(device, each.since) for each in buckets])
    return True


def add_windows(
    connection: psycopg.Connection,
    series: SeriesOfDevices,
    windows: Mapping[int, Iterable[WindowRecord]],
    changed: datetime,
) -> None:
    """Add windows by device, none of which is in its roll-ups yet, and whose series are prepared.

    The caller's transaction has locked the devices.
    """
    found: dict[Key, Bucket] = {}
    for device, records in windows.items():
        for bucket in roll_up(records):
            key = (device, bucket.since, series.choose(connection, device, bucket.series))
            _put(found, key, bucket)
    if not found:
        return
    for device, start, number, sums, runs in connection.execute(FIND, columns(found)).fetchall():
        bucket = found[device, start, number]
        try:
            bucket.merge(Bucket.from_row(bucket.since, bucket.series, sums, runs))
        except (*DAMAGED, DamagedError):  # of this room alone; the windows are there still
            logger.warning("the roll-up of device %d from %s is damaged: it begins anew", device, start)
    _store(connection, found, changed)
    take_back(connection, [(device, start) for device, start, _ in found])


def count_as_arrived(connection: psycopg.Connection, device: int, starts: Iterable[datetime]) -> None:
    """Have roll-ups that were just made anew count as changed when their windows came: they become no younger by it."""
    connection.execute(COUNT_AS_ARRIVED, (sorted(set(starts)), device, device))


def _put(found: dict[Key, Bucket], key: Key, bucket: Bucket) -> None:
    if key in found:  # two that are not told apart any more
        found[key].merge(bucket)
    else:
        found[key] = bucket


def _store(connection: psycopg.Connection, found: Mapping[Key, Bucket], changed: datetime) -> None:
    """In one statement: one for each would cost us and the server twice as much, and arrays of texts nearly so."""
    rows = []
    for (device, start, series), bucket in found.items():
        sums, runs = bucket.to_row()
        rows.append(
            f'{{"device":{device},"start":"{start.isoformat()}","series":{series},"sums":{sums},"runs":{compact(runs)}}}'
        )
    connection.execute(STORE, (changed, f"[{','.join(rows)}]"))
