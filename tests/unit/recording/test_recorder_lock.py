"""A file has one recorder; one that was killed is in nobody's way."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edge.errors import EXIT_BUSY, BusyError
from edge.recording.recorder_lock import RecorderLock

HOLDER = """
import sys, time
from pathlib import Path
from edge.recording.recorder_lock import RecorderLock
lock = RecorderLock(Path(sys.argv[1]), "edge record")
lock.take()
print("taken", flush=True)
time.sleep(600)
"""


def taken(path: Path) -> RecorderLock:
    lock = RecorderLock(path, "edge dashboard", seconds=0)
    lock.take()
    return lock


def test_another_process_is_named_and_may_be_killed(tmp_path: Path) -> None:
    path = tmp_path / "school.sqlite"
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "taken\n"
        with pytest.raises(BusyError, match=rf"edge record \(process {process.pid}\) records into .*school") as error:
            taken(path)
        assert error.value.exit_code == EXIT_BUSY
        assert "--show-only" in error.value.remedy
        process.kill()
        process.wait()
    taken(path).release()


def test_a_link_to_a_recording_is_the_same_one_and_another_file_is_not(tmp_path: Path) -> None:
    path = tmp_path / "school.sqlite"
    path.touch()
    (tmp_path / "link").symlink_to(path)
    lock = taken(path)
    lock.take()
    with pytest.raises(BusyError, match="edge dashboard"):
        taken(tmp_path / "link")
    taken(tmp_path / "other.sqlite").release()
    lock.release()
    taken(tmp_path / "link").release()


def test_nobody_else_can_open_the_lock_and_so_hold_it(tmp_path: Path) -> None:
    taken(tmp_path / "school.sqlite").release()
    assert (tmp_path / "school.sqlite-lock").stat().st_mode & 0o777 == 0o600


def test_where_there_can_be_no_lock_it_is_recorded_all_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    os.symlink("elsewhere", tmp_path / "school.sqlite-lock")  # noqa: PTH211
    with caplog.at_level(logging.WARNING):
        taken(tmp_path / "school.sqlite").release()
    assert "a second recorder of this file would not be noticed" in caplog.text
