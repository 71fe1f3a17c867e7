"""The durable queue between measuring and sending: a window is a row until the broker has it (SQLite, WAL)."""

from __future__ import annotations

import logging
import secrets
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path

from edge.errors import ConfigError, EdgeError

logger = logging.getLogger(__name__)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS epoch (name TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS windows (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,  -- never used twice, so that a gap is a loss
    created REAL NOT NULL,                  -- Unix time
    body TEXT NOT NULL                      -- the payload, its identity not yet filled in
);
"""


@dataclass(frozen=True)
class Row:
    """A window that waits: its number, its Unix time, its JSON."""

    seq: int
    created: float
    body: str


class Outbox:
    """Windows on disk, oldest first. Used by one thread.

    Args:
        path: The database file; its folder is made when missing.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._database: sqlite3.Connection | None = None
        self.epoch = ""
        """Eight hexadecimal digits that change only when the database is created anew."""

    def start(self) -> None:
        """Open the database; a corrupt one is set aside and a new epoch begins.

        Raises:
            ConfigError: Another daemon uses it, or the folder cannot be written.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise ConfigError(f"outbox {self._path}: its folder cannot be made", error.strerror or "") from None
        try:
            self._open()
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise ConfigError(
                    f"outbox {self._path} is in use by another edge daemon",
                    "give each its own device.name or outbox.path",
                ) from None
            raise ConfigError(f"outbox {self._path} cannot be opened ({error})", "check outbox.path") from None
        except sqlite3.DatabaseError as error:
            self._set_aside(error)

    def _set_aside(self, reason: sqlite3.DatabaseError) -> None:
        aside = self._path.with_name(f"{self._path.name}.corrupt-{int(time.time())}")
        try:
            self._path.replace(aside)
            self._open()
        except (OSError, sqlite3.Error) as error:
            raise ConfigError(f"outbox {self._path} is corrupt and cannot be replaced ({error})", "move it") from None
        logger.error("outbox %s is corrupt (%s): set aside as %s; a new epoch begins", self._path, reason, aside)

    def _open(self) -> None:
        database = sqlite3.connect(self._path, timeout=0.5, isolation_level=None, check_same_thread=False)
        try:
            # Exclusive: two daemons on one outbox would send each other's windows.
            database.execute("PRAGMA locking_mode=EXCLUSIVE")
            database.execute("PRAGMA journal_mode=WAL")
            database.execute("PRAGMA synchronous=FULL")
            database.executescript(_SCHEMA)
            row = database.execute("SELECT name FROM epoch").fetchone()
            database.execute("SELECT seq, created, body FROM windows LIMIT 1").fetchone()
            if row is None:
                row = (secrets.token_hex(4),)
                database.execute("INSERT INTO epoch VALUES (?)", row)
        except BaseException:
            database.close()
            raise
        self.epoch = str(row[0])
        self._database = database

    @property
    def _db(self) -> sqlite3.Connection:
        if self._database is None:
            raise EdgeError("the outbox is not open")
        return self._database

    def put(self, body: str, created: float) -> int:
        """Store a window; it is on the disk when this returns.

        Returns:
            Its sequence number.

        Raises:
            sqlite3.Error: The disk is full, read-only or broken.
        """
        seq = self._db.execute("INSERT INTO windows (created, body) VALUES (?, ?)", (created, body)).lastrowid
        if seq is None:
            raise sqlite3.OperationalError("no row was inserted")
        return seq

    def after(self, seq: int, limit: int) -> list[Row]:
        """The oldest rows with a number above `seq`."""
        query = "SELECT seq, created, body FROM windows WHERE seq > ? ORDER BY seq LIMIT ?"
        return [Row(*row) for row in self._db.execute(query, (seq, limit))]

    def delete(self, seqs: list[int]) -> None:
        """Forget windows that the broker has."""
        # One transaction, one fsync, for all of them.
        with self._db:
            self._db.execute("BEGIN")
            self._db.executemany("DELETE FROM windows WHERE seq = ?", [(seq,) for seq in seqs])

    def expire(self, before: float) -> int:
        """Drop the windows from before a Unix time; returns how many."""
        return self._db.execute("DELETE FROM windows WHERE created < ?", (before,)).rowcount

    def newest(self) -> int:
        """The highest number that waits, 0 when none does."""
        return int(self._db.execute("SELECT COALESCE(MAX(seq), 0) FROM windows").fetchone()[0])

    def depth(self) -> int:
        """How many windows wait."""
        return int(self._db.execute("SELECT COUNT(*) FROM windows").fetchone()[0])

    def stop(self) -> None:
        """Close the database."""
        if self._database is not None:
            self._database.close()
            self._database = None
