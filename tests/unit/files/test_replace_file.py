"""New content for a file: a whole one at every moment, the old one kept, and nothing left behind where that fails."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from edge.errors import EdgeError
from edge.files.replace_file import BACKUPS, staged_file
from tests.support.faults import SmallDisk
from tests.support.paths import ROOT


def replace(path: Path, data: bytes, *, backup: bool = True) -> Path | None:
    with staged_file(path, data, 0o644) as file:
        return file.put(backup=backup)


def test_the_old_content_is_kept_five_times_and_mode_stays(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    assert replace(file, b"0") is None
    assert file.stat().st_mode & 0o777 == 0o644
    file.chmod(0o640)
    kept = [replace(file, str(number).encode()) for number in range(1, BACKUPS + 3)]
    assert file.read_bytes() == str(BACKUPS + 2).encode()
    assert file.stat().st_mode & 0o777 == 0o640
    there = sorted(tmp_path.glob("config.yaml.bak-*"))
    assert there == sorted(each for each in kept[-BACKUPS:] if each)
    assert there[-1].read_bytes() == str(BACKUPS + 1).encode()
    assert len(list(tmp_path.iterdir())) == BACKUPS + 1


def test_a_symbolic_link_stays_one_and_its_target_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    target, link = tmp_path / "there/real.yaml", tmp_path / "config.yaml"
    target.write_bytes(b"old")
    link.symlink_to(target)
    backup = replace(link, b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    assert backup is not None
    assert backup.parent == target.parent


def test_without_being_put_nothing_is_left(tmp_path: Path) -> None:
    with staged_file(tmp_path / "a", b"x", 0o600):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_the_owner_stays_also_of_a_new_file_in_somebodys_folder(tmp_path: Path) -> None:
    os.chown(tmp_path, 1234, 1235)
    replace(tmp_path / "new", b"x")
    assert ((tmp_path / "new").stat().st_uid, (tmp_path / "new").stat().st_gid) == (1234, 1235)
    os.chown(tmp_path / "new", 4321, 1235)
    replace(tmp_path / "new", b"y")
    assert (tmp_path / "new").stat().st_uid == 4321


def test_a_full_or_read_only_disk_is_a_sentence_and_the_old_file_is_intact(disk: SmallDisk) -> None:
    file = disk.folder / "config.yaml"
    file.write_bytes(b"old")
    disk.fill()
    with pytest.raises(EdgeError, match=r"No space left on device\); what was there is as it was: make room"):
        replace(file, bytes(8192))
    assert file.read_bytes() == b"old"
    assert {each.name for each in disk.folder.iterdir()} == {"config.yaml", "filler"}
    disk.writable(yes=False)
    with pytest.raises(EdgeError, match="mount the disk so that it can be written"):
        replace(file, b"new")


def test_a_limit_of_size_is_met_the_same_way(tmp_path: Path) -> None:
    """What a quota does, without root."""
    (tmp_path / "config.yaml").write_bytes(b"old")
    code = (
        "import sys; from pathlib import Path; from edge.errors import EdgeError\n"
        "from edge.files.replace_file import staged_file\n"
        "try:\n  with staged_file(Path(sys.argv[1]), bytes(100000), 0o644) as file: file.put(backup=True)\n"
        "except EdgeError as error: print(error)\n"
    )

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (50000, 50000))

    command = [sys.executable, "-c", code, str(tmp_path / "config.yaml")]
    done = subprocess.run(
        command,
        cwd=ROOT,
        preexec_fn=limit,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "File too large" in done.stdout
    assert (tmp_path / "config.yaml").read_bytes() == b"old"
    assert [each.name for each in tmp_path.iterdir()] == ["config.yaml"]


def test_where_nothing_may_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(EdgeError, match=r"No such file or directory.*make its folder first"):
        replace(tmp_path / "missing/config.yaml", b"x")
