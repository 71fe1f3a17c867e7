"""What is in a recording: windows and states of a device, between two moments."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from edge.contract.timestamps import format_timestamp
from edge.errors import EdgeError
from edge.recording.about import IDENTITY, ROLLUPS_FROM, known
from edge.recording.allowance import MOST_DEVICES
from edge.recording.daily_rollups import midnight, next_midnight
from edge.recording.deletion_requests import NEWEST, REQUESTS, Request
from edge.recording.devices import devices_of
from edge.recording.layout import WITH_PLACES, WITH_ROLLUPS
from edge.recording.lost_journal import lost_journal
from edge.recording.places import MOST, SELECT_PLACES, Place, is_written_place
from edge.recording.read_only_file import open_to_read
from edge.recording.recorded import StateChange, WindowsOfDay
from edge.recording.recording_file import explained, rows_of
from edge.recording.rollup_reader import RollupReader, in_days, moment_of
from edge.recording.rollups import SELECT_BUCKETS, WIDTH, Bucket, bucket_of, rolled_in_order
from edge.recording.window_record import WindowRecord
from edge.recording.window_row import COLUMNS, FIRST_ROWID, NEXT_PAGE, DamagedError, read_windows
from edge.text import printable

AT_ONCE = 200  # windows, of up to 64 KB
START = COLUMNS.index("start")
MOST_CHANGES = 20_000  # of state or availability that are read for a report

BY_DAY = """
SELECT substr(start, 1, 10), count(*), substr(max(received), 1, 30), sum(seq) FROM windows
WHERE device = ? AND start >= ? AND start < ? GROUP BY 1 ORDER BY 1
"""


class Recording:
    """A file of `edge record`, of this version or an older one; another program may be writing it.

    What is read is taken into memory bit by bit, each with a statement of its own that is over within milliseconds:
    SQLite can begin the `-wal` anew only in a moment in which no statement that began before is open, however many
    readers there are. So a long period is no picture of one moment: what is stored or deleted meanwhile may be in it
    or not, as between any two of the methods. What has to agree is asked for in one statement.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._database: sqlite3.Connection | None = None
        self._layout = 0
        self._rollups = RollupReader(path, self._query)

    def start(self) -> None:
        """Open it. Raises EdgeError: it is missing, something else, or damaged."""
        self._database, self._layout = open_to_read(self._path)

    def stop(self) -> None:
        """Close it."""
        if self._database is not None:
            self._database.close()

    @property
    def _opened(self) -> sqlite3.Connection:
        if self._database is None:
            raise EdgeError(f"{self._path} is not open")
        return self._database

    @property
    def source(self) -> str:
        """Which recording it is, in words: its name, wherever it moves to."""
        return self._path.name

    @property
    def identity(self) -> str:
        """Which it is, whatever it is called: random, and kept in it; "" where an older version made it."""
        return self._about(IDENTITY) or ""

    @property
    def caveat(self) -> str:
        """What may be missing from it, in a sentence: it may have come without its `-wal`."""
        with explained(self._path):
            return lost_journal(self._opened, self._path)

    def devices(self) -> dict[str, tuple[datetime, datetime]]:
        """The devices by name, each with the start of its first window and the end of its last."""
        found = {}
        for device in self.names():
            ends = [end for table in self._tables for end in self._ends(table, device)]
            if ends:
                found[device] = (min(ends), max(ends))
        return found

    def has(self, device: str) -> bool:
        """Whether anything of a device was recorded."""
        return any(
            list(self._query(f"SELECT 1 FROM {table} WHERE device = ? LIMIT 1", device))  # noqa: S608
            for table in self._tables
        )

    def newest(self, device: str) -> datetime | None:
        """When the last window of a device ended; None without any."""
        return max((end for table in self._tables for end in self._ends(table, device)), default=None)

    def names(self) -> list[str]:
        """The devices of which anything was recorded, in order."""
        return sorted({name for table in self._tables for name in self._devices(table)})

    @property
    def _tables(self) -> list[str]:
        """Those that have what was recorded of a device."""
        return ["main.windows", *(["rollups"] if self._layout >= WITH_ROLLUPS else [])]

    def _devices(self, table: str) -> list[str]:
        with explained(self._path):
            return devices_of(self._opened, table, MOST_DEVICES)

    def _about(self, key: str) -> str | None:
        with explained(self._path):
            return known(self._opened, key)

    def _ends(self, table: str, device: str) -> Iterator[datetime]:
        """When the first window of a device began, and when the last ended; nothing without any.

        A damaged row keeps no question about other devices from its answer: it says as much as can be read.
        """
        if table == "rollups":
            for order in ("ASC", "DESC"):
                query = SELECT_BUCKETS.replace(
                    "ORDER BY r.start, r.series", f"ORDER BY r.start {order}, r.series LIMIT 1"
                )
                for row in self._query(query, device, "", "~"):
                    try:
                        bucket = self._rollups.bucket(device, row)
                        yield bucket.start if order == "ASC" else bucket.end
                    except DamagedError:
                        yield from self._known_moment(row[0])
            return
        for column, order in (("start", "ASC"), ("end", "DESC")):
            query = f'SELECT substr("{column}", 1, 30) FROM {table} WHERE device = ? ORDER BY start {order} LIMIT 1'  # noqa: S608
            for (moment,) in self._query(query, device):
                yield from self._known_moment(moment)

    def windows(self, device: str, start: datetime, end: datetime) -> Iterator[WindowRecord]:
        """The windows that begin in a period, in order."""
        return read_windows(self.rows(device, start, end), self.damaged)

    def buckets(self, device: str, start: datetime, end: datetime) -> Iterator[Bucket]:
        """The roll-ups whose five minutes begin in a period, in order; made of the windows where the file has none.

        Days (UTC) with more of them than an honest room has are left out.
        """
        if not self._is_rolled_up():
            yield from rolled_in_order(self.windows(device, start, end))
            return
        yield from self._rollups.buckets(device, start, end)

    def beside(self, device: str, moment: datetime, *, before: bool) -> list[Bucket]:
        """As `Recorded`; made of the windows where the file has none."""
        table = "rollups" if self._is_rolled_up() else "main.windows"
        of, side = ("max", "<") if before else ("min", ">=")
        query = f"SELECT substr({of}(start), 1, 30) FROM {table} WHERE device = ? AND start {side} ?"  # noqa: S608
        for (text,) in self._query(query, device, format_timestamp(moment)):
            if text is not None:
                since = bucket_of(self._moment(text))
                return list(self.buckets(device, since, since + WIDTH))
        return []

    def days(self, device: str, start: datetime, end: datetime) -> Iterator[Bucket]:
        """The same windows as `buckets`, in as few parts as there are: whole days of UTC where these are made."""
        first, last = next_midnight(start), midnight(end)
        if first >= last or not self._is_rolled_up():
            yield from self.buckets(device, start, end)
            return
        yield from self.buckets(device, start, first)
        yield from self._rollups.whole_days(device, first, last)
        yield from self.buckets(device, last, end)

    def kept_days(self, device: str, start: datetime, end: datetime) -> list[Bucket]:  # noqa: ARG002 - as Recorded
        """None: a file keeps days no longer than their five minutes."""
        return []

    def _is_rolled_up(self) -> bool:
        """Whether every window is in a roll-up: not while a file of an older layout is worked through."""
        if self._layout < WITH_ROLLUPS:
            return False
        return self._about(ROLLUPS_FROM) is None

    def damaged(self, row: Sequence[object]) -> EdgeError:
        """To be raised for a row that `edge record` did not write."""
        device, seq = printable(str(row[0])), printable(repr(row[2]))
        return DamagedError(f"{self._path}: window {seq} of {device} is damaged", "another program changed the file")

    def rows(self, device: str, start: datetime, end: datetime) -> Iterator[tuple[object, ...]]:
        """The same as they are stored: the values of `COLUMNS`."""
        after, until = (format_timestamp(start), FIRST_ROWID), format_timestamp(end)
        while True:
            page = self._query(NEXT_PAGE, device, *after, until, AT_ONCE)
            for row in page:
                yield row[:-1]
            if len(page) < AT_ONCE:
                return
            last = page[-1]
            if not isinstance(last[START], str):  # so long that it was not read
                raise self.damaged(last)
            after = (last[START], last[-1])

    def windows_by_day(self, device: str, start: datetime, end: datetime) -> list[WindowsOfDay]:
        """What there is of each day on which windows of a period begin, in order."""
        found = in_days(
            lambda since, until: self._query(BY_DAY, device, format_timestamp(since), format_timestamp(until)),
            lambda since, until: self._rollups.next_day(device, "main.windows", since, until),
            start, end,
        )  # fmt: skip
        days = []
        for day, windows, received, numbers in found:
            if not isinstance(numbers, int):  # of text SQLite makes a sum, too
                raise self.damaged((device, day, numbers))
            days.append(WindowsOfDay(self._moment(f"{day}T00:00:00.000Z").date(), windows, str(received), numbers))
        return days

    def newest_request(self) -> Request | None:
        """As `Recorded`."""
        return next(self._requests(NEWEST), None)

    def requests(self) -> Iterator[Request]:
        """As `Recorded`."""
        return self._requests(REQUESTS)

    def _requests(self, query: str) -> Iterator[Request]:
        return map(Request._make, self._query(query)) if self._layout >= WITH_ROLLUPS else iter(())

    def state_changes(self, device: str, end: datetime) -> tuple[list[StateChange], list[StateChange]]:
        """The newest states that the device reported until a moment, and its availability, each in order."""
        states = self._query(
            "SELECT substr(since, 1, 30), substr(mode, 1, 30), substr(reason, 1, 200) FROM states "
            "WHERE device = ? AND since < ? ORDER BY since DESC, received DESC LIMIT ?",
            device,
            format_timestamp(end),
            MOST_CHANGES,
        )
        words = self._query(
            "SELECT substr(received, 1, 30), iif(online, 'online', 'offline'), '' FROM availability "
            "WHERE device = ? AND received < ? ORDER BY rowid DESC LIMIT ?",
            device,
            format_timestamp(end),
            MOST_CHANGES,
        )
        return ([self._state_change(row) for row in states][::-1], [self._state_change(row) for row in words][::-1])

    def places(self, device: str, end: datetime) -> list[Place]:
        """What was hidden or left out of the device's picture until a moment, in order; nothing in an older file."""
        if self._layout < WITH_PLACES:
            return []
        found = []
        for after, heard, written, masked in self._query(SELECT_PLACES, device, format_timestamp(end), MOST):
            if not isinstance(masked, float) or not is_written_place(written):
                raise DamagedError(
                    f"{self._path}: a place of {printable(device)} is damaged", "another program changed it"
                )
            since = self._moment(after) if after else None
            found.append(Place.read(since, self._moment(heard), str(written), masked))
        return found[::-1]

    def _state_change(self, row: tuple[object, ...]) -> StateChange:
        return StateChange(self._moment(row[0]), str(row[1]), str(row[2]))

    def _known_moment(self, text: object) -> Iterator[datetime]:
        """A moment, if it is one."""
        with contextlib.suppress(DamagedError):
            yield self._moment(text)

    def _moment(self, text: object) -> datetime:
        return moment_of(self._path, text)

    def _query(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        return rows_of(self._opened, self._path, query, values)
