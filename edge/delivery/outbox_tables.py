"""The tables of an outbox: made, upgraded from those of earlier versions, and checked when a database is opened."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import sqlite3
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edge.contract import version1
from edge.contract.validation import MAX_COUNT
from edge.files.database import connect
from edge.files.plain_tables import strange_part

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
APPLICATION = int.from_bytes(b"EdgO", "big")  # `application_id`: an outbox of ours
MAGIC = b"SQLite format 3\0"
HIGHEST = MAX_COUNT // 2
"""The last number that an outbox may have when it is opened: those of one run, at most one a second, fit above it."""
LAYOUT = 2  # `user_version`; 0 and no application: version 0.1.0
NAMES_AS_TYPED = 1
"""`user_version` from which the name of a room is what was typed: edge.daemon.former_name."""
_TABLES = {"epoch", "loss", "windows"}
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


class ForeignFileError(Exception):
    """A file that is no outbox, or one of a newer version; it was not touched. The text says which.

    Args:
        problem: What it is.
        readable: Whether it is somebody's database, and not merely bytes: perhaps what is left of an outbox.
    """

    def __init__(self, problem: str, *, readable: bool = True) -> None:
        super().__init__(problem)
        self.readable = readable


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


def examine(path: Path) -> bool:
    """See whether a file may be opened as an outbox, from its header alone: SQLite itself would touch it.

    The header: https://www.sqlite.org/fileformat2.html#the_database_header. Not where this process has the outbox open:
    to close any descriptor of a file ends the locks that the process has on it.

    Returns:
        Whether it says that it is an outbox; one of 0.1.0 does not.

    Raises:
        ForeignFileError: It is another program's, or of a newer version.
        sqlite3.DatabaseError: It is an outbox, and damaged.
        OSError: It cannot be read.
    """
    if not path.exists():
        return False
    if not path.is_file() and not path.is_dir():  # a FIFO would be waited for; what a folder is, opening it says
        raise ForeignFileError("it is not a regular file", readable=False)
    with path.open("rb") as file:
        header = file.read(100)
    if not header.strip(b"\0"):  # just made, or what a power failure has left of it
        return False
    if not header.startswith(MAGIC):
        raise ForeignFileError("it is no SQLite database", readable=False)
    if len(header) < 100:
        return False
    layout, application = struct.unpack_from(">I4xI", header, 60)
    _check_version(application, layout)
    if application != APPLICATION:
        return False
    if not {header[18], header[19]} <= {1, 2}:  # SQLite would say that the disk is read-only
        raise sqlite3.DatabaseError("its header is damaged")
    return True


def _check_version(application: int, layout: int) -> None:
    if application not in (0, APPLICATION):
        raise ForeignFileError("it is another program's database")
    if layout > LAYOUT:
        raise ForeignFileError(f"it has layout {layout} of a newer version; this one knows up to {LAYOUT}")


@contextlib.contextmanager
def read_only(path: Path) -> Iterator[sqlite3.Connection]:
    """An outbox as it lies there, for a look from outside: it is not locked or changed, and no file is made beside it.

    Also in the process that has it open, which keeps its lock: SQLite itself closes no file that is locked.

    Raises:
        ForeignFileError: It is another program's, or of a newer version.
        OSError, sqlite3.Error: It cannot be read.
    """
    if path.exists() and not path.is_file():  # a FIFO would be waited for
        raise ForeignFileError("it is not a regular file", readable=False)
    address = f"{Path(os.path.realpath(path)).as_uri()}?mode=ro&immutable=1"  # immutable: no lock is asked for
    with contextlib.closing(connect(address, uri=True, timeout=0)) as database:
        check_tables(database)
        yield database


def check_tables(database: sqlite3.Connection) -> None:
    """See whether the tables are those of an outbox; without an application only they tell one of version 0.1.0.

    Before any of them is read: others may have made a view of one that never ends, and triggers.

    Raises:
        ForeignFileError: They are not.
        sqlite3.Error: They cannot be read.
    """
    (application,) = database.execute("PRAGMA application_id").fetchone()
    (layout,) = database.execute("PRAGMA user_version").fetchone()
    _check_version(application, layout)
    query = "SELECT name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'"
    tables = {name for (name,) in database.execute(query)}
    columns = {row[1] for row in database.execute("PRAGMA table_info(windows)")}
    if application == 0 and tables and not (tables <= _TABLES and columns >= _FIRST_COLUMNS):
        raise ForeignFileError("it is another program's database")
    strange = strange_part(database, _TABLES)
    if strange:
        raise ForeignFileError(f"another program changed it: {strange}")


def prepare(database: sqlite3.Connection) -> Found:
    """Make the tables, or bring those of an earlier version up to date.

    Raises:
        ForeignFileError: They are those of something else, and stay as they are.
        sqlite3.OperationalError: The disk would not do it, or the database is damaged: `explain_sqlite` knows.
        sqlite3.DatabaseError: The database is damaged.
    """
    # Exclusive: two daemons on one outbox would send each other's windows.
    database.execute("PRAGMA locking_mode=EXCLUSIVE")
    check_tables(database)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    database.executescript(_SCHEMA)
    columns = {row[1] for row in database.execute("PRAGMA table_info(windows)")}
    if columns >= _FIRST_COLUMNS:
        for column in _LATER_COLUMNS.keys() - columns:
            database.execute(f"ALTER TABLE windows ADD COLUMN {column} {_LATER_COLUMNS[column]}")
    database.execute(f"SELECT seq, {BODY_COLUMNS}, {TIME_COLUMNS} FROM windows LIMIT 1").fetchone()  # noqa: S608
    epoch = database.execute("SELECT name FROM epoch").fetchone()
    new = epoch is None
    if new:
        epoch = (secrets.token_hex(4),)
        database.execute("INSERT INTO epoch VALUES (?)", epoch)
    loss = database.execute("SELECT lost, since, aside FROM loss").fetchone()
    sound = re.fullmatch("[0-9a-f]{8}", str(epoch[0]))
    if not sound or (loss and not (isinstance(loss[0], int) and re.fullmatch("[0-9T:.-]{23}Z", str(loss[1])))):
        raise sqlite3.DatabaseError("its own records are damaged")
    _check_numbers(database)
    database.execute(f"PRAGMA application_id={APPLICATION}")
    database.execute(f"PRAGMA user_version={LAYOUT}")
    if new:  # so that others, who cannot read beside our lock, find the epoch in the file itself
        database.execute("PRAGMA wal_checkpoint")
    rows, newest = database.execute("SELECT COUNT(*), MAX(seq) FROM windows").fetchone()
    return Found(epoch[0], Loss(*loss) if loss else None, rows, newest or 0)


def _check_numbers(database: sqlite3.Connection) -> None:
    """Raise sqlite3.DatabaseError for numbers that nobody can have given: recorders believe no window that has them."""
    given = "SELECT CAST(seq AS INTEGER) AS number FROM sqlite_sequence WHERE name = 'windows'"
    waiting = "SELECT MIN(seq) FROM windows UNION ALL SELECT MAX(seq) FROM windows"
    counted = database.execute("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_sequence'").fetchone()
    query = f"SELECT MIN(number), MAX(number) FROM ({given} UNION ALL {waiting})"  # noqa: S608
    least, most = database.execute(query).fetchone() if counted else (None, None)
    if not counted or not 0 <= (least or 0) <= (most or 0) <= HIGHEST:
        raise sqlite3.DatabaseError("the numbers of its windows are damaged")
