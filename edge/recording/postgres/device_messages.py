"""What devices send beside windows: states, availability, windows of a newer schema, what the picture leaves out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import psycopg

from edge.contract.machine_messages import MachineInfo
from edge.contract.timestamps import parse_timestamp
from edge.recording.device_words import DeviceWords
from edge.recording.places import MOST, MOST_WINDOWS, written_place
from edge.recording.postgres.columns import columns
from edge.recording.postgres.names import DeviceIds
from edge.recording.postgres.window_rows import without_nul
from edge.recording.retention import AHEAD, DEFAULT_DAYS

# Those of a deleted time all begin at its end, without a reason: the one that came last is in force.
_KNOWN_STATE = """
ON CONFLICT (device, since, mode, reason) DO UPDATE SET received = excluded.received
WHERE excluded.reason = '' AND excluded.received > known.received
"""
INSERT_STATES = f"""
INSERT INTO edge.states AS known (device, since, mode, reason, received)
SELECT DISTINCT device, since, mode, reason, %s::timestamptz
FROM unnest(%s::int4[], %s::timestamptz[], %s::text[], %s::text[]) AS said (device, since, mode, reason)
{_KNOWN_STATE}
"""  # noqa: S608
INSERT_NEWER = """
INSERT INTO edge.newer_windows (device, schema, payload, sha256, received)
SELECT *, %s FROM unnest(%s::int4[], %s::text[], %s::bytea[], %s::bytea[]) ON CONFLICT DO NOTHING
"""
# The same word again, as after every reconnect, changes nothing. One of a clock that was ahead is no word of now.
INSERT_AVAILABILITY = """
INSERT INTO edge.availability (device, received, online)
SELECT device, %(came)s, online
FROM unnest(%(devices)s::int4[], %(online)s::bool[], %(first)s::bool[])
    WITH ORDINALITY AS said (device, online, is_first, place_in_batch)
WHERE NOT is_first OR online IS DISTINCT FROM
    (SELECT a.online FROM edge.availability a WHERE a.device = said.device AND a.received <= %(came)s
    ORDER BY a.received DESC, a.id DESC LIMIT 1)
ORDER BY place_in_batch
"""
HEARD_BY_NOW = """
UPDATE edge.places SET heard = %(came)s
WHERE device = ANY (%(devices)s::int4[]) AND heard > %(came)s AND heard <= %(last)s
"""
"""As `edge.recording.places`."""
INSERT_PLACES = """
INSERT INTO edge.places (device, after, heard, place, masked)
SELECT device, (SELECT max("end") FROM
    (SELECT "end" FROM (SELECT w."end", w.start, w.received FROM edge.windows w
        WHERE w.device = said.device AND w.start > %(first)s AND w.start < %(last)s ORDER BY w.start DESC LIMIT %(most)s
    ) AS windows WHERE received < date_trunc('milliseconds', %(since)s) ORDER BY start DESC LIMIT 3) AS newest),
    %(came)s, place, masked
FROM unnest(%(devices)s::int4[], %(places)s::text[], %(masked)s::float8[]) AS said (device, place, masked)
WHERE place IS DISTINCT FROM
    (SELECT p.place FROM edge.places p WHERE p.device = said.device AND p.heard <= %(came)s
    ORDER BY p.heard DESC, p.id DESC LIMIT 1)
RETURNING device
"""
BOUND_PLACES = """
DELETE FROM edge.places p USING unnest(%s::int4[]) AS changed (device), LATERAL
    (SELECT heard, id FROM edge.places WHERE device = changed.device ORDER BY heard DESC, id DESC LIMIT 1 OFFSET %s)
    AS oldest
WHERE p.device = changed.device AND (p.heard, p.id) < (oldest.heard, oldest.id)
"""
TAKE_STATE = f"INSERT INTO edge.states AS known VALUES (%s, %s, %s, %s, %s) {_KNOWN_STATE}"  # noqa: S608
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


def store_words(connection: psycopg.Connection, words: DeviceWords, devices: DeviceIds, came: datetime) -> None:
    """Store what is not there yet but places, within the caller's transaction: at most one statement for each kind.

    Args:
        connection: In a transaction that has the devices for itself.
        words: What counts of a batch.
        devices: Knows their numbers.
        came: When.
    """
    if words.states:
        states = [
            (devices[name], parse_timestamp(each.since), each.mode, without_nul(each.reason))
            for name, each in words.states
        ]
        connection.execute(INSERT_STATES, (came, *columns(states)))
    if words.newer:
        newer = [
            (devices[name], each.schema, each.payload, hashlib.sha256(each.payload).digest())
            for name, each in words.newer
        ]
        connection.execute(INSERT_NEWER, (came, *columns(newer)))
    if words.availability:
        said = [
            (devices[name], online, number == 0)
            for name, changes in words.availability.items()
            for number, online in enumerate(changes)
        ]
        given = dict(zip(("devices", "online", "first"), columns(said), strict=True))
        connection.execute(INSERT_AVAILABILITY, {"came": came, **given})


def store_places(
    connection: psycopg.Connection,
    infos: Mapping[str, Sequence[MachineInfo]],
    devices: DeviceIds,
    came: datetime,
    since: datetime,
) -> None:
    """Store what devices say of their pictures and rules where that is new.

    Args:
        connection: As `store_words`.
        infos: What they say, each in order.
        devices: As `store_words`.
        came: As `store_words`.
        since: What was stored from then on is of later.
    """
    if not infos:
        return
    # Only parts of the table that clocks may be right about, however many there are.
    span = {"first": came - timedelta(days=DEFAULT_DAYS), "last": came + AHEAD, "most": MOST_WINDOWS}
    connection.execute(HEARD_BY_NOW, {"came": came, "devices": [devices[name] for name in infos], **span})
    for number in range(max(map(len, infos.values()))):
        said = [(devices[name], each[number]) for name, each in infos.items() if number < len(each)]
        places = [(device, written_place(info), info.masked) for device, info in said]
        given = dict(zip(("devices", "places", "masked"), columns(places), strict=True))
        changed = connection.execute(INSERT_PLACES, {"came": came, "since": since, **span, **given}).fetchall()
        if changed:
            connection.execute(BOUND_PLACES, ([device for (device,) in changed], MOST - 1))
