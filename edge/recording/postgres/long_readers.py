"""Readers who let the disk fill: by a transaction that stays open, or by their own settings and password.

While a transaction is open nothing that has changed since it began can be cleared away; a roll-up changes with every
window, so the tables would grow by gigabytes an hour. And every role may change its own settings and password, of any
length, faster than a server clears former ones away. No limit of the server is one that a role cannot take off for
itself, so whoever may end its connections does.
"""

from __future__ import annotations

import logging

import psycopg
from psycopg import errors

from edge.recording.postgres.connection import STATEMENT_SECONDS

SECONDS = 4 * STATEMENT_SECONDS  # nobody's questions last as long: edge's own are ended after a quarter of that
WRITING_SECONDS = 5  # its own settings and password are all that a reader can write
MOST_OF_ROLES = 20_000_000  # bytes of what the server knows of roles; of two thousand honest ones 1.3 MB

# Of roles that docs/district.sql has granted to ours, which is what lets us end their connections. In all databases of
# the server, because these share what is known of roles.
READERS = """
FROM pg_stat_activity a JOIN pg_auth_members m ON m.roleid = a.usesysid JOIN pg_roles ours ON ours.oid = m.member
WHERE ours.rolname = current_user AND pg_has_role(a.usesysid, 'USAGE')
AND a.usesysid NOT IN (SELECT oid FROM pg_roles WHERE rolsuper)
"""
END = f"""
WITH found AS MATERIALIZED (
    SELECT a.pid, a.usename, a.backend_xid IS NULL AS reads {READERS}
    AND a.xact_start < clock_timestamp() - make_interval(secs => CASE WHEN a.backend_xid IS NULL THEN %s ELSE %s END)
) SELECT DISTINCT pid, usename, reads FROM found WHERE pg_terminate_backend(pid)
"""  # noqa: S608
END_ALL = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s"
SIZE_OF_ROLES = "SELECT pg_total_relation_size('pg_db_role_setting') + pg_total_relation_size('pg_authid')"
WRITING = f"SELECT DISTINCT a.usename {READERS} AND a.backend_xid IS NOT NULL"

logger = logging.getLogger(__name__)


def end_long_readers(connection: psycopg.Connection, seconds: float | None = None) -> None:
    """End the connections of readers who let the disk fill, and shut those out who do it by what they write.

    Args:
        connection: Outside of a transaction.
        seconds: How long a transaction that only reads may last; None: SECONDS.

    Raises:
        psycopg.Error: To be explained.
    """
    seconds = SECONDS if seconds is None else seconds
    for _, role, reads in connection.execute(END, (seconds, WRITING_SECONDS)).fetchall():
        logger.warning(
            "ended a connection of %s, whose transaction had %s for %d s: it kept the tables from being cleared, and "
            "let them grow. Have whoever uses it end its transactions",
            role,
            "lasted" if reads else "written",
            seconds if reads else WRITING_SECONDS,
        )
    size = connection.execute(SIZE_OF_ROLES).fetchone()
    if size and size[0] > MOST_OF_ROLES:
        for (role,) in connection.execute(WRITING).fetchall():
            _shut_out(connection, role)


def _shut_out(connection: psycopg.Connection, role: str) -> None:
    connection.execute(END_ALL, (role,))
    try:
        done = connection.execute("SELECT edge_admin.shut_out(%s)", (role,)).fetchone()
    except (errors.LockNotAvailable, errors.InternalError_):
        return  # a new connection of it is in the way, or was; there is a next look
    except (errors.InvalidSchemaName, errors.UndefinedFunction, errors.InsufficientPrivilege):
        done = None
    if not done or not done[0]:
        logger.warning("%s fills the disk of the database server with its settings: run docs/district.sql again", role)
        return
    connection.execute(END_ALL, (role,))
    logger.warning(
        "%s filled the disk of the database server with its settings or passwords, and may not log in any more: "
        "docs/district.md says how to let it in again",
        role,
    )
