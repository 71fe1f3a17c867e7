"""This machine's time zone as it is set now: a new Raspberry Pi starts in UTC, and somebody sets it while we run."""

from __future__ import annotations

import functools
import io
import os
import re
import time
import zoneinfo
from pathlib import Path

from edge.files.bounded_read import read_file
from edge.text import printable
from edge.timing.zone_names import NO_ZONE, zone_named

LOCAL = Path("/etc/localtime")
ZONES = Path("/usr/share/zoneinfo")
LARGEST = 200_000  # bytes of a file of a zone; the largest of tzdata has 3,940
# A zone written out (POSIX): CET-1CEST,M3.5.0,M10.5.0/3. That one is a day from UTC, Python does not believe.
_RULE = re.compile(r"(<[-+\w]+>|[A-Za-z]{3,})[-+]?([01]?\d|2[0-3])(?!\d)")


def refresh_local_zone() -> None:
    """Let every later conversion to local time follow what is set now; without this a process keeps its first zone."""
    if os.environ.get("TZ", "").removeprefix(":") == str(LOCAL):
        del os.environ["TZ"]  # the same file, which the C library would not look at again
    time.tzset()


def local_zone_problem() -> str:
    """Why this machine's time zone is not the one that somebody has set, and what to do; empty: it is.

    The C library says nothing then and uses UTC.
    """
    name = os.environ.get("TZ", "").removeprefix(":")
    if "TZ" not in os.environ or name == str(LOCAL):
        if not os.path.lexists(LOCAL) or not (reason := _why_no_zone(LOCAL)):
            return ""
        if not os.path.exists(LOCAL):  # noqa: PTH110 - where its folder cannot be read, too
            name = os.path.realpath(LOCAL).partition("/zoneinfo/")[2]
            return f"{LOCAL} names a time zone that is not there: {_remedy(name)} (timedatectl set-timezone)"
        return f"{LOCAL} is no time zone to this user ({reason}): set one (timedatectl set-timezone; in a container TZ)"
    folder = Path(os.environ.get("TZDIR") or ZONES)
    if not name or _RULE.match(name) or not _why_no_zone(folder / name):
        return ""
    return f"TZ={printable(name)} names no time zone: {_remedy(name)}"


def schedule_zone_problem() -> str:
    """As `local_zone_problem`, and also where nobody has set a time zone, as in a container; empty: somebody has.

    Whoever writes 12:00 into a schedule does not mean UTC unless they say so.
    """
    name = os.environ.get("TZ", "").removeprefix(":")
    if name in ("", str(LOCAL)) and not os.path.lexists(LOCAL):
        return f"no time zone is set on this machine (no {LOCAL}, no TZ): set TZ, as Europe/Berlin"
    if not name and "TZ" in os.environ:
        return "TZ is set and empty, which is UTC to every program: unset it, or name a zone, as Europe/Berlin"
    return local_zone_problem()


def zone_of_file(path: Path) -> str | None:
    """The name of the zone that a file, or a link to one such as `LOCAL`, has; None: it tells none."""
    return os.path.realpath(path).partition("/zoneinfo/")[2] or None


def _why_no_zone(path: Path) -> str:
    """Why the C library would take a file for UTC, in words; empty: it is that of a zone."""
    try:
        return "" if _is_zone(read_file(path, LARGEST)) else "damaged, or the file of something else"
    except OSError as error:
        return error.strerror or str(error)


class _Whole(io.BytesIO):
    """Python looks for the end of the last line for ever where a file of a zone was cut short there."""

    def read(self, size: int | None = -1, /) -> bytes:
        if not (found := super().read(size)) and size:
            raise ValueError("it was cut short")
        return found


@functools.lru_cache(maxsize=4)  # asked several times a second
def _is_zone(content: bytes) -> bool:
    try:
        zoneinfo.ZoneInfo.from_file(_Whole(content))
    except NO_ZONE:
        return False
    return True


def _remedy(name: str) -> str:
    try:
        zone_named(name)
    except ValueError as error:
        return str(error)
    return "install it: apt-get install tzdata"
