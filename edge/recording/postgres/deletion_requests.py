"""The requests to delete of a school in PostgreSQL, as `edge.recording.deletion_requests` knows them."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg

from edge.contract.timestamps import format_timestamp
from edge.recording.deletion_requests import Request

SOUND_DELETIONS = """
FROM edge.deletions
WHERE school = %s AND isfinite(coalesce("end", asked)) AND isfinite(coalesce(start, asked)) AND isfinite(asked)
"""
REQUESTS = f'SELECT id, device, start, "end", asked {SOUND_DELETIONS} ORDER BY start NULLS FIRST'


def requests_of(cursor: psycopg.Cursor, school: int) -> Iterator[Request]:
    """All of a school, in the order of their starts; none is kept in memory."""
    for number, device, *times in cursor.stream(REQUESTS, (school,)):
        yield Request(number, device, *(each and format_timestamp(each) for each in times))
