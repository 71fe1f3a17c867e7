"""What a database leaves alone when it is closed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from edge.files.database import connect
from tests.support.faults import SmallDisk, small_disk
from tests.support.paths import ROOT

# Opens a database, says so, and then either is killed or closes it as a program does that ends.
WRITER = """
import sys
from pathlib import Path
from edge.delivery.outbox import Outbox
from edge.recording.database import Database
path = Path(sys.argv[1])
writer = Outbox(path) if path.stem == "outbox" else Database(path, "classroom")
writer.start()
print("open", flush=True)
sys.stdin.readline()
writer.stop()
"""


def opened(path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "open\n"
    return process


@pytest.mark.parametrize("name", ["outbox", "recording"])
def test_what_waits_on_a_disk_that_was_mounted_over_its_folder(disk: SmallDisk, tmp_path: Path, name: str) -> None:
    """Both disks were formatted alike, so that SQLite takes the file there for its own."""
    with small_disk(tmp_path / "other") as other:
        killed = opened(other.folder / f"{name}.sqlite")
        killed.kill()
        killed.communicate()
        waits = (other.folder / f"{name}.sqlite-wal").read_bytes()
        assert waits
        path = disk.folder / f"{name}.sqlite"
        process = opened(path)
        before = path.stat()
        subprocess.run(["mount", "--bind", str(other.folder), str(disk.folder)], check=True)
        try:
            after = path.stat()
            assert (before.st_ino, before.st_dev != after.st_dev) == (after.st_ino, True)
            process.communicate("\n", timeout=60)
            assert process.returncode == 0
            assert Path(f"{path}-wal").read_bytes() == waits
        finally:
            subprocess.run(["umount", "-l", str(disk.folder)], check=True)
        path.stat()
    again = opened(path)
    again.communicate("\n", timeout=60)
    assert again.returncode == 0, "what it has left behind itself is used by the next"


def test_a_database_that_is_where_it_was_leaves_no_journal(tmp_path: Path) -> None:
    process = opened(tmp_path / "outbox.sqlite")
    assert (tmp_path / "outbox.sqlite-wal").exists()
    process.communicate("\n", timeout=60)
    assert not (tmp_path / "outbox.sqlite-wal").exists()


def test_a_folder_that_was_deleted_is_not_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As of a shell that stands where an older version was: what is read has its whole name."""
    connect(tmp_path / "school.sqlite").close()
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    (tmp_path / "work").rmdir()
    connect(f"file:{tmp_path}/school.sqlite?mode=ro", uri=True).close()
