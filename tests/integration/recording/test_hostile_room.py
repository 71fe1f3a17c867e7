"""A room whose password somebody else has: what it sends costs the same however much it has sent before."""

from __future__ import annotations

import sqlite3
import stat
import time
from datetime import timedelta
from pathlib import Path

import pytest

from edge.recording.database import Database
from edge.recording.device_words import MOST_WORDS
from edge.recording.recordable import examine
from edge.recording.retention import Retention
from tests.support.hostile import KINDS, delivery
from tests.support.recordings import NOW

MESSAGES = 100_000
BATCH = 200  # messages of one transaction, as the recorder has them


def store(database: Database, kind: str, first: int, last: int) -> list[float]:
    """Store messages, batch by batch; returns the seconds that each batch took to be stored."""
    took = []
    for start in range(first, last, BATCH):
        messages = []
        for n in range(start, min(start + BATCH, last)):
            found = examine("classroom", delivery(kind, n))
            assert found is not None
            messages.append(found)
        began = time.thread_time()  # of ours: others may keep the machine and the disk busy
        database.store(messages, NOW)
        took.append(time.thread_time() - began)
    return took


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - {"invalid"}))
def test_the_last_message_costs_what_the_first_did(kind: str, tmp_path: Path) -> None:
    database = Database(tmp_path / "r.sqlite", "classroom")
    database.start()
    took = sorted(store(database, kind, 0, 50 * BATCH)[10:])
    store(database, kind, 50 * BATCH, MESSAGES - 50 * BATCH)
    last = sorted(store(database, kind, MESSAGES - 50 * BATCH, MESSAGES))
    rows = {"window": "windows", "newer": "newer_windows", "state": "states"}.get(kind, "availability")
    of_batch = MOST_WORDS if kind == "availability" else BATCH  # the rest of a batch's changes say nothing
    assert _count(database, tmp_path / "r.sqlite", rows) == MESSAGES // BATCH * of_batch
    assert last[len(last) // 2] < 4 * took[len(took) // 2] + 0.005
    began, rounds = time.thread_time(), 1
    while database.prune(NOW + timedelta(days=365), Retention(1))[1]:
        assert time.thread_time() - began < 1.0
        began, rounds = time.thread_time(), rounds + 1
    assert rounds > 1 or kind == "availability"
    assert _count(database, tmp_path / "r.sqlite", rows) == (kind in ("availability", "state"))
    database.stop()


def test_files_are_for_the_recorder_alone(tmp_path: Path) -> None:
    database = Database(tmp_path / "r.sqlite", "classroom")
    database.start()
    store(database, "availability", 0, 10)
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    assert modes == dict.fromkeys(("r.sqlite", "r.sqlite-wal", "r.sqlite-shm"), 0o600)
    database.stop()


def _count(database: Database, path: Path, table: str) -> int:
    assert database.is_open
    reader = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return int(reader.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0])  # noqa: S608
    finally:
        reader.close()
