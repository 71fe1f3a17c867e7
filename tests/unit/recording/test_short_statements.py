"""Whoever reads a recording has no statement open while it works on rows: else the -wal could not begin anew."""

from __future__ import annotations

import contextlib
import random
import sqlite3
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from edge.recording import reader
from edge.recording.database import Database
from edge.recording.deletion import Eraser
from edge.recording.journal_size import emptied
from edge.recording.postgres import copying
from edge.recording.postgres.copying import SchoolFile
from edge.recording.reader import Recording
from tests.support.recordings import NOW
from tests.support.stores import as_messages
from tests.unit.recording.test_rollups import DAY, MONDAY, window

LATER = MONDAY + timedelta(days=3000)
ROOM = ("room-1", MONDAY - DAY, LATER)


def keep(database: Database, starts: list[datetime]) -> None:
    dice = random.Random(1)  # noqa: S311 - the same at each run
    database.store(as_messages([window(n, start, dice) for n, start in enumerate(starts, 1)]), NOW)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Recording]:
    recording = Recording(path)
    recording.start()
    try:
        yield recording
    finally:
        recording.stop()


def other_rows(path: Path) -> Iterator[Any]:
    file = SchoolFile(path, "classroom")
    file.start()
    return file.all_rows("device, received, online", "availability")


def deletions(path: Path) -> Iterator[Any]:
    eraser = Eraser(path)
    eraser.start()
    return eraser.deletions()


def read(ask: Callable[[Recording], Iterator[Any]]) -> Callable[[Path], Iterator[Any]]:
    def begin(path: Path) -> Iterator[Any]:
        recording = Recording(path)
        recording.start()
        return ask(recording)

    return begin


@pytest.mark.parametrize(
    "begin",
    [
        read(lambda recording: recording.windows(*ROOM)),
        read(lambda recording: recording.rows(*ROOM)),
        read(lambda recording: recording.buckets(*ROOM)),
        read(lambda recording: recording.days(*ROOM)),
        read(lambda recording: iter(recording.requests())),
        other_rows,
        deletions,
    ],
    ids=["windows", "rows", "buckets", "days", "requests", "copying", "deletions"],
)
def test_whoever_works_on_a_row_keeps_no_statement_open(
    path: Path, database: Database, begin: Callable[[Path], Iterator[Any]]
) -> None:
    keep(database, [MONDAY + n * DAY / 2 for n in range(8)])
    with contextlib.closing(sqlite3.connect(path)) as file, file:
        file.executemany(
            "INSERT INTO availability VALUES ('room-1', ?, 1)", [(f"2026-11-16T07:00:0{n}.000Z",) for n in range(3)]
        )
        moment = "2020-01-01T00:00:00.000Z"
        file.executemany("INSERT INTO deletions VALUES (NULL, ?, '', 'room-9', ?, ?, 0, ?)", [(moment,) * 4] * 3)
    rows = begin(path)
    next(rows)
    with contextlib.closing(sqlite3.connect(path)) as file, file:
        file.execute("INSERT OR REPLACE INTO about VALUES ('size', '')")
    with contextlib.closing(sqlite3.connect(path)) as file:
        assert emptied(file), "SQLite can begin the -wal anew"
    assert list(rows), "there was more to read"


def test_windows_are_read_in_pages_and_none_is_left_out_or_told_twice(
    path: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "AT_ONCE", 3)
    at_once = [MONDAY] * 10  # as a room sends that makes them up
    keep(database, [MONDAY - DAY, *at_once, *(MONDAY + timedelta(seconds=10 * n) for n in range(9)), LATER])
    with opened(path) as recording:
        found = [(each.start, each.seq) for each in recording.windows("room-1", MONDAY, LATER)]
        assert len(found) == 19
        assert found == sorted(found)
        assert not list(recording.windows("room-1", MONDAY, MONDAY))
        assert len(list(recording.windows(*ROOM))) == 20


def test_what_is_deleted_or_stored_between_two_pages_harms_no_other_window(
    path: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "AT_ONCE", 3)
    starts = [MONDAY + timedelta(seconds=10 * n) for n in range(9)]
    keep(database, starts)
    with opened(path) as recording:
        rows = recording.windows("room-1", MONDAY, LATER)
        found = [next(rows).seq for _ in range(3)]
        with contextlib.closing(sqlite3.connect(path)) as file, file:
            file.execute("DELETE FROM windows WHERE seq IN (3, 5)")  # 3 is where the page ended
        assert [*found, *(each.seq for each in rows)] == [1, 2, 3, 4, 6, 7, 8, 9]


def test_weeks_and_years_without_anything_are_passed_over(path: Path, database: Database) -> None:
    starts = [MONDAY + timedelta(days=days) for days in (0, 1, 6, 7, 8, 40, 2999)]
    keep(database, starts)
    with opened(path) as recording:
        for _ in range(2):  # before and after their days are made
            assert [each.since for each in recording.buckets(*ROOM)] == starts
            assert sorted(each.start for each in recording.days(*ROOM)) == starts
            assert [each.day for each in recording.windows_by_day(*ROOM)] == [each.date() for each in starts]
            assert [each.since for each in recording.buckets("room-1", MONDAY + DAY, starts[-1])] == starts[1:-1]
            while database.add_up_days(LATER + 9 * DAY):
                pass
        assert {each.duration for each in recording.days(*ROOM)} == {DAY}


def test_a_file_is_copied_in_pages(path: Path, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "AT_ONCE", 3)
    with contextlib.closing(sqlite3.connect(path)) as file, file:
        file.executemany(
            "INSERT INTO availability VALUES (?, '2026-11-16T07:00:00.000Z', 1)", [(f"{n}",) for n in range(7)]
        )
    assert [row[0] for row in other_rows(path)] == [f"{n}" for n in range(7)]
