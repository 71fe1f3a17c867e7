"""Five minutes of a room in one row: what its windows add up to, kept beside them, and after them.

A window belongs to the five minutes in which it begins, and there to its series, so that nothing is added up that
cannot be compared. Withheld figures are in no sum: what roll-ups say is what the windows said that had figures.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from edge.contract.timestamps import format_timestamp, parse_timestamp
from edge.recording.runs import Run, joined, read_runs
from edge.recording.series_ids import SeriesIds
from edge.recording.sum_bounds import check_sums
from edge.recording.window_record import Series, Stretch, WindowRecord
from edge.recording.window_row import DAMAGED, FIRST, LAST, LONGEST_TEXT, DamagedError, compact
from edge.recording.window_sums import WindowSums
from edge.text import printable

MINUTES = 5
WIDTH = timedelta(minutes=MINUTES)
MOST_AT_ONCE = 2000  # windows in memory

logger = logging.getLogger(__name__)

TABLES = """
CREATE TABLE series (
    id INTEGER PRIMARY KEY, mode TEXT NOT NULL, model_faces TEXT NOT NULL, model_emotions TEXT, model_pose TEXT
);
CREATE INDEX series_by_faces ON series (model_faces);
CREATE TABLE rollups (
    device TEXT NOT NULL, start TEXT NOT NULL, series INTEGER NOT NULL, changed TEXT NOT NULL, sums TEXT NOT NULL,
    runs TEXT NOT NULL, PRIMARY KEY (device, start, series)
)
"""
FIND_ROLLUP = "SELECT sums, runs FROM rollups WHERE device = ? AND start = ? AND series = ?"
SELECT_BUCKETS = f"""
SELECT r.start, s.mode, substr(s.model_faces, 1, 200), substr(s.model_emotions, 1, 200), substr(s.model_pose, 1, 200),
    iif(length(r.sums) > {LONGEST_TEXT}, X'', r.sums), iif(length(r.runs) > {LONGEST_TEXT}, X'', r.runs)
FROM rollups r CROSS JOIN series s ON s.id = r.series
WHERE r.device = ? AND r.start >= ? AND r.start < ? ORDER BY r.start, r.series
"""  # noqa: S608
ARRIVED = """
SELECT min(?4, coalesce(MAX(substr(received, 1, 30)), ?4)) FROM windows WHERE device = ?1 AND start >= ?2 AND start < ?3
"""
STORE_ROLLUP = """
INSERT INTO rollups VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (device, start, series)
DO UPDATE SET changed = excluded.changed, sums = excluded.sums, runs = excluded.runs
"""


@dataclass
class Bucket:
    """Windows of one room and one series that begin within the same five minutes, or the same day.

    Attributes:
        since: When these begin.
        series: What the windows can be compared with.
        sums: What they add up to.
        runs_text: When they were, as it is stored.
        duration: Five minutes, or a day.
    """

    since: datetime
    series: Series
    sums: WindowSums
    runs_text: str
    duration: timedelta = WIDTH

    @property
    def runs(self) -> list[Run]:
        """When they were, in order. Raises DamagedError for a row that `edge record` did not write."""
        return self._runs(None)

    def _runs(self, most: int | None) -> list[Run]:
        try:
            runs = read_runs(self.runs_text, self.since, most)
        except DAMAGED:
            runs = []
        if not runs:
            raise DamagedError(f"the roll-up of {self.since} is damaged", "another program changed the file")
        return runs

    @property
    def start(self) -> datetime:
        """When the first window begins."""
        return self._runs(1)[0].start  # a day can have hundreds

    @property
    def end(self) -> datetime:
        """When the last window ends."""
        return max(run.end for run in self.runs)

    @property
    def has_figures(self) -> bool:
        """Whether any of its windows has figures that are not withheld."""
        return self.sums.windows > self.sums.figures_withheld

    def to_row(self) -> tuple[str, str]:
        """Sums and runs as they are stored."""
        return compact(self.sums.as_json()), self.runs_text

    @classmethod
    def from_row(cls, since: datetime, series: Series, sums: str, runs: str) -> Bucket:
        """The same back. Raises one of `DAMAGED` for a row that we did not write."""
        found = WindowSums.from_json(json.loads(sums))
        check_sums(found)
        return cls(since, series, found, runs)

    def merge(self, other: Bucket) -> None:
        """Add windows of the same time and series."""
        self.sums.merge(other.sums)
        self.runs_text = runs_text([*self.runs, *other.runs], self.since)


def runs_text(stretches: Iterable[Stretch], since: datetime) -> str:
    """Runs as they are stored, joined as far as they can be."""
    return compact([run.as_json(since) for run in joined(stretches)])


def bucket_of(moment: datetime) -> datetime:
    """When the five minutes begin that a moment is in."""
    return moment.replace(minute=moment.minute // MINUTES * MINUTES, second=0, microsecond=0)


def roll_up(windows: Iterable[WindowRecord]) -> list[Bucket]:
    """Windows of one room, added up."""
    groups: dict[tuple[datetime, Series], list[WindowRecord]] = {}
    for window in windows:
        if window.series is None:
            raise ValueError("a window without its series")
        groups.setdefault((bucket_of(window.start), window.series), []).append(window)
    return [_bucket(since, series, group) for (since, series), group in sorted(groups.items(), key=_order)]


def _order(group: tuple[tuple[datetime, Series], list[WindowRecord]]) -> tuple[datetime, datetime]:
    return group[0][0], min(window.start for window in group[1])


def _bucket(since: datetime, series: Series, windows: list[WindowRecord]) -> Bucket:
    sums = WindowSums()
    for window in windows:
        sums.add(window)
    return Bucket(since, series, sums, runs_text(windows, since))


def rolled_in_order(windows: Iterable[WindowRecord]) -> Iterator[Bucket]:
    """Windows of one room in order of time, added up with little in memory, however many begin at once."""
    found: dict[Series, Bucket] = {}
    group: list[WindowRecord] = []
    for window in windows:
        ends = bool(group) and bucket_of(window.start) != bucket_of(group[0].start)
        if ends or len(group) >= MOST_AT_ONCE:
            _merge(found, roll_up(group))
            group = []
        if ends:
            yield from found.values()
            found = {}
        group.append(window)
    _merge(found, roll_up(group))
    yield from found.values()


def _merge(found: dict[Series, Bucket], more: Iterable[Bucket]) -> None:
    for bucket in more:
        if bucket.series in found:
            found[bucket.series].merge(bucket)
        else:
            found[bucket.series] = bucket


def add_windows(
    database: sqlite3.Connection, device: str, windows: Iterable[WindowRecord], changed: str, ids: SeriesIds
) -> None:
    """Add windows of a device, none of which is in its roll-ups yet, within the caller's transaction."""
    for bucket in roll_up(windows):
        _add(database, device, bucket, changed, ids)


def _add(database: sqlite3.Connection, device: str, bucket: Bucket, changed: str, ids: SeriesIds) -> None:
    key = (device, format_timestamp(bucket.since), ids.find(database, device, bucket.series))
    if found := database.execute(FIND_ROLLUP, key).fetchone():
        try:
            bucket.merge(Bucket.from_row(bucket.since, bucket.series, *found))
        except (*DAMAGED, DamagedError):  # of this room alone; the windows are there still
            logger.warning("the roll-up of %s from %s is damaged: it begins anew", printable(device), bucket.since)
    database.execute(STORE_ROLLUP, (*key, changed, *bucket.to_row()))


def replace_rollups(
    database: sqlite3.Connection, device: str, since: datetime, until: datetime, windows: Iterable[WindowRecord],
    changed: str,
) -> None:  # fmt: skip
    """Make the roll-ups of some whole five minutes anew, within the caller's transaction.

    Args:
        database: The file.
        device: Whose.
        since: From here on.
        until: To here; both are where five minutes begin.
        windows: All windows that begin within.
        changed: When this is. What is made anew becomes no younger by it, and counts as changed when its windows came.
    """
    span = (device, format_timestamp(since), format_timestamp(until))
    database.execute("DELETE FROM rollups WHERE device = ? AND start >= ? AND start < ?", span)
    ids = SeriesIds()
    for bucket in rolled_in_order(windows):
        start, end = (format_timestamp(each) for each in (bucket.since, bucket.since + WIDTH))
        arrived = database.execute(ARRIVED, (device, start, end, changed)).fetchone()[0]
        _add(database, device, bucket, arrived, ids)


def read_bucket(row: tuple[Any, ...]) -> Bucket:
    """A row of start, mode, models, sums and runs. Raises as `Bucket.from_row`."""
    start, mode, faces, emotions, pose, sums, runs = row
    since = parse_timestamp(str(start))
    if mode not in ("headcount", "facing", "emotions") or not FIRST <= since < LAST:
        raise ValueError
    return Bucket.from_row(since, Series(mode, str(faces), emotions, pose), sums, runs)
