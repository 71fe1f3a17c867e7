"""What a recorder needs of whatever keeps its windows: a SQLite file, or a PostgreSQL database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from edge.contract.validation import DeviceMessage
from edge.errors import ConfigError
from edge.files.disk_errors import DiskError, FullError
from edge.recording.location import IfCopy
from edge.recording.retention import Retention
from edge.recording.retention_time import RetentionTime


class AwayError(DiskError):
    """A database server is away, busy, or has no room; as with a disk, it may work again later."""


class NoRoomError(AwayError, FullError):
    """A database server has no room."""


class OutdatedError(AwayError):
    """The tables have become those of a newer version: this one waits, until it is upgraded or they are as before."""


class IncompleteError(AwayError):
    """Tables that were there are missing, or are others: a dump may be about to be restored."""


class UnstorableError(ConfigError):
    """Something of what was given cannot be stored as it stands; the rest could be."""


class WindowStore(Protocol):
    """Keeps every window once; used by one thread.

    Every method may raise ConfigError (a person has to change something) and DiskError (it may work again later). After
    either nothing of the call was stored, and `start` has to be called again unless `is_open` says that it still is.
    """

    @property
    def is_open(self) -> bool:
        """Whether it can be used."""

    def start(self) -> None:
        """Open it; made when missing."""

    def stop(self) -> None:
        """Close it."""

    def check_room(self) -> None:
        """To be called before `store`. Raises FullError: there would be too little room left for others."""

    def store(
        self,
        messages: Sequence[DeviceMessage],
        now: datetime,
        not_before: datetime | None = None,
        since: datetime | None = None,
    ) -> int:
        """Store what is not there yet, all or nothing; it is safe when this returns.

        Args:
            messages: Windows, also those of a newer schema, states, availability and what the picture leaves out. Of
                what is no window, only what counts of all of them is stored (`edge.recording.device_words`).
            now: The time of day.
            not_before: When they came, if the clock is behind that; None: it is not.
            since: When what is no window came first; None: now. What the picture leaves out counts as having changed
                before all windows that were stored from then on.

        Returns:
            How many windows were new.

        Raises:
            UnstorableError: One of the messages is at fault.
        """

    def has_windows(self) -> bool:
        """Whether there are any windows. Not how many: to count a full-grown file takes minutes on a slow disk."""

    def windows_of_devices(self, most: int, enough: int) -> dict[str, int]:
        """The devices that have windows, or roll-ups of them, at most so many, and how many windows of each there are.

        Args:
            most: Devices.
            enough: Windows of a device beyond which it does not matter how many there are.
        """

    def add_up_former(self, now: datetime) -> bool:
        """Make some of the roll-ups that windows of an older version lack; whether there are more to make."""

    def add_up_days(self, now: datetime) -> bool:
        """Make some of the roll-ups of days that are over; whether there are more to make."""

    def end_long_readers(self) -> None:
        """Send readers away who let the disk fill, or report that there are some."""

    def retention_time(self, now: datetime) -> RetentionTime | None:
        """The time that deleting goes by, as it is kept, else by what is recorded; None: there is nothing.

        Args:
            now: What the clock shows.
        """

    def keep_retention_time(self, time: RetentionTime) -> None:
        """Keep the time that deleting goes by."""

    def prune(self, now: datetime, retention: Retention, by: datetime | None = None) -> tuple[int, bool]:
        """Delete some of what is too old.

        Args:
            now: What the clock shows.
            retention: How long what is there is kept.
            by: The time that it goes by; None: the clock.

        Returns:
            How many windows were deleted, and whether there may be more.
        """

    def default_begins(self, now: datetime) -> datetime:
        """When the default retention begins to apply; decided once."""

    def claim(self, if_copy: IfCopy | None) -> None:
        """Make sure that the sessions are ours, before anybody connects as them: a copy knows them as well.

        Args:
            if_copy: What to do if this is a copy; None: that is an error.
        """

    def client_ids(self, former: str) -> tuple[str, str | None]:
        """The random MQTT client id of this recording, and that of a session of version 0.1 still to be ended.

        Args:
            former: What version 0.1 called the session.
        """

    def shared_client_ids(self, share: str | None = None) -> list[str]:
        """Those of the sessions of several recorders, which share these windows; of one share: that nobody has."""

    def forget_shared(self, client_id: str) -> None:
        """One of these has been ended, and is nobody's unless a recorder has it now."""

    def forget_former(self) -> None:
        """The session of version 0.1 has been ended."""
