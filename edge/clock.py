"""Time as the daemon sees it: monotonic for lengths, UTC only for stamps."""

from __future__ import annotations

import ctypes
import time
from datetime import datetime, timezone
from typing import Protocol


class Clock(Protocol):
    """Passed in wherever time is needed, so that tests can choose it."""

    def monotonic(self) -> float:
        """Seconds that only ever grow."""

    def utc(self) -> datetime:
        """The time of day, with time zone UTC; may jump."""


class SystemClock:
    """The clock of this machine."""

    def monotonic(self) -> float:
        """Seconds that only ever grow."""
        return time.monotonic()

    def utc(self) -> datetime:
        """The time of day, with time zone UTC; may jump."""
        return datetime.now(timezone.utc)


def stamp(moment: datetime) -> str:
    """RFC 3339 in UTC with milliseconds: 2026-10-04T08:15:00.000Z."""
    return moment.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def clock_synced() -> bool:
    """Whether the system says that its clock is set (by NTP or the like); False where it does not say."""
    try:
        # adjtimex(2) with an all-zero request changes nothing and returns TIME_ERROR while the clock is not set.
        buffer = ctypes.create_string_buffer(512)
        state = int(ctypes.CDLL(None).adjtimex(buffer))
    except (OSError, AttributeError):
        return False
    return 0 <= state < 5
