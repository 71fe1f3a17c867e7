"""What another program puts into a file so that rows are kept out, or cost more than they should."""

from __future__ import annotations

import sqlite3

import pytest

from edge.files.plain_tables import strange_part
from edge.recording.daily_rollups import TRIGGERS
from edge.recording.layout import TABLES, add_indexes, create


def made() -> sqlite3.Connection:
    database = sqlite3.connect(":memory:", isolation_level=None)
    create(database, "classroom")
    add_indexes(database)
    return database


def rewritten(table: str, addition: str) -> sqlite3.Connection:
    """A file whose SQL of a table was changed, as only who prepares a file can."""
    database = made()
    (sql,) = database.execute("SELECT sql FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    end = sql.rindex(")")
    database.execute("PRAGMA writable_schema = ON")
    database.execute("UPDATE sqlite_master SET sql = ? WHERE name = ?", (sql[:end] + addition + sql[end:], table))
    database.execute("PRAGMA writable_schema = RESET")
    return database


def test_what_we_make_is_plain() -> None:
    assert strange_part(made(), TABLES, TRIGGERS) is None


@pytest.mark.parametrize(
    "addition",
    [
        ", CHECK (seq < 1000)", ", CHECK/**/(seq < 1000)", ", CHECK -- x\n (seq < 1000)",
        " " * 11_000 + ", CHECK (seq < 9)",
        ", check/* */ /**/(seq < 9)", ", UNIQUE (seq) ON CONFLICT IGNORE",
    ],
)  # fmt: skip
def test_a_table_that_keeps_rows_out(addition: str) -> None:
    assert strange_part(rewritten("windows", addition), TABLES, TRIGGERS) == "windows is no plain table"


def test_words_in_names_and_comments_mean_nothing() -> None:
    database = sqlite3.connect(":memory:")
    database.execute("CREATE TABLE t (\"check (\" TEXT DEFAULT 'UNIQUE (' /* CHECK ( */ -- AS\n)")
    assert strange_part(database, {"t"}) is None


@pytest.mark.parametrize(
    "index",
    [
        "CREATE UNIQUE INDEX i ON windows (seq)",
        "CREATE INDEX i ON windows (seq) WHERE length(printf('%.*c', 9, 'x')) > 0",
        "CREATE INDEX i ON states (length(mode))",
        "CREATE INDEX i ON states (mode COLLATE NOCASE)",
    ],
)
def test_an_index_that_keeps_rows_out_or_computes_something(index: str) -> None:
    database = made()
    database.execute(index)
    assert strange_part(database, TABLES, TRIGGERS) in (
        "i is no plain index",
        "windows has an index that keeps rows out",
    )
