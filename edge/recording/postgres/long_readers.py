"""Readers that keep a transaction open: meanwhile nothing that has changed since it began can be cleared away.

A roll-up changes with every window, so the tables would grow by gigabytes an hour. No limit of the server is one that a
role cannot take off for itself, so whoever may end its connections does.
"""

from __future__ import annotations

import logging

import psycopg

MINUTES = 15  # no question takes as long
# Of roles that docs/district.sql has granted to ours, which is what lets us end their connections.
END = """
WITH found AS MATERIALIZED (
    SELECT a.pid, a.usename FROM pg_stat_activity a
    JOIN pg_auth_members m ON m.roleid = a.usesysid JOIN pg_roles ours ON ours.oid = m.member
    WHERE a.datname = current_database() AND a.xact_start < now() - make_interval(mins => %s)
    AND ours.rolname = current_user AND pg_has_role(a.usesysid, 'USAGE')
    AND a.usesysid NOT IN (SELECT oid FROM pg_roles WHERE rolsuper)
) SELECT DISTINCT pid, usename FROM found WHERE pg_terminate_backend(pid)
"""

logger = logging.getLogger(__name__)


def end_long_readers(connection: psycopg.Connection) -> None:
    """End the connections of readers whose transaction is too long. Raises psycopg.Error, to be explained."""
    for _, role in connection.execute(END, (MINUTES,)).fetchall():
        logger.warning(
            "ended a connection of %s, whose transaction had lasted %d minutes: it kept the tables from being cleared, "
            "and let them grow. Have whoever uses it end its transactions",
            role,
            MINUTES,
        )
