"""Five minutes of a time that is to be deleted from a file: what is there, as windows and added up."""

from __future__ import annotations

import contextlib
import functools
import sqlite3
from datetime import datetime
from typing import NamedTuple

from edge.contract.timestamps import format_timestamp, parse_timestamp
from edge.contract.validation import LONGEST_WINDOW
from edge.recording.deleted_spans import EVER, NEVER
from edge.recording.rollups import WIDTH, Bucket, bucket_of
from edge.recording.window_eraser import Affected
from edge.recording.window_record import Series
from edge.recording.window_row import DAMAGED, FIRST, LONGEST_TEXT, DamagedError

AT_ONCE = 2000  # rows of a transaction: meanwhile the recorder waits
COUNT = """
SELECT COUNT(*), substr(MAX("end"), 1, 30), COUNT(*) FILTER (WHERE start >= ? AND start < ?) FROM windows
WHERE device = ? AND start >= ? AND start < ? AND "end" > ?
"""
SUMMED = """
SELECT CAST(TOTAL(iif(json_valid(sums), CAST(json_extract(sums, '$.windows') AS INTEGER), 0)) AS INTEGER)
FROM rollups WHERE device = ? AND start >= ? AND start < ?
"""
ROLLED = f"""
SELECT iif(length(sums) > {LONGEST_TEXT}, X'', sums), iif(length(runs) > {LONGEST_TEXT}, X'', runs)
FROM rollups WHERE device = ? AND start >= ? AND start < ?
"""  # noqa: S608
ANY = Series("headcount", "", None, None)
Span = tuple[str, str, str]


class Rolled(NamedTuple):
    """What some roll-ups say.

    Attributes:
        begins: When the first window begins.
        ends: When the last ends.
        windows: How many there are, of those that are not damaged.
        damaged: Whether one is, which may be of any windows that begin in its five minutes.
    """

    begins: datetime
    ends: datetime
    windows: int
    damaged: bool = False

    @classmethod
    def of(cls, since: datetime, sums: str, runs: str) -> Rolled:
        """One that begins at a moment, as it is stored."""
        try:
            bucket = Bucket.from_row(since, ANY, sums, runs)
            return cls(bucket.start, bucket.end, bucket.sums.windows)
        except (*DAMAGED, DamagedError):
            return cls(since, since + LONGEST_WINDOW, 0, damaged=True)

    def together(self, other: Rolled) -> Rolled:
        """Two of the same five minutes."""
        begins, ends = min(self.begins, other.begins), max(self.ends, other.ends)
        return Rolled(begins, ends, self.windows + other.windows, self.damaged or other.damaged)

    def only_summed(self, kept: int) -> int | None:
        """How many windows are only in these sums, where so many are there; None: what one adds can be told of all."""
        return max(0, self.windows - kept) if self.damaged or kept < self.windows else None


def count_of(file: sqlite3.Connection, device: str, start: datetime | None, end: datetime | None) -> Affected:
    """What would be deleted of a device. Raises sqlite3.Error."""
    begins, ends = as_texts(start, end)
    since, until = whole_five_minutes(start, end)
    values = (since, until, device, _earliest(start), ends, begins)
    windows, last, within = file.execute(COUNT, values).fetchone()
    newest = None
    with contextlib.suppress(*DAMAGED):
        newest = max(FIRST, parse_timestamp(last))
    sums, whole = max(0, summed(file, device, since, until) - within), []
    for edge in edges(file, device, start, end):
        span = five_minutes(device, edge)
        rolled, kept = rolled_up(file, span), kept_windows(file, span)
        only = rolled.only_summed(kept)
        if only is not None and kept <= AT_ONCE and overlaps(rolled.begins, rolled.ends, start, end):
            sums += only
            whole.append((edge, edge + WIDTH))
    return Affected(windows + sums, newest, sums, whole)


def edges(file: sqlite3.Connection, device: str, start: datetime | None, end: datetime | None) -> list[datetime]:
    """The five minutes that lie partly in the time, or have a window that reaches into it."""
    found: set[datetime] = set()
    if end is not None and bucket_of(end) != end:
        found.add(bucket_of(end))
    if start is not None:
        first, last = format_timestamp(bucket_of(start - LONGEST_WINDOW)), format_timestamp(ceiling(start))
        begins = format_timestamp(start)
        windows = 'SELECT start FROM windows WHERE device = ? AND start >= ? AND start < ? AND "end" > ?'
        found |= {bucket_of(parse_timestamp(row[0])) for row in file.execute(windows, (device, first, last, begins))}
        # Of a roll-up without its windows, its runs tell how far it reaches.
        rolled = "SELECT start FROM rollups WHERE device = ? AND start >= ? AND start < ?"
        for moment in {parse_timestamp(row[0]) for row in file.execute(rolled, (device, first, last))}:
            if rolled_up(file, five_minutes(device, moment)).ends > start:
                found.add(moment)
    return sorted(found)


def summed(file: sqlite3.Connection, device: str, since: str, until: str) -> int:
    """How many windows the roll-ups of a time say that there were."""
    return int(file.execute(SUMMED, (device, since, until)).fetchone()[0])


def rolled_up(file: sqlite3.Connection, span: Span) -> Rolled:
    """What the roll-ups of five minutes say."""
    since = parse_timestamp(span[1])
    found = [Rolled.of(since, sums, runs) for sums, runs in file.execute(ROLLED, span)]
    return functools.reduce(Rolled.together, found) if found else Rolled(since, since, 0)


def kept_windows(file: sqlite3.Connection, span: Span) -> int:
    """How many windows are there of some five minutes."""
    query = "SELECT COUNT(*) FROM windows WHERE device = ? AND start >= ? AND start < ?"
    return int(file.execute(query, span).fetchone()[0])


def five_minutes(device: str, since: datetime) -> Span:
    """A device, and when five minutes begin and end, as they are asked for."""
    return device, format_timestamp(since), format_timestamp(since + WIDTH)


def whole_five_minutes(
    start: datetime | None, end: datetime | None, bounds: tuple[str, str] = (EVER, NEVER)
) -> tuple[str, str]:
    """From when to when five minutes lie in a time as a whole, as `as_texts` has it."""
    return as_texts(start and ceiling(start), end and bucket_of(end), bounds)


def overlaps(begins: datetime, ends: datetime, start: datetime | None, end: datetime | None) -> bool:
    """Whether windows from one moment to another have any of it in a time."""
    return (start is None or ends > start) and (end is None or begins < end)


def ceiling(moment: datetime) -> datetime:
    """When the first five minutes begin that begin at a moment or later."""
    since = bucket_of(moment)
    return since if since == moment else since + WIDTH


def as_texts(start: datetime | None, end: datetime | None, bounds: tuple[str, str] = (EVER, NEVER)) -> tuple[str, str]:
    """A time as it is stored, where `bounds` are before and after every one."""
    ever, never = bounds
    return ever if start is None else format_timestamp(start), never if end is None else format_timestamp(end)


def _earliest(start: datetime | None) -> str:
    """When a window begins at the earliest that reaches into a time."""
    return EVER if start is None else format_timestamp(start - LONGEST_WINDOW)
