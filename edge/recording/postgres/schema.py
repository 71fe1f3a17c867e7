"""The tables, as numbered files of plain SQL: each is applied once, by whoever comes first."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterable
from pathlib import Path

import psycopg
from psycopg import errors

from edge.errors import ConfigError
from edge.recording.postgres.address import PostgresAddress
from edge.recording.postgres.connection import unhurried
from edge.recording.postgres.long_readers import end_long_readers
from edge.recording.window_store import IncompleteError, OutdatedError

FOLDER = Path(__file__).parent / "migrations"
ADDITIVE = b"-- Additive:"
"""How a file begins after which programs that do not know it can go on recording, reading and deleting."""
NEEDED, ADDED = "migrations", "additions"
"""Tables of what was applied. Version 0.2.0 asks the first alone, and refuses what it finds there and does not know."""
TABLE = """
CREATE TABLE edge_private.{} (
    version integer PRIMARY KEY, name text NOT NULL, applied timestamptz NOT NULL DEFAULT now()
)
"""
# The first 0.2.0 had its sixth file under another number.
APPLIED = "SELECT CASE name WHEN '0008_speed' THEN 6 ELSE version END FROM edge_private.{}"
END_OTHERS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()
AND starts_with(application_name, 'edge ')
"""
READING_SECONDS = 10  # that a reader's transaction may have lasted when tables are to be changed
THERE = (errors.DuplicateSchema, errors.DuplicateTable, errors.DuplicateObject, errors.UniqueViolation)

logger = logging.getLogger(__name__)


def migrate(
    connection: psycopg.Connection,
    address: PostgresAddress,
    *,
    was_open: bool,
    progress: Callable[[], None] = lambda: None,
) -> None:
    """Apply what is not applied yet, all or nothing.

    Args:
        connection: Outside of a transaction.
        address: Of the database.
        was_open: As `refuse_newer`.
        progress: Called after each file.

    Raises:
        ConfigError, OutdatedError: As `refuse_newer`.
        IncompleteError: There is nothing, where there were tables before.
        psycopg.Error: To be explained.
    """
    files = _files()
    refuse_newer(connection, address, was_open=was_open)
    found = applied(connection)
    if files.keys() <= found:
        return
    if was_open and not found:
        # New ones would get numbers that a dump has for other rooms, whose windows are restored into them.
        raise IncompleteError(
            f"{address} has lost its tables",
            "if it is being restored, this recorder goes on by itself afterwards; if it is to begin anew, restart it",
        )
    end_long_readers(connection, READING_SECONDS)  # else whoever has asked one view keeps all recorders from starting
    _begin(connection)
    with unhurried(connection):  # an index of a large table takes what it takes
        lock_tables(connection)
        refuse_newer(connection, address, was_open=was_open)
        found = applied(connection)  # another may have been first
        others = False
        for version in sorted(files.keys() - found):
            logger.info("preparing %s: %s", address, files[version].stem)
            script = files[version].read_bytes()
            connection.execute(script)
            table = ADDED if script.startswith(ADDITIVE) else NEEDED
            others |= table == NEEDED
            connection.execute(
                f"INSERT INTO edge_private.{table} (version, name) VALUES (%s, %s)",  # noqa: S608
                (version, files[version].stem),
            )
            progress()
        if found and others:
            # Or an older version would go on in tables that it does not know: each looks when it connects, and waits.
            connection.execute(END_OTHERS)


def lock_tables(connection: psycopg.Connection) -> None:
    """Have nobody else make tables before the end of the transaction.

    Not an advisory lock: whoever may connect may take that, and hold every recorder up.
    """
    connection.execute(f"LOCK TABLE edge_private.{NEEDED} IN SHARE ROW EXCLUSIVE MODE")


def _begin(connection: psycopg.Connection) -> None:
    """Make what can be locked, where it is not there; another may do the same."""
    for schema in ("edge", "edge_private"):
        # Not IF NOT EXISTS, which asks for the right to make schemas where it is there as well.
        if connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", (schema,)).fetchone() is None:
            with contextlib.suppress(*THERE):
                connection.execute(f"CREATE SCHEMA {schema}")
    for table in (NEEDED, ADDED):
        if not table_exists(connection, table):
            with contextlib.suppress(*THERE):
                connection.execute(TABLE.format(table))


def refuse_newer(connection: psycopg.Connection, address: PostgresAddress, *, was_open: bool) -> None:
    """Leave tables alone that this version cannot go on in.

    Args:
        connection: Of whoever wants to.
        address: Of the database.
        was_open: It was open before: then a person may be upgrading one machine after the other, and we wait.

    Raises:
        ConfigError: They are such, and were from the first.
        OutdatedError: They have become such.
    """
    found, newest = max(_applied(connection, [NEEDED]), default=0), max(_files())
    if found > newest:
        raise (OutdatedError if was_open else ConfigError)(
            f"{address} was made by a newer version of edge (migration {found}; this version knows {newest})",
            "upgrade edge here; the database was not changed",
        )


def check_version(connection: psycopg.Connection, address: PostgresAddress) -> None:
    """For those that make no tables. Raises ConfigError where it is for another version to go on."""
    refuse_newer(connection, address, was_open=False)
    found = applied(connection)
    if not found:
        raise ConfigError(f"{address} holds no recording yet", "edge record --database makes it")
    if not _files().keys() <= found:
        raise ConfigError(
            f"{address} was made by an older version of edge", "start edge record of this version on it once"
        )


def applied(connection: psycopg.Connection) -> set[int]:
    """What was applied; nothing in an empty database."""
    return _applied(connection, [NEEDED, ADDED])


def _applied(connection: psycopg.Connection, tables: Iterable[str]) -> set[int]:
    there = (table for table in tables if table_exists(connection, table))
    return {version for table in there for (version,) in connection.execute(APPLIED.format(table)).fetchall()}


def _files() -> dict[int, Path]:
    return {int(path.name[:4]): path for path in FOLDER.glob("[0-9][0-9][0-9][0-9]_*.sql")}


def table_exists(connection: psycopg.Connection, name: str) -> bool:
    """Whether `edge_private` has a table now: `to_regclass` may know of the moment before a lock was waited for."""
    return table_number(connection, "edge_private", name) != 0


def table_number(connection: psycopg.Connection, schema: str, name: str) -> int:
    """The server's own number of a table, which one that is made in its place does not get; 0: there is none."""
    query = """
    SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relname = %s
    """
    row = connection.execute(query, (schema, name)).fetchone()
    return int(row[0]) if row else 0
