"""A room whose name version 0.1 misread keeps its windows and its pause."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from edge.config.schema import Config, DeviceConfig
from edge.daemon.former_name import adopt_former_files
from edge.daemon.own_epoch import own_epoch
from edge.daemon.paths import outbox_path, pause_path
from edge.daemon.pause_store import Pause, PauseStore
from edge.delivery.outbox import Outbox
from edge.errors import BusyError, EdgeError
from edge.support.daemon_words import outbox_state
from tests.support.faults import SmallDisk
from tests.support.paths import ROOT

PAUSE = Pause("Mrs Doe", "2026-11-28T08:00:00.000Z")


def config(name: str) -> Config:
    return Config(device=DeviceConfig(name=name))


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def leave(name: str, *, version: int = 0) -> str:
    """What a daemon of that name leaves behind: two windows, the epoch of which is returned."""
    outbox = Outbox(outbox_path(config(name)))
    outbox.start()
    outbox.put(json.dumps({"device": name, "frames": 1}), "edge.window/2")
    outbox.put("not JSON", "edge.window/2")
    outbox.stop()
    set_version(name, version)
    return outbox.epoch


def set_version(name: str, version: int) -> None:
    database = sqlite3.connect(outbox_path(config(name)))
    database.execute(f"PRAGMA user_version={version}")
    database.close()


def waiting(name: str) -> tuple[str, list[str]]:
    outbox = Outbox(outbox_path(config(name)))
    outbox.start()
    rows = outbox.rows(0, 9, 9)
    outbox.stop()
    assert all(row.sound for row in rows)
    return outbox.epoch, [row.body for row in rows]


def test_the_outbox_and_the_pause_go_on_under_the_right_name() -> None:
    epoch = leave("83")
    PauseStore(pause_path(config("83"))).store(PAUSE)
    adopt_former_files(config("0123"))
    assert waiting("0123") == (epoch, ['{"device":"0123","frames":1}', "not JSON"])
    assert PauseStore(pause_path(config("0123"))).load() == PAUSE
    assert not outbox_path(config("83")).exists()
    assert not pause_path(config("83")).exists()
    adopt_former_files(config("0123"))
    assert waiting("0123")[0] == epoch


def test_a_pause_alone_or_beside_a_damaged_outbox_still_holds() -> None:
    PauseStore(pause_path(config("1.1"))).store(PAUSE)
    adopt_former_files(config("1.10"))
    assert PauseStore(pause_path(config("1.10"))).load() == PAUSE
    outbox_path(config("750")).write_bytes(b"no database at all, " * 100)
    PauseStore(pause_path(config("750"))).store(PAUSE)
    adopt_former_files(config("12:30"))
    assert PauseStore(pause_path(config("12:30"))).load() == PAUSE


def test_a_device_that_is_really_called_so_keeps_what_is_its_own() -> None:
    epoch = leave("1.1", version=1)
    PauseStore(pause_path(config("1.1"))).store(PAUSE)
    adopt_former_files(config("1.10"))
    assert waiting("1.1")[0] == epoch
    assert PauseStore(pause_path(config("1.10"))).load() is None


def test_an_outbox_in_use_is_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    leave("83")
    running = Outbox(outbox_path(config("83")))
    running.start()
    running.stop()
    set_version("83", 0)
    running.start()
    adopt_former_files(config("0123"))
    running.stop()
    assert "stays there" in caplog.text
    assert not outbox_path(config("0123")).exists()


def test_an_outbox_in_use_beside_a_pause_is_an_error() -> None:
    """A backup that reads it, say: the room would start open, and later nobody looked for the pause any more."""
    epoch = leave("83")
    PauseStore(pause_path(config("83"))).store(PAUSE)
    with contextlib.closing(sqlite3.connect(outbox_path(config("83")), isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM windows LIMIT 1").fetchone()
        with pytest.raises(BusyError, match=r"the pause .*classroom-83\.pause cannot be moved to .*database is locked"):
            adopt_former_files(config("0123"))
    adopt_former_files(config("0123"))
    assert PauseStore(pause_path(config("0123"))).load() == PAUSE
    assert waiting("0123")[0] == epoch


def test_where_the_room_starts_paused_anyway_nothing_is_refused(
    disk: SmallDisk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(disk.folder))
    leave("83")
    for name in ("83", "0123"):
        PauseStore(pause_path(config(name))).store(PAUSE)
    disk.writable(yes=False)
    adopt_former_files(config("0123"))
    assert "stays there" in caplog.text


KILLED = """
import os, signal, sys
from pathlib import Path
from edge.config.schema import Config, DeviceConfig
from edge.daemon.former_name import adopt_former_files

replace, left = Path.replace, int(sys.argv[1])

def replace_or_die(*paths):
    global left
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
    return replace(*paths)

Path.replace = replace_or_die
adopt_former_files(Config(device=DeviceConfig(name="0123")))
"""


@pytest.mark.parametrize("at", [1, 2])
def test_a_power_cut_in_between_leaves_no_pause_behind(at: int) -> None:
    epoch = leave("83")
    PauseStore(pause_path(config("83"))).store(PAUSE)
    killed = subprocess.run([sys.executable, "-c", KILLED, str(at)], cwd=ROOT, check=False, capture_output=True)
    assert killed.returncode == -signal.SIGKILL
    adopt_former_files(config("0123"))
    assert PauseStore(pause_path(config("0123"))).load() == PAUSE
    assert waiting("0123")[0] == epoch
    assert not pause_path(config("83")).exists()


def test_a_pause_that_cannot_be_moved_is_an_error(disk: SmallDisk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The room would start open; without a pause it starts all the same."""
    monkeypatch.setenv("XDG_STATE_HOME", str(disk.folder))
    leave("83")
    file = pause_path(config("83"))
    PauseStore(file).store(PAUSE)
    disk.writable(yes=False)
    with pytest.raises(EdgeError, match=r"the pause .*classroom-83\.pause cannot be moved to .*classroom-0123\.pause"):
        adopt_former_files(config("0123"))
    disk.writable(yes=True)
    file.unlink()
    disk.writable(yes=False)
    adopt_former_files(config("0123"))


def test_a_path_of_its_own_stays_and_its_windows_get_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "service"))
    epoch = leave("83")
    adopt_former_files(config("0123"))
    assert waiting("0123") == (epoch, ['{"device":"0123","frames":1}', "not JSON"])


def test_windows_of_0_1_0_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    shutil.copy(ROOT / "tests/fixtures/0.1.0/outbox.sqlite", tmp_path / "outbox.sqlite")
    database = sqlite3.connect(tmp_path / "outbox.sqlite")
    database.execute("""UPDATE windows SET body = json_set(body, '$.device', '83')""")
    database.commit()
    database.close()
    adopt_former_files(config("0123"))
    assert {json.loads(body)["device"] for body in waiting("0123")[1]} == {"0123"}


ENDLESS = """
CREATE VIEW windows(seq, created, body) AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
    SELECT i, i, i FROM n WHERE i < 0;
CREATE TABLE epoch (name TEXT NOT NULL)
"""
OTHERS = """
CREATE TABLE windows (seq INTEGER PRIMARY KEY, body TEXT);
INSERT INTO windows VALUES (1, '{"device": "83"}')
"""


@pytest.mark.parametrize("tables", [ENDLESS, OTHERS])
def test_what_is_no_outbox_is_not_read_and_a_pause_beside_it_holds(tables: str) -> None:
    """The view has no row, and looks for one for ever."""
    file = outbox_path(config("83"))
    file.parent.mkdir(parents=True, exist_ok=True)
    database = sqlite3.connect(file)
    database.executescript(tables)
    database.close()
    before = file.read_bytes()
    PauseStore(pause_path(config("83"))).store(PAUSE)
    assert own_epoch(config("83")) is None
    assert "cannot be read" in outbox_state(config("83"))["state"]
    adopt_former_files(config("0123"))
    assert PauseStore(pause_path(config("0123"))).load() == PAUSE
    assert outbox_path(config("0123")).read_bytes() == before


def test_thousands_of_windows_are_renamed() -> None:
    outbox = Outbox(outbox_path(config("83")))
    outbox.start()
    for number in range(1200):
        outbox.put(json.dumps({"device": "83", "frames": number}), "edge.window/2")
    outbox.stop()
    set_version("83", 0)
    adopt_former_files(config("0123"))
    outbox = Outbox(outbox_path(config("0123")))
    outbox.start()
    rows = outbox.rows(0, 5000, 10_000_000)
    outbox.stop()
    assert [json.loads(row.body) for row in rows] == [{"device": "0123", "frames": n} for n in range(1200)]
    assert all(row.sound for row in rows)
