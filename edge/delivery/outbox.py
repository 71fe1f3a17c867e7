"""The durable queue between measuring and sending: a window is a row until the broker has it (SQLite, WAL)."""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

from edge.contract.timestamps import format_timestamp
from edge.delivery.outbox_tables import (
    BODY_COLUMNS,
    TIME_COLUMNS,
    ForeignFileError,
    Found,
    Loss,
    Row,
    checksum,
    examine,
    prepare,
)
from edge.delivery.row_ages import RowAges
from edge.errors import ConfigError, EdgeError
from edge.files.database import connect
from edge.files.disk_errors import DiskError, explain_os, explain_sqlite
from edge.files.left_journal import set_left_journal_aside
from edge.files.private_file import close_to_others, make_private_database
from edge.timing.elapsed import TimePoint, moment

logger = logging.getLogger(__name__)

MEGABYTE = 1_000_000
DROP_AT_ONCE = 64
INSTRUCTIONS = 10_000  # of SQLite's machine, between two signs of progress: some thousand windows
KEEP_CORRUPT = 3  # databases that were set aside; a dying card must not be filled with them


class Outbox:
    """Windows on disk, or in memory, oldest first. Used by one thread.

    Args:
        path: The database file, its owner's alone; its folder is made when missing. None: in memory.
        max_bytes: How large the database may become before the oldest windows are dropped.
        now: Where time comes from.
        chosen: Whether a person has set the path: what lies there and is no outbox is then refused, not set aside.
    """

    def __init__(
        self,
        path: Path | None,
        max_bytes: int = 64 * MEGABYTE,
        now: Callable[[], TimePoint] = moment,
        *,
        chosen: bool = False,
    ) -> None:
        self._path = path
        self._chosen = chosen
        self._max_bytes = max_bytes
        self._now = now
        self._database: sqlite3.Connection | None = None
        self._file: os.stat_result | None = None  # which was opened
        self._ages = RowAges()
        self.epoch = ""
        """Eight hexadecimal digits that change only with a new database."""
        self.depth = 0
        """How many windows wait for the broker. May be read by any thread: it is changed in one step."""
        self.acknowledged: set[int] = set()
        """What the broker has, and is not yet deleted."""
        self.newest = 0
        """The highest number given in this run, or found at its start."""
        self.loss: Loss | None = None
        """What was dropped since `clear_loss`."""

    def __str__(self) -> str:
        return str(self._path or "in memory")

    @property
    def in_memory(self) -> bool:
        """Whether what waits in it ends with the program."""
        return self._path is None

    @property
    def is_open(self) -> bool:
        """Whether it can be used."""
        return self._database is not None

    @property
    def is_replaced(self) -> bool:
        """Whether another file, or another disk, is in the place of the one that was opened."""
        if self._path is None or self._file is None:
            return False
        with contextlib.suppress(OSError):
            return not os.path.samestat(self._path.stat(), self._file)
        with contextlib.suppress(OSError):
            return self._path.parent.stat().st_dev != self._file.st_dev
        return False

    def start(self, progress: Callable[[], None] = lambda: None) -> None:
        """Open the database; a corrupt one is set aside and a new epoch begins.

        Args:
            progress: Called while the windows are counted, as long as that goes on: a full outbox has many.

        Raises:
            BusyError: Another program uses it.
            ConfigError: It is something else, or a person has to change path or rights.
            DiskError: The disk is full, read-only or failing.
        """
        if self._path is not None:
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            except OSError as error:
                raise explain_os(error, f"outbox {self}: its folder cannot be made") from None
        try:
            if self._path is not None:
                self._see_to(self._path)
            self._open(progress)
        except OSError as error:
            raise explain_os(error, f"outbox {self} cannot be read") from None
        except ForeignFileError as error:
            if self._chosen:
                remedy = "set outbox.path to another file, or move this one away; it was not touched"
                raise ConfigError(f"outbox {self} cannot be used: {error}", remedy) from None
            self.set_aside(str(error), "foreign" if error.readable else "corrupt")
        except sqlite3.DatabaseError as error:
            explained = explain_sqlite(error, self._path, f"outbox {self}")
            if explained is not None:
                raise explained from None
            self.set_aside(str(error))

    def set_aside(self, reason: str, kind: str = "corrupt") -> None:
        """Keep what cannot be used under another name and begin a new database, with a new epoch.

        Args:
            reason: What is wrong with it.
            kind: A part of the name. Of the corrupt ones the last few are kept; what is not ours is never deleted.

        Raises:
            BusyError, ConfigError, DiskError: It cannot be replaced.
        """
        self.stop()
        if self._path is None:
            raise ConfigError(f"the outbox in memory is corrupt ({reason})")
        before = self.loss
        aside = f"{self._path.name}.{kind}-{int(time.time())}"
        try:
            # The journal first: a new database would take it for its own.
            for suffix in ("-wal", ""):
                file = self._path.with_name(self._path.name + suffix)
                if file.exists():
                    file.replace(file.with_name(aside + suffix))
            for old in sorted(self._path.parent.glob(f"{self._path.name}.corrupt-*[0-9]"))[:-KEEP_CORRUPT]:
                old.unlink()
                old.with_name(f"{old.name}-wal").unlink(missing_ok=True)
            self._open()
        except OSError as error:
            raise explain_os(error, f"outbox {self} is corrupt and cannot be replaced") from None
        except sqlite3.DatabaseError as error:
            corrupt = DiskError(f"outbox {self}: a new database is corrupt as well ({error})", "check the disk")
            raise explain_sqlite(error, self._path, f"outbox {self}") or corrupt from None
        logger.error("outbox %s cannot be used (%s): set aside as %s; a new epoch begins", self, reason, aside)
        self.loss = before
        with contextlib.suppress(sqlite3.Error), self._undoable() as database:
            self._note_loss(database, 0, aside)

    def put(self, body: str, schema: str) -> int:
        """Store a window; it is on the disk when this returns.

        Args:
            body: Its JSON, without an identity.
            schema: The name of its schema.

        Returns:
            Its sequence number.

        Raises:
            sqlite3.Error: The disk is full, read-only or broken.
        """
        now = self._now()
        query = (
            "INSERT INTO windows (created, body, boot, uptime, synced, schema, checksum) VALUES (?, ?, ?, ?, ?, ?, ?)"
        )
        values = (now.unix, body, now.boot, now.uptime, now.synced, schema, checksum(body, schema))
        seq = self._db.execute(query, values).lastrowid
        if seq is None:
            raise sqlite3.OperationalError("no row was inserted")
        self.depth += 1
        self.newest = seq
        return seq

    def rows(self, after: int, upto: int, limit: int) -> list[Row]:
        """The oldest rows with a number above `after`, up to `upto`."""
        query = (
            f"SELECT seq, {BODY_COLUMNS}, {TIME_COLUMNS} FROM windows "  # noqa: S608
            "WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?"
        )
        found = self._db.execute(query, (after, upto, limit)).fetchall()
        times = [(seq, TimePoint(*stored)) for seq, _, _, _, *stored in found]
        ages = self._ages.of(self._db, self._now(), times)
        return [Row(row[0], seconds, *row[1:4]) for row, seconds in zip(found, ages, strict=True)]

    def oldest_age(self) -> float | None:
        """Seconds for which the oldest row has waited, as far as is certain; None: there is none."""
        return self._ages.oldest(self._db, self._now())

    def acknowledge(self, seq: int) -> None:
        """The broker has a window: it waits no longer, and is deleted by the next `delete_acknowledged`."""
        if seq not in self.acknowledged:
            self.acknowledged.add(seq)
            self.depth -= 1

    def delete_acknowledged(self) -> None:
        """Delete what the broker has. Raises sqlite3.Error: the disk would not do it, and nothing is deleted."""
        if self.acknowledged:
            with self._undoable() as database:
                database.executemany("DELETE FROM windows WHERE seq = ?", [(seq,) for seq in self.acknowledged])
            self.acknowledged.clear()

    def drop(self, seqs: Collection[int]) -> None:
        """Give up windows that the broker does not have; they are counted in `loss`."""
        before = self.loss
        try:
            with self._undoable() as database:
                deleted = database.executemany("DELETE FROM windows WHERE seq = ?", [(seq,) for seq in seqs]).rowcount
                self._note_loss(database, deleted, "")
        except BaseException:
            self.loss = before
            raise
        self.depth -= deleted

    def expire(self, max_age: float, keep: Collection[int] = ()) -> int:
        """Drop the waiting windows that are older than `max_age` seconds, but none of `keep`; returns how many."""
        last = self._ages.last_older(self._db, self._now(), max_age)
        old = self._db.execute("SELECT seq FROM windows WHERE seq <= ?", (last,)).fetchall()
        kept = {*keep, *self.acknowledged}
        seqs = [row[0] for row in old if row[0] not in kept]
        if seqs:
            self.drop(seqs)
        return len(seqs)

    def trim(self, keep: Collection[int] = ()) -> int:
        """Drop the oldest waiting windows, but none of `keep`, while the database is too large; returns how many."""
        dropped, kept = 0, {*keep, *self.acknowledged}
        while self._used_bytes() > self._max_bytes:
            query = "SELECT seq FROM windows ORDER BY seq LIMIT ?"
            oldest = self._db.execute(query, (DROP_AT_ONCE + len(kept),)).fetchall()
            seqs = [row[0] for row in oldest if row[0] not in kept][:DROP_AT_ONCE]
            if not seqs:
                break
            self.drop(seqs)
            dropped += len(seqs)
        return dropped

    def clear_loss(self) -> None:
        """The loss was shown for long enough."""
        with self._undoable() as database:
            database.execute("DELETE FROM loss")
        self.loss = None

    def stop(self) -> None:
        """Close the database."""
        database, self._database = self._database, None
        if database is not None:
            # Nothing is lost: what `put` returned from is on the disk.
            with contextlib.suppress(sqlite3.Error):
                database.close()

    @property
    def _db(self) -> sqlite3.Connection:
        if self._database is None:
            raise EdgeError("the outbox is not open")
        return self._database

    def _see_to(self, path: Path) -> None:
        """What has to be done before SQLite opens it. Raises as `examine`."""
        if examine(path):  # else it is not touched
            close_to_others(path)
        aside = set_left_journal_aside(path)
        if aside is not None:
            logger.error("outbox %s is gone; its -wal, where windows may wait, is kept as %s", self, aside)

    def _open(self, progress: Callable[[], None] = lambda: None) -> None:
        file = self._path or ":memory:"
        if self._path is not None:
            make_private_database(self._path)
        database = connect(file, timeout=0.5, isolation_level=None, check_same_thread=False)
        # A row with damaged text is one lost window, not an error for all that follow.
        database.text_factory = lambda text: text.decode(errors="replace")
        try:
            database.set_progress_handler(progress, INSTRUCTIONS)
            self._use(prepare(database), database)
            database.set_progress_handler(None, 0)
            self._file = self._path.stat() if self._path is not None else None
        except BaseException:
            database.close()
            raise
        self._database = database

    def _use(self, found: Found, database: sqlite3.Connection) -> None:
        """Take over what an opened database says about itself."""
        self._ages = RowAges()
        known = self.acknowledged if found.epoch == self.epoch else set()
        query = "SELECT 1 FROM windows WHERE seq = ?"
        self.acknowledged = {seq for seq in known if database.execute(query, (seq,)).fetchone()}
        self.depth = found.rows - len(self.acknowledged)
        self.newest, self.epoch, self.loss = found.newest, found.epoch, found.loss

    @contextlib.contextmanager
    def _undoable(self) -> Iterator[sqlite3.Connection]:
        """A transaction without an fsync of its own, since a power failure may undo it.

        Then windows are sent twice, under the same identity. The next `put` makes it last.
        """
        database = self._db
        database.execute("PRAGMA synchronous=NORMAL")
        try:
            database.execute("BEGIN")
            yield database
            database.execute("COMMIT")
        except BaseException:
            if database.in_transaction:
                database.execute("ROLLBACK")
            raise
        finally:
            database.execute("PRAGMA synchronous=FULL")

    def _note_loss(self, database: sqlite3.Connection, lost: int, aside: str) -> None:
        loss = self.loss or Loss(0, format_timestamp(datetime.fromtimestamp(self._now().unix, timezone.utc)), "")
        self.loss = replace(loss, lost=loss.lost + lost, aside=aside or loss.aside)
        database.execute("DELETE FROM loss")
        database.execute("INSERT INTO loss VALUES (?, ?, ?)", (self.loss.lost, self.loss.since, self.loss.aside))

    def _used_bytes(self) -> int:
        pages, free, size = (
            int(self._db.execute(f"PRAGMA {name}").fetchone()[0])
            for name in ("page_count", "freelist_count", "page_size")
        )
        return (pages - free) * size
