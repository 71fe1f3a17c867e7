"""The default retention: at once in a new file, after a while in one whose maker was told that all is kept."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from edge.cli import run_command_line
from edge.recording.database import Database
from edge.recording.retention import DEFAULT_DAYS, GRACE, KEEP_ALL, Retention
from tests.support.paths import ROOT

NOW = datetime(2026, 11, 20, 8, 0, tzinfo=timezone.utc)
DAY = timedelta(days=1)


def begins(path: Path, now: datetime) -> datetime:
    database = Database(path, "classroom")
    database.start()
    try:
        return database.default_begins(now)
    finally:
        database.stop()


def test_a_new_file_has_it_from_the_first_day(tmp_path: Path) -> None:
    assert begins(tmp_path / "new.sqlite", NOW) == NOW
    assert begins(tmp_path / "new.sqlite", NOW + DAY) == NOW


def test_a_former_file_has_it_a_while_after_the_first_start(tmp_path: Path) -> None:
    path = Path(shutil.copy(ROOT / "tests/fixtures/0.1.0/recording.sqlite", tmp_path))
    assert begins(path, NOW) == NOW + GRACE
    assert begins(path, NOW + 100 * DAY) == NOW + GRACE, "it is decided once, so that restarts do not put it off"


def test_nothing_is_deleted_before_it_begins(tmp_path: Path) -> None:
    retention = Retention(DEFAULT_DAYS, begins=NOW)
    assert not retention.deletes(NOW - timedelta(seconds=1))
    assert retention.deletes(NOW)
    assert not KEEP_ALL.deletes(NOW)
    assert Retention(window_days=1).deletes(NOW)


def test_windows_are_kept_no_longer_than_their_sums(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--keep-days", "30", "--keep-windows-days", "40"]
    assert run_command_line(["record", "--database", str(tmp_path / "r.sqlite"), *options]) == 78
    assert "--keep-windows-days 40 is more than --keep-days 30" in capsys.readouterr().err
