"""Days (UTC) that have outlived their five minutes: of when they are, as far as their runs tell."""

from __future__ import annotations

from datetime import date, datetime
from typing import NamedTuple

import psycopg

from edge.recording.daily_rollups import DAY, midnight, next_midnight, start_of
from edge.recording.five_minutes import overlaps
from edge.recording.postgres.bucket_rows import KEPT, WINDOWS, read_bucket
from edge.recording.window_row import DAMAGED, DamagedError

COUNT = f"""
SELECT {WINDOWS} FROM edge.daily_rollups WHERE device = %s AND kept AND day >= %s::date AND day < %s::date
"""  # noqa: S608


class EdgeDay(NamedTuple):
    """A day that lies partly in a time, or has a window that reaches into it.

    Attributes:
        windows: That it stands for.
        beyond: Whether some of them lie outside of the time, or nobody can tell.
    """

    day: date
    windows: int
    beyond: bool

    @property
    def span(self) -> tuple[datetime, datetime]:
        """Start and end of the day."""
        return start_of(self.day), start_of(self.day) + DAY


def edge_days(
    connection: psycopg.Connection, device: int, start: datetime | None, end: datetime | None
) -> list[EdgeDay]:
    """The days at the edges of a time in which something was measured within it: not those that it only touches."""
    days: set[date] = set()
    if start is not None:
        before = midnight(start) - DAY  # whose last window may reach into the time
        days |= {before.date(), midnight(start).date()}
    if end is not None and midnight(end) != end:
        days.add(midnight(end).date())
    first, last = dates_of(start, end)
    found = (_edge_day(connection, device, day, start, end) for day in sorted(days) if not first <= f"{day}" < last)
    return [each for each in found if each is not None]


def dates_of(start: datetime | None, end: datetime | None) -> tuple[str, str]:
    """The days that lie in a time as a whole, as PostgreSQL reads them: the first, and the one after the last."""
    first = "-infinity" if start is None else f"{next_midnight(start):%Y-%m-%d}"
    return first, "infinity" if end is None else f"{midnight(end):%Y-%m-%d}"


def count_windows(connection: psycopg.Connection, device: int, start: datetime | None, end: datetime | None) -> int:
    """How many windows stand in the days that lie in a time as a whole."""
    row = connection.execute(COUNT, (device, *dates_of(start, end))).fetchone()
    return int(row[0]) if row else 0


def _edge_day(
    connection: psycopg.Connection, device: int, day: date, start: datetime | None, end: datetime | None
) -> EdgeDay | None:
    windows, touches, beyond = 0, False, False
    for since, *row in connection.execute(KEPT, (device, day, day + DAY)):
        try:
            bucket = read_bucket(since, row)
            times = bucket.runs
            windows += bucket.sums.windows
        except (*DAMAGED, DamagedError):  # it may be of any time
            touches = beyond = True
            continue
        touches |= any(overlaps(run.start, run.end, start, end) for run in times)
        beyond |= any((start and run.start < start) or (end and run.end > end) for run in times)
    return EdgeDay(day, windows, beyond) if touches else None
