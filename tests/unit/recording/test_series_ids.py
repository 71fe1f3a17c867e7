"""Names of models that a room makes up: few of them get a row, and each costs the same, however much is stored."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest

from edge.recording.rollups import TABLES
from edge.recording.series_ids import MOST_SERIES, SeriesIds
from edge.recording.window_record import Series


@pytest.fixture
def database() -> Iterator[sqlite3.Connection]:
    database = sqlite3.connect(":memory:")
    database.executescript(TABLES)
    yield database
    database.close()


def made_up(number: int) -> Series:
    return Series("emotions", f"made up {number}", None, None)


def test_further_names_of_a_room_share_a_row_and_others_keep_theirs(database: sqlite3.Connection) -> None:
    ids = SeriesIds()
    found = [ids.find(database, "room-9", made_up(number)) for number in range(100)]
    assert len(set(found)) == MOST_SERIES + 1
    assert ids.find(database, "room-9", made_up(3)) == found[3]
    other = ids.find(database, "room-1", Series("emotions", "faces@1", "emotions@1", None))
    assert other not in found


def test_all_roll_ups_of_a_room_are_read_once(database: sqlite3.Connection) -> None:
    rows = [("room-9", f"2026-11-16T{number:05}", 1, "", "", "") for number in range(1000)]
    database.executemany("INSERT INTO rollups VALUES (?, ?, ?, ?, ?, ?)", rows)
    read: list[str] = []
    database.set_trace_callback(lambda sql: read.append(sql) if "rollups" in sql else None)
    ids = SeriesIds()
    for number in range(100):
        ids.find(database, "room-9", made_up(number))
    assert len(read) == 1
