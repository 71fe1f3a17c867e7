"""Time as the daemon sees it: monotonic for lengths, UTC only for stamps."""

from __future__ import annotations

import ctypes
import time
from collections import deque
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Protocol

SYNCHRONISED = Path("/run/systemd/timesync/synchronized")  # see systemd-timesyncd(8): there since the first time
CLOCK_SET = timedelta(seconds=0.5)  # a larger step than this is somebody setting the clock
STEP = timedelta(minutes=1)  # set forward by more than this, what was passed over is free for a clock that is set back
MOST_STEPS = 100  # that are remembered
TIME_ERROR = 5  # what the kernel returns while its clock is not set: see adjtimex(2)


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


class Timestamps:
    """Gives stretches of monotonic time their time of day, so that no two overlap, whatever the clock does.

    A clock set forward moves all later stamps at once. So does one set back to a time that has no stamps, as when it
    was ahead for a moment. One set back to a time that has stamps would have the same minutes twice: stamps then follow
    on those, and take the new time at the next gap that is long enough, or restart.

    Args:
        clock: Both clocks.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._zero: datetime | None = None  # the time of day at monotonic 0, as of the last stamps
        # What has stamps, and the gaps in it, from one step of the clock to the next; the last one goes on.
        self._given: deque[tuple[datetime, datetime]] = deque(maxlen=MOST_STEPS)

    def span(self, start: float, end: float) -> tuple[datetime, datetime]:
        """The time of day of a stretch of monotonic seconds that begins no earlier than the last one ended."""
        before, zero = self._zero, self._real_zero()
        # Small differences are the clock being slewed: a window ends when the next begins.
        if before is not None and abs(zero - before) <= CLOCK_SET:
            zero = before
        length = timedelta(seconds=end - start)
        began = zero + timedelta(seconds=start)
        for first, last in sorted(self._given):
            if began < last and began + length > first:
                zero += last - began
                began = last
        self._zero = zero
        self._keep(began, began + length, stepped=before is None or zero - before > STEP)
        return began, began + length

    def _keep(self, began: datetime, ended: datetime, *, stepped: bool) -> None:
        if stepped or began < self._given[-1][1]:
            self._given.append((began, ended))
        else:
            self._given[-1] = (self._given[-1][0], ended)

    @property
    def true(self) -> bool:
        """Whether stamps are what the clock says."""
        return self._zero is None or abs(self._real_zero() - self._zero) <= CLOCK_SET

    def _real_zero(self) -> datetime:
        return self._clock.utc() - timedelta(seconds=self._clock.monotonic())


def clock_synced() -> bool:
    """Whether the system says that its clock is set (by NTP or the like); False where it does not say."""
    # The sign of systemd-timesyncd stays; the kernel's answer, which every time service can give, ends some hours
    # after the last server was reached. A service may be forbidden to ask the kernel (ProtectClock=).
    return SYNCHRONISED.exists() or 0 <= _kernel_state() < TIME_ERROR


def _kernel_state() -> int:
    """What adjtimex(2) returns; -1 where it cannot be asked."""
    try:
        # An all-zero request changes nothing.
        return int(ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512)))
    except (OSError, AttributeError):
        return -1
