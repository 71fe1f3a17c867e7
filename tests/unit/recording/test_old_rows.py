"""Old rows are found by an index: all of them, and no others, wherever a call stops."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator, Sequence

import pytest

from edge.contract.timestamps import parse_timestamp
from edge.recording import retention
from edge.recording.layout import add_indexes, create
from edge.recording.old_rows import TIMES as TIMES_OF
from edge.recording.old_rows import OldRows
from edge.recording.retention import OLD

TIMES = [f"2026-{month:02}-01T00:00:00.000Z" for month in range(1, 13)]
VALUES = {"limit": TIMES[4], "late": TIMES[5], "ahead": TIMES[8]}
MOST = 7


@pytest.fixture
def database() -> Iterator[sqlite3.Connection]:
    database = sqlite3.connect(":memory:", isolation_level=None)
    create(database, "classroom")
    add_indexes(database)
    yield database
    database.close()


def add_windows(database: sqlite3.Connection, rows: Sequence[tuple[object, object, str, str]]) -> None:
    """Of device, start, end and arrival; in the order of arrival."""
    query = """
    INSERT INTO windows (device, epoch, seq, start, "end", seconds, received, schema, mode, replayed, frames, coverage,
        clock_synced, model_faces) VALUES (?, 'e', ?, ?, ?, 10, ?, 's', 'm', 0, 1, 1, 1, 'f')
    """
    database.executemany(query, [(device, n, *times) for n, (device, *times) in enumerate(rows)])


def a_round(database: sqlite3.Connection, old: OldRows) -> int:
    deleted, more = 0, True
    while more:
        gone, more = old.delete(database, VALUES, MOST)
        assert gone <= MOST
        deleted += gone
    return deleted


@pytest.mark.parametrize("seed", range(20))
def test_a_round_deletes_what_is_old_and_nothing_else(seed: int, database: sqlite3.Connection) -> None:
    dice = random.Random(seed)  # noqa: S311
    times = dice.sample(TIMES, dice.randint(1, 12))  # few of them: many windows of one time
    rows = []
    for _ in range(200):
        start, end = sorted(dice.choices(times, k=2))
        rows.append((f"room-{dice.randint(1, 4)}", start, end, dice.choice(times)))
    add_windows(database, rows)
    kept = database.execute(f"SELECT rowid FROM windows WHERE NOT ({OLD['windows']}) ORDER BY rowid", VALUES).fetchall()  # noqa: S608
    old = OldRows("windows", OLD["windows"])
    assert a_round(database, old) == 200 - len(kept)
    assert database.execute("SELECT rowid FROM windows ORDER BY rowid").fetchall() == kept
    assert a_round(database, old) == 0


def test_the_last_state_of_a_device_is_kept(database: sqlite3.Connection) -> None:
    rows = [(f"room-{room}", TIMES[n // 5], f"m{n}", "", TIMES[0]) for room in range(3) for n in range(20)]
    database.executemany("INSERT INTO states VALUES (?, ?, ?, ?, ?)", rows)
    assert a_round(database, OldRows("states", OLD["states"])) == 3 * 15
    assert set(database.execute("SELECT since FROM states")) == {(TIMES[3],)}


@pytest.mark.parametrize("table", TIMES_OF)
def test_rows_of_one_time_are_found_by_an_index_however_many(table: str, database: sqlite3.Connection) -> None:
    asked: list[str] = []
    database.set_trace_callback(asked.append)
    if table == "states":
        rows = [("room-1", TIMES[0], "paused", f"reason {n}", TIMES[0]) for n in range(3 * MOST)]
        database.executemany("INSERT INTO states VALUES (?, ?, ?, ?, ?)", rows)
    elif table == "windows":
        add_windows(database, [("room-1", TIMES[0], TIMES[6], TIMES[0])] * (3 * MOST))
    old = OldRows(table, OLD[table])
    while old.delete(database, VALUES, MOST)[1]:
        pass
    walks = [query for query in asked if "ORDER BY" in query]
    assert walks or table not in ("states", "windows")
    for query in walks:
        plan = "\n".join(row[3] for row in database.execute(f"EXPLAIN QUERY PLAN {query}"))
        assert "TEMP B-TREE" not in plan, plan  # that reads all of them first, and sorts them


def test_what_was_deleted_by_somebody_else_meanwhile_ends_no_later_round(database: sqlite3.Connection) -> None:
    kept = [("room-1", TIMES[0], TIMES[6], TIMES[0])] * (3 * MOST)
    add_windows(database, [*kept, *[("room-1", TIMES[1], TIMES[2], TIMES[0])] * 10])
    old = OldRows("windows", OLD["windows"])
    assert old.delete(database, VALUES, MOST) == (0, True)
    database.execute("DELETE FROM windows WHERE start = ?", (TIMES[0],))
    assert a_round(database, old) + a_round(database, old) == 10


def test_what_no_recorder_writes_ends_no_round(database: sqlite3.Connection) -> None:
    strange = [(b"\xff", TIMES[1], TIMES[2], TIMES[0]), ("room-1", b"\xff\xfe", TIMES[2], TIMES[0])]
    add_windows(
        database, [*strange, ("room-1", TIMES[1], TIMES[2], TIMES[0]), ("\U0001f600", TIMES[0], TIMES[1], TIMES[0])]
    )
    database.execute("UPDATE windows SET start = CAST(X'80' AS TEXT) WHERE rowid = 3")
    assert a_round(database, OldRows("windows", OLD["windows"])) == 4


def test_devices_take_turns(database: sqlite3.Connection) -> None:
    """What they sent at the same time lies in the same pages, which one after the other would write again and again."""
    add_windows(database, [(f"room-{n % 3}", TIMES[0], TIMES[1], TIMES[0]) for n in range(30 * MOST)])
    old = OldRows("windows", OLD["windows"])
    for turn in (1, 2, 3):
        for _ in range(3):
            assert old.delete(database, VALUES, MOST) == (MOST, True)
        left = database.execute("SELECT device, COUNT(*) FROM windows GROUP BY device ORDER BY device").fetchall()
        assert left == [(f"room-{room}", (10 - turn) * MOST) for room in range(3)]


def test_a_round_of_all_tables_is_as_long_as_that_of_the_longest(
    database: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "SECONDS", 0.0)  # each call takes one look at each table
    monkeypatch.setattr(retention, "PRUNE_SOME", MOST)
    add_windows(database, [("room-1", TIMES[0], TIMES[1], TIMES[7])] * (10 * MOST))  # came lately: kept
    states = [("room-1", TIMES[0], "paused", f"reason {n}", TIMES[7]) for n in range(7 * MOST)]
    database.executemany("INSERT INTO states VALUES (?, ?, ?, ?, ?)", states)
    now = parse_timestamp(TIMES[8])
    pruner, calls = retention.Pruner(), 1
    while pruner.prune(database, now, retention.Retention(100), now)[1]:
        calls += 1
    assert calls <= 10 + 4
