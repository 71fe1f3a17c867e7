"""The commands of docs/record.md that make a backup and put it back, as they stand there."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.recordings import rows
from tests.support.stores import Place, as_messages
from tests.system.docs.blocks import blocks
from tests.unit.recording.test_rollups import MONDAY, windows

MAKE, PUT_BACK = "docs/record.md: (umask 077; sqlite3 ", "docs/record.md: systemctl stop edge-record"
RECORDER = 12345


def run(folder: Path, *beginnings: str, stop: str = "set -e") -> None:
    """Blocks of the page, where there is no service."""
    commands = "".join(block.text for begins in beginnings for block in blocks() if block.name.startswith(begins))
    script = f"{stop}; umask 022; systemctl() {{ :; }}\n{commands}"
    subprocess.run(["bash", "-c", script], cwd=folder, check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can put another user's file back")
@pytest.mark.skipif(shutil.which("sqlite3") is None, reason="needs the command sqlite3")
def test_a_backup_is_for_its_owner_alone_and_what_is_put_back_is_the_recorders(tmp_path: Path) -> None:
    path = tmp_path / "school.sqlite"
    with Place(path).opened() as store:
        store.store(as_messages(windows(1, 3)), MONDAY)
    os.chown(path, RECORDER, RECORDER)
    run(tmp_path, MAKE, PUT_BACK)
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in ("backup.sqlite", "school.sqlite", "former")] == [
        0o600, 0o600, 0o700,
    ]  # fmt: skip
    assert (path.stat().st_uid, path.stat().st_gid) == (RECORDER, RECORDER)
    assert rows(path) == [1, 2, 3]


def test_to_put_a_backup_back_twice_loses_nothing(tmp_path: Path) -> None:
    """Also where what was there before the first time still lies in `former`, and no line ends what is pasted."""
    for before, backup in (("first", "backup"), ("second", "newer backup")):
        (tmp_path / "backup.sqlite").write_text(backup)
        (tmp_path / "school.sqlite").write_text(before)
        run(tmp_path, PUT_BACK, stop="set +e")
    kept = {path.name: path.read_text() for path in tmp_path.glob("*/*")}
    assert (kept, (tmp_path / "school.sqlite").read_text()) == ({"school.sqlite": "first"}, "second")
