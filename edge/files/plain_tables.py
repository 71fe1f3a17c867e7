"""Whether the tables of a SQLite file are plain: whoever prepared a view or a trigger decides what reading costs."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Collection

from edge.text import printable

LONGEST = 10_000  # characters of the SQL of a table or an index
INDEX = re.compile(r'CREATE INDEX (IF NOT EXISTS )?"?\w+"? ON "?\w+"? ?\( ?"?\w+"?( ?, ?"?\w+"?)* ?\)')
# Text, quoted names and comments, as SQLite reads them: words in them mean nothing.
NO_WORDS = re.compile(
    r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|--[^\n]*|/\*.*?(?:\*/|$)""", re.DOTALL
)
KEEPS_OUT = re.compile(r"\b(CHECK|UNIQUE|REFERENCES|COLLATE|CONFLICT|GENERATED|AS)\b", re.IGNORECASE)


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
    found = database.execute(f"SELECT name, type, substr(sql, 1, {LONGEST + 1}) FROM sqlite_master").fetchall()  # noqa: S608
    for name, kind, sql in found:
        text = " ".join(str(sql).split())
        if kind == "trigger" and text not in known:
            return "it has a trigger"
        # Those of primary keys have no SQL. No condition, no expression, no UNIQUE.
        if kind == "index" and sql is not None and (len(str(sql)) > LONGEST or not INDEX.fullmatch(text)):
            return f"{printable(str(name))} is no plain index"
        if kind in ("table", "view") and str(name).lower() in tables:  # as SQLite finds them
            strange = f"{name} is no plain table"
            if kind != "table" or len(str(sql)) > LONGEST or not _is_plain(str(sql)):
                return strange
            # Columns that are computed are hidden from `table_info`.
            listed, all_there_are = (
                database.execute(f"SELECT COUNT(*) FROM pragma_{info}(?)", (name,)).fetchone()[0]  # noqa: S608
                for info in ("table_info", "table_xinfo")
            )
            if listed != all_there_are:
                return strange
            if strange_index := _strange_index(database, str(name)):
                return strange_index
    return None


def _is_plain(sql: str) -> bool:
    """Whether a table has nothing that keeps rows out but its primary key, whatever its text hides it behind."""
    bare = NO_WORDS.sub(" ", sql)
    return bool(re.match(r"CREATE\s+TABLE\b", bare)) and not KEEPS_OUT.search(bare)


def columns(database: sqlite3.Connection, tables: Collection[str]) -> dict[str, list[tuple[object, ...]]]:
    """Name, `NOT NULL` and place in the primary key of each column, by table: what decides which rows are let in."""
    query = 'SELECT name, "notnull", pk FROM pragma_table_info(?) ORDER BY cid'
    return {table: database.execute(query, (table,)).fetchall() for table in tables}


def _strange_index(database: sqlite3.Connection, table: str) -> str | None:
    """Whether one of its indexes keeps rows out; the only one with that right is that of the primary key."""
    query = 'SELECT "unique", origin FROM pragma_index_list(?)'
    if any(unique and origin != "pk" for unique, origin in database.execute(query, (table,))):
        return f"{table} has an index that keeps rows out"
    return None
