import os
from pathlib import Path

import pytest

from edge.daemon.daemon_lock import DaemonLock, Flag, is_held
from edge.daemon.pause_looks import PauseLooks
from edge.daemon.pause_store import ClosedStore, Override, OverrideStore, Pause, PauseStore, resumed_path
from edge.files import fresh_names

MRS_DOE = Pause("Mrs Doe", "2026-11-20T10:00:00.000Z")
MR_ROE = Pause("Mr Roe", "2026-11-20T10:00:00.001Z")


def test_two_who_pause_in_the_same_moment_both_store_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither is told that the disk is full, and what is there is always whole."""
    path, fsync = tmp_path / "outbox.pause", os.fsync
    found: list[Pause | None] = []

    def fsync_meanwhile(descriptor: int) -> None:
        monkeypatch.setattr(os, "fsync", fsync)
        PauseStore(path).store(MR_ROE)  # while Mrs Doe's is on its way to the disk
        found.append(PauseStore(path).load())
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", fsync_meanwhile)
    PauseStore(path).store(MRS_DOE)
    assert [*found, PauseStore(path).load()] == [MR_ROE, MRS_DOE]
    assert [each.name for each in tmp_path.iterdir()] == ["outbox.pause"]


def test_whoever_paused_in_the_same_moment_takes_the_others_confirmation(tmp_path: Path) -> None:
    path = tmp_path / "outbox.pause"
    PauseStore(path).store(MR_ROE)  # in the place of Mrs Doe's
    assert not ClosedStore(path).confirms(MRS_DOE)
    ClosedStore(path).store(MR_ROE)
    assert ClosedStore(path).confirms(MRS_DOE)
    PauseStore(path).resume()
    assert not ClosedStore(path).confirms(MRS_DOE)


def test_what_a_writer_left_that_was_killed_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "outbox.pause"
    left, recent = tmp_path / ".outbox.pause.abcd_123.new", tmp_path / ".outbox.pause.abcd_456.new"
    for each in (left, recent):
        each.write_text("{")
    os.utime(left, (0, 0))
    PauseStore(path).store(MRS_DOE)
    assert recent.exists()
    assert not left.exists(), fresh_names.ABANDONED


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files of another user")
@pytest.mark.parametrize("mode", [0o1777, 0o770])
def test_files_of_others_count_only_where_the_owner_of_the_folder_lets_them_write(tmp_path: Path, mode: int) -> None:
    tmp_path.chmod(mode)
    believed = mode == 0o770
    path, stranger = tmp_path / "hall.pause", 2002
    looks = PauseLooks(path, None)
    looks.look()
    override = Override("somebody", "2026-11-30T10:00:00.000Z", "2026-12-06T10:00:00.000Z")
    OverrideStore(path).store(override)
    ClosedStore(path).store(MRS_DOE)
    resumed_path(path).touch()
    lock = DaemonLock(path)
    lock.make()
    lock.set_flag(Flag.CLOSED, held=True)
    for each in tmp_path.iterdir():
        os.chown(each, stranger, stranger)
    assert OverrideStore(path).load() == (override if believed else None)
    assert ClosedStore(path).confirms(MRS_DOE) == believed
    assert looks.look().resumed == believed
    assert is_held(path, Flag.CLOSED) == believed
    lock.close()
    for each in tmp_path.iterdir():
        os.chown(each, 0, 0)
    assert OverrideStore(path).load() == override
    PauseStore(path).store(MRS_DOE)
    os.chown(path, stranger, stranger)
    assert PauseStore(path).load() == MRS_DOE, "whoever wants the camera closed is heard"
