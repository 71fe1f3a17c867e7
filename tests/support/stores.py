"""Both kinds of storage, so that the same tests can ask the same of them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from edge.contract.payloads import WindowPayload
from edge.contract.validation import DeviceMessage
from edge.recording.database import Database
from edge.recording.postgres.store import PostgresStore
from edge.recording.recorded import Recorded
from edge.recording.stores import Target, make_eraser, make_reader, make_store
from edge.recording.window_eraser import WindowEraser
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

    @contextlib.contextmanager
    def erasing(self) -> Iterator[WindowEraser]:
        """An eraser that is open."""
        eraser = make_eraser(self.target)
        eraser.start()
        try:
            yield eraser
        finally:
            eraser.stop()

    def sql(self, *statements: str) -> list[str]:
        """What the superuser of the server sees in the database, line by line."""
        assert self.server is not None
        return self.server.sql(*statements, database=self.database).splitlines()

    def delete(self, device: str | None, start: datetime | None, end: datetime | None, now: datetime) -> int:
        """Delete a time, and have what comes later of it left out; how many windows are gone."""
        with self.erasing() as eraser:
            return eraser.delete(device, start, end, "anna", now)[0]


def as_messages(windows: Sequence[WindowPayload]) -> list[DeviceMessage]:
    """Windows as a recorder hands them over."""
    return [DeviceMessage(each.device, "window", each, "edge.window/2") for each in windows]


def count_windows(store: WindowStore) -> int:
    """How many windows there are. A recorder never asks: that takes as long as there are many."""
    if isinstance(store, Database):
        return int(store._db.execute("SELECT COUNT(*) FROM windows").fetchone()[0])
    assert isinstance(store, PostgresStore)
    with store._kept.used() as connection:  # what is counted when windows are stored and deleted
        query = "SELECT coalesce(sum(windows), 0) FROM edge.devices WHERE school = %s"
        row = connection.execute(query, (store._school,)).fetchone()
    return int(row[0]) if row else 0
