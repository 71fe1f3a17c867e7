"""Time zones by their names, and what to write instead of one that is not known."""

from __future__ import annotations

import difflib
import re
import zoneinfo

from edge.timing.old_zone_names import SUCCESSORS, successor

LONGEST = 64  # characters of a name
SHORT_FORM = re.compile(r"[a-z]{2,5}([+-]\d{1,2})?", re.IGNORECASE)  # MEZ, CET+1: alike by letters, not by sense


def zone_named(name: str) -> zoneinfo.ZoneInfo:
    """A time zone by name, from this machine's data base of them. Raises ValueError."""
    if len(name) > LONGEST:
        raise ValueError("there is no such time zone; write one as Europe/Berlin")
    try:
        return zoneinfo.ZoneInfo(name)
    except (OSError, ValueError, KeyError):  # a folder of them, a path, none of that name
        known = zoneinfo.available_timezones()
    if not known:
        raise ValueError("this machine knows no time zones; install them: apt-get install tzdata")
    if (new := successor(name)) in known:
        raise ValueError(f"it is an old name that this machine does not know; write {new}")
    # An old name that was mistyped is answered with the new one, also where the old one is still known.
    alike = {each.casefold(): each for each in known} | {old: new for old, new in SUCCESSORS.items() if new in known}
    short = SHORT_FORM.fullmatch(name) and name.casefold() not in alike
    near = [] if short else difflib.get_close_matches(name.casefold(), alike, n=1)
    hint = f"did you mean {alike[near[0]]}?" if near else "write one by a city, as Europe/Berlin"
    raise ValueError(f"there is no such time zone; {hint}")
