"""The -wal of a recording stays small, or the log says that somebody lets it grow."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.recording import journal_size
from edge.recording.database import Database
from edge.recording.journal_size import KEPT, MOST, JournalSize
from edge.recording.recording_file import open_recording
from tests.support.recordings import NOW
from tests.support.stores import as_messages
from tests.unit.recording.test_rollups import windows


@contextlib.contextmanager
def question(path: Path) -> Iterator[None]:
    """Somebody who reads, and does not end."""
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM windows").fetchall()
        yield


def grow(path: Path, size: int) -> None:
    """As windows of a school make it grow in hours."""
    with contextlib.closing(sqlite3.connect(path)) as writer, writer:
        writer.execute("INSERT OR REPLACE INTO about VALUES ('size', zeroblob(?))", (size,))


def wal_of(path: Path) -> int:
    return path.with_name(f"{path.name}-wal").stat().st_size


def test_a_question_that_stays_open_is_reported_once_an_hour(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    passed = [0.0]
    journal = JournalSize(path, lambda: passed[0])
    with contextlib.closing(open_recording(path, "classroom")) as file:
        with question(path):
            grow(path, MOST // 2)
            journal.look(file)
            assert not caplog.messages
            grow(path, MOST)
            for second in (0.0, 10.0, 290.0):
                passed[0] = second
                journal.look(file)
            assert [each.levelname for each in caplog.records] == ["WARNING"]
            assert caplog.messages[0].startswith(f"{path}-wal has 9")
            assert f"`fuser -v {path}-wal`" in caplog.messages[0]
            passed[0] = 3601.0
            journal.look(file)
            assert len(caplog.messages) == 2
        passed[0] = 9000.0
        journal.look(file)
        assert (wal_of(path), len(caplog.messages)) == (0, 2), "it is empty as soon as nobody reads"
        assert file.execute("PRAGMA busy_timeout").fetchone()[0] > 0


def test_questions_that_take_turns_are_waited_for(
    path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two readers leave no moment between their questions: one has begun before the other ends."""
    monkeypatch.setattr(journal_size, "WAIT", 60.0)
    monkeypatch.setattr(journal_size, "MOST", KEPT)
    began, looking = threading.Event(), threading.Event()

    def ask() -> None:
        last = contextlib.ExitStack()
        for _ in range(20):
            following = contextlib.ExitStack()
            following.enter_context(question(path))
            last.close()
            last = following
            began.set()
            looking.wait(60)
            time.sleep(0.01)
        last.close()

    with contextlib.closing(open_recording(path, "classroom")) as file:
        grow(path, 2 * KEPT)
        asking = threading.Thread(target=ask)
        asking.start()
        assert began.wait(60)
        grow(path, 1)  # the question is of what was there before
        looking.set()
        JournalSize(path).look(file)
        asking.join()
        assert (wal_of(path), caplog.messages) == (0, [])


def test_the_recorder_looks(path: Path, database: Database, caplog: pytest.LogCaptureFixture) -> None:
    with question(path):
        grow(path, MOST)
        database.end_long_readers()
    assert "-wal has 6" in caplog.text
    database.end_long_readers()
    assert wal_of(path) == 0


def test_what_a_question_cost_is_given_back_by_what_is_stored_after_it(path: Path, database: Database) -> None:
    with question(path):
        grow(path, 3 * KEPT)
    for each in windows(1, 5):
        database.store(as_messages([each]), NOW)
    assert 0 < wal_of(path) <= KEPT


def test_a_recording_that_a_link_leads_to_has_its_own_wal_emptied(path: Path, tmp_path: Path) -> None:
    (link := tmp_path / "link").symlink_to(path)
    with contextlib.closing(open_recording(link, "classroom")) as file:
        with question(path):
            grow(path, 2 * MOST)
        JournalSize(link).look(file)
        assert wal_of(path) == 0
