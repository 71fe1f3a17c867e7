"""What reports, pages and exports need of a recording, whether it is a file or a school in a database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple, Protocol

from edge.errors import EdgeError
from edge.recording.deletion_requests import Request
from edge.recording.places import Place
from edge.recording.rollups import Bucket
from edge.recording.window_record import WindowRecord


@dataclass(frozen=True)
class StateChange:
    """What a device said about itself: `running`, `paused`, `camera_lost`, `throttled`, `online` or `offline`."""

    since: datetime
    mode: str
    reason: str


class WindowsOfDay(NamedTuple):
    """The windows of a device that begin on a day of UTC; they never change: this tells whether some came or went.

    Attributes:
        windows: How many there are.
        received: When the last of them came, as text.
        numbers: The sum of their numbers.
    """

    day: date
    windows: int
    received: str
    numbers: int


class Recorded(Protocol):
    """Windows and states of devices, between two moments. Every method may raise EdgeError."""

    def start(self) -> None:
        """Open it."""

    def stop(self) -> None:
        """Close it."""

    @property
    def source(self) -> str:
        """Which recording it is, in words: its name, wherever it moves to."""

    @property
    def identity(self) -> str:
        """Which it is, whatever it is called: random, and kept in it; "" where an older version made it."""

    @property
    def caveat(self) -> str:
        """What may be missing from it, in a sentence; "": nothing that we know of."""

    def names(self) -> list[str]:
        """The devices of which anything was recorded, in order."""

    def has(self, device: str) -> bool:
        """Whether anything of a device was recorded."""

    def newest(self, device: str) -> datetime | None:
        """When the last window of a device ended; None without any."""

    def devices(self) -> dict[str, tuple[datetime, datetime]]:
        """The devices by name, each with the start of its first window and the end of its last."""

    def windows(self, device: str, start: datetime, end: datetime) -> Iterator[WindowRecord]:
        """The windows that begin in a period, in order."""

    def rows(self, device: str, start: datetime, end: datetime) -> Iterator[tuple[object, ...]]:
        """The same as a file has them: the values of `COLUMNS`."""

    def windows_by_day(self, device: str, start: datetime, end: datetime) -> list[WindowsOfDay]:
        """What there is of each day on which windows of a period begin, in order."""

    def buckets(self, device: str, start: datetime, end: datetime) -> Iterator[Bucket]:
        """The roll-ups whose five minutes begin in a period, in order.

        Days (UTC) with more of them than an honest room has are left out.
        """

    def beside(self, device: str, moment: datetime, *, before: bool) -> list[Bucket]:
        """The roll-ups of the five minutes that are nearest to a moment; none where there is nothing.

        Args:
            device: Whose.
            moment: In UTC.
            before: The newest five minutes that begin before it; else the oldest that begin then or later.
        """

    def days(self, device: str, start: datetime, end: datetime) -> Iterator[Bucket]:
        """The same windows as `buckets`, in as few parts as there are; and days that have outlived their five minutes.

        Such a day (UTC) cannot be divided: it is of the period that has the middle of its recorded time.
        """

    def kept_days(self, device: str, start: datetime, end: datetime) -> list[Bucket]:
        """The days (UTC) that have outlived their five minutes, and have some window in a period, in order.

        `buckets` and `windows` have nothing of them.
        """

    def newest_request(self) -> Request | None:
        """What was asked to be deleted last; None: nothing was."""

    def requests(self) -> Iterator[Request]:
        """All that was asked to be deleted, in the order of the starts."""

    def state_changes(self, device: str, end: datetime) -> tuple[list[StateChange], list[StateChange]]:
        """The newest states that the device reported until a moment, and its availability, each in order."""

    def places(self, device: str, end: datetime) -> list[Place]:
        """What was hidden or left out of the device's picture until a moment, in order."""

    def damaged(self, row: Sequence[object]) -> EdgeError:
        """To be raised for a row that `edge record` did not write."""
