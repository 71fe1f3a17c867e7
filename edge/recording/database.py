"""The file that windows are recorded in (SQLite, WAL): every window once, on the disk before it is acknowledged."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import re
import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from edge.contract.payloads import State, WindowPayload
from edge.contract.timestamps import format_timestamp
from edge.contract.validation import DeviceMessage, NewerWindow
from edge.errors import ConfigError
from edge.files.disk_errors import DiskError, explain_os
from edge.files.plain_tables import strange_part

logger = logging.getLogger(__name__)

APPLICATION = 0x45444745  # in the file's header: EDGE
LAYOUT = 2  # `user_version` of the file
PRUNE_MOST = 5000  # rows of each table that are looked at, at once: meanwhile none can be stored
VACUUM_MOST = 20_000  # pages that are given back at once
BUSY_SECONDS = 2.0  # how long another program may hold the file before we say so
WORDS_OF_DAMAGE = ("not a database", "malformed", "too big")
WORDS_OF_A_DISK = ("full", "readonly", "I/O")  # of SQLite, about a disk that may work again later

COLUMNS = (
    "device", "epoch", "seq", "start", "end", "seconds", "received", "schema", "mode", "replayed", "frames",
    "faces_total", "faces_mean", "faces_min", "faces_max", "facing", "counts", "unclassified", "estimate",
    "estimate_absent", "withheld", "withheld_reason", "coverage", "clock_synced", "model_faces", "model_emotions",
    "model_pose",
)  # fmt: skip
"""Of the table `windows`, in the order in which they are written and read."""
SELECTED = ", ".join(f'"{column}"' for column in COLUMNS)

WINDOWS = """
CREATE TABLE windows (
    device TEXT NOT NULL, epoch TEXT NOT NULL, seq INTEGER NOT NULL,
    start TEXT NOT NULL, "end" TEXT NOT NULL, seconds REAL NOT NULL,
    received TEXT NOT NULL, schema TEXT NOT NULL, mode TEXT NOT NULL, replayed INTEGER NOT NULL,
    frames INTEGER NOT NULL,
    faces_total INTEGER, faces_mean REAL, faces_min INTEGER, faces_max INTEGER,
    facing TEXT, counts TEXT, unclassified TEXT, estimate TEXT, estimate_absent TEXT,
    withheld TEXT, withheld_reason TEXT,
    coverage REAL NOT NULL, clock_synced INTEGER NOT NULL,
    model_faces TEXT NOT NULL, model_emotions TEXT, model_pose TEXT,
    PRIMARY KEY (device, epoch, seq)
);
CREATE INDEX windows_by_time ON windows (device, start);
CREATE TABLE newer_windows (
    device TEXT NOT NULL, schema TEXT NOT NULL, received TEXT NOT NULL, payload BLOB NOT NULL, sha256 TEXT NOT NULL,
    PRIMARY KEY (device, sha256)
);
CREATE VIEW emotions AS
    SELECT w.device, w.epoch, w.seq, w.start, w."end", c.key AS emotion, c.value AS count,
        json_extract(e.value, '$.share') AS share,
        json_extract(e.value, '$.low') AS low, json_extract(e.value, '$.high') AS high
    FROM windows w JOIN json_each(w.counts) c LEFT JOIN json_each(coalesce(w.estimate, '{}')) e ON e.key = c.key
"""
OTHERS = """
CREATE TABLE about (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE states (
    device TEXT NOT NULL, since TEXT NOT NULL, mode TEXT NOT NULL, reason TEXT NOT NULL, received TEXT NOT NULL,
    PRIMARY KEY (device, since, mode, reason)
);
CREATE TABLE availability (device TEXT NOT NULL, received TEXT NOT NULL, online INTEGER NOT NULL);
CREATE INDEX availability_by_time ON availability (device, received)
"""
SELECT_LAYOUT_1 = """
SELECT device, epoch, seq, start, "end", seconds, received, 'edge.window/1' AS schema,
    iif(model_emotions IS NULL, 'headcount', 'emotions') AS mode, replayed, frames,
    iif(suppressed, NULL, faces_total) AS faces_total, iif(suppressed, NULL, faces_mean) AS faces_mean,
    iif(suppressed, NULL, faces_min) AS faces_min, iif(suppressed, NULL, faces_max) AS faces_max,
    NULL AS facing,
    iif(suppressed OR hidden, NULL, counts) AS counts,
    iif(suppressed OR hidden OR counts IS NULL, NULL, json_object(
        'too_small', coalesce(too_small, 0), 'away', NULL, 'unclear', nameless - coalesce(too_small, 0)
    )) AS unclassified,
    iif(suppressed OR hidden, NULL, estimate) AS estimate, NULL AS estimate_absent,
    CASE WHEN suppressed THEN 'figures' WHEN hidden THEN 'emotions' END AS withheld,
    CASE WHEN suppressed THEN iif(seconds < 0.999, 'short', 'few_people') WHEN hidden THEN 'few_near' END
        AS withheld_reason,
    coverage, clock_synced, model_faces, model_emotions, NULL AS model_pose
FROM (
    SELECT *, nameless > 0 AND nameless = everyone AND coalesce(too_small, 0) < nameless AS hidden
    FROM (
        SELECT *, rowid AS arrival, coalesce(json_extract(counts, '$.unknown'), 0) AS nameless,
            coalesce((SELECT SUM(value) FROM json_each(counts)), 0) AS everyone
        FROM {table}
    )
)
"""
"""Rows of layout 1 as `contract.version1.upgrade` would have them (a test holds that)."""

# Beside the layout, so that older files get it as well: what a device said last is found without reading all it said.
AVAILABILITY_BY_DEVICE = "CREATE INDEX IF NOT EXISTS availability_by_device ON availability (device)"
OLD = {
    "windows": '"end" < ?1 OR received < ?1',
    "newer_windows": "received < ?1",
    "states": "since < ?1 AND since < (SELECT MAX(since) FROM states AS other WHERE other.device = states.device)",
    "availability": "received < ?1 AND rowid < "
    "(SELECT MAX(rowid) FROM availability AS other WHERE other.device = availability.device)",
}
"""Which rows of a table may go: not the last thing known about a device."""
DEVICES = """
WITH RECURSIVE names(device) AS (
    SELECT MIN(device) FROM windows
    UNION ALL SELECT (SELECT MIN(device) FROM windows WHERE device > names.device) FROM names WHERE device IS NOT NULL
) SELECT device FROM names WHERE device IS NOT NULL LIMIT ?
"""
"""From name to name through the index, however many windows each has."""

TABLES = ("about", "windows", "newer_windows", "states", "availability")
CLIENT_ID_PATTERN = r"[^+#/\x00-\x1f\x7f]{1,64}"

INSERT_WINDOW = f"INSERT OR IGNORE INTO windows ({SELECTED}) VALUES ({', '.join('?' * len(COLUMNS))})"  # noqa: S608
INSERT_NEWER = "INSERT OR IGNORE INTO newer_windows VALUES (?, ?, ?, ?, ?)"
INSERT_STATE = "INSERT OR IGNORE INTO states VALUES (?, ?, ?, ?, ?)"
# The same word again, as after every reconnect, changes nothing.
INSERT_AVAILABILITY = """
INSERT INTO availability SELECT ?1, ?2, ?3 WHERE ?3 IS NOT
    (SELECT online FROM availability WHERE device = ?1 ORDER BY rowid DESC LIMIT 1)
"""


class Database:
    """A file of windows, written by one thread.

    Args:
        path: The file; made, with its folder, when missing.
        prefix: The first level of the topics: one file holds the devices of one.
    """

    def __init__(self, path: Path, prefix: str) -> None:
        self._path = path
        self._prefix = prefix
        self._database: sqlite3.Connection | None = None
        self._inode = (0, 0)
        self._pruned = dict.fromkeys(OLD, 0)  # the last row of each table that was looked at

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
        if self._path.exists() and not self._path.is_file():
            raise ConfigError(
                f"{self._path} is not a file", "--database names a file, which is made when it is missing"
            )
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _explain_os(error, f"the folder of {self._path} cannot be made") from None
        # Made by us, for us: SQLite would let others read it, and gives its -wal and -shm the rights of the file.
        with contextlib.suppress(OSError):  # explained by what follows
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC, 0o600))
        with self._explained():
            database = sqlite3.connect(self._path.absolute(), timeout=BUSY_SECONDS, isolation_level=None)
            try:
                self._prepare(database)
                self._inode = _inode(self._path)
            except BaseException:
                database.close()
                raise
            self._database = database

    def client_ids(self, former: str) -> tuple[str, str | None]:
        """The random MQTT client id of this recording, and that of a session of version 0.1 still to be ended.

        Args:
            former: What version 0.1 called the session; there is one only if it has recorded something here.

        Raises:
            ConfigError, DiskError: As `start`.
        """
        with self._explained(), self._transaction() as database:
            about = dict(database.execute("SELECT key, substr(value, 1, 1000) FROM about LIMIT 10"))
            if "client_id" not in about:
                about["client_id"] = f"edge-record-{secrets.token_hex(8)}"
                if database.execute("SELECT 1 FROM windows LIMIT 1").fetchone():
                    about["former_client_id"] = former
                database.executemany("INSERT OR REPLACE INTO about VALUES (?, ?)", about.items())
            ids = about["client_id"], about.get("former_client_id")
        if not all(one is None or (isinstance(one, str) and re.fullmatch(CLIENT_ID_PATTERN, one)) for one in ids):
            raise changed(self._path, "its client id cannot be one")
        return ids

    def forget_former(self) -> None:
        """The session of version 0.1 has been ended."""
        with self._explained(), self._transaction() as database:
            database.execute("DELETE FROM about WHERE key = 'former_client_id'")

    def store(self, messages: Sequence[DeviceMessage], now: datetime) -> int:
        """Store what is not there yet, all or nothing; it is on the disk when this returns.

        Args:
            messages: Windows, also those of a newer schema, states and availability.
            now: When they came.

        Returns:
            How many windows were new.

        Raises:
            ConfigError, DiskError: As `start`; nothing was stored, and `start` has to be called again.
        """
        came = format_timestamp(now)
        with self._explained(), self._transaction() as database:
            before = database.total_changes
            rows = [
                window_row(message.content, came, message.schema)
                for message in messages
                if isinstance(message.content, WindowPayload)
            ]
            database.executemany(INSERT_WINDOW, rows)
            new = database.total_changes - before
            for message in messages:
                device, content = message.device, message.content
                if isinstance(content, State):
                    values = (device, content.since, content.mode, content.reason, came)
                    database.execute(INSERT_STATE, values)
                elif isinstance(content, bool):
                    database.execute(INSERT_AVAILABILITY, (device, came, content))
                elif isinstance(content, NewerWindow):
                    digest = hashlib.sha256(content.payload).hexdigest()
                    database.execute(INSERT_NEWER, (device, content.schema, came, content.payload, digest))
        if _inode(self._path) != self._inode:
            # What was written is in a file without a name, and will be gone with us.
            self.stop()
            raise DiskError(f"{self._path} was moved or deleted while it was in use", "a new one is begun")
        return new

    def prune(self, now: datetime, days: int) -> tuple[int, bool]:
        """Look at some rows of each table; delete what is older than so many days, but not the last state of a device.

        It goes on where it stopped: a call costs the same however much there is, and a round visits all rows.

        Args:
            now: The time.
            days: How many.

        Returns:
            How many windows were deleted, and whether the round is not over.

        Raises:
            ConfigError, DiskError: As `store`.
        """
        limit = format_timestamp(now - timedelta(days=days))
        deleted, more = 0, False
        with self._explained(), self._transaction() as database:
            for table, old in OLD.items():
                after = self._pruned[table]
                rowids = f"SELECT rowid FROM {table} WHERE rowid > ? ORDER BY rowid LIMIT ?"  # noqa: S608
                last, seen = database.execute(
                    f"SELECT MAX(rowid), COUNT(*) FROM ({rowids})",  # noqa: S608
                    (after, PRUNE_MOST),
                ).fetchone()
                if seen:
                    gone = database.execute(
                        f"DELETE FROM {table} WHERE rowid > ?2 AND rowid <= ?3 AND ({old})",  # noqa: S608
                        (limit, after, last),
                    ).rowcount
                    deleted += gone if table == "windows" else 0
                more = more or seen == PRUNE_MOST
                self._pruned[table] = last if seen == PRUNE_MOST else 0
        with self._explained():
            self._db.executescript(f"PRAGMA incremental_vacuum({VACUUM_MOST})")  # `execute` would give back one page
        return deleted, more

    def devices(self, most: int) -> list[str]:
        """The devices that have windows, at most so many."""
        with self._explained():
            return [str(row[0]) for row in self._db.execute(DEVICES, (most,))]

    def count(self) -> int:
        """How many windows there are."""
        with self._explained():
            return int(self._db.execute("SELECT COUNT(*) FROM windows").fetchone()[0])

    def stop(self) -> None:
        """Close the file."""
        database, self._database = self._database, None
        if database is not None:
            with contextlib.suppress(sqlite3.Error):  # nothing is lost: what `store` returned from is on the disk
                database.close()

    @property
    def _db(self) -> sqlite3.Connection:
        if self._database is None:
            raise DiskError(f"{self._path} is not open")
        return self._database

    def _prepare(self, database: sqlite3.Connection) -> None:
        application = database.execute("PRAGMA application_id").fetchone()[0]
        layout = LAYOUT
        tables = database.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0]
        if not tables and not application:
            database.execute("PRAGMA auto_vacuum=INCREMENTAL")
        else:
            layout = check_header(database, self._path)
            strange = strange_part(database, TABLES)
            if strange:
                raise changed(self._path, strange)
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=FULL")
        # Immediate even where there is nothing to create: that a file cannot be written shall be known now.
        database.execute("BEGIN IMMEDIATE")
        try:
            if not tables:
                _create(database, OTHERS, WINDOWS)
                database.execute(f"PRAGMA application_id={APPLICATION}")
                database.execute(f"PRAGMA user_version={LAYOUT}")
                database.execute("INSERT INTO about VALUES ('prefix', ?)", (self._prefix,))
            found = database.execute("SELECT value FROM about WHERE key = 'prefix'").fetchone()
            if layout < LAYOUT and found and found[0] == self._prefix:  # another prefix's file stays as it is
                _migrate(database, self._path)
            if found and found[0] == self._prefix:
                database.execute(AVAILABILITY_BY_DEVICE)
            database.execute("COMMIT")
        except BaseException:
            if database.in_transaction:
                database.execute("ROLLBACK")
            raise
        if not found or found[0] != self._prefix:
            raise ConfigError(
                f"{self._path} holds the devices below {found[0] if found else ''!r}, not below {self._prefix!r}",
                "give --prefix, or another --database",
            )

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        database = self._db
        database.execute("BEGIN IMMEDIATE")
        yield database
        database.execute("COMMIT")

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """SQLite's errors in words; the file is closed after one, so that the next attempt begins anew."""
        try:
            yield
        except sqlite3.Error as error:
            self.stop()
            raise explain(error, self._path) from None


def changed(path: Path, what: str) -> ConfigError:
    """To be raised for a file that has something which `edge record` does not make."""
    return ConfigError(
        f"{path} is not as edge record makes it: {what}", "another program changed the file: name another"
    )


def check_header(database: sqlite3.Connection, path: Path) -> int:
    """The layout of a file.

    Raises:
        ConfigError: Another program made it, or a newer version of edge.
    """
    application = database.execute("PRAGMA application_id").fetchone()[0]
    layout = int(database.execute("PRAGMA user_version").fetchone()[0])
    if application != APPLICATION:
        raise ConfigError(f"{path} is a database of another program", "name a file that edge record made, or a new one")
    if layout > LAYOUT:
        raise ConfigError(
            f"{path} was made by a newer version of edge (layout {layout}; this version knows {LAYOUT})",
            "upgrade edge here; the file was not changed",
        )
    return layout


def _create(database: sqlite3.Connection, *schemas: str) -> None:
    for schema in schemas:  # not `executescript`, which would commit
        for statement in schema.split(";\n"):
            database.execute(statement)


def _migrate(database: sqlite3.Connection, path: Path) -> None:
    """From layout 1, within the caller's transaction."""
    logger.info("converting %s from layout 1 to %d; large files take some minutes", path, LAYOUT)
    database.execute("DROP VIEW emotions")
    database.execute("DROP INDEX windows_by_time")
    database.execute("ALTER TABLE windows RENAME TO windows_1")
    _create(database, WINDOWS)
    # In the order of arrival, which `prune` relies on.
    rows = f"{SELECT_LAYOUT_1.format(table='windows_1')} ORDER BY arrival"
    database.execute(f"INSERT INTO windows ({SELECTED}) {rows}")
    database.execute("DROP TABLE windows_1")
    database.execute(f"PRAGMA user_version={LAYOUT}")


def explain(error: sqlite3.Error, path: Path) -> ConfigError | DiskError:
    """A DiskError where waiting may help, else a ConfigError, to be raised; the database must be closed."""
    text = str(error)
    if "locked" in text:
        return DiskError(f"{path} is locked by another program", "end that program")
    if any(word in text for word in WORDS_OF_DAMAGE):
        return ConfigError(f"{path} is no SQLite database, or a damaged one ({text})", "name another file")
    try:
        # SQLite says `unable to open` and `readonly` for a missing right and for a failing disk alike.
        os.close(os.open(path, os.O_RDWR | os.O_CLOEXEC))
    except OSError as reason:
        return _explain_os(reason, f"{path} cannot be opened")
    if any(word in text for word in WORDS_OF_A_DISK):
        return DiskError(f"{path} cannot be written ({text})", "check the disk")
    return ConfigError(f"{path} cannot be used ({text})", "name another file")


def _explain_os(error: OSError, what: str) -> ConfigError | DiskError:
    if isinstance(explain_os(error, what), DiskError):
        return DiskError(f"{what} ({error.strerror})", "check the disk")
    return ConfigError(f"{what} ({error.strerror})", "check --database and who may write there")


def _inode(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:
        return (0, 0)
    return status.st_dev, status.st_ino


def window_row(window: WindowPayload, received: str, schema: str) -> tuple[object, ...]:
    """A window as the values of `COLUMNS`."""
    span, faces, quality, model, withheld = window.window, window.faces, window.quality, window.model, window.withheld
    estimate = None
    if window.estimate is not None:
        estimate = {name: each.model_dump() for name, each in window.estimate.items()}
    return (
        window.device, window.epoch, window.seq, span.start, span.end, span.seconds,
        received, schema, window.mode, window.replayed, window.frames,
        faces.total, faces.mean, faces.min, faces.max,
        _json(window.facing and window.facing.model_dump()), _json(window.counts),
        _json(window.unclassified and window.unclassified.model_dump()), _json(estimate), window.estimate_absent,
        withheld and withheld.what, withheld and withheld.reason,
        quality.coverage, quality.clock_synced, model.faces, model.emotions, model.pose,
    )  # fmt: skip


def _json(content: object) -> str | None:
    return None if content is None else json.dumps(content, ensure_ascii=False, separators=(",", ":"))
