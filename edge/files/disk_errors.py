"""Whether a file that cannot be used is a mistake to mend, or may be used later, as one of a failing disk."""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path

from edge.errors import BusyError, ConfigError, EdgeError

# What a disk says that is full or failing; anything else, such as a missing right, is for a person to mend.
_FAILING = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO}
_FAILING_WORDS = ("full", "readonly", "I/O")
_DAMAGED_WORDS = ("no such", "duplicate column", "unsupported file format")  # of a schema in which a bit has changed


class DiskError(EdgeError):
    """The disk is full, read-only or failing; it may work again later."""


class FullError(DiskError):
    """There is no room on it, which whoever else writes there will find as well."""


def explain_os(error: OSError, what: str) -> EdgeError:
    """A DiskError or a ConfigError, to be raised."""
    text = f"{what} ({error.strerror})"
    return DiskError(text, "check the disk") if error.errno in _FAILING else ConfigError(text, "check outbox.path")


def explain_sqlite(error: sqlite3.DatabaseError, path: Path | None, what: str) -> EdgeError | None:
    """A BusyError, a DiskError or a ConfigError, to be raised; None: the database, which must be closed, is damaged."""
    if path is None or not isinstance(error, sqlite3.OperationalError):
        return None
    if "locked" in str(error):
        # Another daemon stays, but a backup that reads the file and a former process of this one go by themselves.
        return BusyError(
            f"{what} is in use by another program",
            "if that is another edge daemon, give each its own device.name or outbox.path",
        )
    # SQLite says `unable to open` for a missing right and for a read-only disk alike: the system knows better.
    try:
        for file in (f"{path}", f"{path}-wal"):
            os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as reason:
        return explain_os(reason, f"{what} cannot be opened")
    if any(word in str(error) for word in _FAILING_WORDS):
        return DiskError(f"{what} cannot be written ({error})", "check the disk")
    if any(words in str(error) for words in _DAMAGED_WORDS):
        return None
    return ConfigError(f"{what} cannot be opened ({error})", "check outbox.path")
