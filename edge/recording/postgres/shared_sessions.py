"""Who of several recorders has which session at the broker: locks of a connection, which end with whoever held them."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from datetime import datetime

import psycopg

from edge.errors import ConfigError
from edge.recording.about import STORED_ID_PATTERN, new_client_id
from edge.recording.postgres.about import decided
from edge.recording.postgres.address import PostgresAddress
from edge.recording.postgres.kept_connection import KeptConnection
from edge.recording.postgres.schema import refuse_newer
from edge.recording.stored_numbers import Missing
from edge.recording.window_store import IncompleteError

PURPOSE = "edge record"  # what the server calls a recorder's connection
STILL_SECONDS = 60  # without a question, of which a recorder has one every two seconds, until it has nothing any more
# Classes of advisory locks, by the row and by the school; of the last one each recorder has a part.
SHARED, ORDINARY, RECORDING = 0x45444753, 0x4544474F, 0x45444752
GROUP_PATTERN = "[^/+#]{1,200}-[0-9a-f]{16}"
# Version 0.3.0 did not say for which school it records.
SILENT = f"""
SELECT EXISTS (
    SELECT 1 FROM pg_stat_activity a WHERE a.datname = current_database() AND a.application_name = '{PURPOSE}'
    AND NOT EXISTS (
        SELECT 1 FROM pg_locks l WHERE l.pid = a.pid AND l.locktype = 'advisory' AND l.granted AND l.objsubid = 2
        AND l.classid = {RECORDING}
    )
)
"""  # noqa: S608
UNLOCK = "SELECT pg_advisory_unlock(%s, %s)"
FREE = f"""
SELECT s.id, s.client_id FROM edge_private.shared_sessions s
WHERE s.school = %s AND s.share = %s AND NOT EXISTS (
    SELECT 1 FROM pg_locks l WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2
    AND l.classid = {SHARED} AND l.objid = s.id::oid
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()))
ORDER BY s.id
"""  # noqa: S608
NEW = """
INSERT INTO edge_private.shared_sessions (school, share, client_id) VALUES (%s, %s, %s)
ON CONFLICT DO NOTHING RETURNING id
"""
REMOVE = """
DELETE FROM edge_private.shared_sessions WHERE school = %s AND client_id = %s AND pg_try_advisory_xact_lock(%s, id)
"""
OF_OTHERS = """
SELECT client_id FROM edge_private.shared_sessions WHERE client_id = ANY(%s) AND (school, share) <> (%s, %s) LIMIT 1
"""


class SharedSessions:
    """The sessions of a share, of which each is one recorder's at a time.

    Every method may raise ConfigError (a person has to change something) and AwayError: then nothing is held any more,
    and `start` has to be called again.

    Args:
        address: Which database and school; the school is there.
        share: The name of the share at the broker.
        ids: The client ids that its sessions may have; none: random ones, as many as are wanted.
    """

    def __init__(self, address: PostgresAddress, share: str, ids: Sequence[str] = ()) -> None:
        self._address = address
        self._share = share
        self._ids = ids
        self._held: dict[str, int] = {}  # rows by client id
        self._kept = KeptConnection(address, f"{PURPOSE}, share", self._held.clear)
        self._school = 0
        self.group = ""
        """What the share is called at the broker: whoever may subscribe there and knew it would get windows, too."""

    def start(self) -> str | None:
        """Take a session that nobody has, with what waits in it, or make one; `group` is known then.

        Returns:
            Its client id; None: others have all that there may be.
        """
        self.stop()
        with self._kept.opened() as connection:
            # Of one that stands still, but whose system answers for it, the server ends the connection.
            connection.execute(f"SET idle_session_timeout = '{STILL_SECONDS}s'")
            # Whoever cannot store leaves the sessions to those who can.
            refuse_newer(connection, self._address, was_open=True)
            query = "SELECT id FROM edge.schools WHERE name = %s"
            row = connection.execute(query, (self._address.school,)).fetchone()
            if row is None:
                away = IncompleteError if self._kept.was_open else ConfigError
                raise away(f"{self._address} has no school {self._address.school!r}", "is it being restored?")
            self._school = int(row[0])
            self._check_ids(connection)
            self.group = self._name(connection)
        return next(filter(self.take, self.free()), None) or self._make()

    def stop(self) -> None:
        """Let go of all of them."""
        self._kept.close()

    def free(self) -> list[str]:
        """The client ids of sessions that nobody has."""
        with self._kept.used() as connection:
            return nobodys(connection, self._school, self._share)

    def take(self, client_id: str) -> bool:
        """Have a session; False where somebody else has it, or has ended it, or we may not connect with its id."""
        if client_id not in self._ids if self._ids else not re.fullmatch(STORED_ID_PATTERN, client_id):
            return False
        query = "SELECT id FROM edge_private.shared_sessions WHERE client_id = %s"
        with self._kept.used() as connection:
            row = connection.execute(query, (client_id,)).fetchone()
            if row is None or not _try_lock(connection, SHARED, row[0]):
                return False
            if connection.execute(query, (client_id,)).fetchone() is None:  # ended before we had the lock
                connection.execute(UNLOCK, (SHARED, row[0]))
                return False
            self._held[client_id] = int(row[0])
            return True

    def take_ordinary(self) -> bool:
        """Have the ordinary session of the school; False where somebody else has it."""
        with self._kept.used() as connection:
            return _try_lock(connection, ORDINARY, self._school)

    def missing(self, since: datetime, until: datetime) -> list[Missing]:
        """The numbers of devices that are missing before those of windows in a period.

        Raises EdgeError where that cannot be told; what is held is held still, unless the connection is lost.
        """
        query = "SELECT device_name, first, last FROM edge.missing_windows(%s, %s, %s)"
        return self._kept.ask(query, (self._address.school, since, until))

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

    def _check_ids(self, connection: psycopg.Connection) -> None:
        found = connection.execute(OF_OTHERS, (list(self._ids), self._school, self._share)).fetchone()
        if found is not None:
            raise ConfigError(
                f"{self._address} knows {found[0]} as an id of another school, or of another share",
                "give each its own --client-id",
            )

    def _make(self) -> str | None:
        for client_id in self._ids or [new_client_id()]:
            with self._kept.used() as connection, connection.transaction():
                row = connection.execute(NEW, (self._school, self._share, client_id)).fetchone()
                if row is not None:
                    self._held[client_id] = int(row[0])
                    # Before anybody else sees the row.
                    connection.execute("SELECT pg_advisory_lock(%s, %s)", (SHARED, row[0]))
                    return client_id
        return None


def known(connection: psycopg.Connection, school: int) -> list[str]:
    """The client ids of all shares of a school."""
    query = "SELECT client_id FROM edge_private.shared_sessions WHERE school = %s ORDER BY id"
    return [name for (name,) in connection.execute(query, (school,)).fetchall()]


def nobodys(connection: psycopg.Connection, school: int, share: str) -> list[str]:
    """The client ids of the sessions of a share that no recorder has."""
    return [name for _, name in connection.execute(FREE, (school, share)).fetchall()]


def record(connection: psycopg.Connection, school: int) -> None:
    """Say that this connection is a recorder's, until it ends. Whoever may connect could keep us from it: no matter."""
    connection.execute("SELECT pg_try_advisory_lock_shared(%s, %s)", (RECORDING, school))


def nobody_else_records(connection: psycopg.Connection, school: int) -> bool:
    """Whether all recorders of a school that are connected are this one."""
    return _try_lock(connection, RECORDING, school)


def somebody_silent_records(connection: psycopg.Connection) -> bool:
    """Whether there are recorders, in the same database, of which nobody can say for which school they record."""
    row = connection.execute(SILENT).fetchone()
    return bool(row and row[0])


def remove(connection: psycopg.Connection, school: int, client_id: str) -> None:
    """A session was ended at the broker by somebody who records nothing; whoever has it now keeps it."""
    connection.execute(REMOVE, (school, client_id, SHARED))


def begin_anew(connection: psycopg.Connection, school: int) -> None:
    """Leave all sessions of a school, and the names of its shares, to the database that this is a copy of."""
    connection.execute("DELETE FROM edge_private.shared_sessions WHERE school = %s", (school,))
    query = "DELETE FROM edge_private.about WHERE school = %s AND (key = 'client_id' OR starts_with(key, 'share '))"
    connection.execute(query, (school,))


def _try_lock(connection: psycopg.Connection, kind: int, number: int) -> bool:
    row = connection.execute("SELECT pg_try_advisory_lock(%s, %s)", (kind, number)).fetchone()
    return bool(row and row[0])
