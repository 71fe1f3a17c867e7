"""What `edge delete` needs of whatever keeps windows: a SQLite file, or a PostgreSQL database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from edge.recording.retention import AHEAD


@dataclass(frozen=True)
class Deletion:
    """What was deleted; None: of all devices, or without a beginning or an end.

    Attributes:
        finished: None: it was interrupted, and is to be asked for again.
    """

    asked: datetime
    by: str
    device: str | None
    start: datetime | None
    end: datetime | None
    windows: int
    finished: datetime | None


def counts_from(end: datetime | None, last: datetime | None, now: datetime, *, synced: bool) -> datetime | None:
    """When a request counts as asked for where our clock may be ahead: when something came last; None: now.

    Until then what still comes is left out; with a wrong clock that would be what is measured in days to come.

    Args:
        end: Of the time that is to be deleted; None: to the last.
        last: When what is recorded came last; None: nothing is there.
        now: What the clock shows.
        synced: Whether that is set.
    """
    if last is None or now - last <= AHEAD or synced or (end is not None and end <= last):
        return None
    return last


class WindowEraser(Protocol):
    """Deletes beside recorders that go on. Every method may raise ConfigError and DiskError."""

    def start(self) -> None:
        """Open it: what there is, of this version."""

    def stop(self) -> None:
        """Close it."""

    def devices(self) -> list[str]:
        """All devices of which anything is known, in order."""

    def count(self, device: str | None, start: datetime | None, end: datetime | None) -> int:
        """How many windows would be deleted."""

    def last_arrival(self) -> datetime | None:
        """When what is there came last; None: nothing is there."""

    def delete(
        self,
        device: str | None,
        start: datetime | None,
        end: datetime | None,
        by: str,
        now: datetime,
        asked: datetime | None = None,
    ) -> tuple[int, bool]:
        """Delete a time of a device, or of all; in small steps, so that a recorder waits for moments only.

        Args:
            device: None: all of them.
            start: None: from the first. What comes later of this time is not recorded any more.
            end: None: to the last; what is measured after it was asked for is recorded again.
            by: Who asked for it.
            now: The time of day.
            asked: When it counts as asked for (`counts_from`); None: now.

        Returns:
            How many windows were deleted, and whether no byte of them is left where they were kept.
        """

    def deletions(self) -> Iterator[Deletion]:
        """All that were asked for, in order."""
