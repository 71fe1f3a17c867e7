"""SQLite on a file that may be damaged: what it says of that quotes the file, and so need not be text."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from functools import partial


class Database(sqlite3.Connection):
    """A connection that raises sqlite3.DatabaseError where Python's own raises UnicodeDecodeError."""

    def execute(self, *arguments: object) -> sqlite3.Cursor:
        """As sqlite3.Connection."""
        return _text(super().execute, *arguments)

    def executemany(self, *arguments: object) -> sqlite3.Cursor:
        """As sqlite3.Connection."""
        return _text(super().executemany, *arguments)

    def executescript(self, *arguments: object) -> sqlite3.Cursor:
        """As sqlite3.Connection."""
        return _text(super().executescript, *arguments)


def _text(execute: Callable[..., sqlite3.Cursor], *arguments: object) -> sqlite3.Cursor:
    try:
        return execute(*arguments)
    except UnicodeDecodeError as error:  # such as `malformed database schema (\xf7indows)`
        raise sqlite3.DatabaseError(bytes(error.object).decode(errors="replace")) from None


connect = partial(sqlite3.connect, factory=Database)
"""As sqlite3.connect."""
