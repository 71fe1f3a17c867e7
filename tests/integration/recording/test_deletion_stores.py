"""Deletion on request from a file and from a database: the same is gone, the same stays, also beside a recorder."""

from __future__ import annotations

import json
import random
import threading
from datetime import datetime, timedelta

import pytest

from edge.cli import run_command_line
from edge.contract.examples import INFO
from edge.contract.payloads import State
from edge.contract.timestamps import format_timestamp
from edge.contract.validation import DeviceMessage, NewerWindow
from edge.errors import ConfigError
from edge.recording.postgres.address import PostgresAddress
from edge.recording.recordable import examine
from edge.recording.retention import Retention
from edge.recording.rollups import Bucket
from edge.recording.session import Delivery
from edge.recording.window_record import WindowRecord
from edge.recording.window_store import AwayError
from edge.reporting.totals import add_up
from tests.support.brokers import wait_for
from tests.support.stores import Place, as_messages, count_windows
from tests.unit.recording.test_rollups import DAY, MONDAY, window, windows

MINUTE = timedelta(minutes=1)
LATER = MONDAY + 2 * DAY


def read(place: Place, device: str = "room-1") -> tuple[list[WindowRecord], list[Bucket]]:
    span = (device, MONDAY - 2 * DAY, MONDAY + 9 * DAY)
    with place.read() as recording:
        return list(recording.windows(*span)), list(recording.buckets(*span))


def by_days(place: Place) -> list[Bucket]:
    with place.read() as recording:
        return list(recording.days("room-1", MONDAY - 2 * DAY, MONDAY + 9 * DAY))


def overlapping(found: list[WindowRecord], start: datetime, end: datetime) -> list[WindowRecord]:
    return [each for each in found if each.start < end and each.end > start]


@pytest.mark.parametrize("seed", range(4))
def test_a_lesson_is_gone_from_windows_roll_ups_and_days(seed: int, place: Place) -> None:
    sent = windows(seed, 300)
    with place.opened() as store, place.erasing() as eraser:
        store.store(as_messages(sent[:-20]), LATER)
        while store.add_up_days(LATER):
            pass
        before, _ = read(place)
        span = before[-1].start - MONDAY
        start, end = MONDAY + span * 0.3 + timedelta(seconds=seed * 17), MONDAY + span * 0.6
        gone = overlapping(before, start, end)
        assert len(gone) > 20
        assert eraser.count("room-1", start, end) == (len(gone), max(each.end for each in gone), 0, [])
        assert eraser.delete("room-1", start, end, "anna", LATER)[0] == len(gone)
        assert store.store(as_messages(sent[-20:]), LATER) == 20
        assert store.store(as_messages(sent), LATER) == 0
        after, buckets = read(place)
        assert overlapping(after, start, end) == []
        assert len(after) == len(sent) - len(gone) == count_windows(store)
        assert add_up(buckets) == add_up(after) == add_up(by_days(place))
        while store.add_up_days(LATER):
            pass
        assert add_up(by_days(place)) == add_up(after)


def test_a_whole_room_may_be_used_again(place: Place) -> None:
    sent = windows(1, 100)
    others = [each.model_copy(update={"device": "room-2"}) for each in windows(5, 60)]
    with place.opened() as store:
        store.store(as_messages([*sent[:50], *others]), LATER)
        kept = read(place, "room-2")
        assert place.delete("room-1", None, None, LATER) == 50
        assert store.store(as_messages(sent), LATER) == 0
        assert read(place) == ([], [])
        assert read(place, "room-2") == kept
        new = window(1000, LATER + MINUTE, random.Random(1))  # noqa: S311
        assert store.store(as_messages([new]), LATER) == 1
        assert place.delete(None, None, None, LATER + DAY) == 61
        with place.erasing() as eraser:
            assert eraser.devices() == []


def test_a_window_that_reaches_into_the_time_goes(place: Place) -> None:
    long = window(1, MONDAY, random.Random(1))  # noqa: S311
    span = long.window.model_copy(update={"end": format_timestamp(MONDAY + 20 * MINUTE), "seconds": 1200.0})
    with place.opened() as store:
        store.store(as_messages([long.model_copy(update={"window": span})]), LATER)
    assert place.delete("room-1", MONDAY + 17 * MINUTE, MONDAY + 18 * MINUTE, LATER) == 1
    assert read(place) == ([], [])


@pytest.mark.parametrize(("first", "last"), [(7, 17), (17, 33), (17, 93)])
def test_where_windows_were_not_kept_the_roll_ups_at_the_edges_go_whole(place: Place, first: int, last: int) -> None:
    with place.opened() as store:
        store.store(as_messages(windows(2, 300)), LATER)
        while store.prune(MONDAY + 60 * DAY, Retention(days=400, window_days=30))[1]:
            pass
    _, before = read(place)
    start, end = MONDAY + first * MINUTE, MONDAY + last * MINUTE
    touched = {each.since for each in before if each.start < end and each.end > start}
    left = [each for each in before if each.since not in touched]
    gone = sum(each.sums.windows for each in before) - sum(each.sums.windows for each in left)
    with place.erasing() as eraser:
        there = eraser.count("room-1", start, end)
        assert (there.windows, there.newest, there.summed) == (gone, None, gone)
        edges = {each for each in touched if not start <= each <= end - 5 * MINUTE}
        assert there.whole == [(each, each + 5 * MINUTE) for each in sorted(edges)] != []
        assert eraser.delete("room-1", start, end, "anna", LATER)[0] == gone
        assert [each.windows for each in eraser.deletions()] == [gone]
        assert eraser.count("room-1", start, end) == (0, None, 0, [])
    _, after = read(place)
    assert after == left
    assert len(after) < len(before)


def test_of_windows_and_sums_each_counts_once(place: Place) -> None:
    """Windows of the first half are not kept any more."""
    dice = random.Random(1)  # noqa: S311
    later = [window(1000 + n, MONDAY + 40 * DAY + n * MINUTE, dice) for n in range(60)]
    with place.opened() as store:
        store.store(as_messages(windows(2, 150)), MONDAY)
        store.store(as_messages(later), MONDAY + 41 * DAY)
        while store.prune(MONDAY + 60 * DAY, Retention(days=400, window_days=30))[1]:
            pass
        assert count_windows(store) == 60
    with place.erasing() as eraser:
        there = eraser.count("room-1", None, None)
        assert (there.windows, there.summed, there.whole) == (210, 150, [])
        assert eraser.count(None, MONDAY + 40 * DAY, None)[::2] == (60, 0)
        assert eraser.delete(None, None, None, "anna", MONDAY + 60 * DAY)[0] == 210


def test_where_five_minutes_hold_more_than_an_honest_room_has_nobody_waits_for_their_sum(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    if isinstance(place.target, PostgresAddress):  # first: a module that is imported later would keep the smaller one
        monkeypatch.setattr("edge.recording.postgres.deletion_task.AT_ONCE", 20)
        monkeypatch.setattr("edge.recording.postgres.five_minutes.AT_ONCE", 20)
    monkeypatch.setattr("edge.recording.deletion.AT_ONCE", 20)
    monkeypatch.setattr("edge.recording.five_minutes.AT_ONCE", 20)
    dice = random.Random(2)  # noqa: S311
    with place.opened() as store:
        store.store(as_messages([window(n, MONDAY + n * timedelta(seconds=1), dice) for n in range(1, 100)]), LATER)
    assert place.delete("room-1", MONDAY, MONDAY + MINUTE, LATER) == 59
    found, buckets = read(place)
    assert min(each.start for each in found) >= MONDAY + MINUTE
    assert buckets == []
    with place.read() as recording:
        assert recording.names() == ["room-1"]


# What is deleted, by transaction: during which somebody else may wait for the room.
COUNT_DELETED = """
CREATE TABLE deleted (xact xid8, part text, rows bigint);
CREATE FUNCTION count_deleted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO public.deleted SELECT pg_current_xact_id(), TG_TABLE_NAME, count(*) FROM gone HAVING count(*) > 0;
    RETURN NULL;
END $$;
"""
# 5,000 rows each, as a room makes them up.
MADE_UP = {
    "windows": "SELECT device, start + i * interval '1 second', \"end\", epoch, seq + i, {rest} FROM edge.windows",
    "rollups": "SELECT device, start + i * interval '5 minutes', series, changed, sums, runs FROM edge.rollups",
    "states": "SELECT 1, now() - i * interval '1 second', 'paused', '', now()",
    "availability": "SELECT 100 + i, 1, now() - i * interval '1 second', true",
    "newer_windows": "SELECT 1, 'edge.window/9', now(), '{}', sha256(i::text::bytea)",
}


def test_of_a_room_that_stored_much_only_some_is_deleted_while_its_recorder_waits(postgres: Place) -> None:
    psycopg = pytest.importorskip("psycopg", reason="psycopg is not installed (the extra `district`)")
    assert isinstance(postgres.target, PostgresAddress)
    with postgres.opened() as store:
        store.store(as_messages(windows(3, 1)), LATER)
    with psycopg.connect(postgres.target.url, autocommit=True) as owner:
        columns = owner.execute("SELECT * FROM edge.windows LIMIT 0").description
        rest = ", ".join(f'"{each.name}"' for each in columns[5:])
        owner.execute(COUNT_DELETED)
        for table, rows in MADE_UP.items():
            many = rows.replace("{rest}", rest) + (" CROSS JOIN" if " FROM " in rows else " FROM")
            owner.execute(
                f"INSERT INTO edge.{table} OVERRIDING SYSTEM VALUE {many} generate_series(1, 5000) AS made (i)"
            )
            owner.execute(
                f"CREATE TRIGGER counted AFTER DELETE ON edge.{table} REFERENCING OLD TABLE AS gone "
                "FOR EACH STATEMENT EXECUTE FUNCTION count_deleted()"
            )
        assert postgres.delete("room-1", None, None, LATER) == 5001
        found = owner.execute(
            "SELECT part, sum(rows), max(rows), count(*) FROM (SELECT part, sum(rows) AS rows FROM deleted "
            "GROUP BY part, xact) AS transactions GROUP BY part"
        ).fetchall()
    assert {part for part, *_ in found} == set(MADE_UP)
    for part, all_of_it, most, transactions in found:
        assert all_of_it >= 5000, part
        assert most <= 2000, f"{part}: so many in a transaction"
        assert transactions <= 20, f"{part}: a transaction for every few"


def test_what_a_room_said_of_itself_goes_by_its_time(place: Place) -> None:
    def said(minutes: int, digest: str) -> list[DeviceMessage]:
        since, until = (format_timestamp(MONDAY + (minutes + more) * MINUTE) for more in (0, 1))
        newer = json.dumps({"window": {"start": since, "end": until}}).encode()
        info = json.dumps(json.loads(INFO.to_json()) | {"place": digest}).encode()
        place_of = examine("classroom", Delivery("classroom/room-1/info", info, 1, 1, 1))
        assert place_of is not None
        return [
            DeviceMessage("room-1", "state", State(mode="paused", reason="", since=since)), place_of,
            DeviceMessage("room-1", "window", NewerWindow("edge.window/9", newer), "edge.window/9"),
            DeviceMessage("room-1", "availability", minutes % 2 == 0),
        ]  # fmt: skip

    with place.opened() as store:
        store.store(as_messages(windows(1, 5)), MONDAY)
        for minutes, digest in ((4, "aaaaaaaa"), (5, "bbbbbbbb"), (6, "cccccccc"), (15, "dddddddd")):
            store.store(said(minutes, digest), MONDAY + minutes * MINUTE)
        place.delete("room-1", MONDAY + 5 * MINUTE, MONDAY + 10 * MINUTE, LATER)
        store.store(said(7, "dddddddd"), LATER)  # out of an outbox
    with place.read() as recording:
        states, words = recording.state_changes("room-1", LATER)
        # What was in force at the end of the time is kept, as said then.
        assert [(each.since - MONDAY) / MINUTE for each in states] == [4, 10, 15]
        assert [((each.since - MONDAY) / MINUTE, each.mode) for each in words] == [
            (4, "online"), (10, "online"), (15, "offline")
        ]  # fmt: skip
        assert [(each.digest, (each.heard - MONDAY) / MINUTE) for each in recording.places("room-1", LATER)] == [
            ("aaaaaaaa", 4), ("cccccccc", 10), ("dddddddd", 15)
        ]  # fmt: skip
    place.delete("room-1", None, None, LATER)
    with place.erasing() as eraser:
        assert eraser.devices() == []


def test_the_record_says_what_by_whom_and_when(place: Place) -> None:
    with place.opened() as store:
        store.store(as_messages(windows(6, 50)), LATER)
    with place.read() as recording:
        assert recording.newest_request() is None
    place.delete("room-1", MONDAY, MONDAY + DAY, LATER)
    place.delete(None, None, None, LATER)
    with place.erasing() as eraser:
        first, second = eraser.deletions()
    assert (first.asked, first.by, first.device, first.start, first.end, first.windows, first.finished) == (
        LATER, "anna", "room-1", MONDAY, MONDAY + DAY, 50, LATER
    )  # fmt: skip
    assert (second.device, second.start, second.end, second.windows) == (None, None, None, 0)
    with place.read() as recording:
        times = [None if each is None else format_timestamp(each) for each in (MONDAY, MONDAY + DAY, LATER)]
        assert list(recording.requests()) == [(2, None, None, None, times[2]), (1, "room-1", *times)]
        assert recording.newest_request() == (2, None, None, None, times[2])


def test_nothing_comes_back_while_a_recorder_writes_the_same_time(place: Place) -> None:
    sent, stop = windows(3, 400), threading.Event()
    wrong: list[BaseException] = []
    with place.opened() as store:
        store.store(as_messages(sent[:1]), LATER)

    def record() -> None:
        try:
            with place.opened() as store:
                while not stop.is_set():
                    for first in range(0, len(sent), 40):
                        store.store(as_messages(sent[first : first + 40]), LATER)
                        stop.wait(
                            0.005
                        )  # SQLite gives turns by chance: who never rests keeps the others out for minutes
        except BaseException as error:  # noqa: BLE001 - told by the test
            wrong.append(error)

    thread = threading.Thread(target=record)
    thread.start()
    try:
        for part in range(4):
            place.delete("room-1", MONDAY + part * 20 * MINUTE, MONDAY + (part + 1) * 20 * MINUTE, LATER)
    finally:
        stop.set()
        thread.join(60)
    assert wrong == []
    found, buckets = read(place)
    assert overlapping(found, MONDAY, MONDAY + 80 * MINUTE) == []
    assert add_up(buckets) == add_up(found)


def test_a_recorder_that_waits_for_a_room_knows_what_was_asked_meanwhile(postgres: Place) -> None:
    psycopg = pytest.importorskip("psycopg", reason="psycopg is not installed (the extra `district`)")
    assert isinstance(postgres.target, PostgresAddress)
    waits = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'edge record' AND wait_event_type = 'Lock'"
    sent, new = windows(3, 20), []
    with postgres.opened() as store, psycopg.connect(postgres.target.url) as other:
        store.store(as_messages(sent[:1]), LATER)
        other.execute("SELECT 1 FROM edge.devices FOR UPDATE")
        thread = threading.Thread(target=lambda: new.append(store.store(as_messages(sent), LATER)))
        thread.start()
        with psycopg.connect(postgres.target.url, autocommit=True) as eraser:
            wait_for(lambda: eraser.execute(waits).fetchone() == (1,), 20, "the recorder to wait")
            eraser.execute(
                "INSERT INTO edge.deletions (school, asked, by, device, windows) VALUES (1, %s, 'anna', 'room-1', 0)",
                (LATER,),
            )
        other.commit()
        thread.join(30)
    assert new == [0]


def test_what_a_recorder_commits_as_the_first_of_a_room_is_deleted_too(postgres: Place) -> None:
    psycopg = pytest.importorskip("psycopg", reason="psycopg is not installed (the extra `district`)")
    assert isinstance(postgres.target, PostgresAddress)
    waits = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'edge delete' AND wait_event_type = 'Lock'"
    with postgres.opened() as store:
        store.store(as_messages(windows(3, 1)), LATER)
    postgres.delete("room-1", None, None, LATER)
    done: list[int] = []
    with psycopg.connect(postgres.target.url) as other, psycopg.connect(postgres.target.url, autocommit=True) as owner:
        # As a recorder that does not know yet what is asked for now.
        other.execute("SELECT 1 FROM edge.devices FOR NO KEY UPDATE")
        other.execute(
            "INSERT INTO edge.states VALUES (1, %s, 'paused', 'the first', %s)", (LATER + MINUTE, LATER + MINUTE)
        )
        thread = threading.Thread(target=lambda: done.append(postgres.delete("room-1", None, None, LATER + DAY)))
        thread.start()
        wait_for(lambda: owner.execute(waits).fetchone() == (1,), 20, "the deletion to wait for the recorder")
        other.commit()
        thread.join(30)
        assert done == [0]
        assert owner.execute("SELECT count(*) FROM edge.states").fetchone() == (0,)


def test_one_that_was_interrupted_says_so_and_is_finished_by_the_next(postgres: Place) -> None:
    psycopg = pytest.importorskip("psycopg", reason="psycopg is not installed (the extra `district`)")
    assert isinstance(postgres.target, PostgresAddress)
    sent = [each.model_copy(update={"device": name}) for name in ("room-1", "room-2") for each in windows(3, 50)]
    with postgres.opened() as store:
        store.store(as_messages(sent), LATER)
    waits = "SELECT pid FROM pg_stat_activity WHERE application_name = 'edge delete' AND wait_event_type = 'Lock'"
    ended: list[BaseException] = []

    def delete() -> None:
        try:
            postgres.delete(None, None, None, LATER)
        except AwayError as error:
            ended.append(error)

    with psycopg.connect(postgres.target.url) as other, psycopg.connect(postgres.target.url, autocommit=True) as owner:
        other.execute("SELECT 1 FROM edge.devices WHERE name = 'room-2' FOR UPDATE")
        thread = threading.Thread(target=delete)
        thread.start()
        wait_for(lambda: owner.execute(waits).fetchone() is not None, 20, "the deletion to wait for room-2")
        owner.execute(f"SELECT pg_terminate_backend(pid) FROM ({waits}) AS found")  # noqa: S608
        thread.join(30)
    assert len(ended) == 1
    assert read(postgres) == ([], [])
    assert len(read(postgres, "room-2")[0]) == 50
    with postgres.opened() as store:
        assert store.store(as_messages(sent), LATER) == 0  # what was asked for holds already
    assert postgres.delete(None, None, None, LATER + MINUTE) == 50
    with postgres.erasing() as eraser:
        assert [(each.windows, each.finished) for each in eraser.deletions()] == [(50, None), (50, LATER + MINUTE)]


def test_the_command_says_what_a_server_keeps(postgres: Place, capsys: pytest.CaptureFixture[str]) -> None:
    assert isinstance(postgres.target, PostgresAddress)
    with postgres.opened() as store:
        store.store(as_messages(windows(6, 50)), LATER)
    options = ["delete", "--database", postgres.target.url, "--school", "north"]
    assert run_command_line([*options, "--device", "room-9", "--yes"]) == 78
    assert "has nothing of 'room-9': it has: room-1" in capsys.readouterr().err
    assert run_command_line([*options, "--device", "room-1", "--by", "Mrs Doe", "--yes"]) == 0
    said = capsys.readouterr()
    assert said.out == "deleted 50 windows: room-1, everything\n"
    assert "the server's files, log and backups have some of it" in said.err
    assert run_command_line([*options, "--list", "--zone", "UTC"]) == 0
    assert "room-1, the first to the last: 50 windows, by Mrs Doe" in capsys.readouterr().out
    assert run_command_line([*options[:3], "--list"]) == 78
    assert "may hold many schools" in capsys.readouterr().err
    assert run_command_line([*options[:4], "south", "--list"]) == 78
    assert "has no school 'south': it has: north" in capsys.readouterr().err
    count = "SELECT (SELECT count(*) FROM edge.windows) + (SELECT count(*) FROM edge.rollups)"
    assert postgres.sql(count) == ["0"]


def test_a_database_of_another_version_is_not_touched(postgres: Place) -> None:
    assert postgres.server
    with pytest.raises(ConfigError, match="holds no recording yet"), postgres.erasing():
        pass
    with postgres.opened():
        pass
    for change, words in (
        ("UPDATE edge_private.migrations SET version = 9001 WHERE version = 1", "newer version"),
        ("DELETE FROM edge_private.additions", "older version"),
    ):
        postgres.sql(change)
        with pytest.raises(ConfigError, match=words), postgres.erasing():
            pass
        postgres.server.sql("UPDATE edge_private.migrations SET version = 1 WHERE version = 9001",
                            database=postgres.database)  # fmt: skip
