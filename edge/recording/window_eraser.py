"""What `edge delete` needs of whatever keeps windows: a SQLite file, or a PostgreSQL database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

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


class Affected(NamedTuple):
    """What a request takes.

    Attributes:
        windows: All that go, also those of which only sums are left.
        newest: When the newest of those ended that are there as such; None: there is none.
        summed: How many of them are there only as sums, of five minutes or of a day.
        whole: Start and end of sums that reach beyond the time, in order: they cannot be divided, and go as a whole.
    """

    windows: int
    newest: datetime | None
    summed: int
    whole: list[tuple[datetime, datetime]]


def together(parts: Iterable[Affected]) -> Affected:
    """What a request takes of several devices."""
    found = list(parts)
    return Affected(
        sum(each.windows for each in found),
        max((each.newest for each in found if each.newest), default=None),
        sum(each.summed for each in found),
        sorted({span for each in found for span in each.whole}),
    )


def counts_from(
    end: datetime | None, last: datetime | None, newest: datetime | None, now: datetime, *, synced: bool
) -> datetime:
    """When a request counts as asked for, whichever way our clock may be wrong.

    Until then what still comes is left out, and of a time with an end until a day later. With a clock that is ahead
    that would be what is measured in days to come, and with one that is behind, nothing of a time that was named.

    Args:
        end: Of the time that is to be deleted; None: to the last.
        last: When what is recorded came last; None: nothing is there.
        newest: When the newest window of the time ended; None: there is none.
        now: What the clock shows.
        synced: Whether that is set.
    """
    if end is not None and newest is not None:  # what was named goes no further, whatever a room's clock says
        last = max(last or now, min(newest, end))
    if last is None or (synced and end is None):
        return now
    doubted = not synced and now - last > AHEAD and (end is None or end > last)
    return last if doubted else max(now, last)


class WindowEraser(Protocol):
    """Deletes beside recorders that go on. Every method may raise ConfigError and DiskError."""

    def start(self) -> None:
        """Open it: what there is, of this version."""

    def stop(self) -> None:
        """Close it."""

    def devices(self) -> list[str]:
        """All devices of which anything is known, in order."""

    def count(self, device: str | None, start: datetime | None, end: datetime | None) -> Affected:
        """What would be deleted."""

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
            How many windows were deleted, also those of which only sums were left, and whether no byte of them is
            left where they were kept.
        """

    def deletions(self) -> Iterator[Deletion]:
        """All that were asked for, in order."""
