"""How new windows come into the table `windows`: through a table of the connection, which is quick to copy into."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg

from edge.recording.postgres.window_rows import COPIED, STORED, key_of

TABLE = f"""
CREATE TEMPORARY TABLE staging ON COMMIT DELETE ROWS AS
SELECT {STORED}, 0 AS place_in_batch FROM edge.windows WITH NO DATA
"""  # noqa: S608
COPY = f"COPY staging ({STORED}, place_in_batch) FROM STDIN"
MOVE = f"""
INSERT INTO edge.windows ({STORED}) SELECT {STORED} FROM staging ORDER BY place_in_batch
ON CONFLICT DO NOTHING RETURNING device, start, epoch, seq
"""  # noqa: S608


def make(connection: psycopg.Connection) -> None:
    """Make the table of this connection."""
    connection.execute(TABLE)


def add(connection: psycopg.Connection, rows: Sequence[tuple[object, ...]]) -> list[bool]:
    """Store rows of `to_row`, within the caller's transaction.

    Returns:
        Whether each was new; of what comes twice, the first.
    """
    with connection.cursor() as cursor:
        with cursor.copy(COPY) as copy:
            copy.set_types([*COPIED, "int4"])
            for place, values in enumerate(rows):
                copy.write_row((*values, place))
        stored = set(cursor.execute(MOVE).fetchall())
    new = []
    for key in map(key_of, rows):
        new.append(key in stored)
        stored.discard(key)
    return new
