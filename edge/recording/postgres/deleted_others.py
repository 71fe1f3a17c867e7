"""Deleting what is no window: roll-ups, what devices said of themselves, and windows of a newer schema."""

from __future__ import annotations

import psycopg

from edge.contract.timestamps import format_timestamp
from edge.recording.daily_rollups import DAY
from edge.recording.deleted_spans import may_be_of
from edge.recording.five_minutes import AT_ONCE, as_texts
from edge.recording.postgres.bucket_rows import WINDOWS
from edge.recording.postgres.daily_rollups import take_back
from edge.recording.postgres.deletion_task import DeletionTask
from edge.recording.postgres.kept_days import dates_of, edge_days

ROLLUPS = """
DELETE FROM edge.rollups WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM edge.rollups WHERE device = %s AND start >= %s::timestamptz AND start < %s::timestamptz LIMIT %s))
RETURNING device, start
"""
SOME = "DELETE FROM edge.{0} WHERE ctid = ANY(ARRAY(SELECT ctid FROM edge.{0} WHERE device = %s AND {1} LIMIT %s))"
STATES = SOME.format("states", "since >= %s::timestamptz AND since < %s::timestamptz")
# Of a time that goes on it is kept as of now, which lies in it.
AVAILABILITY = SOME.format(
    "availability", "received >= %s::timestamptz AND received < %s::timestamptz AND received IS DISTINCT FROM %s"
)
DELETE_DAYS = f"""
WITH gone AS (
    DELETE FROM edge.daily_rollups WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM edge.daily_rollups WHERE device = %s AND kept AND day >= %s::date AND day < %s::date LIMIT %s))
    RETURNING sums
) SELECT count(*), {WINDOWS} FROM gone
"""  # noqa: S608
NEWER_AT_ONCE = 500  # of a few kilobytes each
NEWER = """
SELECT sha256, payload, received FROM edge.newer_windows WHERE device = %s AND sha256 > %s ORDER BY sha256 LIMIT %s
"""
DELETE_NEWER = "DELETE FROM edge.newer_windows WHERE device = %s AND sha256 = ANY(%s)"
# What was said before the end of the time is needed to read what comes later, as `edge.recording.lasting_words` says.
KEEP_STATE = """
INSERT INTO edge.states SELECT s.device, %(ends)s, s.mode, '', least(%(ends)s, %(now)s) FROM edge.states s
WHERE s.device = %(device)s AND s.since < %(ends)s
AND NOT EXISTS (SELECT 1 FROM edge.states WHERE device = %(device)s AND since = %(ends)s)
AND NOT EXISTS (SELECT 1 FROM edge.deletions o JOIN edge.devices d ON d.school = o.school
    WHERE d.id = %(device)s AND (o.device IS NULL OR o.device = d.name)
    AND coalesce(o.start, '-infinity') <= %(ends)s AND coalesce(o."end", o.asked) > %(ends)s
    AND o.asked + interval '1 day' > %(ends)s)
ORDER BY s.since DESC, s.received DESC LIMIT 1
"""
KEEP_AVAILABILITY = """
UPDATE edge.availability SET received = least(%(ends)s, %(now)s) WHERE id = (
    SELECT id FROM edge.availability WHERE device = %(device)s
    AND received >= %(begins)s::timestamptz AND received < least(%(ends)s, %(now)s)
    ORDER BY received DESC, id DESC LIMIT 1)
"""
# What was in force at the end of the time is needed to compare what comes later.
KEEP_PLACE = """
UPDATE edge.places SET heard = %(ends)s, after = CASE WHEN after IS NOT NULL THEN least(after, %(ends)s) END
WHERE id = (SELECT max(id) FROM edge.places
    WHERE device = %(device)s AND heard >= %(begins)s::timestamptz AND heard < %(ends)s)
"""
# Of a device there are never more than `edge.recording.places.MOST`.
DELETE_PLACES = """
DELETE FROM edge.places WHERE device = %s AND heard >= %s::timestamptz AND heard < %s::timestamptz
"""


def delete_rollups(connection: psycopg.Connection, device: int, since: str, until: str, most: int) -> int:
    """Delete at most so many, and have their days made anew, within the caller's transaction; how many."""
    gone = connection.execute(ROLLUPS, (device, since, until, most)).fetchall()
    if gone:
        take_back(connection, gone)
    return len(gone)


def delete_others(task: DeletionTask, device: int) -> None:
    """What a device said of itself in the time, its windows of a newer schema, and days that stand for windows.

    Args:
        task: That has locked the device before, after the request was committed.
        device: Which.
    """
    connection = task.connection
    if task.end is not None:
        with task.locked(device):
            values = {"device": device, "begins": task.begins, "ends": task.end, "now": task.now}
            connection.execute(KEEP_STATE, values)
            connection.execute(KEEP_AVAILABILITY, values)
    span = (device, task.begins, task.ends)
    kept = None if task.end is None else task.now
    _delete_said(task, device, STATES, span)
    _delete_said(task, device, AVAILABILITY, (*span, kept))
    _delete_days(task, device)
    _delete_newer(task, device)
    with task.locked(device):
        if task.start is not None or task.end is not None:
            until = task.now if task.end is None else task.end
            connection.execute(KEEP_PLACE, {"device": device, "begins": task.begins, "ends": until})
        connection.execute(DELETE_PLACES, (device, task.begins, task.ends))


def _delete_said(task: DeletionTask, device: int, statement: str, values: tuple[object, ...]) -> None:
    task.repeat(device, lambda most: task.connection.execute(statement, (*values, most)).rowcount)


def _delete_days(task: DeletionTask, device: int) -> None:
    """Delete the days of a device of which some lies in the time, and no other."""

    def delete(first: str, last: str, most: int) -> int:
        row = task.connection.execute(DELETE_DAYS, (device, first, last, most)).fetchone()
        rows, windows = row or (0, 0)
        task.note(windows)
        return int(rows)

    first, last = dates_of(task.start, task.end)
    task.repeat(device, lambda most: delete(first, last, most))
    with task.locked(device) as connection:
        for each in edge_days(connection, device, task.start, task.end):
            delete(f"{each.day}", f"{each.day + DAY}", AT_ONCE)


def _delete_newer(task: DeletionTask, device: int) -> None:
    """Without the lock: nothing is added up of them, and a recorder brings none of the time any more."""
    begins, ends = as_texts(task.start, task.end)
    after = b""
    while found := task.connection.execute(NEWER, (device, after, NEWER_AT_ONCE)).fetchall():
        after = found[-1][0]
        gone = [
            digest
            for digest, payload, received in found
            if may_be_of(payload, format_timestamp(received), begins, ends)
        ]
        task.connection.execute(DELETE_NEWER, (device, gone))
