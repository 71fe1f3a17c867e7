"""This machine's time zone as it is set now: a new Raspberry Pi starts in UTC, and somebody sets it while we run."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

from edge.text import printable
from edge.timing.zone_names import moments, why_no_zone, zone_named

LOCAL = Path("/etc/localtime")
ZONES = Path("/usr/share/zoneinfo")
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
        if not os.path.lexists(LOCAL) or not (reason := _why_not_followed(LOCAL)):
            return ""
        if not os.path.exists(LOCAL):  # noqa: PTH110 - where its folder cannot be read, too
            name = os.path.realpath(LOCAL).partition("/zoneinfo/")[2]
            return f"{LOCAL} names a time zone that is not there: {_remedy(name)} (timedatectl set-timezone)"
        return f"{LOCAL} is no time zone to this user ({reason}): set one (timedatectl set-timezone; in a container TZ)"
    folder = Path(os.environ.get("TZDIR") or ZONES)
    if not name or _RULE.match(name) or not _why_not_followed(folder / name):
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


def _why_not_followed(path: Path) -> str:
    """Why local times of this process are not those of this file, its zone; empty: they are."""
    refresh_local_zone()
    return why_no_zone(path, taken_for_utc=not any(time.localtime(moment).tm_gmtoff for moment in moments()))


def _remedy(name: str) -> str:
    try:
        zone_named(name)
    except ValueError as error:
        return str(error)
    return "install it: apt-get install tzdata"
