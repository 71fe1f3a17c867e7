"""What a device last said of itself before the end of a deleted time, which is needed to read what comes later.

Without it an earlier word would be in force again: a pause that ended in the deleted time, for hours after it. It is
kept as said at the end, without a reason, also where it was said before the time: that nothing changed in it is part of
what was deleted.
"""

from __future__ import annotations

import sqlite3

_KEEP_STATE = """
INSERT INTO states SELECT device, :ends, mode, '', :said FROM states
WHERE device = :device AND since < :ends
AND NOT EXISTS (SELECT 1 FROM states WHERE device = :device AND since = :ends)
AND NOT EXISTS (SELECT 1 FROM deletions WHERE (device IS NULL OR device = :device)
    AND coalesce(start, '') <= :ends AND coalesce("end", asked) > :ends
    AND strftime('%Y-%m-%dT%H:%M:%fZ', asked, '+1 day') > :ends)
ORDER BY since DESC, received DESC LIMIT 1
"""
# In its place: of availability the order of arrival counts.
_KEEP_AVAILABILITY = """
UPDATE availability SET received = :said WHERE rowid = (SELECT MAX(rowid) FROM availability
    WHERE device = :device AND received >= :begins AND received < :said)
"""


def keep_lasting_words(database: sqlite3.Connection, device: str, begins: str, ends: str, now: str) -> str:
    """Keep them of a time that is about to be deleted, within the caller's transaction.

    No state is kept where another deletion goes on at the end, which has one of its own.

    Args:
        database: The file.
        device: Whose.
        begins: Of the time, as text.
        ends: Its end.
        now: The time may go on: availability is then kept as of now.

    Returns:
        When availability is kept as received, as text.
    """
    values = {"device": device, "begins": begins, "ends": ends, "said": min(ends, now)}
    database.execute(_KEEP_STATE, values)
    database.execute(_KEEP_AVAILABILITY, values)
    return values["said"]
