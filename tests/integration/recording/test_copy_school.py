"""A file moves into a database, once and again: nothing is missing, nothing is there twice."""

from __future__ import annotations

import contextlib
import json
import random
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from edge.cli import run_command_line
from edge.contract.examples import INFO
from edge.contract.payloads import RunMode, State
from edge.contract.timestamps import format_timestamp, parse_timestamp
from edge.contract.validation import DeviceMessage, NewerWindow
from edge.errors import ConfigError
from edge.recording.postgres.address import PostgresAddress
from edge.recording.recordable import examine
from edge.recording.retention import Retention
from edge.recording.rollups import Bucket
from edge.recording.session import Delivery
from edge.reporting.totals import add_up
from tests.support.brokers import wait_for
from tests.support.postgres import PostgresServer
from tests.support.stores import Place, as_messages
from tests.unit.recording.test_rollups import DAY, MONDAY, window, windows

pytest.importorskip("psycopg", reason="psycopg is not installed (the extra `district`)")

from edge.recording.postgres.copying import Copied, SchoolFile, copy_school
from edge.recording.postgres.store import Row
from edge.recording.postgres.taking_store import TakingStore

EVER = (MONDAY - 40 * DAY, MONDAY + 900 * DAY)
StartEdge = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def school(tmp_path: Path) -> Place:
    """A file with everything in it: windows of two months, some of them only as sums, and a deletion."""
    place, dice = Place(tmp_path / "old.sqlite"), random.Random(1)  # noqa: S311
    sent = windows(1, 120) + [window(n, MONDAY + n * timedelta(hours=7), dice) for n in range(500, 580)]
    later = NewerWindow("edge.window/9", b'{"seq": 1}')
    info = json.loads(INFO.to_json()) | {"place": "aaaaaaaa", "masked": 0.5}
    said = examine("classroom", Delivery("classroom/room-1/info", json.dumps(info).encode(), 1, 1, 1))
    assert said is not None
    with place.opened() as store:
        store.client_ids("")
        store.store(as_messages(sent), MONDAY + 20 * DAY)
        store.store([DeviceMessage("room-1", "window", later, later.schema), said], MONDAY)
        state = State(mode="paused", reason="x", since="2026-11-16T08:00:00.000Z")
        others = [DeviceMessage("room-2", "availability", online) for online in (True, False)]
        store.store([DeviceMessage("room-1", "state", state), *others], MONDAY)
        place.delete("room-3", MONDAY, MONDAY + DAY, MONDAY + DAY)
        cut = next(each for each in sent if each.seq > 60)
        now = parse_timestamp(cut.window.end) + 50 * DAY  # in the middle of five minutes
        store.prune(now, Retention(days=300, window_days=50))
    return place


def everything(place: Place) -> dict[str, Any]:
    with place.read() as recording:
        return {
            "windows": list(recording.windows("room-1", *EVER)),
            "rows": [row[:15] for row in recording.rows("room-1", *EVER)],
            "sums": {(each.since, each.series): (each.sums, each.runs) for each in recording.buckets("room-1", *EVER)},
            "states": [recording.state_changes(name, EVER[1]) for name in ("room-1", "room-2")],
            "places": recording.places("room-1", EVER[1]),
            "names": recording.names(),
        }


def moved(path: Path, address: PostgresAddress, now: datetime = MONDAY + DAY) -> Copied:
    file, store = SchoolFile(path, "classroom"), TakingStore(address, "classroom")
    try:
        file.start()
        store.start()
        return copy_school(file, store, now)
    finally:
        file.stop()
        store.stop()


def copied(school: Place, postgres: Place) -> tuple[int, int]:
    """Copy; how many windows there were, and how many were new."""
    assert isinstance(postgres.target, PostgresAddress)
    assert isinstance(school.target, Path)
    done = moved(school.target, postgres.target)
    assert done.damaged == 0
    return done.windows, done.new


def test_windows_whose_numbers_were_used_twice_move_once(tmp_path: Path, postgres: Place) -> None:
    school, dice = Place(tmp_path / "old.sqlite"), random.Random(1)  # noqa: S311
    sent = [window(n, MONDAY + day * DAY + n * timedelta(minutes=2), dice) for day in range(3) for n in range(1, 20)]
    with school.opened() as store:
        store.store(as_messages(sent), MONDAY)
    with postgres.opened() as store:  # the room sends to the database already
        store.store(as_messages(sent[30:]), MONDAY)
    assert copied(school, postgres) == (len(sent), 30)
    assert copied(school, postgres) == (len(sent), 0)
    assert everything(postgres) == everything(school)


def test_a_file_moves_once_and_again(school: Place, postgres: Place, edge: StartEdge) -> None:
    before = everything(school)
    count = len(before["rows"])
    assert 80 < count < 200, "some windows are there as sums only"
    assert isinstance(postgres.target, PostgresAddress)
    process = edge("record", "--database", postgres.target.url, "--school", "north", "--copy-from", str(school.target))
    out, err = process.communicate(timeout=60)
    assert (process.returncode, f"{count} windows, {count} of them new" in out) == (0, True), err
    assert everything(postgres) == before
    tables = ("windows", "rollups", "states", "availability", "newer_windows", "places", "deletions", "devices")
    counting = " || ',' || ".join(f"(SELECT count(*) FROM edge.{table})" for table in tables)  # noqa: S608
    first = postgres.sql(f"SELECT {counting}")
    assert "0" not in first[0].split("|")
    assert copied(school, postgres) == (count, 0)
    assert postgres.sql(f"SELECT {counting}") == first
    with school.opened() as old, postgres.opened() as new:
        assert new.client_ids("") != old.client_ids(""), "the file could name the session of anybody"


def days_of(postgres: Place) -> list[str]:
    """What the days of the school say in SQL."""
    query = "SELECT day, sum(windows), sum(frames), sum(recorded_ms) FROM edge.days GROUP BY day ORDER BY day"
    return postgres.sql(query)


def tidied(postgres: Place, now: datetime, retention: Retention) -> list[str]:
    """What the days say once what is too old is deleted."""
    with postgres.opened() as store:
        more = True
        while more:
            made = store.add_up_days(now)
            more = store.prune(now, retention)[1] or made
    return days_of(postgres)


@pytest.mark.parametrize("retention", [Retention(400, 30), Retention(40, 30, daily_days=3000)], ids=str)
def test_what_the_database_has_deleted_as_too_old_is_added_up_once(
    school: Place, postgres: Place, retention: Retention
) -> None:
    assert isinstance(school.target, Path)
    assert isinstance(postgres.target, PostgresAddress)
    assert postgres.server
    now = MONDAY + 200 * DAY
    first = moved(school.target, postgres.target, now)
    whole = days_of(postgres)
    assert first.new == first.windows > 80
    assert tidied(postgres, now, retention) == whole
    left = postgres.server.sql(
        "SELECT count(*) FROM edge.windows", "SELECT count(*) > 0 FROM edge.daily_rollups WHERE kept",
        database=postgres.database,
    )  # fmt: skip
    assert left.split() == ["0", "t" if retention.daily_days else "f"]
    for _ in range(2):
        assert moved(school.target, postgres.target, now) == first._replace(new=0)
        assert tidied(postgres, now, retention) == whole


def test_a_copy_that_was_killed_goes_on_after_the_recorder_has_deleted_what_was_copied(
    school: Place, postgres: Place, edge: StartEdge
) -> None:
    assert isinstance(postgres.target, PostgresAddress)
    assert isinstance(school.target, Path)
    sent, now, retention = windows(1, 300), MONDAY + 200 * DAY, Retention(400, 30)
    rooms = [f"room-{number}" for number in range(4, 24)]
    with school.opened() as store:
        for room in rooms:
            store.store(as_messages([each.model_copy(update={"device": room}) for each in sent]), MONDAY)

    def copied_rooms() -> int:
        with postgres.opened() as store:
            return len(store.windows_of_devices(100, 1))

    copying = edge("record", "--database", postgres.target.url, "--school", "north", "--copy-from", str(school.target))
    wait_for(lambda: copied_rooms() >= 2 or copying.poll() is not None, 60)
    copying.kill()
    copying.communicate()
    assert tidied(postgres, now, retention)
    assert postgres.sql("SELECT count(*) FROM edge.windows") == ["0"]
    moved(school.target, postgres.target, now)
    with postgres.read() as new, school.read() as old:
        for room in ("room-1", *rooms):
            assert add_up(list(new.buckets(room, *EVER))) == add_up(list(old.buckets(room, *EVER)))


def test_a_recorder_that_drops_a_month_which_is_still_copied_does_not_end_the_copy(
    school: Place, postgres: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent, now = windows(1, 120), MONDAY + 200 * DAY
    with school.opened() as store:
        store.store(as_messages([each.model_copy(update={"device": "room-4"}) for each in sent]), MONDAY)
    of_rooms = SchoolFile.days

    def days(file: SchoolFile, device: str) -> Iterator[tuple[list[Row], list[Bucket]]]:
        tidied(postgres, now, Retention(400, 30))
        yield from of_rooms(file, device)

    monkeypatch.setattr(SchoolFile, "days", days)
    assert isinstance(school.target, Path)
    assert isinstance(postgres.target, PostgresAddress)
    done = moved(school.target, postgres.target, now)
    assert (done.windows, done.damaged) == (done.new, 0)
    with postgres.read() as new, school.read() as old:
        for room in ("room-1", "room-4"):
            assert add_up(list(new.buckets(room, *EVER))) == add_up(list(old.buckets(room, *EVER)))


def test_what_comes_again_of_a_day_that_has_outlived_its_five_minutes_is_added_up_once(postgres: Place) -> None:
    dice = random.Random(1)  # noqa: S311
    sent = [window(n, MONDAY + n * timedelta(minutes=2), dice) for n in range(1, 60)]
    late, now = sent[20:23], MONDAY + 200 * DAY
    first = [each for each in sent if each not in late]
    retention = Retention(40, 30, daily_days=3000)
    with postgres.opened() as store:
        assert store.store(as_messages(first), MONDAY) == len(first)
    whole = tidied(postgres, now, retention)
    with postgres.opened() as store:
        assert store.store(as_messages(first), now) == 0
    assert tidied(postgres, now, retention) == whole
    with postgres.opened() as store:
        assert store.store(as_messages(sent), now) == len(late), "these never came before"
        assert store.store(as_messages(sent), now) == 0
    day, windows_there, *_ = tidied(postgres, now + 30 * DAY, retention)[0].split("|")
    assert (day, windows_there) == (f"{MONDAY:%Y-%m-%d}", str(len(sent)))
    with postgres.opened() as store:
        assert store.store(as_messages(sent), now + 30 * DAY) == 0


def test_what_was_deleted_in_the_database_does_not_come_back_by_a_second_copy(school: Place, postgres: Place) -> None:
    def there() -> dict[str, int]:
        tables = ("windows", "rollups", "states", "availability", "newer_windows", "places")
        asked = [f"SELECT count(*) FROM edge.{table}" for table in tables]  # noqa: S608
        found = postgres.sql(*asked)
        return dict(zip(tables, map(int, found), strict=True))

    copied(school, postgres)
    assert all(there().values())
    postgres.delete(None, None, EVER[1], EVER[1])
    left = there()
    in_force = {"places", "states", "availability"}
    assert {table for table, rows in left.items() if rows} <= in_force, "what is in force at the end is needed"
    assert isinstance(postgres.target, PostgresAddress)
    assert isinstance(school.target, Path)
    moved(school.target, postgres.target, EVER[1])
    assert there() == left


def test_what_came_to_both_is_there_once(school: Place, postgres: Place) -> None:
    dice = random.Random(1)  # noqa: S311
    late = [window(n, MONDAY + n * timedelta(hours=7), dice) for n in range(560, 620)]
    with postgres.opened() as store:
        assert store.store(as_messages(late), MONDAY) == 60
    of_file, added = copied(school, postgres)
    assert 0 < added < of_file
    with school.read() as old, postgres.read() as new:
        starts = {each.start for each in old.windows("room-1", *EVER)}
        found = list(new.windows("room-1", *EVER))
        span = ("room-1", MONDAY + 20 * DAY, EVER[1])
        assert add_up(list(new.buckets(*span))) == add_up(list(new.windows(*span)))
    assert len({(each.epoch, each.seq, each.start) for each in found}) == len(found)
    assert starts < {each.start for each in found}


def test_what_was_said_last_in_a_deleted_time_is_in_force_also_after_a_second_copy(
    tmp_path: Path, postgres: Place
) -> None:
    assert isinstance(postgres.target, PostgresAddress)
    place, since = Place(tmp_path / "school.sqlite"), format_timestamp(MONDAY)  # the end of the deleted time
    modes: list[RunMode] = ["running", "paused", "running"]
    for number, mode in enumerate(modes):
        with place.opened() as store:
            said = DeviceMessage("room-1", "state", State(mode=mode, reason="", since=since))
            store.store([said], MONDAY + number * timedelta(minutes=1))
        moved(tmp_path / "school.sqlite", postgres.target, MONDAY + DAY)
    with postgres.read() as recording:
        assert [each.mode for each in recording.state_changes("room-1", MONDAY + DAY)[0]] == ["paused", "running"]


def test_a_file_is_no_place_to_copy_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["record", "--database", str(tmp_path / "new.sqlite"), "--copy-from", "old.sqlite"]
    assert run_command_line(command) == 78
    assert "copies into a database" in capsys.readouterr().err


def test_another_prefix_is_refused(school: Place, postgres: Place) -> None:
    assert isinstance(school.target, Path)
    file = SchoolFile(school.target, "elsewhere")
    with pytest.raises(ConfigError, match="below 'classroom', not below 'elsewhere'"):
        file.start()
    file.stop()


WINDOWS = [
    "received = 'infinity'", "seconds = 'abc'", "seq = 9000000000", "schema = 'a' || char(0)", "start = 'soon'",
    "start = x'00ff'", "start = '20271116T080000.000Z', \"end\" = '20271116T080010.000Z'",
    "model_faces = hex(randomblob(20000))", "estimate_absent = 'x'", "device = 'room-1' || char(10)",
    """facing = '{"front": 5000000000, "away": 0, "unknown": 0}'""",
    "frames = 1000000000", "frames = 0", "faces_mean = faces_mean + 1", "faces_max = faces_min - 1", "faces_total = 1",
    """unclassified = '{"too_small": 99999999999, "away": null, "unclear": 0}'""",
    """unclassified = '{"too_small": 999999999, "away": null, "unclear": 0}'""",
    "\"end\" = strftime('%Y-%m-%dT%H:%M:%fZ', start, '+3 days')",
    *(
        f"""estimate = '{{"{label}": {{"share": 0.1, "low": 0, "high": 0.2}}}}'"""
        for label in ("a\\u0000", "\\ud800", "x" * 200)
    ),
]  # fmt: skip
"""What no window has, to be set in one."""
ROWS = [
    "states VALUES (x'00ff', '2026-11-16T08:00:00.000Z', 'paused', 'y', '2026-11-16T08:00:00.000Z')",
    "states VALUES ('room-1', 'infinity', 'paused', 'y', '2026-11-16T08:00:00.000Z')",
    "states VALUES ('room-1', '2026-11-16T08:00:00.000Z', 'asleep', 'y', '2026-11-16T08:00:00.000Z')",
    "states VALUES ('room-1', '2026-11-16T08:00:00.000Z', 'paused', x'00', '2026-11-16T08:00:00.000Z')",
    "states VALUES ('room-1', '2026-11-16T08:00:00.000Z', 'paused', 'y', 'yesterday')",
    "availability VALUES ('room-1', 'now', 1)",
    "availability VALUES ('room-1', '2026-11-16T08:00:00.000Z', 'x')",
    "newer_windows VALUES ('room-1', 'a' || char(0), '2026-11-16T08:00:00.000Z', x'00', 'y')",
    "newer_windows VALUES ('room-1', 'edge.window/9', '2026-11-16T08:00:00.000Z', 'text', 'y')",
    "places VALUES ('room-1', 'x', '2026-11-16T08:00:00.000Z', 'aaaaaaaa', 0.5)",
    "places VALUES ('room-1', '', '2026-11-16T08:00:00.000Z', 'z', 0.5)",
    "places VALUES ('room-1', '', '2026-11-16T08:00:00.000Z', 'aaaaaaaa', 9e999)",
    "deletions VALUES (99, '2026-11-16T08:00:00.000Z', 'me', NULL, NULL, 'infinity', 0, NULL)",
    "deletions VALUES (99, 'infinity', 'me', NULL, NULL, NULL, 0, NULL)",
    "deletions VALUES (99, '9998-11-16T08:00:00.000Z', 'me', NULL, NULL, NULL, 0, NULL)",
    "deletions VALUES (99, '2100-11-16T08:00:00.000Z', 'me', NULL, NULL, NULL, 0, NULL)",
    "deletions VALUES (99, '2026-11-16T08:00:00.000Z', 'me', 'no/such', NULL, NULL, 0, NULL)",
]
"""What no table has, to be added to one."""
SOME = "device = 'room-1' AND seq = (SELECT max(seq) FROM windows WHERE estimate IS NOT NULL)"
HUGE = f"json('{10**30}')"
SUMS = [
    "json_set(sums, '$.frames', 1000000000)", "json_set(sums, '$.faces', 1000000000000)",
    "json_remove(sums, '$.recorded')", f"json_set(sums, '$.windows', {HUGE})",
    f"json_set(sums, '$.withheld', json_object('figures short', {HUGE}))", f"json_set(sums, '$.named', {HUGE})",
]  # fmt: skip
RUNS = [f"json_set(runs, '$[0][4]', {HUGE})", """json_set(runs, '$[0][2]', 'abcdef0' || char(0))""", "'[]'"]
"""What no windows add up to, and no run of them is."""
SUMMED = "rowid = (SELECT min(rowid) FROM rollups WHERE sums LIKE '%frames%')"  # its windows are not kept any more
PREPARED = [
    *(f"UPDATE windows SET {values} WHERE {SOME}" for values in WINDOWS),  # noqa: S608
    *(f"UPDATE rollups SET sums = {sums} WHERE {SUMMED}" for sums in SUMS),  # noqa: S608
    *(f"UPDATE rollups SET runs = {runs} WHERE {SUMMED}" for runs in RUNS),  # noqa: S608
    *(f"INSERT INTO {values}" for values in ROWS),
]


def prepared(school: Place, statement: str) -> None:
    """What another program does to the file."""
    assert isinstance(school.target, Path)
    with contextlib.closing(sqlite3.connect(school.target, isolation_level=None)) as file:
        file.execute(statement)
        assert file.execute("SELECT changes()").fetchone()[0] >= 1


def test_rows_that_another_program_made_are_left_out_and_the_school_goes_on(
    school: Place, shared_postgres: PostgresServer, subtests: pytest.Subtests
) -> None:
    assert isinstance(school.target, Path)
    shared_postgres.sql("DROP DATABASE IF EXISTS prepared", "CREATE DATABASE prepared")
    whole = school.target.read_bytes()
    for number, statement in enumerate(PREPARED):
        with subtests.test(statement=statement):
            school.target.write_bytes(whole)
            prepared(school, statement)
            address = PostgresAddress(shared_postgres.url("prepared"), f"school {number}")
            done = moved(school.target, address)
            assert done.damaged == 1
            assert done.new == done.windows >= 80
            later = [window(n, MONDAY + 60 * DAY + n * timedelta(minutes=1), random.Random(1)) for n in (900, 901)]  # noqa: S311
            with Place(address).opened() as recorder:
                recorder.client_ids("")
                assert recorder.store(as_messages(later), MONDAY + 60 * DAY) == 2
                assert recorder.prune(MONDAY, Retention(days=400)) == (0, False)


def test_a_deletion_reaches_no_further_than_when_it_was_asked_for(school: Place, postgres: Place) -> None:
    prepared(
        school,
        "INSERT INTO deletions VALUES (99, '2026-11-16T08:00:00.000Z', 'me', NULL, NULL, '2190-01-01T00:00:00.000Z', "
        "0, NULL)",
    )
    copied(school, postgres)
    later = [window(900, MONDAY + 60 * DAY, random.Random(1))]  # noqa: S311
    with postgres.opened() as store:
        assert store.store(as_messages(later), MONDAY + 60 * DAY) == 1


def test_a_deletion_of_a_time_to_come_ends_with_what_was_there(tmp_path: Path, postgres: Place) -> None:
    school, dice = Place(tmp_path / "old.sqlite"), random.Random(1)  # noqa: S311
    with school.opened() as old:
        old.store(as_messages(windows(1, 20)), MONDAY + DAY)
    prepared(school, "INSERT INTO deletions VALUES (99, '2026-11-18T06:00:00.000Z', 'me', NULL, NULL, NULL, 0, NULL)")
    assert isinstance(school.target, Path)
    assert isinstance(postgres.target, PostgresAddress)
    assert moved(school.target, postgres.target, MONDAY + DAY + timedelta(hours=1)).damaged == 0
    came = [window(n, MONDAY + DAY + n * timedelta(minutes=1), dice) for n in range(1, 901)]
    with postgres.opened() as store:
        assert store.store(as_messages(came), MONDAY + 9 * DAY) == 900, "late ones, too, when that time has come"


MANY = """
INSERT INTO deletions (asked, by, device, start, "end", windows)
WITH RECURSIVE given(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM given WHERE n < {number} - 1)
SELECT '2025-01-02T00:00:00.000Z', 'me', 'zz', strftime('%Y-%m-%dT%H:%M:%S.000Z', 1600000000 + 60 * n, 'unixepoch'),
    strftime('%Y-%m-%dT%H:%M:%S.000Z', 1600000030 + 60 * n, 'unixepoch'), 0 FROM given
"""


def test_what_was_deleted_stays_out_however_many_deletions_a_file_brings(school: Place, postgres: Place) -> None:
    sent = as_messages(windows(1, 20))
    with postgres.opened() as store:
        store.store(sent, MONDAY + DAY)
        assert postgres.delete("room-1", MONDAY - DAY, MONDAY + DAY, MONDAY + DAY) == 20
        prepared(school, MANY.format(number=10_001))
        copied(school, postgres)
        assert store.store(sent, MONDAY + DAY) == 0
    with postgres.opened() as store:
        assert store.store(sent, MONDAY + DAY) == 0
    with postgres.erasing() as eraser:
        assert eraser.count("room-1", MONDAY - DAY, MONDAY + DAY)[:2] == (0, None)


@pytest.mark.parametrize("limit", ["copying.MOST", "taking_store.MOST_TAKEN"])
def test_a_file_with_more_deletions_than_recorders_can_know_is_refused(
    school: Place, postgres: Place, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    with postgres.opened():
        pass
    monkeypatch.setattr(f"edge.recording.postgres.{limit}", 5)
    prepared(school, MANY.format(number=6))
    with pytest.raises(ConfigError, match=r"more than 5 (deletions|are not copied)"):
        copied(school, postgres)
    with postgres.erasing() as eraser:
        assert list(eraser.deletions()) == []


def test_a_deletion_without_an_end_that_was_copied_once_stops_no_recorder(postgres: Place) -> None:
    assert postgres.server
    with postgres.opened() as store:
        store.store(as_messages(windows(1, 3)), MONDAY)
        postgres.server.sql(
            "INSERT INTO edge.deletions (school, asked, by, \"end\", windows) VALUES (1, now(), 'me', 'infinity', 0)",
            database=postgres.database,
        )
        assert store.store(as_messages(windows(1, 5)), MONDAY) == 2
