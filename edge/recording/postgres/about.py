"""What is decided once for a school, and stays so: whoever is first says it."""

from __future__ import annotations

import psycopg

DECIDE = "INSERT INTO edge_private.about (school, key, value) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"
DECIDED = "SELECT value FROM edge_private.about WHERE school = %s AND key = %s"


def decided(connection: psycopg.Connection, school: int, key: str, first: str) -> str:
    """What is kept of a school under a name: `first` where nothing was; "" if it was taken away just now.

    Outside of a transaction, which might not see what another has just kept.
    """
    connection.execute(DECIDE, (school, key, first))
    row = connection.execute(DECIDED, (school, key)).fetchone()
    return str(row[0]) if row else ""
