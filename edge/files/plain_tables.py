"""Whether the tables of a SQLite file are plain: whoever prepared a view or a trigger decides what reading costs."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Collection


def strange_part(database: sqlite3.Connection, tables: Collection[str], triggers: Collection[str] = ()) -> str | None:
    """What in a file is none of a program that makes plain tables, in words; None where all is as it should be.

    A view in place of a table may go on for ever, a column that is computed may compute anything, and a trigger may
    drop what is stored. None of the tables is read, only what SQLite knows about them.

    Args:
        database: The open file; whether its tables can be read is not known yet.
        tables: Names that have to be plain tables where they are.
        triggers: The SQL of those that may be there.
    """
    known = {" ".join(each.split()) for each in triggers}
    for (sql,) in database.execute("SELECT substr(sql, 1, 10000) FROM sqlite_master WHERE type = 'trigger'"):
        if " ".join(str(sql).split()) not in known:
            return "it has a trigger"
    # What keeps rows out, but for the primary keys that a table is made with.
    if database.execute("SELECT 1 FROM sqlite_master WHERE type = 'index' AND sql LIKE '%UNIQUE%'").fetchone():
        return "it has an index that keeps rows out"
    found = database.execute("SELECT name, type, substr(sql, 1, 10000) FROM sqlite_master WHERE type != 'index'")
    for name, kind, sql in found.fetchall():
        if str(name).lower() not in tables:  # as SQLite finds them
            continue
        # Columns that are computed are hidden from `table_info`.
        listed, all_there_are = (
            database.execute(f"SELECT COUNT(*) FROM pragma_{info}(?)", (name,)).fetchone()[0]  # noqa: S608
            for info in ("table_info", "table_xinfo")
        )
        plain = re.match(r"CREATE TABLE\b", str(sql)) and not re.search(r"\bCHECK\s*\(", str(sql), re.IGNORECASE)
        if kind != "table" or not plain or listed != all_there_are:
            return f"{name} is no plain table"
        if strange := _strange_index(database, str(name)):
            return strange
    return None


def columns(database: sqlite3.Connection, tables: Collection[str]) -> dict[str, list[tuple[object, ...]]]:
    """Name, `NOT NULL` and place in the primary key of each column, by table: what decides which rows are let in."""
    query = 'SELECT name, "notnull", pk FROM pragma_table_info(?) ORDER BY cid'
    return {table: database.execute(query, (table,)).fetchall() for table in tables}


def _strange_index(database: sqlite3.Connection, table: str) -> str | None:
    """What one of its indexes does that ours do not: keep rows out, or compute something for each row."""
    for name, unique, origin in database.execute('SELECT name, "unique", origin FROM pragma_index_list(?)', (table,)):
        if unique and origin != "pk":
            return f"{table} has an index that keeps rows out"
        if database.execute("SELECT 1 FROM pragma_index_xinfo(?) WHERE cid = -2", (name,)).fetchone():
            return f"{table} has an index that computes something"
    return None
