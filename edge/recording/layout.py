"""The tables of the file, and how a file of an older layout becomes one of this."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import sqlite3
from pathlib import Path

from edge.errors import ConfigError
from edge.files.disk_errors import DiskError
from edge.files.plain_tables import columns
from edge.recording import about, daily_rollups, places, rollups
from edge.recording.window_row import SELECTED

logger = logging.getLogger(__name__)

APPLICATION = 0x45444745  # in the file's header: EDGE
LAYOUT = 4  # `user_version` of the file
WITH_ROLLUPS = 3  # the layout that has them
WITH_PLACES = 4
WITHHELD_IS_NULL = 2  # the first layout; files of older ones are rewritten
ROOM = 3.5  # times a file's size, free: two in its -wal, one by which it grows, and a reserve

TABLES = (
    "about", "windows", "newer_windows", "states", "availability", "deletions", "series", "rollups", "daily_rollups",
    "changed_days", "places",
)  # fmt: skip
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
DELETIONS = """
CREATE TABLE deletions (
    id INTEGER PRIMARY KEY, asked TEXT NOT NULL, by TEXT NOT NULL, device TEXT, start TEXT, "end" TEXT,
    windows INTEGER NOT NULL, finished TEXT
)
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
    coverage, clock_synced, model_faces, model_emotions, NULL AS model_pose, arrival AS rowid
FROM (
    SELECT *, nameless > 0 AND nameless = everyone AND coalesce(too_small, 0) < nameless AS hidden
    FROM (
        SELECT *, rowid AS arrival, coalesce(json_extract(counts, '$.unknown'), 0) AS nameless,
            coalesce((SELECT SUM(value) FROM json_each(counts)), 0) AS everyone
        FROM {table}
    )
)
"""
"""Rows of layout 1 as `contract.version1.upgrade` would have them (a test holds that), and the `rowid`."""

# Beside the layout, so that older files get them as well: what a device said last, and which of its states and of its
# windows of a newer version are too old, is found without reading all.
LATER_INDEXES = (
    "CREATE INDEX IF NOT EXISTS availability_by_device ON availability (device)",
    "CREATE INDEX IF NOT EXISTS newer_windows_by_time ON newer_windows (device, received)",
    "CREATE INDEX IF NOT EXISTS states_by_time ON states (device, since)",  # their key has more: no order of arrival
)


class UnconvertedError(sqlite3.OperationalError):
    """SQLite could not convert a file, which stays as it was."""


class ConversionError(DiskError):
    """The same in words, where the disk was full after all, or failed: to try again writes the whole file again."""


def changed(path: Path, what: str) -> ConfigError:
    """To be raised for a file that has something which `edge record` does not make."""
    return ConfigError(
        f"{path} is not as edge record makes it: {what}", "another program changed it: name another file"
    )


def strange_shape(database: sqlite3.Connection) -> str | None:
    """What a file of this layout has otherwise than we make it, and so may let no row in; None: nothing."""
    with contextlib.closing(sqlite3.connect(":memory:")) as own:
        create(own, "")
        expected = columns(own, TABLES)
    found = columns(database, TABLES)
    return next((f"{table} has other columns" for table in TABLES if found[table] != expected[table]), None)


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


def create(database: sqlite3.Connection, prefix: str) -> None:
    """Make a new file, within the caller's transaction."""
    _create(
        database,
        OTHERS,
        WINDOWS,
        rollups.TABLES,
        daily_rollups.TABLES,
        *daily_rollups.TRIGGERS,
        DELETIONS,
        places.TABLE,
    )
    database.execute(f"PRAGMA application_id={APPLICATION}")
    database.execute(f"PRAGMA user_version={LAYOUT}")
    about.keep(database, about.PREFIX, prefix)


def add_indexes(database: sqlite3.Connection) -> None:
    """Make those that a file of an older version lacks, within the caller's transaction."""
    for index in LATER_INDEXES:
        database.execute(index)


def _check_room(database: sqlite3.Connection, path: Path) -> None:
    """See whether a file can be rewritten, before anything is. Raises DiskError: there is no room on its disk."""
    pages, size = (int(database.execute(f"PRAGMA {name}").fetchone()[0]) for name in ("page_count", "page_size"))
    needed = ROOM * pages * size
    try:
        disk = os.statvfs(path.resolve().parent)
    except OSError:
        return
    free = disk.f_bavail * disk.f_frsize
    if disk.f_blocks and free < needed:  # without blocks it cannot say
        raise DiskError(
            f"{path} is of version 0.1.0 and has to be converted, which takes {_megabytes(needed)} on its disk for a "
            f"while; {_megabytes(free)} are free, and nothing was changed",
            f"make room for {_megabytes(needed - free)} more",
        )


def _megabytes(size: float) -> str:
    return f"{size / 1e6:,.1f} MB"


def migrate(database: sqlite3.Connection, path: Path, layout: int) -> None:
    """From an older layout, within the caller's transaction; the roll-ups of former windows are still to be made.

    Raises:
        DiskError: There is no room on the disk to rewrite the file.
        sqlite3.Error: To be explained.
    """
    if layout < WITHHELD_IS_NULL:
        _check_room(database, path)
        logger.info("converting %s from layout 1; a large file takes some minutes", path)
        _from_layout_1(database)
    if layout < WITH_ROLLUPS:
        _create(database, rollups.TABLES, daily_rollups.TABLES, *daily_rollups.TRIGGERS, DELETIONS)
        if database.execute("SELECT 1 FROM windows LIMIT 1").fetchone():
            about.keep(database, about.ROLLUPS_FROM, json.dumps(["", ""]))
        # Whoever made it was told that everything is kept.
        about.keep(database, about.KEPT_ALL, "")
    _create(database, places.TABLE)
    database.execute(f"PRAGMA user_version={LAYOUT}")


def _from_layout_1(database: sqlite3.Connection) -> None:
    database.execute("DROP VIEW emotions")
    database.execute("DROP INDEX windows_by_time")
    database.execute("ALTER TABLE windows RENAME TO windows_1")
    _create(database, WINDOWS)
    # In the order of arrival, which retention relies on.
    rows = f"SELECT {SELECTED} FROM ({SELECT_LAYOUT_1.format(table='windows_1')}) ORDER BY rowid"  # noqa: S608
    database.execute(f"INSERT INTO windows ({SELECTED}) {rows}")
    database.execute("DROP TABLE windows_1")


def _create(database: sqlite3.Connection, *schemas: str) -> None:
    for schema in schemas:  # not `executescript`, which would commit
        for statement in re.split(r";\n(?=CREATE)", schema):
            database.execute(statement)
