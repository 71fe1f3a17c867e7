"""A file of version 0.1.0 on a disk without room to convert it: nothing is written until there is."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest

from edge.files.disk_errors import DiskError
from edge.recording import layout
from edge.recording.database import Database
from edge.recording.failing_report import RETRY, RETRY_CONVERSION, pause
from edge.recording.layout import ConversionError
from tests.support.faults import SmallDisk
from tests.support.paths import ROOT
from tests.support.recordings import StartEdge, address, lines_of, rows

FIXTURE = ROOT / "tests/fixtures/0.1.0/recording.sqlite"
VERSION = "PRAGMA user_version"
LAYOUT_1 = [1]
INDEX = 65_536  # bytes for a -shm, of which small files have as much as large ones


def old(folder: Path, windows: int) -> Path:
    """A recording of 0.1.0 with about so many windows."""
    path = Path(shutil.copy(FIXTURE, folder / "r.sqlite"))
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as file:
        found = file.execute("SELECT * FROM windows").fetchall()
        at = [row[1] for row in file.execute("PRAGMA table_info(windows)")].index("seq")
        file.execute("BEGIN")
        for seq in range(windows):
            row = list(found[seq % len(found)])
            row[at] = 1000 + seq
            file.execute(f"INSERT INTO windows VALUES ({','.join('?' * len(row))})", row)  # noqa: S608
        file.execute("COMMIT")
    return path


def leave(disk: SmallDisk, size: int) -> None:
    """Fill it so that only so many bytes are free."""
    found = os.statvfs(disk.folder)
    (disk.folder / "filler").write_bytes(bytes(found.f_bavail * found.f_frsize - size))


def written(process: subprocess.Popen[str]) -> int:
    """Bytes that a process has written so far, into whatever."""
    lines = Path(f"/proc/{process.pid}/io").read_text().splitlines()
    return int(dict(line.split(": ") for line in lines)["wchar"])


def test_without_room_a_file_is_left_as_it_is_and_converted_when_there_is_some(
    broker: int, edge: StartEdge, disk: SmallDisk
) -> None:
    path = old(disk.folder, 500)
    leave(disk, 100_000)
    before, modified = path.read_bytes(), path.stat().st_mtime_ns
    process = edge("record", "--database", str(path), "--broker", address(broker))
    log = lines_of(process, "stay at the broker")
    assert "is of version 0.1.0 and has to be converted, which takes" in log
    assert "0.1 MB are free, and nothing was changed: make room for" in log
    assert "converting" not in log
    before_retries = written(process)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(3 * RETRY)
    assert written(process) - before_retries < len(before) // 2
    assert (path.read_bytes(), path.stat().st_mtime_ns) == (before, modified)
    disk.clear()
    lines_of(process, "connected to broker")
    assert rows(path, VERSION) == [layout.LAYOUT]
    assert rows(path, "SELECT COUNT(*) FROM windows") == [508]


def test_what_a_conversion_takes_is_what_is_asked_for(disk: SmallDisk) -> None:
    for windows in (200, 350, 500):
        file = old(disk.folder, windows)
        leave(disk, int(layout.ROOM * file.stat().st_size) + INDEX)
        database = Database(file, "classroom")
        database.start()
        database.stop()
        assert rows(file, "SELECT COUNT(*) FROM windows") == [windows + 8]
        for each in disk.folder.iterdir():
            each.unlink()


def test_a_disk_that_is_full_in_the_middle_of_it_is_not_written_full_again_at_once(
    disk: SmallDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = old(disk.folder, 500)
    leave(disk, 200_000)
    before = path.read_bytes()
    monkeypatch.setattr(layout, "ROOM", 0.1)
    database = Database(path, "classroom")
    with pytest.raises(ConversionError) as error:
        database.start()
    assert pause(error.value) == RETRY_CONVERSION
    assert pause(DiskError("full")) == RETRY
    assert path.read_bytes() == before
    assert rows(path, VERSION) == LAYOUT_1
