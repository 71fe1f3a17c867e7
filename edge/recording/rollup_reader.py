"""Roll-ups of a file, as readers ask for them: a week at a time, whoever works on them however long."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, TypeVar

from edge.contract.timestamps import format_timestamp, parse_timestamp
from edge.recording.daily_rollups import (
    DAY,
    MOST_BYTES,
    MOST_ROWS,
    NEXT_SUMMED,
    SELECT_DAYS,
    SELECT_FEW,
    day_of,
    next_midnight,
)
from edge.recording.rollups import Bucket, read_bucket
from edge.recording.slices import in_slices
from edge.recording.window_row import DAMAGED, FIRST, LAST, DamagedError
from edge.text import printable

T = TypeVar("T")
SLICE = 7 * DAY  # that is read at once: some thousand roll-ups of an honest room, and less than 28 MB of any


class Query(Protocol):
    """Asks the file."""

    def __call__(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """All that is found; the statement is over."""


class RollupReader:
    """Reads roll-ups of a file that has them; every method may raise EdgeError.

    Args:
        path: The file.
        query: Asks it.
    """

    def __init__(self, path: Path, query: Query) -> None:
        self._path = path
        self._query = query

    def buckets(self, device: str, start: datetime, end: datetime) -> Iterator[Bucket]:
        """As `Recorded`."""
        return in_days(
            lambda since, until: self._few(device, since, until),
            lambda since, until: self.next_day(device, "rollups", since, until),
            start, end,
        )  # fmt: skip

    def whole_days(self, device: str, first: datetime, last: datetime) -> Iterator[Bucket]:
        """Days of UTC where they are made, else their five minutes.

        Args:
            device: Whose.
            first: A midnight.
            last: A midnight.
        """
        days = in_slices(
            lambda since, until: self._query(SELECT_DAYS, device, day_of(since), day_of(until)),
            lambda since, until: self._midnights(self._query(NEXT_SUMMED, device, day_of(since), day_of(until))),
            first, last, SLICE,
        )  # fmt: skip
        for day, series, *row in days:
            if series is None:
                since = moment_of(self._path, day)
                yield from self.buckets(device, since, since + DAY)
            else:
                yield replace(self.bucket(device, (day, *row)), duration=DAY)

    def next_day(self, device: str, table: str, start: datetime, end: datetime) -> list[tuple[datetime]]:
        """When the first day (UTC) begins, from a midnight on, of which a table has something; nothing without any."""
        query = f"SELECT substr(min(start), 1, 10) FROM {table} WHERE device = ? AND start >= ? AND start < ?"  # noqa: S608
        return self._midnights(self._query(query, device, format_timestamp(start), format_timestamp(end)))

    def bucket(self, device: str, row: tuple[Any, ...]) -> Bucket:
        """A row of `SELECT_BUCKETS`."""
        try:
            return read_bucket(row)
        except DAMAGED:
            start = printable(repr(row[0]))
            raise DamagedError(
                f"{self._path}: roll-up {start} of {printable(device)} is damaged", "another program changed the file"
            ) from None

    def _few(self, device: str, start: datetime, end: datetime) -> Iterator[Bucket]:
        """Those of some days; none of a day that has too many between the two times."""
        span = (device, format_timestamp(start), format_timestamp(end))
        return (self.bucket(device, row) for row in self._query(SELECT_FEW, *span, *span, MOST_ROWS, MOST_BYTES))

    def _midnights(self, rows: list[tuple[Any, ...]]) -> list[tuple[datetime]]:
        return [(moment_of(self._path, f"{day}T00:00:00.000Z"),) for (day,) in rows if day is not None]


def in_days(
    read: Callable[[datetime, datetime], Iterable[T]], find: Callable[[datetime, datetime], list[tuple[datetime]]],
    start: datetime, end: datetime,
) -> Iterator[T]:  # fmt: skip
    """A period as `in_slices`, which cuts no day of UTC; `find` has to give a midnight."""
    first = min(next_midnight(start), end)
    if start < first:
        yield from read(start, first)
    yield from in_slices(read, find, first, end, SLICE)


def moment_of(path: Path, text: object) -> datetime:
    """A time that is stored in a file. Raises DamagedError: it is none."""
    try:
        return min(max(parse_timestamp(str(text)), FIRST), LAST)
    except ValueError:
        raise DamagedError(f"{path}: {printable(repr(text))} is no time", "another program changed the file") from None
