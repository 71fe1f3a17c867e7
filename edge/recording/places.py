"""What was hidden, counted or withheld, and since when: lessons are comparable only where that is the same.

`info` says it without a time. It changed after the newest window that was there when it came, and before it was heard.
Windows that were stored since count as later: after an outage hundreds come together, on either side of it.
"""

from __future__ import annotations

import re
import sqlite3
from dataclasses import dataclass
from datetime import datetime

from edge.contract.machine_messages import MachineInfo
from edge.contract.timestamps import format_timestamp
from edge.recording.deleted_spans import EVER
from edge.recording.retention import AHEAD

MOST = 500  # changes of a device that are kept
MOST_WINDOWS = 2100  # the newest that are looked at: of a device that come together, and more
TABLE = """
CREATE TABLE places (
    device TEXT NOT NULL, after TEXT NOT NULL, heard TEXT NOT NULL, place TEXT NOT NULL, masked REAL NOT NULL
);
CREATE INDEX places_by_time ON places (device, heard)
"""
SELECT_PLACES = """
SELECT substr(after, 1, 30), substr(heard, 1, 30), substr(place, 1, 30), masked FROM places
WHERE device = ? AND heard < ? ORDER BY rowid DESC LIMIT ?
"""
_INSERT = """
INSERT INTO places SELECT ?1, coalesce((SELECT MAX("end") FROM
    (SELECT "end" FROM (SELECT "end", start, received FROM windows WHERE device = ?1 AND start < ?8
        ORDER BY start DESC LIMIT ?7)
    WHERE received < ?6 ORDER BY start DESC LIMIT 3)), ?2), ?3, ?4, ?5
WHERE ?4 IS NOT (SELECT place FROM places WHERE device = ?1 ORDER BY rowid DESC LIMIT 1)
OR ?4 IS NOT (SELECT place FROM places WHERE device = ?1 AND heard <= ?3 ORDER BY heard DESC, rowid DESC LIMIT 1)
"""
# What was heard later than now was heard by a clock that was ahead, else what is said now would not be the last word.
# More than a day later: now the clock is wrong, and what is not heard of yet is passed over by whoever reads.
_HEARD_BY_NOW = "UPDATE places SET heard = ?2 WHERE device = ?1 AND heard > ?2 AND heard <= ?3"
_BOUND = """
DELETE FROM places WHERE device = ?1 AND rowid <
    (SELECT rowid FROM places WHERE device = ?1 ORDER BY rowid DESC LIMIT 1 OFFSET ?2)
"""
_WRITTEN = re.compile("([0-9a-f]{8})?|([0-9a-f]{8}) ([1-9][0-9]{0,4}/[1-9][0-9]{0,4})")
_NOTHING_HIDDEN = "00000000"  # where the rules follow: a program that does not know these reads eight digits


@dataclass(frozen=True)
class Place:
    """What was in force from some moment on.

    Attributes:
        after: It began later than this; None: nobody knows how much later.
        heard: It was in force then.
        digest: As `info` has it in `place`; empty: nothing is hidden or left out.
        masked: Share of the picture that is blacked out, 0..1.
        policy: `privacy.min_faces` and `privacy.round_to`, as `5/1`; None: not known, as in older recordings.
    """

    after: datetime | None
    heard: datetime
    digest: str
    masked: float
    policy: str | None = None

    @classmethod
    def read(cls, after: datetime | None, heard: datetime, written: str, masked: float) -> Place:
        """The same from what `written_place` wrote. Raises ValueError for anything else."""
        found = _WRITTEN.fullmatch(written)
        if not found:
            raise ValueError
        alone, digest, policy = found.groups()
        return cls(after, heard, (alone or digest or "").replace(_NOTHING_HIDDEN, ""), masked, policy)


def written_place(info: MachineInfo) -> str:
    """What a device says of its picture and its rules, as it is stored: `place`, a space, `min_faces/round_to`."""
    if info.privacy is None:
        return info.place or ""
    return f"{info.place or _NOTHING_HIDDEN} {info.privacy.min_faces}/{info.privacy.round_to}"


def is_written_place(text: object) -> bool:
    """Whether it is what `written_place` writes."""
    return isinstance(text, str) and _WRITTEN.fullmatch(text) is not None


def store_place(database: sqlite3.Connection, device: str, info: MachineInfo, came: datetime, since: datetime) -> None:
    """Store what a device says of its picture and its rules where that is new, within the caller's transaction.

    Args:
        database: The file.
        device: Whose.
        info: What it says.
        came: When it is stored.
        since: What was stored from then on is of later.
    """
    heard, until, last = map(format_timestamp, (came, since, came + AHEAD))
    database.execute(_HEARD_BY_NOW, (device, heard, last))
    values = (device, EVER, heard, written_place(info), info.masked, until, MOST_WINDOWS, last)
    if database.execute(_INSERT, values).rowcount:
        database.execute(_BOUND, (device, MOST - 1))


def delete_places(database: sqlite3.Connection, device: str, begins: str, ends: str, *, all_of_it: bool) -> None:
    """Delete the changes in a time, within the caller's transaction.

    What was in force at its end is needed to compare what comes later: it is kept, as heard at the end.

    Args:
        database: The file.
        device: Whose.
        begins: Of the time, as text.
        ends: Its end.
        all_of_it: The device is deleted altogether.
    """
    span = (device, begins, ends)
    if not all_of_it:
        newest = "SELECT MAX(rowid) FROM places WHERE device = ?1 AND heard >= ?2 AND heard < ?3"
        database.execute(f"UPDATE places SET after = min(after, ?3), heard = ?3 WHERE rowid = ({newest})", span)  # noqa: S608
    database.execute("DELETE FROM places WHERE device = ? AND heard >= ? AND heard < ?", span)
