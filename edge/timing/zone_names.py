"""Time zones by their names, and what to write instead of one that is not known."""

from __future__ import annotations

import difflib
import functools
import io
import os
import re
import struct
import time
import zoneinfo
from datetime import datetime
from pathlib import Path

from edge.files.bounded_read import read_file
from edge.text import Sentence, mark
from edge.timing.old_zone_names import SUCCESSORS, successor

LONGEST = 64  # characters of a name
LARGEST = 200_000  # bytes of a file of a zone; the largest of tzdata has 3,940
MONTH = 2_629_746  # seconds
NO_ZONE = (OSError, ValueError, KeyError, IndexError, AssertionError, OverflowError, MemoryError, struct.error)
"""What Python raises for a file that is none of a zone, or a damaged one."""
SHORT_FORM = re.compile(r"[a-z]{2,5}([+-]\d{1,2})?", re.IGNORECASE)  # MEZ, CET+1: alike by letters, not by sense


def zone_named(name: str) -> zoneinfo.ZoneInfo:
    """A time zone by name, from this machine's data base of them. Raises ValueError."""
    if len(name) > LONGEST:
        raise ValueError(mark("there is no such time zone; write one as Europe/Berlin"))
    files = (f"{folder}/{name}" for folder in zoneinfo.TZPATH)
    found = next(filter(os.path.isfile, files), None)
    if found and (reason := why_no_zone(Path(found))):  # Python might read in it for ever
        raise ValueError(f"{found} is no time zone ({reason}): name another, or apt-get install --reinstall tzdata")
    try:
        return zoneinfo.ZoneInfo(name)
    except NO_ZONE:  # a folder of them, a path, none of that name
        known = zoneinfo.available_timezones()
    if not known:
        raise ValueError(mark("this machine knows no time zones; install them: apt-get install tzdata"))
    if (new := successor(name)) in known:
        raise ValueError(Sentence("it is an old name that this machine does not know; write {name}", {"name": new}))
    # An old name that was mistyped is answered with the new one, also where the old one is still known.
    alike = {each.casefold(): each for each in known} | {old: new for old, new in SUCCESSORS.items() if new in known}
    short = SHORT_FORM.fullmatch(name) and name.casefold() not in alike
    near = [] if short else difflib.get_close_matches(name.casefold(), alike, n=1)
    if near:
        raise ValueError(Sentence("there is no such time zone; did you mean {name}?", {"name": alike[near[0]]}))
    raise ValueError(mark("there is no such time zone; write one by a city, as Europe/Berlin"))


def why_no_zone(path: Path, *, taken_for_utc: bool = False) -> str:
    """Why the C library would take a file for UTC, in words; empty: it is that of a zone.

    Args:
        path: The file.
        taken_for_utc: Whether it does: of a damaged file Python may still read what it does not.
    """
    try:
        ahead = _ahead(read_file(path, LARGEST), moments())
    except OSError as error:
        return error.strerror or str(error)
    return "damaged, or the file of something else" if ahead is None or (ahead and taken_for_utc) else ""


def moments() -> tuple[float, ...]:
    """One of each month to come: in a zone that is not UTC there is a difference in one of them."""
    first = time.time() // MONTH
    return tuple((first + month) * MONTH for month in range(12))


class _Whole(io.BytesIO):
    """Python looks for the end of the last line for ever where a file of a zone was cut short there."""

    def read(self, size: int | None = -1, /) -> bytes:
        if not (found := super().read(size)) and size:
            raise ValueError("it was cut short")
        return found


@functools.lru_cache(maxsize=4)  # asked several times a second
def _ahead(content: bytes, moments: tuple[float, ...]) -> bool | None:
    """Whether a zone is ahead of UTC, or behind it, in one of these moments; None: it is none."""
    try:
        zone = zoneinfo.ZoneInfo.from_file(_Whole(content))
        ahead = [datetime.fromtimestamp(moment, zone).utcoffset() for moment in moments]
    except NO_ZONE:
        return None
    return any(ahead)
