"""A lock between commands: nobody else takes it, nobody waits for ever, and no file of others is made or used."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from edge.errors import BusyError, ConfigError
from edge.files.lock_file import locked


def test_a_command_that_waits_too_long_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.files.lock_file.WAIT_SECONDS", 0.1)
    (tmp_path / "link").symlink_to("list")
    busy = pytest.raises(BusyError, match="another command has been changing")
    with locked(tmp_path / "list"), busy, locked(tmp_path / "link"):
        pytest.fail("two have it")
    with locked(tmp_path / "link"):
        assert [each.name for each in tmp_path.glob(".*")] == [".list.lock"]


def test_a_lock_that_others_can_take_or_that_leads_elsewhere_is_refused(tmp_path: Path) -> None:
    lock = tmp_path / ".list.lock"
    lock.touch(0o644)
    with pytest.raises(ConfigError, match="others may open it"), locked(tmp_path / "list"):
        pytest.fail("others can hold it")
    lock.unlink()
    lock.symlink_to("elsewhere")
    with pytest.raises(ConfigError, match="cannot be written"), locked(tmp_path / "list"):
        pytest.fail("it is a link")
    assert not (tmp_path / "elsewhere").exists()
    lock.unlink()
    os.mkfifo(lock, 0o600)
    with pytest.raises(ConfigError, match="others may open it"), locked(tmp_path / "list"):
        pytest.fail("it is a pipe")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_what_root_locks_the_owner_of_the_folder_can_lock(tmp_path: Path) -> None:
    os.chown(tmp_path, 12345, 12345)
    with locked(tmp_path / "list"):
        found = (tmp_path / ".list.lock").stat()
        assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (12345, 12345, 0o600)
    (tmp_path / ".list.lock").chmod(0o600)
    os.chown(tmp_path / ".list.lock", 54321, 54321)
    with pytest.raises(ConfigError, match="somebody else"), locked(tmp_path / "list"):
        pytest.fail("it is a stranger's")


def test_it_is_free_again_whatever_happened(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), locked(tmp_path / "list"):
        _ = 1 / 0
    with (tmp_path / ".list.lock").open() as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_folder_is_refused_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "folder", Path("/")):
        with pytest.raises(ConfigError, match="is a folder: name a file"), locked(path):
            pytest.fail("it was locked")
    assert [each.name for each in tmp_path.iterdir()] == ["folder"]


def test_only_where_the_folder_is_missing_it_is_to_be_made(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="make its folder first"), locked(tmp_path / "none" / "list"):
        pytest.fail("there is no folder")
    with pytest.raises(ConfigError, match="start it as the user who may"), locked(tmp_path / (300 * "x") / "list"):
        pytest.fail("no folder is called so")
