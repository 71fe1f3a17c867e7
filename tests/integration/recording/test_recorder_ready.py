"""`edge record` as a service: ready when its recording is open, and alive while an older one is converted; whether it
goes on, and whether `edge dashboard` does.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path

from edge.recording.database import Database
from edge.recording.layout import LAYOUT
from tests.support.brokers import Broker, wait_for
from tests.support.faults import SmallDisk
from tests.support.paths import ROOT
from tests.support.recordings import Sender, StartEdge, address, lines_of, message, rows
from tests.support.supervisor import Supervisor

MORE = """
INSERT INTO windows SELECT {columns} FROM
    (SELECT * FROM windows WHERE counts IS NOT NULL LIMIT 1),
    (WITH RECURSIVE given(n) AS (SELECT 1000 UNION ALL SELECT n + 1 FROM given WHERE n < 9000) SELECT n FROM given)
"""
HEALTH = re.compile(r"^```sh\n(systemctl is-active .*?)^```", re.DOTALL | re.MULTILINE)
SYSTEMCTL = 'systemctl() { case $1 in is-active) test "$ACTIVE" = yes ;; show) echo "$STATUS" ;; esac; }\n'


def is_well(status: str, *, active: bool = True) -> bool:
    """What the command of docs/record.md finds where systemd has this from the recorder."""
    command = HEALTH.search((ROOT / "docs/record.md").read_text())
    assert command is not None
    told = {"STATUS": status.removeprefix("STATUS="), "ACTIVE": "yes" if active else "no"}
    done = subprocess.run(["sh", "-c", SYSTEMCTL + command[1]], env=told, check=False, capture_output=True)
    return done.returncode == 0


def test_it_is_ready_when_its_recording_is_open(
    broker: int, edge: StartEdge, supervisor: Supervisor, tmp_path: Path
) -> None:
    path, heard = tmp_path / "school.sqlite", list[str]()

    def hears(word: str) -> bool:
        heard.extend(supervisor.heard())
        return any(word in each for each in heard)

    database = Database(path, "classroom")
    database.start()
    database.stop()
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        process = edge("record", "--database", str(path), "--broker", address(broker))
        wait_for(lambda: hears("STATUS=the database cannot be opened"), 20)
        assert "READY=1" not in heard
        assert not is_well("STATUS=the database cannot be opened")
        other.execute("ROLLBACK")
    wait_for(lambda: hears("READY=1"), 20)
    assert not is_well("STATUS=0 windows stored, not connected")
    wait_for(lambda: hears("stored, connected"), 20)
    status = next(each for each in heard if "stored, connected" in each)
    assert is_well(status)
    assert not is_well(status, active=False)
    assert "locked by another program" in lines_of(process, "stay at the broker")
    lines_of(process, "can be written again")


def test_a_dashboard_says_the_same_of_its_recording(
    start_broker: Callable[..., Broker], edge: StartEdge, supervisor: Supervisor, tmp_path: Path
) -> None:
    heard = list[str]()

    def says(words: str, *, well: bool) -> bool:
        heard.extend(supervisor.heard())
        told = [each for each in heard if each.startswith("STATUS=")]
        return bool(told) and told[-1].endswith(words) and is_well(told[-1]) is well

    broker = start_broker()
    edge("dashboard", "--database", str(tmp_path / "a.sqlite"), "--broker", address(broker.port), "--port", "0")
    wait_for(lambda: says("stored, connected", well=True), 20)
    broker.process.kill()
    wait_for(lambda: says("stored, not connected", well=False), 20)


def test_that_a_disk_has_too_little_room_is_said_before_it_is_ready(
    broker: int, edge: StartEdge, supervisor: Supervisor, sender: Callable[[int], Sender], larger_disk: SmallDisk
) -> None:
    path, heard = larger_disk.folder / "school.sqlite", list[str]()
    Database(path, "classroom").start()
    larger_disk.fill(but_for=0.04)
    command = ("record", "--database", str(path), "--broker", address(broker))
    process = edge(*command)

    def is_ready() -> bool:
        heard.extend(supervisor.heard())
        return "READY=1" in heard

    wait_for(is_ready, 30)
    before = heard[: heard.index("READY=1")]
    assert before[-1] == "STATUS=0 windows stored, the database cannot be written, not connected"
    log = lines_of(process, "stay at the broker")
    assert "1.3 MB are kept free there" in log
    assert "make 1 MB of room on that disk, or keep less free: --keep-free" in log
    lines_of(process, "connected to broker")
    but_connected = "STATUS=0 windows stored, the database cannot be written, connected"
    wait_for(lambda: is_ready() and but_connected in heard, 30)
    assert not is_well(but_connected)
    sender(broker).send(message(1))
    assert rows(path) == []
    process.terminate()
    process.wait()
    other = edge(*command, "--keep-free", "0")
    wait_for(lambda: rows(path) == [1], 30)
    other.terminate()
    other.wait()
    last = edge(*command, "--keep-free", "12")
    lines_of(last, "12.0 MB are kept free there")
    sender(broker).send(message(2))
    larger_disk.clear()
    wait_for(lambda: rows(path) == [1, 2], 30)  # by itself, once there is room
    lines_of(last, "can be written again")


def test_the_conversion_of_an_older_recording_is_progress(
    broker: int, edge: StartEdge, supervisor: Supervisor, tmp_path: Path
) -> None:
    path, heard = Path(shutil.copy(ROOT / "tests/fixtures/0.1.0/recording.sqlite", tmp_path)), list[str]()
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as file:
        names = [row[1] for row in file.execute("PRAGMA table_info(windows)")]
        file.execute(MORE.format(columns=", ".join("n" if name == "seq" else f'"{name}"' for name in names)))
    edge("record", "--database", str(path), "--broker", address(broker))

    def is_ready() -> bool:
        heard.extend(supervisor.heard())
        return "READY=1" in heard

    wait_for(is_ready, 20)
    before = heard[: heard.index("READY=1")]
    assert "STATUS=converting the recording of an older version" in before
    assert before.count("EXTEND_TIMEOUT_USEC=600000000") > 3
    with contextlib.closing(sqlite3.connect(path)) as file:
        assert file.execute("PRAGMA user_version").fetchone() == (LAYOUT,)
