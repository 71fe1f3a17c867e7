"""SQLite on a file that may be damaged: what it says of that quotes the file, and so need not be text."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path


class Database(sqlite3.Connection):
    """A connection that raises sqlite3.DatabaseError where Python's own raises UnicodeDecodeError.

    Args:
        database: As sqlite3.Connection, like the rest.
    """

    def __init__(self, database: str | Path, *arguments: object, **options: object) -> None:
        super().__init__(database, *arguments, **options)  # type: ignore[arg-type]
        self._name = database  # or `:memory:` or `file:`, of which there is no file
        self._opened = _status(self._name)

    def close(self) -> None:
        """As sqlite3.Connection, but that the `-wal` of another disk is left alone.

        Whoever closes a database last deletes its `-wal`, by name. That the file was replaced SQLite sees by its inode
        alone, and of two disks that were formatted alike the first files have the same. Where another disk was mounted
        over the folder, what waits in the `-wal` there would be lost. So the connection is left to the end of the
        process, which closes no database that something still refers to.
        """
        now = _status(self._name)
        if self._opened and now and now.st_ino == self._opened.st_ino and now.st_dev != self._opened.st_dev:
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self))
            return
        super().close()

    def execute(self, *arguments: object) -> sqlite3.Cursor:
        """As sqlite3.Connection."""
        return _text(super().execute, *arguments)

    def executemany(self, *arguments: object) -> sqlite3.Cursor:
        """As sqlite3.Connection."""
        return _text(super().executemany, *arguments)

    def executescript(self, *arguments: object) -> sqlite3.Cursor:
        """As sqlite3.Connection."""
        return _text(super().executescript, *arguments)


def _status(name: str | Path) -> os.stat_result | None:
    """Which file is there, if any."""
    with contextlib.suppress(OSError, ValueError):
        return Path(name).stat()
    return None


def _text(execute: Callable[..., sqlite3.Cursor], *arguments: object) -> sqlite3.Cursor:
    try:
        return execute(*arguments)
    except UnicodeDecodeError as error:  # such as `malformed database schema (\xf7indows)`
        raise sqlite3.DatabaseError(bytes(error.object).decode(errors="replace")) from None


connect = partial(sqlite3.connect, factory=Database)
"""As sqlite3.connect."""
