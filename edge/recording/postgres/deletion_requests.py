"""The requests to delete of a school in PostgreSQL, as `edge.recording.deletion_requests` knows them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg

from edge.contract.timestamps import format_timestamp
from edge.recording.deletion_requests import Request

SOUND_DELETIONS = """
FROM edge.deletions
WHERE school = %s AND isfinite(coalesce("end", asked)) AND isfinite(coalesce(start, asked)) AND isfinite(asked)
"""
REQUESTS = f'SELECT id, device, start, "end", asked {SOUND_DELETIONS} ORDER BY start NULLS FIRST'
NEWEST = REQUESTS.replace("ORDER BY start NULLS FIRST", "ORDER BY id DESC LIMIT 1")


def requests_of(cursor: psycopg.Cursor, school: int) -> Iterator[Request]:
    """All of a school, in the order of their starts; none is kept in memory."""
    yield from map(_request, cursor.stream(REQUESTS, (school,)))


def newest_request(connection: psycopg.Connection, school: int) -> Request | None:
    """The one with the highest number of a school; None: there is none."""
    row = connection.execute(NEWEST, (school,)).fetchone()
    return None if row is None else _request(row)


def _request(row: tuple[Any, ...]) -> Request:
    number, device, *times = row
    return Request(number, device, *(each and format_timestamp(each) for each in times))
