"""The file of a recording, of this version or an older one: opened to be read only, or refused in words."""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path
from urllib.parse import quote

from edge.errors import ConfigError
from edge.files.database import connect
from edge.files.plain_tables import strange_part
from edge.files.presence import why_no_file
from edge.recording.daily_rollups import TRIGGERS
from edge.recording.journal_mark import check_journal
from edge.recording.layout import SELECT_LAYOUT_1, WITH_PLACES, WITH_ROLLUPS, WITHHELD_IS_NULL, changed, check_header
from edge.recording.recording_file import explained
from edge.recording.window_row import LONGEST_TEXT

BUSY_SECONDS = 10.0
TABLES = ("about", "windows", "states", "availability")
ROLLUP_TABLES = ("rollups", "series", "daily_rollups", "changed_days")


def open_to_read(path: Path) -> tuple[sqlite3.Connection, int]:
    """Open a file; another program may be writing it.

    Returns:
        The connection, and the layout of the file. Whatever that is, windows are read as of the newest.

    Raises:
        ConfigError, DiskError: It is missing, something else, or damaged.
    """
    if why := why_no_file(path):
        raise ConfigError(why, "--database names a file that edge record made, and that this user may read")
    check_journal(path, writes=False)
    with explained(path):
        database = connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=BUSY_SECONDS)
        try:
            return database, _prepare(database, path)
        except BaseException:
            database.close()
            raise


def _prepare(database: sqlite3.Connection, path: Path) -> int:
    if sys.version_info >= (3, 11):  # else a value of any length is loaded before its length is known
        database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 4 * LONGEST_TEXT)
    layout = check_header(database, path)
    _check_tables(database, path, layout)
    if layout < WITHHELD_IS_NULL:
        # The file is not ours to convert: it is read as if it had been. The view is no part of the file.
        database.execute(f"CREATE TEMP VIEW windows AS {SELECT_LAYOUT_1.format(table='main.windows')}")
    return layout


def _check_tables(database: sqlite3.Connection, path: Path, layout: int) -> None:
    """Only plain tables are read: a view could go on for ever. Raises ConfigError."""
    wanted = TABLES + (ROLLUP_TABLES if layout >= WITH_ROLLUPS else ())
    wanted += ("places",) if layout >= WITH_PLACES else ()
    strange = strange_part(database, wanted, TRIGGERS)
    there = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    absent = [f"there is no {table}" for table in wanted if table not in there]
    if strange or absent:
        raise changed(path, strange or absent[0])
