import os
from pathlib import Path

import pytest

from edge.daemon.pause_store import ClosedStore, Pause, PauseStore
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
