"""An outbox whose file is gone, and whose `-wal` is still there: what waits in it is not deleted."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from edge.delivery.outbox import Outbox
from edge.files import left_journal
from tests.support.paths import ROOT

PUT_AND_DIE = """
import os, signal, sys
from pathlib import Path
from edge.delivery.outbox import Outbox
from edge.files import left_journal
outbox = Outbox(Path(sys.argv[1]))
outbox.start()
for _ in range(30):
    outbox.put("{}", "edge.window/2")
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("how", ["moved", "empty"])
def test_what_waits_in_a_wal_without_its_outbox_is_kept(
    tmp_path: Path, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    path, moved = tmp_path / "outbox.sqlite", tmp_path / "moved.sqlite"
    ended = subprocess.run([sys.executable, "-c", PUT_AND_DIE, str(path)], cwd=ROOT, check=False)
    assert ended.returncode == -signal.SIGKILL
    path.replace(moved)
    if how == "empty":
        path.touch()
    outbox = Outbox(path)
    outbox.start()
    assert outbox.depth == 0
    outbox.stop()
    (left,) = tmp_path.glob("outbox.sqlite-wal.left-*")
    assert f"outbox {path} is gone; its -wal, where windows may wait, is kept as {left}" in caplog.text
    left.rename(tmp_path / "moved.sqlite-wal")
    before = Outbox(moved)
    before.start()
    assert before.depth == 30
    before.stop()


def test_the_wal_of_a_program_that_begins_the_database_just_now_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, journal = tmp_path / "school.sqlite", tmp_path / "school.sqlite-wal"
    look = left_journal._size

    def size(file: Path) -> int:
        found = look(file)
        path.write_bytes(bytes(4096))
        journal.write_bytes(bytes(4096))
        return found

    monkeypatch.setattr(left_journal, "_size", size)
    assert left_journal.set_left_journal_aside(path) is None
    assert journal.exists()
