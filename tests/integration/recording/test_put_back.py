"""The commands of docs/record.md that make a backup and put it back, as they stand there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.paths import ROOT
from tests.support.recordings import rows
from tests.support.stores import Place, as_messages
from tests.unit.recording.test_rollups import MONDAY, windows

BLOCK = re.compile(r"^```sh\n(\(umask 077; sqlite3 .*?)^```", re.DOTALL | re.MULTILINE)
RECORDER = 12345


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can put another user's file back")
@pytest.mark.skipif(shutil.which("sqlite3") is None, reason="needs the command sqlite3")
def test_a_backup_is_for_its_owner_alone_and_what_is_put_back_is_the_recorders(tmp_path: Path) -> None:
    commands = BLOCK.search((ROOT / "docs/record.md").read_text())
    assert commands is not None
    path = tmp_path / "school.sqlite"
    with Place(path).opened() as store:
        store.store(as_messages(windows(1, 3)), MONDAY)
    os.chown(path, RECORDER, RECORDER)
    script = f"set -e; umask 022; systemctl() {{ :; }}\n{commands[1]}"
    subprocess.run(["bash", "-c", script], cwd=tmp_path, check=True)
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in ("backup.sqlite", "school.sqlite", "former")] == [
        0o600, 0o600, 0o700,
    ]  # fmt: skip
    assert (path.stat().st_uid, path.stat().st_gid) == (RECORDER, RECORDER)
    assert rows(path) == [1, 2, 3]
