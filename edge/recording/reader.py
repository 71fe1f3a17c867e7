"""What is in a recording: windows and states of a device, between two moments."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

from edge.contract.payloads import EstimateAbsent, Facing, Unclassified, Withheld
from edge.contract.shares import ShareRange
from edge.contract.timestamps import format_timestamp, parse_timestamp
from edge.contract.validation import MAX_COUNT, WITHHELD_FIELDS
from edge.errors import ConfigError, EdgeError
from edge.recording.database import LAYOUT, SELECT_LAYOUT_1, SELECTED, check_header, explain
from edge.recording.window_record import WindowRecord

BUSY_SECONDS = 10.0


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
            if check_header(self._database, self._path) < LAYOUT:
                # The file is not ours to convert: it is read as if it had been. The view is no part of the file.
                self._database.execute(f"CREATE TEMP VIEW windows AS {SELECT_LAYOUT_1.format(table='main.windows')}")
        except sqlite3.Error as error:
            raise explain(error, self._path) from None

    def stop(self) -> None:
        """Close it."""
        if self._database is not None:
            self._database.close()

    def devices(self) -> dict[str, tuple[datetime, datetime]]:
        """The devices by name, each with the start of its first window and the end of its last."""
        found = self._query('SELECT device, MIN(start), MAX("end") FROM windows GROUP BY device ORDER BY device')
        return {str(device): (self._moment(first), self._moment(last)) for device, first, last in found}

    def windows(self, device: str, start: datetime, end: datetime) -> Iterator[WindowRecord]:
        """The windows that begin in a period, in order."""
        for row in self.rows(device, start, end):
            try:
                yield _window(row)
            except (ValueError, TypeError, KeyError, AttributeError):
                raise EdgeError(
                    f"{self._path}: window {row[2]!r} of {device} is damaged", "another program changed the file"
                ) from None

    def rows(self, device: str, start: datetime, end: datetime) -> Iterator[tuple[object, ...]]:
        """The same as they are stored: the values of `COLUMNS`."""
        query = f"SELECT {SELECTED} FROM windows WHERE device = ? AND start >= ? AND start < ? ORDER BY start, seq"  # noqa: S608
        return self._query(query, device, format_timestamp(start), format_timestamp(end))

    def state_changes(self, device: str, end: datetime) -> tuple[list[StateChange], list[StateChange]]:
        """The states that the device reported until a moment, and its availability, each in order."""
        states = self._query(
            "SELECT since, mode, reason FROM states WHERE device = ? AND since < ? ORDER BY since, received",
            device,
            format_timestamp(end),
        )
        words = self._query(
            "SELECT received, iif(online, 'online', 'offline'), '' FROM availability "
            "WHERE device = ? AND received < ? ORDER BY rowid",
            device,
            format_timestamp(end),
        )
        return ([self._state_change(row) for row in states], [self._state_change(row) for row in words])

    def _state_change(self, row: tuple[object, ...]) -> StateChange:
        return StateChange(self._moment(row[0]), str(row[1]), str(row[2]))

    def _moment(self, text: object) -> datetime:
        try:
            return parse_timestamp(str(text))
        except ValueError:
            raise EdgeError(f"{self._path}: {text!r} is no time", "another program changed the file") from None

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
    if observed is not None and not all(0 <= _whole(n) <= MAX_COUNT for n in observed.values()):
        raise ValueError
    shares = _json(estimate) if "estimate" not in hidden else None
    if mode not in ("headcount", "facing", "emotions"):
        raise ValueError
    return WindowRecord(
        epoch=str(epoch), seq=_whole(seq), start=parse_timestamp(str(start)), end=parse_timestamp(str(end)),
        mode=mode, replayed=bool(replayed), frames=_whole(frames),
        total=_whole(total) if figures else None, mean=float(str(mean)) if figures else None,
        low=_whole(low) if figures else None, high=_whole(high) if figures else None,
        facing=Facing(**_json(facing)) if facing is not None and "facing" not in hidden else None,
        counts=observed,
        unclassified=Unclassified(**_json(unclassified)) if unclassified is not None and observed is not None else None,
        estimate=shares and {
            str(name): ShareRange(float(each["share"]), float(each["low"]), float(each["high"]))
            for name, each in shares.items()
        },
        estimate_absent=cast("EstimateAbsent | None", absent) if observed is not None else None, withheld=withheld,
        coverage=float(str(coverage)), clock_synced=bool(synced),
    )  # fmt: skip


def _json(text: object) -> Any:  # noqa: ANN401 - whatever stands in the file
    return None if text is None else json.loads(str(text))


def _whole(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError
    return value
