"""How long ago something was, on a machine whose time of day may jump by years when somebody sets it."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from pathlib import Path

from edge.timing.clock import clock_synced

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_UNKNOWN_BOOT = secrets.token_hex(8)


@dataclass(frozen=True)
class TimePoint:
    """A point in time, as far as this machine knows it."""

    boot: str  # which start of the machine
    uptime: float  # seconds since then, sleep included: never jumps
    unix: float  # the time of day: jumps when it is set
    synced: bool  # whether the system vouches for the time of day


def boot_id() -> str:
    """Which start of the machine this is."""
    try:
        return _BOOT_ID.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return _UNKNOWN_BOOT  # then what this run stores differs from all else, which is enough


def uptime() -> float:
    """Seconds since the machine was started, sleep included: nobody can set that."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def moment() -> TimePoint:
    """This moment."""
    return TimePoint(boot_id(), uptime(), time.time(), clock_synced())


def age(then: TimePoint, now: TimePoint) -> float:
    """Seconds that have passed for certain; never too many, whatever the time of day does.

    Within one start of the machine the uptime tells exactly. From before that, only two times of day that the system
    vouched for can be compared; without them it is as old as this start, at least. So a clock that was at 1970 and is
    set by years makes nothing old, and one that is set back keeps nothing for longer than one uptime.
    """
    if then.boot == now.boot:
        return max(0.0, now.uptime - then.uptime)
    if then.synced and now.synced:
        return max(now.uptime, now.unix - then.unix)
    return now.uptime
