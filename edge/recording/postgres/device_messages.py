"""What devices send beside windows: states, availability, windows of a newer schema, what the picture leaves out."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

import psycopg

from edge.contract.machine_messages import MachineInfo
from edge.contract.payloads import State
from edge.contract.timestamps import parse_timestamp
from edge.contract.validation import NewerWindow
from edge.recording.places import MOST
from edge.recording.postgres.window_rows import without_nul
from edge.recording.retention import AHEAD, DEFAULT_DAYS

INSERT_STATE = "INSERT INTO edge.states VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"
INSERT_NEWER = "INSERT INTO edge.newer_windows VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"
# The same word again, as after every reconnect, changes nothing.
INSERT_AVAILABILITY = """
INSERT INTO edge.availability (device, received, online) SELECT %(device)s, %(received)s, %(online)s
WHERE %(online)s IS DISTINCT FROM
    (SELECT online FROM edge.availability WHERE device = %(device)s ORDER BY received DESC, id DESC LIMIT 1)
"""
INSERT_PLACE = """
INSERT INTO edge.places (device, after, heard, place, masked)
SELECT %(device)s, (SELECT max("end") FROM
    (SELECT "end" FROM edge.windows WHERE device = %(device)s AND start > %(since)s AND start < %(until)s
    ORDER BY start DESC LIMIT 3) AS newest),
    %(heard)s, %(place)s, %(masked)s
WHERE %(place)s IS DISTINCT FROM
    (SELECT place FROM edge.places WHERE device = %(device)s ORDER BY heard DESC, id DESC LIMIT 1)
"""
BOUND_PLACES = """
DELETE FROM edge.places WHERE device = %s AND (heard, id) <
    (SELECT heard, id FROM edge.places WHERE device = %s ORDER BY heard DESC, id DESC LIMIT 1 OFFSET %s)
"""
TAKE_AVAILABILITY = """
INSERT INTO edge.availability (device, received, online) SELECT d, r, o
FROM (SELECT %s::int4, %s::timestamptz, %s::int4 <> 0) AS given (d, r, o)
WHERE NOT EXISTS (SELECT 1 FROM edge.availability WHERE device = d AND received = r AND online = o)
"""
TAKE_NEWER = """
INSERT INTO edge.newer_windows SELECT d, s, r, p, sha256(p)
FROM (SELECT %s::int4, %s::text, %s::timestamptz, %s::bytea) AS given (d, s, r, p) ON CONFLICT DO NOTHING
"""
TAKE_PLACE = """
INSERT INTO edge.places (device, after, heard, place, masked) SELECT d, nullif(a, '')::timestamptz, h, p, m
FROM (SELECT %s::int4, %s::text, %s::timestamptz, %s::text, %s::float8) AS given (d, a, h, p, m)
WHERE NOT EXISTS (SELECT 1 FROM edge.places WHERE device = d AND heard = h AND place = p)
"""
"""What another store has, once however often it is taken over."""


def store_state(connection: psycopg.Connection, device: int, state: State, came: datetime) -> None:
    """Store a state once, within the caller's transaction."""
    since, reason = parse_timestamp(state.since), without_nul(state.reason)
    connection.execute(INSERT_STATE, (device, since, state.mode, reason, came))


def store_availability(connection: psycopg.Connection, device: int, came: datetime, *, online: bool) -> None:
    """Store a change of availability, within the caller's transaction."""
    connection.execute(INSERT_AVAILABILITY, {"device": device, "received": came, "online": online})


def store_newer(connection: psycopg.Connection, device: int, window: NewerWindow, came: datetime) -> None:
    """Store a window of a schema that we do not know, once, within the caller's transaction."""
    digest = hashlib.sha256(window.payload).digest()
    connection.execute(INSERT_NEWER, (device, window.schema, came, window.payload, digest))


def store_place(connection: psycopg.Connection, device: int, info: MachineInfo, came: datetime) -> None:
    """Store what a device says of its picture where that is new, within the caller's transaction."""
    # Only parts of the table that clocks may be right about, however many there are.
    span = {"since": came - timedelta(days=DEFAULT_DAYS), "until": came + AHEAD}
    values = {**span, "device": device, "heard": came, "place": info.place or "", "masked": info.masked}
    if connection.execute(INSERT_PLACE, values).rowcount:
        connection.execute(BOUND_PLACES, (device, device, MOST - 1))
