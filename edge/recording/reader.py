"""What is in a recording: windows and states of a device, between two moments."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from edge.contract.timestamps import format_timestamp
from edge.contract.validation import MAX_COUNT, moment
from edge.errors import ConfigError, EdgeError
from edge.recording.database import check_header, explain

COLUMNS = (
    'device, epoch, seq, start, "end", seconds, received, replayed, suppressed, frames, faces_total, faces_mean, '
    "faces_min, faces_max, counts, estimate, coverage, too_small, clock_synced, model_faces, model_emotions"
)
BUSY_SECONDS = 10.0


@dataclass(frozen=True)
class Interval:
    """A share with its 90 % interval, each 0..1."""

    share: float
    low: float
    high: float


@dataclass(frozen=True)
class Recorded:
    """A window as it was recorded; figures about people are None where it was suppressed.

    Attributes:
        emotions: Whether emotions were named at all, not only faces counted.
    """

    epoch: str
    seq: int
    start: datetime
    end: datetime
    replayed: bool
    suppressed: bool
    frames: int
    total: int | None
    mean: float | None
    low: int | None
    high: int | None
    counts: dict[str, int] | None
    estimate: dict[str, Interval] | None
    coverage: float
    clock_synced: bool
    emotions: bool


@dataclass(frozen=True)
class StateChange:
    """What a device said about itself: `running`, `paused`, `camera_lost`, `throttled`, `online` or `offline`."""

    since: datetime
    mode: str
    reason: str


class Recording:
    """A file of `edge record`, to be read while it may be written.

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
            check_header(self._database, self._path)
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

    def windows(self, device: str, start: datetime, end: datetime) -> Iterator[Recorded]:
        """The windows that begin in a period, in order."""
        for row in self.rows(device, start, end):
            try:
                yield _window(row)
            except (ValueError, TypeError, KeyError, AttributeError):
                raise EdgeError(
                    f"{self._path}: window {row[2]!r} of {device} is damaged", "somebody else has written there"
                ) from None

    def rows(self, device: str, start: datetime, end: datetime) -> Iterator[tuple[object, ...]]:
        """The same as they are stored: the values of `COLUMNS`."""
        query = f"SELECT {COLUMNS} FROM windows WHERE device = ? AND start >= ? AND start < ? ORDER BY start, seq"  # noqa: S608
        return self._query(query, device, format_timestamp(start), format_timestamp(end))

    def told(self, device: str, end: datetime) -> tuple[list[StateChange], list[StateChange]]:
        """The states that the device told until a moment, and its availability, each in order."""
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
        return ([self._told(row) for row in states], [self._told(row) for row in words])

    def _told(self, row: tuple[object, ...]) -> StateChange:
        return StateChange(self._moment(row[0]), str(row[1]), str(row[2]))

    def _moment(self, text: object) -> datetime:
        try:
            return moment(str(text))
        except ValueError:
            raise EdgeError(f"{self._path}: {text!r} is no time", "somebody else has written there") from None

    def _query(self, query: str, *values: object) -> Iterator[tuple[object, ...]]:
        if self._database is None:
            raise EdgeError(f"{self._path} is not open")
        try:
            yield from self._database.execute(query, values)
        except sqlite3.Error as error:
            raise explain(error, self._path) from None


def _window(row: tuple[object, ...]) -> Recorded:
    (_, epoch, seq, start, end, _, _, replayed, suppressed, frames, total, mean, low, high, counts, estimate, coverage,
     _, synced, _, emotions) = row  # fmt: skip
    shown = json.loads(str(counts)) if counts is not None and not suppressed else None
    if shown is not None and not all(0 <= _whole(n) <= MAX_COUNT for n in shown.values()):
        raise ValueError
    shares = json.loads(str(estimate)) if estimate is not None and not suppressed else None
    return Recorded(
        epoch=str(epoch), seq=_whole(seq), start=moment(str(start)), end=moment(str(end)),
        replayed=bool(replayed), suppressed=bool(suppressed), frames=_whole(frames),
        total=None if suppressed else _whole(total), mean=None if suppressed else float(str(mean)),
        low=None if suppressed else _whole(low), high=None if suppressed else _whole(high),
        counts=shown,
        estimate=shares and {
            str(name): Interval(float(each["share"]), float(each["low"]), float(each["high"]))
            for name, each in shares.items()
        },
        coverage=float(str(coverage)), clock_synced=bool(synced), emotions=emotions is not None,
    )  # fmt: skip


def _whole(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError
    return value
