"""What is recorded of a school in PostgreSQL, as `edge.recording.reader` has it of a file."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import psycopg
from psycopg import errors

from edge.contract.timestamps import format_timestamp
from edge.errors import EdgeError
from edge.recording.allowance import MOST_DEVICES
from edge.recording.daily_rollups import DAY
from edge.recording.deletion_requests import Request
from edge.recording.places import MOST, Place
from edge.recording.postgres.address import PostgresAddress
from edge.recording.postgres.connection import connect, explained
from edge.recording.postgres.deletion_requests import newest_request, requests_of
from edge.recording.postgres.names import find_school, recorded_devices
from edge.recording.postgres.rollup_reader import AT_ONCE, RollupReader
from edge.recording.postgres.window_rows import BETWEEN, After, compacted, to_columns
from edge.recording.reader import MOST_CHANGES
from edge.recording.recorded import StateChange, WindowsOfDay
from edge.recording.rollups import Bucket
from edge.recording.slices import in_slices
from edge.recording.window_record import WindowRecord
from edge.recording.window_row import DamagedError, read_windows
from edge.text import printable

PAGES_AT_ONCE = 64  # that the server asks its disk for side by side
NEXT_WINDOW = "SELECT start FROM edge.windows WHERE device = %s AND start >= %s AND start < %s ORDER BY start LIMIT 1"
FIRST_WINDOW = -1, ""  # before every one
BY_DAY = """
SELECT (start AT TIME ZONE 'UTC')::date, count(*), max(received), sum(seq) FROM edge.windows
WHERE device = %s AND start >= %s AND start < %s GROUP BY 1 ORDER BY 1
"""
# As JSON, in which a column that an older version's tables lack is nothing and no error.
IDENTITY = "SELECT coalesce(to_jsonb(s) ->> 'recording', '') FROM edge.schools s WHERE id = %s"
STATES = """
SELECT since, mode, reason FROM edge.states WHERE device = %s AND since < %s
ORDER BY since DESC, received DESC LIMIT %s
"""
WORDS = """
SELECT received, CASE WHEN online THEN 'online' ELSE 'offline' END, '' FROM edge.availability
WHERE device = %s AND received < %s ORDER BY received DESC, id DESC LIMIT %s
"""
PLACES = """
SELECT after, heard, place, masked FROM edge.places WHERE device = %s AND heard < %s
ORDER BY heard DESC, id DESC LIMIT %s
"""


class PostgresRecording:
    """A school in a database; recorders may be writing it.

    Args:
        address: Which database and school; an empty school means the only one.
        purpose: What the server calls the connection.
    """

    def __init__(self, address: PostgresAddress, purpose: str = "edge report") -> None:
        self._address = address
        self._purpose = purpose
        self._connection: psycopg.Connection | None = None
        self._school, self._school_name = 0, address.school
        self._ids: dict[str, int] = {}
        self._recorded: list[str] = []
        self._rollups = RollupReader(address, self._ask, self._ids)

    def start(self) -> None:
        """Connect. Raises EdgeError: it cannot be reached, or there is no such school."""
        with explained(self._address, was_open=False):
            self._connection = connect(self._address, self._purpose)
            self._connection.execute("SET default_transaction_read_only = on")
            with contextlib.suppress(errors.InvalidParameterValue):  # a server whose system knows no such thing
                self._connection.execute(f"SET effective_io_concurrency = {PAGES_AT_ONCE}")
        with self._explained() as connection:
            self._school, self._school_name = find_school(connection, self._address)
            devices = "SELECT name, id FROM edge.devices WHERE school = %s"
            self._ids.update(connection.execute(devices, (self._school,)).fetchall())
            self._recorded = [name for name, _ in recorded_devices(connection, self._school, MOST_DEVICES)]

    def stop(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()

    @property
    def source(self) -> str:
        """Which recording it is, in words: its name, wherever it moves to."""
        return f"school {self._school_name}"

    @property
    def identity(self) -> str:
        """Which it is, whatever it is called: random, and kept in it; "" where an older version made it."""
        with self._explained() as connection:
            row = connection.execute(IDENTITY, (self._school,)).fetchone()
        return str(row[0]) if row else ""

    @property
    def caveat(self) -> str:
        """What may be missing from it: nothing."""
        return ""

    def names(self) -> list[str]:
        """The devices of which anything was recorded, in order."""
        return self._recorded

    def has(self, device: str) -> bool:
        """Whether anything of a device was recorded."""
        return device in self._recorded

    def newest(self, device: str) -> datetime | None:
        """When the last window of a device ended; None without any."""
        return self._rollups.newest(device)

    def devices(self) -> dict[str, tuple[datetime, datetime]]:
        """The devices by name, each with the start of its first window and the end of its last."""
        found = {}
        for device in self.names():
            first, last = self._rollups.oldest(device), self.newest(device)
            if first and last:
                found[device] = (first, last)
        return found

    def windows(self, device: str, start: datetime, end: datetime) -> Iterator[WindowRecord]:
        """The windows that begin in a period, in order."""
        return read_windows(self._rows(device, start, end), self.damaged)

    def rows(self, device: str, start: datetime, end: datetime) -> Iterator[tuple[object, ...]]:
        """The same as a file has them: the values of `COLUMNS`."""
        return map(compacted, self._rows(device, start, end))

    def _rows(self, device: str, start: datetime, end: datetime) -> Iterator[tuple[object, ...]]:
        return in_slices(
            lambda since, until: self._rows_of_slice(device, since, until),
            lambda since, until: self._ask(NEXT_WINDOW, device, since, until),
            start, end, DAY,
        )  # fmt: skip

    def _rows_of_slice(self, device: str, start: datetime, end: datetime) -> Iterator[tuple[object, ...]]:
        after: After = (start, *FIRST_WINDOW)
        while True:
            page = self._ask(BETWEEN, device, start, end, *after, AT_ONCE)
            for row in page:
                columns, after = to_columns(device, row)
                yield columns
            if len(page) < AT_ONCE:
                return

    def windows_by_day(self, device: str, start: datetime, end: datetime) -> list[WindowsOfDay]:
        """What there is of each day on which windows of a period begin, in order."""
        return [
            WindowsOfDay(day, windows, format_timestamp(received), int(numbers))
            for day, windows, received, numbers in self._ask(BY_DAY, device, start, end)
        ]

    def buckets(self, device: str, start: datetime, end: datetime) -> Iterator[Bucket]:
        """As `Recorded`."""
        return self._rollups.buckets(device, start, end)

    def beside(self, device: str, moment: datetime, *, before: bool) -> list[Bucket]:
        """As `Recorded`."""
        return self._rollups.beside(device, moment, before=before)

    def days(self, device: str, start: datetime, end: datetime) -> Iterator[Bucket]:
        """As `Recorded`: whole days of UTC where these are made."""
        return self._rollups.days(device, start, end)

    def kept_days(self, device: str, start: datetime, end: datetime) -> list[Bucket]:
        """As `Recorded`."""
        return self._rollups.kept_days(device, start, end)

    def newest_request(self) -> Request | None:
        """As `Recorded`."""
        with self._explained() as connection:
            return newest_request(connection, self._school)

    def requests(self) -> Iterator[Request]:
        """As `Recorded`."""
        with self._explained() as connection, connection.cursor() as cursor:
            yield from requests_of(cursor, self._school)

    def state_changes(self, device: str, end: datetime) -> tuple[list[StateChange], list[StateChange]]:
        """The newest states that the device reported until a moment, and its availability, each in order."""
        states, words = (self._ask(query, device, end, MOST_CHANGES) for query in (STATES, WORDS))
        return [StateChange(*row) for row in states][::-1], [StateChange(*row) for row in words][::-1]

    def places(self, device: str, end: datetime) -> list[Place]:
        """What was hidden or left out of the device's picture until a moment, in order."""
        try:
            return [Place.read(*row) for row in self._ask(PLACES, device, end, MOST)][::-1]
        except ValueError:
            raise DamagedError(
                f"{self._address}: a place of {printable(device)} is damaged", "another program changed it"
            ) from None

    def damaged(self, row: Sequence[object]) -> EdgeError:
        """To be raised for a row that `edge record` did not write."""
        device, seq = printable(str(row[0])), printable(repr(row[2]))
        return DamagedError(f"{self._address}: window {seq} of {device} is damaged", "another program changed it")

    def _ask(self, query: str, device: str, *values: object) -> list[tuple[Any, ...]]:
        """The rows about a device; none of one that is not there."""
        if device not in self._ids:
            return []
        with self._explained() as connection:
            return connection.execute(query, (self._ids[device], *values)).fetchall()

    @contextlib.contextmanager
    def _explained(self) -> Iterator[psycopg.Connection]:
        if self._connection is None:
            raise EdgeError(f"{self._address} is not open")
        with explained(self._address, was_open=False):
            yield self._connection
