"""What is in a recording: windows and states of a device, between two moments."""

from __future__ import annotations

import json
import re
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

from edge.contract.payloads import EstimateAbsent, Facing, Unclassified, Withheld
from edge.contract.shares import ShareRange
from edge.contract.timestamps import format_timestamp, parse_timestamp
from edge.contract.validation import MAX_COUNT, WITHHELD_FIELDS
from edge.errors import ConfigError, EdgeError
from edge.files.plain_tables import strange_part
from edge.recording.allowance import MOST_DEVICES
from edge.recording.database import COLUMNS, LAYOUT, SELECT_LAYOUT_1, changed, check_header, explain
from edge.recording.window_record import WindowRecord
from edge.text import printable

BUSY_SECONDS = 10.0
LONGEST_TEXT = 64 * 1024  # bytes of any value of a row that is read: what a message can bring
FIRST, LAST = (datetime(year, 1, 1, tzinfo=timezone.utc) for year in (1971, 2200))  # what time zones can follow
TABLES = ("about", "windows", "states", "availability")
MOST_CHANGES = 20_000  # of state or availability that are read for a report
DAMAGED = (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError)
"""What reading a row raises that `edge record` did not write."""
# What is longer is taken for damaged.
BOUNDED = ", ".join(f"iif(length({name}) > {LONGEST_TEXT}, X'', {name})" for name in (f'"{c}"' for c in COLUMNS))


@dataclass(frozen=True)
class StateChange:
    """What a device said about itself: `running`, `paused`, `camera_lost`, `throttled`, `online` or `offline`."""

    since: datetime
    mode: str
    reason: str


class Recording:
    """A file of `edge record`, of this version or an older one; another program may be writing it.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._database: sqlite3.Connection | None = None

    def start(self) -> None:
        """Open it. Raises EdgeError: it is missing, something else, or damaged."""
        if not self._path.is_file():
            raise ConfigError(f"there is no file {self._path}", "edge record makes one: --database names it")
        try:
            self._database = sqlite3.connect(f"file:{quote(str(self._path))}?mode=ro", uri=True, timeout=BUSY_SECONDS)
            if sys.version_info >= (3, 11):  # else a value of any length is loaded before its length is known
                self._database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 4 * LONGEST_TEXT)
            layout = check_header(self._database, self._path)
            self._check_tables(self._database)
            if layout < LAYOUT:
                # The file is not ours to convert: it is read as if it had been. The view is no part of the file.
                self._database.execute(f"CREATE TEMP VIEW windows AS {SELECT_LAYOUT_1.format(table='main.windows')}")
        except sqlite3.Error as error:
            raise explain(error, self._path) from None

    def _check_tables(self, database: sqlite3.Connection) -> None:
        """Only plain tables are read: a view could go on for ever. Raises ConfigError."""
        strange = strange_part(database, TABLES)
        there = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        absent = [f"there is no {table}" for table in TABLES if table not in there]
        if strange or absent:
            raise changed(self._path, strange or absent[0])

    def stop(self) -> None:
        """Close it."""
        if self._database is not None:
            self._database.close()

    def devices(self) -> dict[str, tuple[datetime, datetime]]:
        """The devices by name, each with the start of its first window and the end of its last."""
        found = self._query(
            'SELECT substr(device, 1, 64), substr(MIN(start), 1, 30), substr(MAX("end"), 1, 30) FROM windows '
            "GROUP BY device ORDER BY device LIMIT ?",
            MOST_DEVICES,
        )
        return {str(device): (self._moment(first), self._moment(last)) for device, first, last in found}

    def windows(self, device: str, start: datetime, end: datetime) -> Iterator[WindowRecord]:
        """The windows that begin in a period, in order."""
        for row in self.rows(device, start, end):
            try:
                yield _window(row)
            except DAMAGED:
                raise self.damaged(row) from None

    def damaged(self, row: Sequence[object]) -> EdgeError:
        """To be raised for a row that `edge record` did not write."""
        device, seq = printable(str(row[0])), printable(repr(row[2]))
        return EdgeError(f"{self._path}: window {seq} of {device} is damaged", "another program changed the file")

    def rows(self, device: str, start: datetime, end: datetime) -> Iterator[tuple[object, ...]]:
        """The same as they are stored: the values of `COLUMNS`."""
        query = f"SELECT {BOUNDED} FROM windows WHERE device = ? AND start >= ? AND start < ? ORDER BY start, seq"  # noqa: S608
        return self._query(query, device, format_timestamp(start), format_timestamp(end))

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

    def _state_change(self, row: tuple[object, ...]) -> StateChange:
        return StateChange(self._moment(row[0]), str(row[1]), str(row[2]))

    def _moment(self, text: object) -> datetime:
        try:
            return min(max(parse_timestamp(str(text)), FIRST), LAST)
        except ValueError:
            raise EdgeError(
                f"{self._path}: {printable(repr(text))} is no time", "another program changed the file"
            ) from None

    def _query(self, query: str, *values: object) -> Iterator[tuple[object, ...]]:
        if self._database is None:
            raise EdgeError(f"{self._path} is not open")
        try:
            yield from self._database.execute(query, values)
        except sqlite3.Error as error:
            raise explain(error, self._path) from None


def _window(row: tuple[object, ...]) -> WindowRecord:
    """Raises ValueError, TypeError, KeyError or AttributeError for a row that `edge record` did not write."""
    (_, epoch, seq, start, end, _, _, _, mode, replayed, frames, total, mean, low, high, facing, counts, unclassified,
     estimate, absent, what, reason, coverage, synced, _, _, _) = row  # fmt: skip
    withheld = Withheld.model_validate({"what": what, "reason": reason}) if what is not None else None
    hidden = WITHHELD_FIELDS[withheld.what] if withheld else {}
    figures = "faces" not in hidden
    observed = _json(counts) if "counts" not in hidden else None
    if observed is not None and not all(
        name.isprintable() and 0 <= _whole(n) <= MAX_COUNT for name, n in observed.items()
    ):
        raise ValueError
    shares = _json(estimate) if "estimate" not in hidden else None
    if mode not in ("headcount", "facing", "emotions"):
        raise ValueError
    first, last = parse_timestamp(str(start)), parse_timestamp(str(end))
    if not FIRST <= first < last < LAST:
        raise ValueError
    if not re.fullmatch("[0-9a-f]{8}", str(epoch)):
        raise ValueError
    return WindowRecord(
        epoch=str(epoch), seq=_whole(seq), start=first, end=last,
        mode=mode, replayed=bool(replayed), frames=_count(frames),
        total=_count(total) if figures else None, mean=_number(mean, MAX_COUNT) if figures else None,
        low=_count(low) if figures else None, high=_count(high) if figures else None,
        facing=Facing(**_json(facing)) if facing is not None and "facing" not in hidden else None,
        counts=observed,
        unclassified=Unclassified(**_json(unclassified)) if unclassified is not None and observed is not None else None,
        estimate=shares and {
            str(name): ShareRange(*(_number(each[part], 1.0) for part in ("share", "low", "high")))
            for name, each in shares.items()
        },
        estimate_absent=cast("EstimateAbsent | None", absent) if observed is not None else None, withheld=withheld,
        coverage=_number(coverage, 1.0), clock_synced=bool(synced),
    )  # fmt: skip


def _count(value: object) -> int:
    """A number of frames or faces; None counts as damaged too. Raises ValueError, TypeError."""
    found = _whole(value)
    if not 0 <= found <= MAX_COUNT:
        raise ValueError
    return found


def _number(value: object, most: float) -> float:
    """A number from 0 to `most`, and so neither infinite nor none. Raises ValueError."""
    found = float(str(value))
    if not 0 <= found <= most:
        raise ValueError
    return found


def _json(text: object) -> Any:  # noqa: ANN401 - whatever stands in the file
    return None if text is None else json.loads(str(text))


def _whole(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError
    return value
