"""Deletion on request: nothing of it is left, nothing else is touched, and the record names no figure."""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from edge.contract.payloads import State
from edge.contract.timestamps import format_timestamp
from edge.contract.validation import DeviceMessage, NewerWindow
from edge.errors import ConfigError
from edge.recording import deletion
from edge.recording.database import Database
from edge.recording.deletion import Eraser
from edge.recording.reader import Recording
from edge.recording.rollups import Bucket
from edge.recording.window_record import WindowRecord
from edge.reporting.totals import add_up
from tests.unit.recording.test_rollups import DAY, MONDAY, older, store, window, windows

MINUTE = timedelta(minutes=1)
LATER = MONDAY + 2 * DAY


@pytest.fixture
def eraser(database: Database, path: Path) -> Iterator[Eraser]:
    assert database.is_open
    eraser = Eraser(path)
    eraser.start()
    yield eraser
    eraser.stop()


def read(path: Path, device: str = "room-1") -> tuple[list[WindowRecord], list[Bucket]]:
    recording = Recording(path)
    recording.start()
    try:
        span = (device, MONDAY - DAY, MONDAY + 9 * DAY)
        return list(recording.windows(*span)), list(recording.buckets(*span))
    finally:
        recording.stop()


def test_what_was_deleted_does_not_come_back_from_an_outbox(database: Database, eraser: Eraser, path: Path) -> None:
    sent = windows(1, 100)
    store(database, sent[:50])
    eraser.delete("room-1", None, None, "anna", LATER)
    assert store(database, sent, LATER) == 0
    assert read(path) == ([], [])
    new = window(1000, LATER + MINUTE, random.Random(1))  # noqa: S311
    assert store(database, [new], LATER + MINUTE) == 1


def test_nor_do_states_and_windows_of_a_newer_version(database: Database, eraser: Eraser, path: Path) -> None:
    eraser.delete("room-1", MONDAY, MONDAY + 10 * MINUTE, "head", LATER)

    def said(minutes: int) -> list[DeviceMessage]:
        since, until = (format_timestamp(MONDAY + (minutes + more) * MINUTE) for more in (0, 1))
        newer = json.dumps({"window": {"start": since, "end": until}}).encode()
        return [
            DeviceMessage("room-1", "state", State(mode="paused", reason="", since=since)),
            DeviceMessage("room-1", "window", NewerWindow("edge.window/9", newer), "edge.window/9"),
        ]

    database.store([*said(5), *said(15)], LATER)
    file = sqlite3.connect(path)
    # Of what began in the time, only that it lasts.
    assert file.execute("SELECT since FROM states ORDER BY since").fetchall() == [
        (format_timestamp(MONDAY + minutes * MINUTE),) for minutes in (10, 15)
    ]
    left = [json.loads(row[0])["window"]["start"] for row in file.execute("SELECT payload FROM newer_windows")]
    assert left == [format_timestamp(MONDAY + 15 * MINUTE)]


def test_no_byte_of_it_is_left_in_the_file(database: Database, eraser: Eraser, path: Path) -> None:
    said = State(mode="paused", reason="MARKED by Mrs Doe", since=format_timestamp(MONDAY))
    newer = NewerWindow("edge.window/9", json.dumps({"MARKED": 1}).encode())
    store(database, windows(3, 400))
    database.add_up_days(LATER)
    database.store(
        [DeviceMessage("room-1", "state", said), DeviceMessage("room-1", "window", newer, "edge.window/9")], MONDAY
    )
    assert any(b"MARKED" in file.read_bytes() for file in path.parent.iterdir())
    size = sum(file.stat().st_size for file in path.parent.iterdir())
    assert eraser.delete("room-1", None, None, "anna", LATER) == (400, True)
    for file in path.parent.iterdir():
        content = file.read_bytes()
        assert b"MARKED" not in content
        assert b"happy" not in content.replace(b"'$.low') AS low", b"")
    assert sum(file.stat().st_size for file in path.parent.iterdir()) < size / 3


@pytest.mark.parametrize("at_once", [1, 2, 500])
def test_newer_windows_go_by_their_own_time_or_else_by_when_they_came(
    database: Database, eraser: Eraser, path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(deletion, "NEWER_AT_ONCE", at_once)

    def newer(content: object) -> DeviceMessage:
        return DeviceMessage("room-1", "window", NewerWindow("edge.window/9", json.dumps(content).encode()), "")

    inside, outside = (
        {"window": {"start": format_timestamp(each), "end": format_timestamp(each + MINUTE)}}
        for each in (MONDAY + MINUTE, MONDAY - MINUTE)
    )
    database.store([newer(inside), newer(outside), newer({"n": 1})], MONDAY + 2 * MINUTE)
    database.store([newer({"n": 2})], MONDAY - MINUTE)
    eraser.delete("room-1", MONDAY, MONDAY + 9 * MINUTE, "anna", LATER)
    left = [json.loads(row[0]) for row in sqlite3.connect(path).execute("SELECT payload FROM newer_windows")]
    assert left == [outside, {"n": 2}], "what came before the time cannot be of it"


def test_newer_windows_are_read_in_the_order_of_an_index(database: Database, path: Path) -> None:
    """Else all that are left would be sorted for each of them, of which one room can send as many as it likes."""
    plan = sqlite3.connect(path).execute(f"EXPLAIN QUERY PLAN {deletion.NEWER}", ("room-1", "", 500)).fetchall()
    assert [row[3] for row in plan] == [
        "SEARCH newer_windows USING INDEX sqlite_autoindex_newer_windows_1 (device=? AND sha256>?)"
    ]


def test_other_rooms_and_other_days_stay(database: Database, eraser: Eraser, path: Path) -> None:
    mine = windows(4, 60)
    others = [each.model_copy(update={"device": "room-2"}) for each in windows(5, 60)]
    store(database, [*mine, *others])
    kept = read(path, "room-2")
    eraser.delete("room-1", None, None, "anna", LATER)
    assert read(path) == ([], [])
    assert read(path, "room-2") == kept
    eraser.delete(None, MONDAY - DAY, MONDAY + DAY, "anna", LATER)
    assert read(path, "room-2") == ([], [])


def test_the_record_has_no_figure(database: Database, path: Path) -> None:
    columns = [row[1] for row in sqlite3.connect(path).execute("PRAGMA table_info(deletions)")]
    assert columns == ["id", "asked", "by", "device", "start", "end", "windows", "finished"]


def test_an_older_file_is_to_be_converted_first(path: Path, database: Database) -> None:
    database.stop()
    with sqlite3.connect(path) as file:
        file.execute("PRAGMA user_version=2")
    file.close()
    with pytest.raises(ConfigError, match="older version"):
        Eraser(path).start()


def test_roll_ups_that_are_still_to_be_made_are_not_made_of_what_was_deleted(
    database: Database, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.recording.former_windows.MOST", 50)
    store(database, windows(9, 300))
    database.stop()
    older(path)
    database.start()
    assert database.add_up_former(LATER)
    assert database.add_up_former(LATER)
    before, _ = read(path)
    start, end = before[60].start, before[200].start
    eraser = Eraser(path)
    eraser.start()
    eraser.delete("room-1", start, end, "anna", LATER)
    eraser.stop()
    while database.add_up_former(LATER):
        pass
    after, buckets = read(path)
    assert not any(each.start < end and each.end > start for each in after)
    assert add_up(buckets) == add_up(after)
