"""Takes names of people out of what versions up to 0.2 recorded of states: they kept who had paused a room."""

from __future__ import annotations

import psycopg

from edge.contract.causes import without_names
from edge.recording.postgres.connection import unhurried

# Reads an index alone: the key of `states` is of device, since, mode and reason.
REASONS = """
SELECT DISTINCT reason FROM edge.states s JOIN edge.devices d ON d.id = s.device
WHERE d.school = %s AND strpos(reason, ' by ') > 0
"""
# A row that says the same as another one without the name goes.
FORGET = """
WITH gone AS (
    DELETE FROM edge.states s USING edge.devices d, unnest(%s::text[], %s::text[]) AS said (named, nameless)
    WHERE d.id = s.device AND d.school = %s AND s.reason = said.named
    RETURNING s.device, s.since, s.mode, said.nameless, s.received
) INSERT INTO edge.states (device, since, mode, reason, received)
SELECT DISTINCT ON (device, since, mode, nameless) * FROM gone ON CONFLICT DO NOTHING
"""


def forget_names(connection: psycopg.Connection, school: int) -> None:
    """Forget the names: at each start, since a recorder of an older version may have gone on meanwhile.

    Args:
        connection: As the recorder's user, outside of a transaction.
        school: Its number.
    """
    with unhurried(connection):  # a million names take what they take, once
        reasons = [str(reason) for (reason,) in connection.execute(REASONS, (school,))]
        named = [reason for reason in reasons if without_names(reason) != reason]
        if named:
            connection.execute(FORGET, (named, [without_names(reason) for reason in named], school))
