"""Whether the tables of a SQLite file are plain: whoever prepared a view or a trigger decides what reading costs."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection


def strange_part(database: sqlite3.Connection, tables: Collection[str]) -> str | None:
    """What in a file is none of a program that makes plain tables, in words; None where all is as it should be.

    A view in place of a table may go on for ever, a column that is computed may compute anything, and a trigger may
    drop what is stored. None of the tables is read, only what SQLite knows about them.

    Args:
        database: The open file; whether its tables can be read is not known yet.
        tables: Names that have to be plain tables where they are.
    """
    trigger = database.execute("SELECT substr(name, 1, 40) FROM sqlite_master WHERE type = 'trigger'").fetchone()
    if trigger is not None:
        return "it has a trigger"
    found = database.execute("SELECT name, type, sql LIKE 'CREATE TABLE %' FROM sqlite_master WHERE type != 'index'")
    for name, kind, plain in found.fetchall():
        if name not in tables:
            continue
        # Columns that are computed are hidden from `table_info`.
        listed, all_there_are = (
            database.execute(f"SELECT COUNT(*) FROM pragma_{info}(?)", (name,)).fetchone()[0]  # noqa: S608
            for info in ("table_info", "table_xinfo")
        )
        if kind != "table" or not plain or listed != all_there_are:
            return f"{name} is no plain table"
    return None
