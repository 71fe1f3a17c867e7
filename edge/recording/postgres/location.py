"""Whether a school's windows are where they were last recorded into: a database may be a restored one."""

from __future__ import annotations

import re

import psycopg

from edge.errors import ConfigError
from edge.recording.location import KEY, IfCopy, Location, begins_anew, machine
from edge.recording.postgres import shared_sessions
from edge.recording.postgres.about import keep, known
from edge.recording.postgres.address import PostgresAddress

# A dump is restored into another cluster or database; a restored server goes on in another timeline.
STORAGE = """
SELECT concat_ws(' ', system_identifier, timeline_id, (SELECT oid FROM pg_database WHERE datname = current_database()))
FROM pg_control_system(), pg_control_checkpoint()
"""
LOCK_SCHOOL = "SELECT 1 FROM edge.schools WHERE id = %s FOR NO KEY UPDATE"
THIS_MACHINE = ("localhost", "127.0.0.1", "::1")


def claim(connection: psycopg.Connection, address: PostgresAddress, school: int, if_copy: IfCopy | None) -> None:
    """As `WindowStore.claim`; one recorder at a time, so that only the first one begins sessions anew.

    Args:
        connection: To the database.
        address: As it was given.
        school: Whose sessions.
        if_copy: What to do if this is a copy.

    Raises:
        ConfigError: It may be a copy, and nobody was asked; or another program changed what is kept.
        psycopg.Error: To be explained.
    """
    here = find(connection, address)
    if known(connection, school, KEY) == here.to_text():
        return
    with connection.transaction():
        connection.execute(LOCK_SCHOOL, (school,))
        found = known(connection, school, KEY)
        try:
            former = None if found is None else Location.of(found)
        except ValueError:
            raise ConfigError(f"the location of school {address.school} in {address} cannot be one") from None
        if begins_anew(here, former, if_copy):
            shared_sessions.begin_anew(connection, school)
        keep(connection, school, KEY, here.to_text())


def find(connection: psycopg.Connection, address: PostgresAddress) -> Location:
    """Where a database is: the same for all recorders of a school, whatever their machines and users."""
    row = connection.execute(STORAGE).fetchone()
    host = connection.info.host
    here = machine() if host in THIS_MACHINE or host.startswith("/") else ""
    return Location(here, re.sub("//[^/@]*@", "//", address.url), str(row and row[0]))
