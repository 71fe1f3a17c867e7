"""Recordings of version 0.1.0: migrated, or read as they are, their windows are what `upgrade` makes of them."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
from datetime import datetime, timezone
from pathlib import Path

import pytest

from edge.contract.payloads import WindowPayload
from edge.contract.validation import NewerWindow, read_message
from edge.contract.version1 import WindowV1, upgrade
from edge.errors import ConfigError
from edge.recording.database import Database
from edge.recording.layout import LAYOUT
from edge.recording.reader import Recording
from edge.recording.recordable import examine
from edge.recording.session import Delivery
from edge.recording.window_row import window_row
from tests.support.stores import count_windows

FIXTURE = Path(__file__).parents[2] / "fixtures" / "0.1.0"
FIRST, LAST = (datetime(year, 1, 1, tzinfo=timezone.utc) for year in (2026, 2027))
RECEIVED = "2026-11-20T08:05:00.000Z"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return Path(shutil.copy(FIXTURE / "recording.sqlite", tmp_path))


def rows(path: Path) -> list[tuple[object, ...]]:
    recording = Recording(path)
    recording.start()
    try:
        assert len(list(recording.windows("room-1", FIRST, LAST))) == 8
        return [_plain(row) for row in recording.rows("room-1", FIRST, LAST)]
    finally:
        recording.stop()


def upgraded() -> list[tuple[object, ...]]:
    old = json.loads((FIXTURE / "windows.json").read_text())
    windows = [upgrade(WindowV1.model_validate(window)) for window in old]
    return [_plain(window_row(window, RECEIVED, "edge.window/1")) for window in windows]


def _plain(row: tuple[object, ...]) -> tuple[object, ...]:
    return tuple(json.loads(v) if isinstance(v, str) and v.startswith("{") else v for v in row)


def test_a_file_that_may_not_be_changed_is_read_as_if_it_had_been_migrated(old: Path) -> None:
    before = old.read_bytes()
    assert rows(old) == upgraded()
    assert old.read_bytes() == before


def test_a_conversion_shows_that_it_goes_on(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.recording.recording_file.INSTRUCTIONS", 100)
    told: list[None] = []
    database = Database(old, "classroom", lambda: told.append(None))
    database.start()
    assert len(told) > 10
    told.clear()
    for _ in range(100):
        count_windows(database)
    assert not told, "that is no conversion"
    database.stop()
    monkeypatch.undo()
    database.start()
    database.stop()
    assert not told, "nor is that"


def test_an_index_that_a_large_file_lacks_is_made_and_shows_that_it_goes_on(tmp_path: Path) -> None:
    path, told = tmp_path / "school.sqlite", list[None]()
    database = Database(path, "classroom", lambda: told.append(None))
    database.start()
    database.stop()
    assert not told
    with contextlib.closing(sqlite3.connect(path)) as file, file:
        file.execute("DROP INDEX newer_windows_by_time")
        file.execute(
            "WITH RECURSIVE given(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM given WHERE n < 30000) "
            "INSERT INTO newer_windows SELECT 'room-1', 'edge.window/9', ?, '', n FROM given",
            (RECEIVED,),
        )
    database.start()
    database.stop()
    assert told
    with contextlib.closing(sqlite3.connect(path)) as file:
        assert file.execute("SELECT 1 FROM sqlite_master WHERE name = 'newer_windows_by_time'").fetchone()


def test_a_migrated_file_has_the_upgraded_windows_and_everything_else(old: Path) -> None:
    database = Database(old, "classroom")
    database.start()
    assert count_windows(database) == 8
    database.stop()
    assert rows(old) == upgraded()
    with sqlite3.connect(old) as file:
        assert file.execute("PRAGMA user_version").fetchone() == (LAYOUT,)
        assert file.execute("SELECT COUNT(*) FROM states").fetchone() == (1,)
        assert file.execute("SELECT SUM(count) FROM emotions WHERE emotion = 'happy'").fetchone() == (39,)


def test_a_file_of_another_prefix_is_not_migrated(old: Path) -> None:
    with pytest.raises(ConfigError, match="holds the devices below"):
        Database(old, "other").start()
    with sqlite3.connect(old) as file:
        assert file.execute("PRAGMA user_version").fetchone() == (1,)


def test_a_newer_layout_is_refused_untouched(old: Path) -> None:
    with sqlite3.connect(old) as file:
        file.execute(f"PRAGMA user_version={LAYOUT + 1}")
    file.close()
    before = old.read_bytes()
    with pytest.raises(ConfigError, match="newer version of edge"):
        Database(old, "classroom").start()
    with pytest.raises(ConfigError, match="newer version of edge"):
        Recording(old).start()
    assert old.read_bytes() == before


def test_a_newer_schema_is_stored_as_it_came_and_once(tmp_path: Path) -> None:
    payload = json.dumps({"schema": "edge.window/3", "device": "room-1", "mood": [1, 2]}).encode()
    message = examine("classroom", Delivery("classroom/room-1/window", payload, 1, 1, 0))
    assert message is not None
    assert message.content == NewerWindow("edge.window/3", payload)
    database = Database(tmp_path / "new.sqlite", "classroom")
    database.start()
    assert database.store([message, message], FIRST) == 0
    database.stop()
    with sqlite3.connect(tmp_path / "new.sqlite") as file:
        found = file.execute("SELECT device, schema, payload FROM newer_windows").fetchall()
    assert found == [("room-1", "edge.window/3", payload)]


def test_what_is_withheld_is_null_whatever_else_a_message_carries() -> None:
    first = json.loads((FIXTURE / "windows.json").read_text())[0]
    first["faces"]["max"] = 12  # the file was made with less than the mean
    window = json.loads(upgrade(WindowV1.model_validate(first)).to_json())
    for what, left in (("emotions", 10.0), ("facing", 10.0), ("figures", None)):
        payload = json.dumps({**window, "withheld": {"what": what, "reason": "few_near"}}).encode()
        content = read_message("classroom", "classroom/room-1/window", payload).content
        assert isinstance(content, WindowPayload)
        assert (content.counts, content.people, content.estimate, content.unclassified) == (None,) * 4
        assert content.faces.mean == left
