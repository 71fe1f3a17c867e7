"""Who of several recorders has which session at the broker: locks of a connection, which end with whoever held them."""

from __future__ import annotations

import re
import secrets
from datetime import datetime

import psycopg

from edge.errors import ConfigError
from edge.recording.postgres.about import decided
from edge.recording.postgres.address import PostgresAddress
from edge.recording.postgres.kept_connection import KeptConnection
from edge.recording.stored_numbers import Missing

SHARED, ORDINARY = 0x45444753, 0x4544474F  # classes of advisory locks, by the row and by the school
GROUP_PATTERN = "[^/+#]{1,200}-[0-9a-f]{16}"
LOCK = "SELECT pg_try_advisory_lock(%s, %s)"
UNLOCK = "SELECT pg_advisory_unlock(%s, %s)"
FREE = f"""
SELECT s.id, s.client_id FROM edge_private.shared_sessions s
WHERE s.school = %s AND s.share = %s AND NOT EXISTS (
    SELECT 1 FROM pg_locks l WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2
    AND l.classid = {SHARED} AND l.objid = s.id::oid
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()))
ORDER BY s.id
"""  # noqa: S608
NEW = "INSERT INTO edge_private.shared_sessions (school, share, client_id) VALUES (%s, %s, %s) RETURNING id"


class SharedSessions:
    """The sessions of a share, of which each is one recorder's at a time.

    Every method may raise ConfigError (a person has to change something) and AwayError: then nothing is held any more,
    and `start` has to be called again.

    Args:
        address: Which database and school; the school is there.
        share: The name of the share at the broker.
    """

    def __init__(self, address: PostgresAddress, share: str) -> None:
        self._address = address
        self._share = share
        self._held: dict[str, int] = {}  # rows by client id
        self._kept = KeptConnection(address, "edge record, share", self._held.clear)
        self._school = 0
        self.group = ""
        """What the share is called at the broker: whoever may subscribe there and knew it would get windows, too."""

    def start(self) -> str:
        """Take a session that nobody has, with what waits in it, or make one; its client id. `group` is known then."""
        self.stop()
        with self._kept.opened() as connection:
            query = "SELECT id FROM edge.schools WHERE name = %s"
            row = connection.execute(query, (self._address.school,)).fetchone()
            if row is None:
                raise ConfigError(f"{self._address} has no school {self._address.school!r}")
            self._school = int(row[0])
            self.group = self._name(connection)
        return next(filter(self.take, self.free()), None) or self._make()

    def stop(self) -> None:
        """Let go of all of them."""
        self._kept.close()

    def free(self) -> list[str]:
        """The client ids of sessions that nobody has."""
        with self._kept.used() as connection:
            return [name for _, name in connection.execute(FREE, (self._school, self._share)).fetchall()]

    def take(self, client_id: str) -> bool:
        """Have a session; False where somebody else has it, or has ended it."""
        query = "SELECT id FROM edge_private.shared_sessions WHERE client_id = %s"
        with self._kept.used() as connection:
            row = connection.execute(query, (client_id,)).fetchone()
            if row is None or not _said_yes(connection, LOCK, (SHARED, row[0])):
                return False
            if connection.execute(query, (client_id,)).fetchone() is None:  # ended before we had the lock
                connection.execute(UNLOCK, (SHARED, row[0]))
                return False
            self._held[client_id] = int(row[0])
            return True

    def take_ordinary(self) -> bool:
        """Have the ordinary session of the school; False where somebody else has it."""
        with self._kept.used() as connection:
            return _said_yes(connection, LOCK, (ORDINARY, self._school))

    def missing(self, since: datetime, until: datetime) -> list[Missing]:
        """The numbers of devices that are missing before those of windows in a period."""
        query = "SELECT device_name, first, last FROM edge.missing_windows(%s, %s, %s)"
        with self._kept.used() as connection:
            return connection.execute(query, (self._address.school, since, until)).fetchall()

    def forget(self, client_id: str) -> None:
        """A session that we have was ended at the broker."""
        with self._kept.used() as connection:
            connection.execute("DELETE FROM edge_private.shared_sessions WHERE client_id = %s", (client_id,))
            connection.execute(UNLOCK, (SHARED, self._held.pop(client_id)))

    def _name(self, connection: psycopg.Connection) -> str:
        first = f"{self._share}-{secrets.token_hex(8)}"
        found = decided(connection, self._school, f"share {self._share}", first)
        if not re.fullmatch(GROUP_PATTERN, found):
            raise ConfigError(f"the name of share {self._share} in {self._address} cannot be one")
        return found

    def _make(self) -> str:
        client_id = f"edge-record-{secrets.token_hex(8)}"
        with self._kept.used() as connection, connection.transaction():
            row = connection.execute(NEW, (self._school, self._share, client_id)).fetchone()
            self._held[client_id] = int(row[0]) if row else 0
            # Before anybody else sees the row.
            connection.execute("SELECT pg_advisory_lock(%s, %s)", (SHARED, self._held[client_id]))
        return client_id


def _said_yes(connection: psycopg.Connection, query: str, values: tuple[int, int]) -> bool:
    row = connection.execute(query, values).fetchone()
    return bool(row and row[0])
