"""A request to delete that goes on: never more of a device at once than a recorder may wait for.

Whoever has locked a device of it after the request was committed knows that no recorder stores anything of its time.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from datetime import datetime

import psycopg

from edge.recording.deletion import REST
from edge.recording.five_minutes import AT_ONCE, as_texts

INFINITE = ("-infinity", "infinity")
"""Before and after every time."""
NOTE = "UPDATE edge.deletions SET windows = windows + %s WHERE id = %s"
LOCK = "SELECT 1 FROM edge.devices WHERE id = %s FOR NO KEY UPDATE"


class DeletionTask:
    """A request that goes on.

    Args:
        connection: Outside of a transaction.
        number: Of the request.
        start, end: As they were asked for.
        now: When that was.
    """

    def __init__(
        self, connection: psycopg.Connection, number: int, start: datetime | None, end: datetime | None, now: datetime
    ) -> None:
        self.connection, self.number, self.start, self.end, self.now = connection, number, start, end, now
        self.begins, self.ends = as_texts(start, end, INFINITE)

    @contextlib.contextmanager
    def locked(self, device: int) -> Iterator[psycopg.Connection]:
        """A transaction in which no recorder stores anything of a device."""
        with self.connection.transaction():
            self.connection.execute(LOCK, (device,))
            yield self.connection

    def note(self, windows: int) -> None:
        """Record that so many more windows are gone, of which only sums were left."""
        self.connection.execute(NOTE, (windows, self.number))

    def repeat(self, device: int, delete: Callable[[int], int]) -> int:
        """Delete until there is no more, each time with the device locked; how many rows.

        Args:
            device: Which.
            delete: Deletes at most so many rows; how many it did.
        """
        rows = 0
        while True:
            with self.locked(device):
                gone = delete(AT_ONCE)
            rows += gone
            if gone < AT_ONCE:
                return rows
            time.sleep(REST)  # a lock goes to whoever asks next, however long others have waited
