"""The newest window of each device: one that is newer and has no higher number uses a number twice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

import psycopg

from edge.contract.numbering import begins_again
from edge.recording.window_record import WindowRecord

FIND = """
SELECT d, w.epoch, w.seq, w.start FROM unnest(%s::int4[]) AS d CROSS JOIN LATERAL
    (SELECT epoch, seq, start FROM edge.windows WHERE device = d ORDER BY start DESC LIMIT 1) AS w
"""


class NewestWindows:
    """Follows them. The database need not be asked for every window: its key begins with the start."""

    def __init__(self) -> None:
        self._newest: dict[int, tuple[str, int, datetime]] = {}  # epoch, number and start
        self._asked: set[int] = set()

    def prepare(self, connection: psycopg.Connection, devices: Iterable[int]) -> None:
        """Ask for those of devices that are not known yet, before others are stored."""
        new = sorted(set(devices) - self._asked)
        if new:
            self._asked.update(new)
            for device, *window in connection.execute(FIND, (new,)):
                epoch, seq, start = window
                self._newest[device] = epoch, seq, start

    def find_used_twice(self, windows: Mapping[int, Iterable[WindowRecord]]) -> list[int]:
        """Take note of new windows by device, in the order in which they came; the devices that use numbers twice."""
        found = []
        for device, records in windows.items():
            for record in records:
                before = self._newest.get(device)
                if not record.clock_synced or (before is not None and record.start <= before[2]):
                    continue
                if before and record.epoch == before[0] and begins_again(record.seq, record.start, *before[1:]):
                    found.append(device)
                self._newest[device] = record.epoch, record.seq, record.start
        return found

    def forget(self) -> None:
        """Ask the database again."""
        self._newest.clear()
        self._asked.clear()
