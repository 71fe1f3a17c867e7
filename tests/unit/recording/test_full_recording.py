"""What a recorder reads of its file at the start, and each hour, does not grow with what is recorded."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from edge.config.broker_url import BrokerUrl
from edge.contract.payloads import State
from edge.contract.validation import DeviceMessage, NewerWindow
from edge.mqtt.client_factory import BrokerSettings
from edge.recording.database import Database
from edge.recording.recorder import Recorder
from edge.recording.retention import Retention
from edge.recording.session import Session
from edge.recording.tidying import Tidying
from tests.support.stores import as_messages
from tests.unit.recording.test_rollups import MONDAY, window

NOW = MONDAY + timedelta(days=300)
FEW, MANY = 9000, 30_000  # more than the windows of a room that are counted
SOME_PAGES = 40 * 4096  # a deeper tree, and more of a page
NUMBERS = "WITH RECURSIVE given(n) AS (SELECT 100 UNION ALL SELECT n + 1 FROM given WHERE n < {most}) "
LATER = "strftime('%Y-%m-%dT%H:%M:%fZ', '2026-11-17', '+' || (n * 10) || ' seconds')"


def fill(path: Path, most: int) -> None:
    """A recording in which nothing is old."""
    newer = NewerWindow("edge.window/9", json.dumps({"schema": "edge.window/9", "text": "x" * 500}).encode())
    said = State(mode="paused", reason="", since="2026-11-16T08:00:00.000Z")
    database = Database(path, "classroom")
    database.start()
    sent = [DeviceMessage("room-1", "window", newer, "edge.window/9"), DeviceMessage("room-1", "state", said)]
    sent += [DeviceMessage("room-1", "availability", True), *as_messages([window(1, MONDAY, random.Random(1))])]  # noqa: S311
    database.store(sent, MONDAY)
    for table, changed in (
        ("windows", {"seq": "n", "start": LATER, "end": LATER, "received": LATER}),
        ("newer_windows", {"sha256": "'sum ' || n", "received": LATER}),
        ("states", {"since": LATER}),
        ("availability", {"received": LATER}),
    ):
        names = [row[1] for row in database._db.execute(f"PRAGMA table_info({table})")]
        columns = ", ".join(changed.get(name, f'"{name}"') for name in names)
        query = f"INSERT INTO {table} SELECT {columns} FROM {table}, given"  # noqa: S608
        database._db.execute(NUMBERS.format(most=most) + query)
    database.stop()


def bytes_read(database: Database, work: Callable[[], object]) -> int:
    """By this process, while something is done with a file that was just opened: SQLite remembers nothing of it."""

    def read_so_far() -> int:
        lines = Path("/proc/self/io").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("rchar:"))

    database.start()
    before = read_so_far()
    try:
        work()
        return read_so_far() - before
    finally:
        database.stop()


def costs_of(path: Path, most: int) -> tuple[int, int]:
    fill(path, most)
    database = Database(path, "classroom")
    session = Session(BrokerSettings(BrokerUrl("127.0.0.1", 1, tls=False), "nobody"), ["classroom/+/window"])
    recorder = Recorder(session, database, "classroom", ["+"], now=lambda: NOW)
    tidying = Tidying(database, Retention(days=400), lambda: NOW, lambda: 1000.0)

    def tidy() -> None:
        while tidying.step()[1]:
            pass

    return bytes_read(database, recorder.start), bytes_read(database, tidy)


def test_neither_a_start_nor_a_round_without_old_rows_reads_all(tmp_path: Path) -> None:
    few, many = costs_of(tmp_path / "few.sqlite", FEW), costs_of(tmp_path / "many.sqlite", MANY)
    assert (tmp_path / "many.sqlite").stat().st_size > 100 * SOME_PAGES
    assert many[0] < few[0] + SOME_PAGES, "the start"
    assert many[1] < few[1] + SOME_PAGES, "the round"
