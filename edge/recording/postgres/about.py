"""What is kept of a school beside its windows."""

from __future__ import annotations

import psycopg

DECIDE = "INSERT INTO edge_private.about (school, key, value) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"
KEEP = """
INSERT INTO edge_private.about (school, key, value) VALUES (%s, %s, %s)
ON CONFLICT (school, key) DO UPDATE SET value = excluded.value
"""
KNOWN = "SELECT value FROM edge_private.about WHERE school = %s AND key = %s"


def decided(connection: psycopg.Connection, school: int, key: str, first: str) -> str:
    """What is kept of a school under a name, and stays so: `first` where nothing was; "" if it was taken away just now.

    Outside of a transaction, which might not see what another has just kept.
    """
    connection.execute(DECIDE, (school, key, first))
    return known(connection, school, key) or ""


def known(connection: psycopg.Connection, school: int, key: str) -> str | None:
    """What is kept of a school under a name; None: nothing."""
    row = connection.execute(KNOWN, (school, key)).fetchone()
    return str(row[0]) if row else None


def keep(connection: psycopg.Connection, school: int, key: str, value: str) -> None:
    """Keep this of a school, in place of what was there."""
    connection.execute(KEEP, (school, key, value))
