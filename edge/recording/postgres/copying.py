"""A file of `edge record` moves into a database: once and again, and while rooms already send to the database.

Its session at the broker does not: the file could name anybody's, and the recorder would take that over.

Windows go first through what windows always go through, and so are there once. Where the file keeps only what five
minutes add up to, because their windows were deleted in time, that is taken over as it is.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote

from edge.contract.timestamps import format_timestamp
from edge.errors import ConfigError
from edge.files.database import connect
from edge.files.plain_tables import strange_part
from edge.files.presence import why_no_file
from edge.recording.about import PREFIX, ROLLUPS_FROM, known
from edge.recording.allowance import MOST_DEVICES
from edge.recording.arrivals import last_arrival
from edge.recording.daily_rollups import TRIGGERS
from edge.recording.deleted_spans import MOST
from edge.recording.devices import RECORDED, devices_of
from edge.recording.journal_mark import check_journal, read_header
from edge.recording.layout import LAYOUT, TABLES, changed, check_header
from edge.recording.location import IfCopy
from edge.recording.lost_journal import lost_journal
from edge.recording.postgres import file_rows
from edge.recording.postgres.store import Row
from edge.recording.postgres.taking_store import TakingStore
from edge.recording.recording_file import explained, rows_of
from edge.recording.rollups import SELECT_BUCKETS, Bucket, bucket_of, read_bucket, roll_up
from edge.recording.window_row import BETWEEN, COLUMNS, DAMAGED, FIRST_ROWID, DamagedError, moment, read_window
from edge.recording.window_store import AwayError, UnstorableError

logger = logging.getLogger(__name__)
Given = TypeVar("Given")
Found = TypeVar("Found")

STEP = timedelta(days=1)  # of a room, at once
AT_ONCE = 200  # rows of another table, of up to 64 KB
BUSY_SECONDS = 10.0


class Copied(NamedTuple):
    """What a run has done.

    Attributes:
        windows: That are in the file and sound.
        new: Of these, that were not there yet.
        damaged: Rows that another program changed, which were left out.
    """

    windows: int
    new: int
    damaged: int


class SchoolFile:
    """A file of this version, which is only read.

    Args:
        path: The file.
        prefix: The first level of the topics that it must be of.
        if_copy: `continue`: a person wants it although it came without its `-wal`.
    """

    def __init__(self, path: Path, prefix: str, if_copy: IfCopy | None = None) -> None:
        self._path = path
        self._prefix = prefix
        self._if_copy = if_copy
        self._file: sqlite3.Connection | None = None
        self.damaged = 0
        """Windows that could not be read."""

    def start(self) -> None:
        """Open it.

        Raises:
            EdgeError: It is missing, of an older layout or another prefix, none of ours, or came without its `-wal`.
        """
        if why := why_no_file(self._path):
            raise ConfigError(why, "--copy-from names a file that edge record made, and that this user may read")
        check_journal(self._path, read_header(self._path), writes=False)
        with explained(self._path):
            file = self._file = connect(f"file:{quote(str(self._path))}?mode=ro", uri=True, timeout=BUSY_SECONDS)
            file.text_factory = lambda text: text.decode(errors="replace")
            older = check_header(file, self._path) < LAYOUT
            if strange := strange_part(file, TABLES, TRIGGERS):
                raise changed(self._path, strange)
            prefix, former = known(file, PREFIX), known(file, ROLLUPS_FROM)
            lost = lost_journal(file, self._path)
        if older or former is not None:
            raise ConfigError(
                f"{self._path} was made by an older version of edge",
                "record into it with this version until its former windows are added up",
            )
        if prefix != self._prefix:
            raise ConfigError(
                f"{self._path} holds the devices below {prefix!r}, not below {self._prefix!r}",
                "give --prefix",
            )
        if lost and self._if_copy != "continue":  # whoever has copied it may wipe the disk that has the rest
            raise ConfigError(
                f"{lost}; nothing was taken over",
                "stop the recorder of the former file, and copy that again with its -wal; if there is no more of it, "
                "or sqlite3 .backup made this, --if-copy continue",
            )
        if lost:
            logger.warning("%s", lost)

    def stop(self) -> None:
        """Close it."""
        if self._file is not None:
            self._file.close()

    def last_arrival(self) -> datetime | None:
        """When what is in it came last; None: there is nothing."""
        with explained(self._path):
            return last_arrival(self._open)

    def devices(self) -> list[str]:
        """All devices that windows or roll-ups are of."""
        with explained(self._path):
            found = {name for table in RECORDED for name in devices_of(self._open, table, MOST_DEVICES)}
        return list(self.sound(file_rows.device, sorted(found)))

    def sound(self, read: Callable[[Given], Found], rows: Iterable[Given]) -> Iterator[Found]:
        """What is read of rows; damaged ones are left out, and counted."""
        for row in rows:
            try:
                yield read(row)
            except (*DAMAGED, DamagedError):
                self.damaged += 1

    def days(self, device: str) -> Iterator[tuple[list[Row], list[Bucket]]]:
        """The windows of a device and its roll-ups, a day at a time."""
        after = ""
        while True:
            query = (
                "SELECT min(start) FROM (SELECT min(start) AS start FROM windows WHERE device = ?1 AND start >= ?2 "
                "UNION ALL SELECT min(start) FROM rollups WHERE device = ?1 AND start >= ?2)"
            )
            ((first,),) = self.rows(query, device, after)
            if first is None:
                return
            try:
                begin = bucket_of(moment(first))
            except DAMAGED:
                self.damaged += 1
                if not isinstance(first, str):  # bytes, behind all texts
                    return
                after = f"{first} "
                continue
            span = (device, format_timestamp(begin), format_timestamp(begin + STEP))
            windows = list(self.sound(_window, self.rows(BETWEEN, *span)))
            yield windows, list(self.sound(_bucket, self.rows(SELECT_BUCKETS, *span)))
            after = span[2]

    def all_rows(self, columns: str, table: str) -> Iterator[tuple[Any, ...]]:
        """The whole of a table in the order of arrival, some rows at a time: to store them takes long."""
        after = FIRST_ROWID
        query = f"SELECT rowid, {columns} FROM {table} WHERE rowid > ? ORDER BY rowid LIMIT ?"  # noqa: S608
        while page := self.rows(query, after, AT_ONCE):
            for after, *row in page:  # noqa: B007 - where the next page begins
                yield tuple(row)

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """What a query finds, which must not be much."""
        return rows_of(self._open, self._path, query, values)

    @property
    def _open(self) -> sqlite3.Connection:
        if self._file is None:
            raise ConfigError(f"{self._path} is not open")
        return self._file


def copy_school(file: SchoolFile, store: TakingStore, now: datetime) -> Copied:
    """Take over what a file has.

    Args:
        file: Open.
        store: Open.
        now: The time of day.

    Raises:
        ConfigError, DiskError: One of them cannot be used; what was copied stays, and the next run goes on.
    """
    windows = new = 0
    last = file.last_arrival()
    columns = 'asked, substr(by, 1, 200), device, start, "end", windows, finished'
    asked = file.rows(f"SELECT {columns} FROM deletions ORDER BY id LIMIT ?", MOST + 1)  # noqa: S608
    if len(asked) > MOST:
        raise ConfigError(f"the file has more than {MOST:,} deletions on request", "another program changed it")
    deletions = list(file.sound(lambda row: file_rows.deletion(row, now, last), asked))
    if deletions:
        newest = format_timestamp(max(row[0] for row in deletions))
        logger.info("%d deletions on request hold on, the newest of %s: see edge delete --list", len(deletions), newest)
    store.take_deletions(deletions, now)
    for device in file.devices():
        for found, buckets in file.days(device):
            whole, rest = parted(found, buckets)
            windows += len(found)
            new += _store(file, store, device, whole, now)
            for start, parts in rest.items():
                of_time = [row for row in found if bucket_of(row.record.start) == start]
                new += _store(file, store, device, of_time, now, parts)
    states = file.all_rows("device, since, mode, substr(reason, 1, 200), received", "states")
    online = file.all_rows("device, received, online", "availability")
    newer = file.all_rows("device, schema, received, payload", "newer_windows")
    places = file.all_rows("device, after, heard, place, masked", "places")
    store.take_others(
        file.sound(file_rows.state, states),
        file.sound(file_rows.availability, online),
        file.sound(file_rows.newer, newer),
        file.sound(file_rows.place, places),
        now,
    )
    return Copied(windows, new, file.damaged)


def _store(
    file: SchoolFile, store: TakingStore, device: str, rows: list[Row], now: datetime, parts: Sequence[Bucket] = ()
) -> int:
    """Store windows of a device, without those that the database cannot keep; how many were new."""
    try:
        try:
            return store.store_rows(device, rows, now, instead=parts)
        except AwayError:  # a recorder has dropped a month that was empty again: it deletes what is too old meanwhile
            store.start()
            return store.store_rows(device, rows, now, instead=parts)
    except UnstorableError:
        store.start()
        if parts:  # what these windows add up to is at fault, or one of them
            file.damaged += len(parts)
            return _store(file, store, device, rows, now)
        if len(rows) == 1:
            file.damaged += 1
            return 0
    middle = len(rows) // 2
    return sum(_store(file, store, device, half, now) for half in (rows[:middle], rows[middle:]))


def _window(row: tuple[Any, ...]) -> Row:
    record = read_window(row)
    return Row(file_rows.window(dict(zip(COLUMNS, row, strict=True)), record), record)


def _bucket(row: tuple[Any, ...]) -> Bucket:
    return file_rows.bucket(read_bucket(row))


def parted(rows: Iterable[Row], buckets: Iterable[Bucket]) -> tuple[list[Row], dict[datetime, list[Bucket]]]:
    """Windows that add up to their roll-ups, and the roll-ups of the other five minutes."""
    rows = list(rows)
    made: dict[datetime, list[Bucket]] = {}
    kept: dict[datetime, list[Bucket]] = {}
    for found, group in ((made, roll_up(row.record for row in rows)), (kept, buckets)):
        for bucket in group:
            found.setdefault(bucket.since, []).append(bucket)
    rest = {start: parts for start, parts in kept.items() if _windows(parts) != _windows(made.get(start, []))}
    return [row for row in rows if bucket_of(row.record.start) not in rest], rest


def _windows(buckets: Iterable[Bucket]) -> int:
    return sum(bucket.sums.windows for bucket in buckets)
