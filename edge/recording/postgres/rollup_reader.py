"""Roll-ups of a school in PostgreSQL, as readers ask for them: five minutes, days, and days that outlived these."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from edge.recording.daily_rollups import DAY, MOST_ROWS, midnight, next_midnight, start_of
from edge.recording.five_minutes import overlaps
from edge.recording.postgres.address import PostgresAddress
from edge.recording.postgres.bucket_rows import KEPT, SERIES, read_bucket
from edge.recording.rollups import WIDTH, Bucket
from edge.recording.runs import middle_of
from edge.recording.slices import in_slices
from edge.recording.window_row import DAMAGED, DamagedError
from edge.recording.window_sums import MILLISECOND
from edge.text import printable

MONTH = timedelta(days=31)
AT_ONCE = 1000  # rows in memory, of up to 43 KB: between two of these, others may ask over the same connection
FIRST_SERIES = -1  # before every one

NEXT_ROLLUP = "SELECT start FROM edge.rollups WHERE device = %s AND start >= %s AND start < %s ORDER BY start LIMIT 1"
# As `window_rows.BETWEEN`.
BUCKETS = f"""
WITH r AS MATERIALIZED (SELECT * FROM edge.rollups WHERE device = %s AND start >= %s AND start < %s)
SELECT r.start, r.series, {SERIES}, r.sums::text, r.runs
FROM r JOIN edge.series e ON e.id = r.series WHERE (r.start, r.series) > (%s, %s)
    AND (r.start AT TIME ZONE 'UTC')::date NOT IN (
        SELECT (start AT TIME ZONE 'UTC')::date FROM r GROUP BY 1 HAVING count(*) > %s
    )
ORDER BY r.start, r.series LIMIT %s
"""  # noqa: S608
OUTERMOST = f"""
SELECT r.start, {SERIES}, r.sums::text, r.runs FROM edge.rollups r JOIN edge.series e ON e.id = r.series
WHERE r.device = %s ORDER BY r.start {{order}} FETCH FIRST 1 ROW WITH TIES
"""  # noqa: S608
BESIDE = OUTERMOST.replace("ORDER BY", "AND r.start {side} %s ORDER BY")
BEFORE, BEHIND = BESIDE.format(side="<", order="DESC"), BESIDE.format(side=">=", order="")
OUTERMOST_DAYS = f"""
SELECT d.day::timestamp AT TIME ZONE 'UTC', {SERIES}, d.sums::text, d.runs
FROM edge.daily_rollups d JOIN edge.series e ON e.id = d.series
WHERE d.device = %s AND d.kept ORDER BY d.day {{order}} FETCH FIRST 1 ROW WITH TIES
"""  # noqa: S608
OLDEST, NEWEST = ([query.format(order=order) for query in (OUTERMOST, OUTERMOST_DAYS)] for order in ("", "DESC"))
DAYS = f"""
SELECT d.day, d.series, {SERIES}, d.sums::text, d.runs
FROM edge.daily_rollups d JOIN edge.series e ON e.id = d.series
WHERE d.device = %s AND d.day >= %s AND d.day < %s
UNION ALL SELECT day, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM edge.changed_days
WHERE device = %s AND day >= %s AND day < %s ORDER BY 1, 2
"""  # noqa: S608


class Ask(Protocol):
    """Asks the database."""

    def __call__(self, query: str, device: str, *values: object) -> list[tuple[Any, ...]]:
        """The rows about a device, whose number is the first value."""


class RollupReader:
    """Reads roll-ups; every method may raise EdgeError.

    Args:
        address: Of the database.
        ask: Asks it.
        ids: The numbers of devices.
    """

    def __init__(self, address: PostgresAddress, ask: Ask, ids: Mapping[str, int]) -> None:
        self._address = address
        self._ask = ask
        self._ids = ids

    def oldest(self, device: str) -> datetime | None:
        """When the first window of a device began; None without any."""
        return min((start for start, _ in self._reaches(OLDEST, device)), default=None)

    def newest(self, device: str) -> datetime | None:
        """When the last window of a device ended; None without any."""
        return max((end for _, end in self._reaches(NEWEST, device)), default=None)

    def buckets(self, device: str, start: datetime, end: datetime) -> Iterator[Bucket]:
        """As `Recorded`."""
        return in_slices(
            lambda since, until: self._buckets_of_slice(device, since, until),
            lambda since, until: self._ask(NEXT_ROLLUP, device, since, until),
            start, end, MONTH,
        )  # fmt: skip

    def beside(self, device: str, moment: datetime, *, before: bool) -> list[Bucket]:
        """As `Recorded`."""
        return [self._bucket(device, *row) for row in self._ask(BEFORE if before else BEHIND, device, moment)]

    def _buckets_of_slice(self, device: str, start: datetime, end: datetime) -> Iterator[Bucket]:
        after: tuple[Any, ...] = (start, FIRST_SERIES)
        while True:
            page = self._ask(BUCKETS, device, start, end, *after, MOST_ROWS, AT_ONCE)
            for since, series, *row in page:
                after = (since, series)
                yield self._bucket(device, since, *row)
            if len(page) < AT_ONCE:
                return

    def days(self, device: str, start: datetime, end: datetime) -> Iterator[Bucket]:
        """As `Recorded`: whole days of UTC where these are made."""
        first, last = next_midnight(start), midnight(end)
        if first > last:
            yield from self._part_of_day(device, start, end, (start, end))
            return
        yield from self._part_of_day(device, start, first, (start, end))
        # Made and changed ones at the same moment: a day is one or the other.
        span = (first.date(), last.date())
        for day, series, *row in self._ask(DAYS, device, *span, self._ids.get(device), *span):
            since = start_of(day)
            if series is None:
                yield from self.buckets(device, since, since + DAY)
            else:
                yield replace(self._bucket(device, since, *row), duration=DAY)
        yield from self._part_of_day(device, last, end, (start, end))

    def _part_of_day(
        self, device: str, since: datetime, until: datetime, period: tuple[datetime, datetime]
    ) -> Iterator[Bucket]:
        """The five minutes of a part of a day; and of a day that is kept without them all, or nothing."""
        if since >= until:
            return
        day = midnight(since)
        for each in self._kept(device, day, day + DAY):
            if period[0] <= min(middle_of(each.runs), day + DAY - MILLISECOND) < period[1]:
                yield each
        yield from self.buckets(device, since, until)

    def kept_days(self, device: str, start: datetime, end: datetime) -> list[Bucket]:
        """As `Recorded`."""
        days = self._kept(device, midnight(start) - DAY, next_midnight(end))
        return [each for each in days if any(overlaps(run.start, run.end, start, end) for run in each.runs)]

    def _kept(self, device: str, first: datetime, last: datetime) -> list[Bucket]:
        """The days that have outlived their five minutes, of whole days."""
        rows = self._ask(KEPT, device, first.date(), last.date())
        return [replace(self._bucket(device, *row), duration=DAY) for row in rows]

    def _reaches(self, queries: Sequence[str], device: str) -> Iterator[tuple[datetime, datetime]]:
        """From when to when some roll-ups are; a damaged one keeps no question about other devices from its answer."""
        for row in (row for query in queries for row in self._ask(query, device)):
            try:
                bucket = self._bucket(device, *row)
                yield bucket.start, bucket.end
            except DamagedError:
                yield row[0], row[0] + WIDTH

    def _bucket(self, device: str, since: datetime, *row: object) -> Bucket:
        try:
            return read_bucket(since, row)
        except DAMAGED:
            raise DamagedError(
                f"{self._address}: roll-up {since} of {printable(device)} is damaged", "another program changed it"
            ) from None
