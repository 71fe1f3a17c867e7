"""The tables of an outbox: made, upgraded from those of earlier versions, and checked when a database is opened."""

from __future__ import annotations

import re
import secrets
import sqlite3
import zlib
from dataclasses import dataclass

from edge.contract import version1

_SCHEMA = """
CREATE TABLE IF NOT EXISTS epoch (name TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS loss (lost INTEGER NOT NULL, since TEXT NOT NULL, aside TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS windows (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,  -- never used twice, so that a gap is a loss
    created REAL NOT NULL,                  -- Unix time
    body TEXT NOT NULL,                     -- the payload without its identity
    boot TEXT NOT NULL DEFAULT '',          -- with the next two: see edge.timing.elapsed
    uptime REAL NOT NULL DEFAULT 0,
    synced INTEGER NOT NULL DEFAULT 0,
    schema TEXT NOT NULL DEFAULT 'edge.window/1',
    checksum INTEGER                        -- of schema and body; NULL in what 0.1.0 stored
);
"""
_FIRST_COLUMNS = {"seq", "created", "body"}
_LATER_COLUMNS = {
    "boot": "TEXT NOT NULL DEFAULT ''",
    "uptime": "REAL NOT NULL DEFAULT 0",
    "synced": "INTEGER NOT NULL DEFAULT 0",
    "schema": f"TEXT NOT NULL DEFAULT '{version1.SCHEMA}'",
    "checksum": "INTEGER",
}
# Of a damaged row whatever comes back must still be a number, or a text.
TIME_COLUMNS = "boot, COALESCE(CAST(uptime AS REAL), 0), COALESCE(CAST(created AS REAL), 0), synced"
BODY_COLUMNS = "COALESCE(CAST(body AS TEXT), ''), COALESCE(CAST(schema AS TEXT), ''), checksum"


@dataclass(frozen=True)
class Row:
    """A window that waits.

    Attributes:
        seq: Its number.
        age: Seconds.
        body: Its JSON, without an identity.
        schema: The name of its schema.
        checksum: Of schema and body as they were stored; None where version 0.1.0 has stored it.
    """

    seq: int
    age: float
    body: str
    schema: str
    checksum: int | None

    @property
    def sound(self) -> bool:
        """Whether it is what was stored, as far as the checksum shows."""
        if self.checksum is None:
            return self.schema == version1.SCHEMA
        return self.checksum == checksum(self.body, self.schema)


@dataclass(frozen=True)
class Loss:
    """Windows that nobody will get any more; kept with the windows, so that a restart does not hide it."""

    lost: int
    since: str
    aside: str  # the name of the corrupt database whose windows are lost, if any is


@dataclass(frozen=True)
class Found:
    """What a database says about itself when it is opened: see the attributes of `Outbox`."""

    epoch: str
    loss: Loss | None
    rows: int
    newest: int


def checksum(body: str, schema: str) -> int:
    """Tells whether a row is what was stored: CRC-32 of both."""
    return zlib.crc32(body.encode(), zlib.crc32(schema.encode()))


def prepare(database: sqlite3.Connection) -> Found:
    """Make the tables, or bring those of an earlier version up to date.

    Raises:
        sqlite3.OperationalError: The disk would not do it, or the tables are those of something else.
        sqlite3.DatabaseError: The database is damaged.
    """
    # Exclusive: two daemons on one outbox would send each other's windows.
    database.execute("PRAGMA locking_mode=EXCLUSIVE")
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    database.executescript(_SCHEMA)
    columns = {row[1] for row in database.execute("PRAGMA table_info(windows)")}
    if columns >= _FIRST_COLUMNS:
        for column in _LATER_COLUMNS.keys() - columns:
            database.execute(f"ALTER TABLE windows ADD COLUMN {column} {_LATER_COLUMNS[column]}")
    database.execute(f"SELECT seq, {BODY_COLUMNS}, {TIME_COLUMNS} FROM windows LIMIT 1").fetchone()  # noqa: S608
    epoch = database.execute("SELECT name FROM epoch").fetchone()
    if epoch is None:
        epoch = (secrets.token_hex(4),)
        database.execute("INSERT INTO epoch VALUES (?)", epoch)
    loss = database.execute("SELECT lost, since, aside FROM loss").fetchone()
    sound = re.fullmatch("[0-9a-f]{8}", str(epoch[0]))
    if not sound or (loss and not (isinstance(loss[0], int) and re.fullmatch("[0-9T:.-]{23}Z", str(loss[1])))):
        raise sqlite3.DatabaseError("its own records are damaged")
    rows, newest = database.execute("SELECT COUNT(*), MAX(seq) FROM windows").fetchone()
    return Found(epoch[0], Loss(*loss) if loss else None, rows, newest or 0)
