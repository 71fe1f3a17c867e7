"""Rows of `edge check` that need no camera and no broker."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from edge.cli import check
from edge.cli.check_rows import OK, WARNING, clock_row, folder_rows, pause_rows
from edge.config.schema import Config
from edge.daemon.paths import pause_path
from edge.daemon.pause_store import Pause, PauseStore
from edge.support.daemon_words import without_people
from edge.timing.clock import clock_synced


def room(tmp_path: Path, **privacy: object) -> Config:
    return Config.model_validate(
        {"mode": "headcount", "outbox": {"path": str(tmp_path / "o.sqlite")}, "privacy": privacy}
    )


def test_a_room_that_a_person_has_paused_is_said_to_be(tmp_path: Path) -> None:
    config = room(tmp_path)
    assert pause_rows(config) == []
    PauseStore(pause_path(config)).store(Pause("Mrs Doe", "2026-10-04T08:15:00.000Z"))
    (row,) = pause_rows(config)
    assert (row.part, row.status) == ("pause", WARNING)
    assert "paused since 2026-10-04T08:15:00.000Z by Mrs Doe" in row.found
    assert "edge resume" in row.remedy
    assert "Doe" not in without_people(row.found)  # in a support file


def test_a_paused_room_whose_film_is_gone_is_said_to_be_paused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for part in ("_models", "_broker"):  # they take their time
        monkeypatch.setattr(check, part, lambda *_: ("", None))
    words = ["mode=headcount", f"outbox.path={tmp_path}/o.sqlite", f"camera.source=file:{tmp_path}/none.mp4"]
    PauseStore(pause_path(room(tmp_path))).store(Pause("Mrs Doe", "2026-10-04T08:15:00.000Z"))
    (tmp_path / "config.yaml").write_text("{}\n")
    rows = check.run_checks(argparse.Namespace(config=tmp_path / "config.yaml", set=words))
    found = {row.part: row.status for row in rows}
    assert (found["camera"], found["pause"]) == ("failed", WARNING)


def test_a_clock_that_is_not_set_is_said_to_be_unless_it_is_right_without(tmp_path: Path) -> None:
    row = clock_row(room(tmp_path))
    assert row.status == (OK if clock_synced() else WARNING)
    assert clock_synced() or "clock is not set" in row.found
    assert clock_row(room(tmp_path, trust_clock=True)).status == OK


def test_a_folder_into_which_everybody_may_write_is_warned_of(tmp_path: Path) -> None:
    config = room(tmp_path)
    assert folder_rows(config) == []
    tmp_path.chmod(0o777)
    (row,) = folder_rows(config)
    assert (row.part, row.status) == ("outbox's folder", WARNING)
    assert row.found == f"everybody may write into {tmp_path}: other users can end a pause, and remove what is there"
    assert "chmod o-w" in row.remedy
