"""The file that windows are recorded in (SQLite, WAL): every window once, on the disk before it is acknowledged."""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

from edge.contract.payloads import WindowPayload
from edge.contract.timestamps import format_timestamp
from edge.contract.validation import DeviceMessage
from edge.files.disk_errors import DiskError
from edge.recording import about
from edge.recording.counted_windows import find_counted, key_of
from edge.recording.daily_rollups import DailyRollups
from edge.recording.deleted_spans import DeletedSpans
from edge.recording.device_words import DeviceWords, words_of
from edge.recording.devices import RECORDED, count_windows, devices_of
from edge.recording.former_windows import add_up_former
from edge.recording.journal_mark import JournalMark, WriterMark, transaction
from edge.recording.journal_size import JournalSize
from edge.recording.layout import changed
from edge.recording.location import FileLocation, IfCopy, Location, begins_anew
from edge.recording.places import store_place
from edge.recording.recording_file import explain, inode, open_recording
from edge.recording.reserve import NO_RESERVE, Reserve
from edge.recording.retention import Pruner, Retention, default_begins, retention_time
from edge.recording.retention_time import RetentionTime
from edge.recording.rollups import add_windows
from edge.recording.series_ids import SeriesIds
from edge.recording.used_numbers import UsedNumbers, epoch_with_start
from edge.recording.window_record import WindowRecord
from edge.recording.window_row import INSERT_WINDOW, window_row

VACUUM_MOST = 20_000  # pages that are given back at once

ANY_WINDOW = "SELECT 1 FROM windows LIMIT 1"
HAS_NUMBER = "SELECT start FROM windows WHERE device = ? AND epoch IN (?, ?) AND seq = ?"
INSERT_NEWER = "INSERT OR IGNORE INTO newer_windows VALUES (?, ?, ?, ?, ?)"
# Those of a deleted time all begin at its end, without a reason: the one that came last is in force.
INSERT_STATE = """
INSERT INTO states VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET received = excluded.received
WHERE excluded.reason = '' AND excluded.received > states.received
"""
# The same word again, as after every reconnect, changes nothing; one of a clock that was ahead is not known yet.
INSERT_AVAILABILITY = """
INSERT INTO availability SELECT ?1, ?2, ?3 WHERE ?3 IS NOT
    (SELECT online FROM availability WHERE device = ?1 ORDER BY rowid DESC LIMIT 1)
OR ?3 IS NOT
    (SELECT online FROM availability WHERE device = ?1 AND received <= ?2 ORDER BY received DESC, rowid DESC LIMIT 1)
"""


class Database:
    """A file of windows, written by one thread.

    Args:
        path: The file; made, with its folder, when missing.
        prefix: The first level of the topics: one file holds the devices of one.
        progress: Called while a file of an older version is converted, as long as that goes on.
        reserve: What is kept free on its disk.
    """

    def __init__(
        self, path: Path, prefix: str, progress: Callable[[], None] = lambda: None, reserve: Reserve = NO_RESERVE
    ) -> None:
        self._path = path
        self._prefix = prefix
        self._progress = progress
        self._reserve = reserve
        self._database: sqlite3.Connection | None = None
        self._inode = (0, 0)
        self._pruner = Pruner()
        self._deleted = DeletedSpans()
        self._days = DailyRollups()
        self._series = SeriesIds()
        self._used = UsedNumbers()
        self._journal = JournalSize(path)
        self._mark = JournalMark(path)
        self._writer = WriterMark(path)

    @property
    def is_open(self) -> bool:
        """Whether it can be used."""
        return self._database is not None

    def start(self) -> None:
        """Open the file.

        Raises:
            ConfigError: It is another program's, of another prefix, damaged, or not ours to write.
            DiskError: It is locked, or the disk is full, read-only or failing; both may pass.
        """
        self._database = open_recording(self._path, self._prefix, self._progress)
        self._inode = inode(self._path)
        self._mark.start()

    def claim(self, if_copy: IfCopy | None) -> None:
        """As `WindowStore`."""
        try:
            here = FileLocation.find(self._path)
        except OSError:
            self.stop()
            raise self._gone() from None
        with self._explained():
            found = about.known(self._db, about.LOCATION)
        if found == here.to_text():
            return  # a full disk has no room even for the same again
        anew = begins_anew(here, None if found is None else Location.of(found), if_copy)
        with self._explained(), self._transaction() as database:
            if anew:
                about.forget(database, about.CLIENT_ID, about.FORMER_CLIENT_ID)
            about.keep(database, about.LOCATION, here.to_text())

    def client_ids(self, former: str) -> tuple[str, str | None]:
        """The random MQTT client id of this recording, and that of a session of version 0.1 still to be ended.

        Args:
            former: What version 0.1 called the session; there is one only if it has recorded something here. That the
                file names another one is not believed: it would be emptied here, and ended.

        Raises:
            ConfigError, DiskError: As `start`.
        """
        with self._explained(), self._transaction() as database:
            client_id = about.known(database, about.CLIENT_ID)
            if client_id is None:
                client_id = about.new_client_id()
                about.keep(database, about.CLIENT_ID, client_id)
                if database.execute(ANY_WINDOW).fetchone():
                    about.keep(database, about.FORMER_CLIENT_ID, former)
            left = about.known(database, about.FORMER_CLIENT_ID) == former
        return client_id, former if left else None

    def shared_client_ids(self, share: str | None = None) -> list[str]:  # noqa: ARG002 - a file is not shared
        """None: a file has one recorder."""
        return []

    def forget_shared(self, client_id: str) -> None:
        """There are none."""

    def forget_former(self) -> None:
        """The session of version 0.1 has been ended."""
        with self._explained(), self._transaction() as database:
            about.forget(database, about.FORMER_CLIENT_ID)

    def check_room(self) -> None:
        """As `WindowStore`; the file stays open, and is tidied meanwhile."""
        self._reserve.check(self._path)

    def store(
        self,
        messages: Sequence[DeviceMessage],
        now: datetime,
        not_before: datetime | None = None,
        since: datetime | None = None,
    ) -> int:
        """As `WindowStore`; it is on the disk when this returns."""
        when = max(now, not_before or now)
        came = format_timestamp(when)
        with self._explained(), self._transaction() as database:
            self._deleted.load(database, now)
            new = self._store_windows(database, messages, when, now)
            words = words_of(messages, self._deleted)
            self._store_words(database, words, came)
            for device, infos in words.infos.items():
                for info in infos:
                    store_place(database, device, info, when, max(since or now, not_before or now))
        if inode(self._path) != self._inode:
            # What was written is in a file without a name, and will be gone with us.
            self.stop()
            raise self._gone()
        return new

    def _store_windows(
        self, database: sqlite3.Connection, messages: Sequence[DeviceMessage], when: datetime, now: datetime
    ) -> int:
        """Store windows, and add the new ones to the roll-ups; how many were new."""
        came = format_timestamp(when)
        wanted: list[tuple[DeviceMessage, WindowPayload, WindowRecord]] = []
        for message in messages:
            if isinstance(message.content, WindowPayload):
                window = WindowRecord.of(message.content)
                if not self._deleted.leaves_out(message.device, window, now):
                    wanted.append((message, message.content, window))
        counted = find_counted(database, ((message.device, window) for message, _, window in wanted), when)
        new: dict[str, list[WindowRecord]] = {}
        for message, content, window in wanted:
            if key_of(message.device, window) in counted:
                continue
            if self._insert(database, window_row(content, came, message.schema)):
                new.setdefault(message.device, []).append(window)
        for device, windows in new.items():
            add_windows(database, device, windows, came, self._series)
        return sum(map(len, new.values()))

    def _insert(self, database: sqlite3.Connection, row: tuple[object, ...]) -> bool:
        """Store a window; whether it was not there yet."""
        # Not `executemany`: it does not say which were not there yet.
        if database.execute(INSERT_WINDOW, row).rowcount:
            return True
        device, epoch, seq, start, *rest = row
        as_second = epoch_with_start(str(epoch), str(start))
        starts = [found for (found,) in database.execute(HAS_NUMBER, (device, epoch, as_second, seq))]
        if start in starts:
            return False
        if not starts or not database.execute(INSERT_WINDOW, (device, as_second, seq, start, *rest)).rowcount:
            raise changed(self._path, "it lets a window neither in nor has it")
        self._used.report(str(device))
        return True

    def _store_words(self, database: sqlite3.Connection, words: DeviceWords, came: str) -> None:
        for device, state in words.states:
            database.execute(INSERT_STATE, (device, state.since, state.mode, state.reason, came))
        for device, changes in words.availability.items():
            for online in changes:
                database.execute(INSERT_AVAILABILITY, (device, came, online))
        for device, newer in words.newer:
            digest = hashlib.sha256(newer.payload).hexdigest()
            database.execute(INSERT_NEWER, (device, newer.schema, came, newer.payload, digest))

    def add_up_former(self, now: datetime) -> bool:
        """Make some of the roll-ups that a file of an older layout lacks; whether there are more to make.

        Raises:
            ConfigError, DiskError: As `store`.
        """
        with self._explained(), self._transaction() as database:
            return add_up_former(database, now)

    def add_up_days(self, now: datetime) -> bool:
        """Make some of the roll-ups of days that are over; whether there are more to make. Raises as `store`."""
        with self._explained(), self._transaction() as database:
            return self._days.make(database, now)

    def default_begins(self, now: datetime) -> datetime:
        """When the default retention begins to apply to this file. Raises as `store`."""
        with self._explained(), self._transaction() as database:
            return default_begins(database, now)

    def end_long_readers(self) -> None:
        """There are none that could be ended: who reads a file has it open, and no connection. They are reported."""
        with self._explained():
            if inode(self._path) == self._inode:
                self._mark.look(self._db)
            self._journal.look(self._db)

    def retention_time(self, now: datetime) -> RetentionTime | None:
        """As `WindowStore`."""
        with self._explained():
            return retention_time(self._db, now)

    def keep_retention_time(self, time: RetentionTime) -> None:
        """As `WindowStore`."""
        with self._explained(), self._transaction() as database:
            about.keep(database, about.RETENTION_TIME, time.to_text())

    def prune(self, now: datetime, retention: Retention, by: datetime | None = None) -> tuple[int, bool]:
        """As `WindowStore`; the room of what is deleted is given back."""
        with self._explained(), self._transaction() as database:
            deleted, more = self._pruner.prune(database, now, retention, by or now)
        with self._explained():
            self._db.executescript(f"PRAGMA incremental_vacuum({VACUUM_MOST})")  # `execute` would give back one page
        return deleted, more

    def windows_of_devices(self, most: int, enough: int) -> dict[str, int]:
        """As `WindowStore`; of an index alone, and not more of it than `enough` says."""
        with self._explained():
            names = sorted({name for table in RECORDED for name in devices_of(self._db, table, most)})[:most]
            return {name: count_windows(self._db, name, enough) for name in names}

    def has_windows(self) -> bool:
        """Whether there are any windows."""
        with self._explained():
            return self._db.execute(ANY_WINDOW).fetchone() is not None

    def stop(self) -> None:
        """Close the file."""
        if self._database is not None:
            with contextlib.suppress(sqlite3.Error):
                self._database.rollback()
                if inode(self._path) == self._inode:
                    self._mark.stop(self._database)
                else:
                    # SQLite itself would leave the -wal under the former name, and delete it with the next file there.
                    self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._close()

    def _close(self) -> None:
        database, self._database = self._database, None
        if database is not None:
            with contextlib.suppress(sqlite3.Error):  # nothing is lost: what `store` returned from is on the disk
                database.close()

    def _gone(self) -> DiskError:
        return DiskError(f"{self._path} was moved or deleted while it was in use", "a new one is begun")

    @property
    def _db(self) -> sqlite3.Connection:
        if self._database is None:
            raise DiskError(f"{self._path} is not open")
        return self._database

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with transaction(self._db):
            self._writer.note()
            yield self._db

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """SQLite's errors in words; the file is closed after one, so that the next attempt begins anew."""
        try:
            yield
        except sqlite3.Error as error:
            self._close()
            raise explain(error, self._path) from None
