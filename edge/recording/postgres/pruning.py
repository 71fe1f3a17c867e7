"""Deleting what is too old, some rows at a time; a part of the table without windows goes as a whole."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import psycopg
from psycopg import errors, sql

from edge.recording.postgres.about import known
from edge.recording.postgres.columns import columns
from edge.recording.postgres.partitions import EVER, NEVER, months_ahead, parts_of
from edge.recording.retention import AHEAD, PRUNE_MOST, Retention
from edge.recording.retention_time import KEY, RetentionTime

DROP_MS = 200  # how long everybody may wait behind us for whoever reads the table
LOCK = "SELECT 1 FROM edge.devices WHERE school = %s ORDER BY id FOR NO KEY UPDATE"
# By the key, which finds its partition, and before anybody waits: of a room whose clock is behind many are looked at,
# and what came lately is not old by that. When it came says the clock of a recorder, which may have been years behind,
# or ahead: by itself it counts only for times to come.
OLD_WINDOWS = """
(SELECT device, start, epoch, seq FROM edge.windows
WHERE device = ANY(%(devices)s) AND start < %(limit)s AND "end" < %(limit)s
AND (received < %(late)s OR received > %(ahead)s) LIMIT %(most)s)
UNION ALL
(SELECT device, start, epoch, seq FROM edge.windows
WHERE device = ANY(%(devices)s) AND start > %(ahead)s AND received < %(limit)s LIMIT %(most)s)
"""
DELETE_WINDOWS = """
WITH gone AS (
    DELETE FROM edge.windows USING unnest(%s::int4[], %s::timestamptz[], %s::text[], %s::int4[])
        AS old (device, start, epoch, seq)
    WHERE windows.device = old.device AND windows.start = old.start
    AND windows.epoch = old.epoch AND windows.seq = old.seq RETURNING windows.device
), counted AS (
    SELECT device, count(*) AS n FROM gone GROUP BY device
), told AS (
    UPDATE edge.devices d SET windows = d.windows - counted.n FROM counted WHERE d.id = counted.device
) SELECT coalesce(sum(n), 0) FROM counted
"""
NEWER = """
DELETE FROM edge.newer_windows WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM edge.newer_windows WHERE device = ANY(%(devices)s) AND received < %(limit)s LIMIT %(most)s))
"""
STATES = """
DELETE FROM edge.states WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM edge.states s WHERE device = ANY(%(devices)s) AND since < %(limit)s
    AND (received < %(late)s OR received > %(ahead)s)
    AND since < (SELECT max(since) FROM edge.states WHERE device = s.device) LIMIT %(most)s))
"""
AVAILABILITY = """
DELETE FROM edge.availability WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM edge.availability a WHERE device = ANY(%(devices)s) AND received < %(limit)s
    AND received < (SELECT max(received) FROM edge.availability WHERE device = a.device) LIMIT %(most)s))
"""
PLACES = """
DELETE FROM edge.places WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM edge.places p WHERE device = ANY(%(devices)s) AND heard < %(limit)s
    AND heard < (SELECT max(heard) FROM edge.places WHERE device = p.device AND heard < %(limit)s) LIMIT %(most)s))
"""
# Those of a clock that ran ahead are as old as their last change.
ROLLUPS = """
WITH gone AS (
    DELETE FROM edge.rollups WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM edge.rollups WHERE device = ANY(%(devices)s)
        AND ((start < %(first)s AND (changed < %(late)s OR changed > %(ahead)s))
            OR (start > %(ahead)s AND changed < %(limit)s)) LIMIT %(most)s))
    RETURNING device, (start AT TIME ZONE 'UTC')::date AS day
), days AS (
    DELETE FROM edge.daily_rollups d USING gone WHERE d.device = gone.device AND d.day = gone.day AND NOT d.kept
), changed AS (
    INSERT INTO edge.changed_days SELECT DISTINCT device, day FROM gone ON CONFLICT DO NOTHING
) SELECT 1 FROM gone
"""
DAYS = """
DELETE FROM edge.daily_rollups WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM edge.daily_rollups WHERE device = ANY(%(devices)s) AND kept AND day < %(last_day)s
    LIMIT %(most)s))
"""
OTHERS = (NEWER, STATES, AVAILABILITY, PLACES, ROLLUPS, DAYS)
"""Not the last thing known about a device, nor what is still in force; so many at once, as nobody stores meanwhile."""
# Where days outlive their five minutes: only of whole days, and of those that are made.
KEEP_DAYS = """
UPDATE edge.daily_rollups SET kept = true WHERE (device, day) IN (
    SELECT DISTINCT device, day FROM edge.daily_rollups d
    WHERE device = ANY(%(devices)s) AND day < %(day)s AND NOT kept
    AND NOT EXISTS (SELECT 1 FROM edge.changed_days c WHERE c.device = d.device AND c.day = d.day)
    AND NOT EXISTS (SELECT 1 FROM edge.rollups r
        WHERE r.device = d.device AND r.start >= d.day::timestamp AT TIME ZONE 'UTC'
        AND r.start < (d.day + 1)::timestamp AT TIME ZONE 'UTC' AND r.changed >= %(late)s AND r.changed <= %(ahead)s)
    LIMIT %(days)s
)
"""
ROLLUPS_OF_KEPT = """
DELETE FROM edge.rollups r USING edge.daily_rollups d WHERE r.device = ANY(%(devices)s) AND d.kept
AND d.device = r.device AND d.day < %(day)s AND d.day = (r.start AT TIME ZONE 'UTC')::date
AND r.start < %(day)s::date::timestamp AT TIME ZONE 'UTC'
AND NOT EXISTS (SELECT 1 FROM edge.changed_days c WHERE c.device = d.device AND c.day = d.day)
"""
# Of each device the newest five minutes, by the key.
LAST_ARRIVAL = """
SELECT max(newest.changed) FROM edge.devices d CROSS JOIN LATERAL
    (SELECT changed FROM edge.rollups WHERE device = d.id ORDER BY start DESC LIMIT 1) AS newest
WHERE d.school = %s
"""
MOST_DAYS = 50  # that are kept at once, with all of their five minutes


def retention_time(connection: psycopg.Connection, school: int, now: datetime) -> RetentionTime | None:
    """As `WindowStore.retention_time`. Raises as `prune`."""
    kept = RetentionTime.of(known(connection, school, KEY))
    return kept or RetentionTime.first(last_arrival(connection, school), now)


def last_arrival(connection: psycopg.Connection, school: int) -> datetime | None:
    """When what was stored last came; None: nothing is there. Raises as `prune`."""
    row = connection.execute(LAST_ARRIVAL, (school,)).fetchone()
    return row[0] if row else None


def prune(
    connection: psycopg.Connection, school: int, now: datetime, retention: Retention, by: datetime
) -> tuple[int, bool]:
    """Delete some of what a school may not keep, by another time than now where the clock is in doubt.

    Returns:
        How many windows were deleted, and whether there may be more of anything.

    Raises:
        psycopg.Error: To be explained.
    """
    found = connection.execute("SELECT id FROM edge.devices WHERE school = %s ORDER BY id", (school,)).fetchall()
    values = {"devices": [device for (device,) in found], "most": PRUNE_MOST, "ahead": max(now, by) + AHEAD}
    deleted = 0
    if retention.shortest:
        limit = by - timedelta(days=retention.shortest)
        late = retention.late(limit, retention.shortest)
        old = connection.execute(OLD_WINDOWS, {**values, "limit": limit, "late": late}).fetchall()
        if old:
            with connection.transaction():
                connection.execute(LOCK, (school,))
                row = connection.execute(DELETE_WINDOWS, columns(old)).fetchone()
                deleted = int(row[0]) if row else 0
        if deleted >= PRUNE_MOST:
            return deleted, True
        _drop_empty_parts(connection, limit, now)
    more = False
    if retention.days is not None:
        limit, outlive = by - timedelta(days=retention.days), retention.daily_days is not None
        values |= {"limit": limit, "late": retention.late(limit, retention.days)}
        values |= {"day": limit.astimezone(timezone.utc).date(), "days": MOST_DAYS}
        values["last_day"] = (by - timedelta(days=retention.daily_days or retention.days)).date()
        values["first"] = datetime.min.replace(tzinfo=timezone.utc) if outlive else limit
        if outlive:
            with connection.transaction():  # both or neither: what is kept must not be added up from its parts again
                connection.execute(LOCK, (school,))
                more = connection.execute(KEEP_DAYS, values).rowcount >= MOST_DAYS
                connection.execute(ROLLUPS_OF_KEPT, values)
        for statement in OTHERS:
            with connection.transaction():
                connection.execute(LOCK, (school,))
                more = connection.execute(statement, values).rowcount >= PRUNE_MOST or more
    return deleted, more


def _drop_empty_parts(connection: psycopg.Connection, limit: datetime, now: datetime) -> None:
    """Drop what lies before a moment, or later than the months ahead, and has no window of any school."""
    ahead = months_ahead(now)[-1]
    for part in parts_of(connection):
        if part.first == EVER or part.last == NEVER or (part.last > limit and part.first <= ahead):
            continue
        table = sql.Identifier("edge", part.name)
        empty = sql.SQL("SELECT 1 FROM {} LIMIT 1").format(table)
        try:
            if connection.execute(empty).fetchone() is not None:
                continue
            with connection.transaction():
                connection.execute(f"SET LOCAL lock_timeout = {DROP_MS}")
                connection.execute(sql.SQL("LOCK TABLE ONLY edge.windows, {} IN ACCESS EXCLUSIVE MODE").format(table))
                if connection.execute(empty).fetchone() is None:
                    connection.execute(sql.SQL("DROP TABLE {}").format(table))
        except (errors.LockNotAvailable, errors.UndefinedTable):  # somebody reads now, or was first: another time
            return
