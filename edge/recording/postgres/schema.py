"""The tables, as numbered files of plain SQL: each is applied once, by whoever comes first."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from pathlib import Path

import psycopg
from psycopg import errors

from edge.errors import ConfigError
from edge.recording.postgres.address import PostgresAddress
from edge.recording.postgres.long_readers import end_long_readers

FOLDER = Path(__file__).parent / "migrations"
TABLE = """
CREATE TABLE edge_private.migrations (
    version integer PRIMARY KEY, name text NOT NULL, applied timestamptz NOT NULL DEFAULT now()
)
"""
READING_SECONDS = 10  # that a reader's transaction may have lasted when tables are to be changed
THERE = (errors.DuplicateSchema, errors.DuplicateTable, errors.DuplicateObject, errors.UniqueViolation)

logger = logging.getLogger(__name__)


def migrate(
    connection: psycopg.Connection, address: PostgresAddress, progress: Callable[[], None] = lambda: None
) -> None:
    """Apply what is not applied yet, all or nothing.

    Args:
        connection: Outside of a transaction.
        address: What it is called.
        progress: Called after each file.

    Raises:
        ConfigError: A newer version of edge made the tables.
        psycopg.Error: To be explained.
    """
    files = {int(path.name[:4]): path for path in sorted(FOLDER.glob("[0-9][0-9][0-9][0-9]_*.sql"))}
    newest = max(files)
    found = applied(connection)
    if found > newest:
        raise newer_version(address, found, newest)
    if found == newest:
        return
    end_long_readers(connection, READING_SECONDS)  # else whoever has asked one view keeps all recorders from starting
    _begin(connection)
    with connection.transaction():
        lock_tables(connection)
        connection.execute("SET LOCAL statement_timeout = 0")  # an index of a large table takes what it takes
        found = applied(connection)  # another may have been first
        for version, path in files.items():
            if version > found:
                logger.info("preparing %s: %s", address, path.stem)
                connection.execute(path.read_bytes())
                connection.execute(
                    "INSERT INTO edge_private.migrations (version, name) VALUES (%s, %s)", (version, path.stem)
                )
                progress()


def lock_tables(connection: psycopg.Connection) -> None:
    """Have nobody else make tables before the end of the transaction.

    Not an advisory lock: whoever may connect may take that, and hold every recorder up.
    """
    connection.execute("LOCK TABLE edge_private.migrations IN SHARE ROW EXCLUSIVE MODE")


def _begin(connection: psycopg.Connection) -> None:
    """Make what can be locked, where it is not there; another may do the same."""
    for schema in ("edge", "edge_private"):
        # Not IF NOT EXISTS, which asks for the right to make schemas where it is there as well.
        if connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", (schema,)).fetchone() is None:
            with contextlib.suppress(*THERE):
                connection.execute(f"CREATE SCHEMA {schema}")
    if not table_exists(connection, "edge_private", "migrations"):
        with contextlib.suppress(*THERE):
            connection.execute(TABLE)


def newer_version(address: PostgresAddress, found: int, newest: int) -> ConfigError:
    """To be raised."""
    return ConfigError(
        f"{address} was made by a newer version of edge (migration {found}; this version knows {newest})",
        "upgrade edge here; the database was not changed",
    )


def check_version(connection: psycopg.Connection, address: PostgresAddress) -> None:
    """For those that make no tables. Raises ConfigError where another version made them."""
    found, newest = applied(connection), max(int(path.name[:4]) for path in FOLDER.glob("[0-9][0-9][0-9][0-9]_*.sql"))
    if found == 0:
        raise ConfigError(f"{address} holds no recording yet", "edge record --database makes it")
    if found < newest:
        raise ConfigError(
            f"{address} was made by an older version of edge", "start edge record of this version on it once"
        )
    if found > newest:
        raise newer_version(address, found, newest)


def applied(connection: psycopg.Connection) -> int:
    """The newest that was applied; 0 in an empty database."""
    if not table_exists(connection, "edge_private", "migrations"):
        return 0
    row = connection.execute("SELECT coalesce(max(version), 0) FROM edge_private.migrations").fetchone()
    return int(row[0]) if row else 0


def table_exists(connection: psycopg.Connection, schema: str, name: str) -> bool:
    """Whether there is a table at this moment: `to_regclass` may know of the moment before a lock was waited for."""
    query = """
    SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relname = %s
    """
    return connection.execute(query, (schema, name)).fetchone() is not None
