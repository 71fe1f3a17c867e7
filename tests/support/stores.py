"""Both kinds of storage, so that the same tests can ask the same of them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from edge.contract.payloads import WindowPayload
from edge.contract.timestamps import format_timestamp
from edge.contract.validation import DeviceMessage
from edge.recording.deletion import Eraser
from edge.recording.recorded import Recorded
from edge.recording.stores import Target, make_reader, make_store
from edge.recording.window_store import WindowStore
from tests.support.postgres import PostgresServer


@dataclass
class Place:
    """Where windows are kept in a test.

    Attributes:
        server: None: it is a file.
        database: The name of the database.
    """

    target: Target
    server: PostgresServer | None = None
    database: str = ""

    @contextlib.contextmanager
    def opened(self, prefix: str = "classroom") -> Iterator[WindowStore]:
        """A store that is open."""
        store = make_store(self.target, prefix)
        store.start()
        try:
            yield store
        finally:
            store.stop()

    @contextlib.contextmanager
    def read(self) -> Iterator[Recorded]:
        """A reader that is open."""
        recording = make_reader(self.target)
        recording.start()
        try:
            yield recording
        finally:
            recording.stop()

    def ask_deletion(self, device: str | None, start: datetime | None, end: datetime | None, now: datetime) -> None:
        """Have what comes later of this time left out."""
        if isinstance(self.target, Path):
            eraser = Eraser(self.target)
            eraser.start()
            eraser.delete(device, start, end, "anna", now)
            eraser.stop()
            return
        assert self.server
        asked, name, begins, ends = (
            "NULL" if value is None else f"'{value if isinstance(value, str) else format_timestamp(value)}'"
            for value in (now, device, start, end)
        )
        self.server.sql(
            'INSERT INTO edge.deletions (school, asked, by, device, start, "end", windows) '  # noqa: S608
            f"SELECT id, {asked}, 'anna', {name}, {begins}, {ends}, 0 FROM edge.schools",
            database=self.database,
        )


def as_messages(windows: Sequence[WindowPayload]) -> list[DeviceMessage]:
    """Windows as a recorder hands them over."""
    return [DeviceMessage(each.device, "window", each, "edge.window/2") for each in windows]
