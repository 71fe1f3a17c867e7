"""A recording that came from elsewhere without its `-wal`, in which its last windows may be: up to all of them."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from edge.files.left_journal import has_journal, journal_of
from edge.recording import about
from edge.recording.journal_mark import was_open
from edge.recording.location import FileLocation


def lost_journal(database: sqlite3.Connection, path: Path) -> str:
    """What may be missing from a recording, in a sentence; "": nothing, as where it was closed.

    A recorder that has it open right now says that it is here; one that was killed here has left its `-wal`, or had
    just brought all of it into the file. That a `-wal` is there says nothing: whoever reads a file leaves an empty one.

    Args:
        database: The file, also one that is only read.
        path: Its path.

    Raises:
        sqlite3.Error: It cannot be read.
    """
    if has_journal(path) or not was_open(database):
        return ""
    if database.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        return ""  # made by VACUUM INTO
    try:
        here = FileLocation.find(path)
    except OSError:  # gone meanwhile
        return ""
    found = database.execute("SELECT value = ? FROM about WHERE key = ?", (here.to_text(), about.LOCATION)).fetchone()
    if found is None or found[0]:
        return ""
    return (
        f"{path} was copied or moved after a kill or a power cut, or while it was recorded into, and "
        f"{journal_of(path)} is missing or empty, so windows may be missing: where the former file still has a -wal, "
        "the last windows are in there, and both are to be copied together"
    )
