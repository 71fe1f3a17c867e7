"""What a file says of itself is believed where we may have written it; else there is a sentence, no traceback."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from edge.errors import ConfigError
from edge.recording import recording_file
from edge.recording.database import Database
from tests.support.stores import as_messages
from tests.unit.recording.test_rollups import DAY, MONDAY, windows

FORMER = "edge-record-0123456789"

STRANGE = [
    ("client_id", "'edge-classroom-room-1'"),
    ("former_client_id", "'edge-classroom-room-1'"),
    ("location", "'{}'"),
    ("location", '\'{"machine": "", "address": "/\\u0000", "storage": ""}\''),
    ("location", '\'{"machine": "", "address": "/\\ud800", "storage": ""}\''),
    ("prefix", "X'00'"),
    ("recording", "'../../etc'"),
    ("retention_from", "'soon'"),
    ("retention_from", "'2026-02-30T00:00:00.000Z'"),
    ("retention_time", "X'00'"),
    ("rollups_from", "'x'"),
    ("rollups_from", "'[1, 2]'"),
    ("rollups_from", '\'["\\ud800", ""]\''),
    ("rollups_from", "replace(hex(zeroblob(2000)), '00', '[')"),
]


def add_up(database: Database) -> None:
    for _ in range(10):  # a bound: such a time could be met again and again
        database.add_up_former(MONDAY)


def change(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as file, file:
        for statement in statements:
            assert file.execute(statement).rowcount == 1


@pytest.mark.parametrize(("key", "value"), STRANGE)
def test_a_value_that_we_do_not_write_is_refused_when_the_file_is_opened(path: Path, key: str, value: str) -> None:
    Database(path, "classroom").start()
    change(path, f"INSERT OR REPLACE INTO about VALUES ('{key}', {value})")  # noqa: S608
    with pytest.raises(ConfigError, match=f"is not as edge record makes it: its {key} cannot be one"):
        Database(path, "classroom").start()


def test_a_file_that_two_recorders_begin_at_once_is_begun_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make = recording_file._make_current

    def second(*arguments: Any) -> str | None:
        monkeypatch.setattr(recording_file, "_make_current", make)
        Database(path, "classroom").start()
        return make(*arguments)

    monkeypatch.setattr(recording_file, "_make_current", second)
    Database(path, "classroom").start()


@pytest.mark.parametrize("use", [lambda file: file.client_ids(FORMER), lambda file: file.default_begins(MONDAY)])
def test_what_is_changed_meanwhile_is_a_sentence_as_well(
    path: Path, database: Database, use: Callable[[Database], object]
) -> None:
    change(path, "INSERT INTO about VALUES ('client_id', 'x')", "INSERT INTO about VALUES ('retention_from', 'soon')")
    with pytest.raises(ConfigError, match="is not as edge record makes it"):
        use(database)


def test_a_former_session_is_that_of_this_file_and_no_other(path: Path, database: Database) -> None:
    database.store(as_messages(windows(1, 1)), MONDAY)
    (kept, former) = database.client_ids(FORMER)
    assert former == FORMER
    assert database.client_ids("edge-record-9876543210") == (kept, None), "it may be that of another school"
    assert database.client_ids(FORMER) == (kept, FORMER)


def test_a_day_that_is_none_keeps_no_other_from_being_made(path: Path, database: Database) -> None:
    database.store(as_messages(windows(1, 5)), MONDAY)
    damaged = "SELECT X'00ff', '2026-01-01T00:00:00.000Z', series, X'00', runs, changed FROM rollups LIMIT 1"
    change(path, "INSERT INTO changed_days VALUES ('a', '0')", f"INSERT INTO rollups {damaged}")
    while database.add_up_days(MONDAY + 2 * DAY):
        pass
    with closing(sqlite3.connect(path)) as file:
        assert file.execute("SELECT DISTINCT device FROM daily_rollups").fetchall() == [("room-1",)]
        assert file.execute("SELECT * FROM changed_days").fetchall() == []


@pytest.mark.parametrize("damage", ["start = 'x'", "start = '2026-W47-1T08:00:00.000Z'", "device = X'00ff'"])
def test_former_windows_of_no_time_or_room_end_with_a_sentence(path: Path, database: Database, damage: str) -> None:
    database.store(as_messages(windows(1, 1)), MONDAY)
    change(path, "INSERT INTO about VALUES ('rollups_from', '[\"\", \"\"]')", f"UPDATE windows SET {damage}")  # noqa: S608
    with pytest.raises(ConfigError, match="is not as edge record makes it: a window has a"):
        add_up(database)
