"""The roll-ups of windows that were recorded before there were any: made a stretch at a time, beside the recording.

What is made anew is made of the windows themselves: whatever was added meanwhile, and wherever it stopped.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Iterable, Iterator
from datetime import datetime

from edge.contract.timestamps import format_timestamp
from edge.recording import about
from edge.recording.rollups import WIDTH, bucket_of, replace_rollups
from edge.recording.window_record import WindowRecord
from edge.recording.window_row import BETWEEN, DAMAGED, moment, read_window

logger = logging.getLogger(__name__)

MOST = 3000  # windows at once: meanwhile none can be stored


def add_up_former(database: sqlite3.Connection, now: datetime) -> bool:
    """Make the next roll-ups, within the caller's transaction; whether there are more to make."""
    found = about.known(database, about.ROLLUPS_FROM)
    if found is None:
        return False
    device, begin = json.loads(found)
    first = database.execute("SELECT MIN(start) FROM windows WHERE device = ? AND start >= ?", (device, begin))
    start = first.fetchone()[0]
    if start is None:
        after = database.execute("SELECT MIN(device) FROM windows WHERE device > ?", (device,)).fetchone()[0]
        if after is None:
            about.forget(database, about.ROLLUPS_FROM)
            logger.info("all former windows are added up in roll-ups")
            return False
        if not isinstance(after, str):
            raise about.StrangeError("a window has a device that cannot be one")
        _remember(database, after, "")
        return True
    last = database.execute(
        "SELECT start FROM windows WHERE device = ? AND start >= ? ORDER BY start LIMIT 1 OFFSET ?",
        (device, start, MOST),
    ).fetchone()
    if last is None:
        last = database.execute("SELECT MAX(start) FROM windows WHERE device = ?", (device,)).fetchone()
    try:
        since, until = bucket_of(moment(start)), bucket_of(moment(last[0])) + WIDTH
    except DAMAGED:
        raise about.StrangeError("a window has a time that cannot be one") from None
    rows = database.execute(BETWEEN, (device, format_timestamp(since), format_timestamp(until)))
    replace_rollups(database, device, since, until, sound(rows), format_timestamp(now))
    _remember(database, device, format_timestamp(until))
    return True


def sound(rows: Iterable[tuple[object, ...]]) -> Iterator[WindowRecord]:
    """The windows of rows; what another program damaged is left out, and said by whoever reads it."""
    for row in rows:
        try:
            yield read_window(row)
        except DAMAGED:
            continue


def _remember(database: sqlite3.Connection, device: str, start: str) -> None:
    about.keep(database, about.ROLLUPS_FROM, json.dumps([device, start]))
