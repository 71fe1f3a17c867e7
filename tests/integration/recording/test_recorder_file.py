"""The recorder's file: deletion of old windows, full and locked disks, files that are something else."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import cast

import pytest

from edge.config.broker_url import BrokerUrl
from edge.contract.examples import INFO
from edge.errors import EXIT_BUSY
from edge.mqtt.client_factory import BrokerSettings
from edge.recording.database import Database
from edge.recording.recordable import examine
from edge.recording.recorder import Recorder
from edge.recording.reserve import FOR_BROKER, Reserve
from edge.recording.retention import Retention
from edge.recording.retention_time import RetentionTime
from edge.recording.session import Delivery, Session
from tests.support.brokers import Broker, wait_for
from tests.support.faults import SmallDisk
from tests.support.recordings import NOW, Sender, StartEdge, address, lines_of, message, recording, rows, stamp
from tests.support.stores import count_windows


def test_old_windows_are_deleted(broker: int, edge: StartEdge, sender: Callable[[int], Sender], tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    now = datetime.now(timezone.utc)
    process = recording(edge, path, broker)
    device = sender(broker)
    for seq, days in enumerate((40, 20, 9, 2), 1):
        start = now - timedelta(days=days)
        span = {"start": stamp(start), "end": stamp(start + timedelta(seconds=10)), "seconds": 10.0}
        device.send(message(seq, window=span))
        device.send({"mode": "running", "reason": "started", "since": stamp(start)}, "classroom/room-1/state")
    wait_for(lambda: len(rows(path)) == 4 and len(rows(path, "SELECT * FROM states")) == 4, 20)
    process.kill()
    process.wait()
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as file:  # as if the recorder had run then
        file.executescript('UPDATE windows SET received = "end"; UPDATE states SET received = since')
    recording(edge, path, broker, "--keep-days", "10")
    wait_for(lambda: rows(path) == [3, 4], 20)
    assert len(rows(path, "SELECT * FROM states")) == 2


def test_a_second_recorder_of_a_file_ends_with_a_sentence(broker: int, edge: StartEdge, tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    first = recording(edge, path, broker)
    second = edge("dashboard", "--port", "0", "--database", str(path), "--broker", address(broker))
    said = second.communicate(timeout=60)
    assert second.returncode == EXIT_BUSY, said
    assert f"edge record (process {first.pid}) records into {path} already" in "".join(filter(None, said))
    assert first.poll() is None


def record_one(database: Database, broker: int, device: Sender, now: datetime) -> None:
    """A recorder stores a window, at a time of day."""
    session = Session(BrokerSettings(BrokerUrl("127.0.0.1", broker, tls=False), "behind"), ["classroom/+/window"])
    recorder = Recorder(session, database, "classroom", ["+"], now=lambda: now)
    recorder.start()
    session.start()

    def is_stored() -> bool:
        recorder.step(0.01)
        return recorder.stored == 1

    try:
        wait_for(lambda: session.subscribed, 20)
        device.send(message(1))
        wait_for(is_stored, 20)
    finally:
        session.stop()
        database.stop()


def test_what_comes_while_the_clock_is_behind_came_no_earlier_than_what_was_there(
    broker: int, sender: Callable[[int], Sender], tmp_path: Path
) -> None:
    database = Database(tmp_path / "r.sqlite", "classroom")
    database.start()
    database.keep_retention_time(RetentionTime(NOW))
    record_one(database, broker, sender(broker), NOW - timedelta(days=700))
    assert rows(tmp_path / "r.sqlite", "SELECT received FROM windows") == [stamp(NOW)]


def test_a_prepared_file_has_nothing_left_out_that_is_measured_from_now_on(
    broker: int, sender: Callable[[int], Sender], tmp_path: Path
) -> None:
    database, ahead = Database(tmp_path / "r.sqlite", "classroom"), NOW + timedelta(days=30)
    database.start()
    database.keep_retention_time(RetentionTime(ahead))
    with contextlib.closing(sqlite3.connect(tmp_path / "r.sqlite", isolation_level=None)) as file:
        file.execute("INSERT INTO deletions VALUES (1, ?, 'me', NULL, NULL, NULL, 0, NULL)", (stamp(ahead),))
    record_one(database, broker, sender(broker), NOW)
    assert len(rows(tmp_path / "r.sqlite")) == 1


@pytest.mark.parametrize("days", [40, 20])
def test_after_a_deletion_a_room_whose_clock_is_too_old_to_be_right_is_recorded_and_any_other_named(
    broker: int, sender: Callable[[int], Sender], tmp_path: Path, caplog: pytest.LogCaptureFixture, days: int
) -> None:
    """From the first moment of a connection on."""
    path, device = tmp_path / "r.sqlite", sender(broker)
    database = Database(path, "classroom")
    database.start()
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.execute("INSERT INTO deletions VALUES (1, ?, 'me', 'room-1', NULL, NULL, 0, NULL)", (stamp(NOW),))
    session = Session(BrokerSettings(BrokerUrl("127.0.0.1", broker, tls=False), "live"), ["classroom/+/window"])
    recorder = Recorder(session, database, "classroom", ["+"], now=lambda: NOW + timedelta(days=days))
    recorder.start()
    session.start()
    quality = message(1)["quality"] | {"clock_synced": False}
    span = {"start": stamp(NOW - timedelta(days=2)), "end": stamp(NOW - timedelta(days=1)), "seconds": 10.0}

    def handled(number: int) -> bool:
        recorder.step(0.01)
        return recorder.handled == number

    try:
        wait_for(lambda: session.subscribed, 20)
        device.send(message(1, quality=quality, window=span))
        device.send(message(2, quality=quality, window=span, replayed=True))
        wait_for(lambda: handled(2), 20)
    finally:
        session.stop()
        database.stop()
    assert rows(path) == ([1] if days == 40 else [])
    said = [each.getMessage() for each in caplog.records if "by its clock it is of" in each.getMessage()]
    assert len(said) == (0 if days == 40 else 1)


def test_what_is_deleted_makes_the_file_smaller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.recording.retention.PRUNE_MOST", 1000)
    monkeypatch.setattr("edge.recording.retention.PRUNE_SOME", 1000)
    monkeypatch.setattr("edge.recording.retention.SECONDS", 1e-9)
    path = tmp_path / "r.sqlite"
    database = Database(path, "classroom")
    database.start()
    payloads = [json.dumps(message(seq)).encode() for seq in range(1, 2501)]
    found = [examine("classroom", Delivery("classroom/room-1/window", each, 1, 1, 1)) for each in payloads]
    assert database.store([each for each in found if each is not None], NOW) == 2500
    later = NOW + timedelta(days=3)
    while database.prune(later, Retention(3))[1]:
        pass
    assert count_windows(database) == 2500, "nothing is old"
    later += timedelta(hours=8)
    assert [database.prune(later, Retention(3))[0] for _ in range(4)] == [1000, 1000, 500, 0]
    assert database.prune(later, Retention(3)) == (0, False)
    assert count_windows(database) == 0
    database.stop()
    assert path.stat().st_size < 200_000


class Given:
    """A session that brings what it was given, and counts what is acknowledged."""

    def __init__(self, deliveries: list[Delivery]) -> None:
        self._deliveries = deliveries
        self.acknowledged = 0
        self.forgotten = False

    def reset(self) -> None:
        """What was not acknowledged would come again; here nobody waits for it."""

    def poll(self, _seconds: float) -> list[Delivery]:
        found, self._deliveries = self._deliveries[:200], self._deliveries[200:]
        return found

    def acknowledge(self, deliveries: list[Delivery]) -> None:
        self.acknowledged += len(deliveries)


def test_windows_of_new_rooms_that_there_is_no_room_for_are_lost_aloud_and_known_rooms_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("edge.recording.allowance.NEW_DEVICES", 100_000)

    def record(*devices: str, windows: int) -> tuple[Given, Recorder]:
        """A recorder that is started anew gets so many windows of each device, and is stopped."""
        sent = [(name, json.dumps(message(seq, name)).encode()) for seq in range(1, windows + 1) for name in devices]
        session = Given([Delivery(f"classroom/{name}/window", text, 1, 1, 1) for name, text in sent])
        database = Database(tmp_path / "r.sqlite", "classroom")
        recorder = Recorder(cast(Session, session), database, "classroom", ["+"], now=lambda: NOW)
        recorder.start()
        while session.acknowledged < len(sent):
            recorder.step(0.0)
        database.stop()
        return session, recorder

    _, first = record("room-1", windows=40)
    assert (first.stored, first.refused) == (40, 0)
    strangers = [f"made-up-{n}" for n in range(100)]
    _, second = record(*strangers, "room-1", windows=10)
    assert second.stored + second.refused == 101 * 10 - 10, "ten of room-1 were there"
    assert second.crowded_out == second.refused > 500
    (said,) = [each for each in caplog.records if "are lost" in each.getMessage()]
    assert said.levelname == "ERROR"
    caplog.clear()
    _, third = record(*strangers, windows=50)
    assert third.crowded_out > 2000, "that there is a window of them makes no known rooms"
    _, fourth = record("room-1", windows=60)
    assert (fourth.stored, fourth.refused) == (20, 0)


def test_a_full_disk_keeps_messages_at_the_broker(
    broker: int, edge: StartEdge, sender: Callable[[int], Sender], disk: SmallDisk
) -> None:
    path = disk.folder / "r.sqlite"
    process = recording(edge, path, broker)
    device = sender(broker)
    device.send(message(1))
    wait_for(lambda: rows(path) == [1], 20)
    disk.fill()
    for seq in range(2, 60):
        device.send(message(seq))
        disk.fill()  # again: the first look at the file may come only now, and gives the room of its -wal back
    assert "room on" in lines_of(process, "stay at the broker")  # whether a look at the file or a window met it first
    process.kill()  # what it held in memory is still the broker's
    process.wait()
    process = edge("record", "--database", str(path), "--broker", address(broker))
    lines_of(process, "stay at the broker")
    disk.clear()
    wait_for(lambda: rows(path) == list(range(1, 60)), 30)
    assert "can be written again" in lines_of(process, "can be written again")


def test_broker_and_recorder_on_one_full_disk_are_restarted_and_nothing_is_lost(
    start_broker: Callable[..., Broker], edge: StartEdge, sender: Callable[[int], Sender], larger_disk: SmallDisk
) -> None:
    """The broker can still save what waits, before there is room again."""
    keeping = ("persistence true", f"persistence_location {larger_disk.folder}/", "max_queued_messages 10000")
    broker = start_broker(*keeping)
    path, device = larger_disk.folder / "r.sqlite", sender(broker.port)
    process = recording(edge, path, broker.port)
    device.send(message(1))
    wait_for(lambda: rows(path) == [1], 20)
    larger_disk.fill(but_for=0.049)
    for seq in range(2, 302):
        device.send(message(seq))
        larger_disk.fill(but_for=0.049)  # again, as above
    log = lines_of(process, "stay at the broker")
    assert "make room before it is stopped or restarted" in log
    process.terminate()
    assert process.wait(20) == 0
    broker.process.terminate()
    broker.process.wait()
    larger_disk.clear()
    start_broker(*keeping, port=broker.port)
    recording(edge, path, broker.port)
    wait_for(lambda: rows(path) == list(range(1, 302)), 30)


def test_what_is_too_old_goes_while_only_the_reserve_is_left(
    larger_disk: SmallDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that a disk that the recording has filled becomes free by itself."""
    database = Database(larger_disk.folder / "r.sqlite", "classroom", reserve=Reserve(FOR_BROKER, 0.8))
    sent = [json.dumps(message(seq)).encode() for seq in range(1, 20_001)]
    session = Given([Delivery("classroom/room-1/window", text, 1, 1, 1) for text in sent])
    days = 0

    def now() -> datetime:
        return NOW + timedelta(days=days)

    recorder = Recorder(cast(Session, session), database, "classroom", ["+"], retention=Retention(1), now=now)
    recorder.start()
    while not recorder.failing:
        recorder.step(0.0)
    before = count_windows(database)
    assert 0 < before < 20_000
    days = 3
    monkeypatch.setattr("edge.recording.recorder.TIDY_EVERY", 0.0)
    recorder._tidy_at = 0.0
    assert recorder.failing
    recorder.step(0.0)
    assert count_windows(database) < before

    def goes_on() -> bool:
        recorder.step(0.0)
        return not recorder.failing

    wait_for(goes_on, 60)
    database.stop()


def test_a_locked_file_is_waited_for(
    broker: int, edge: StartEdge, sender: Callable[[int], Sender], tmp_path: Path
) -> None:
    path = tmp_path / "r.sqlite"
    process = recording(edge, path, broker)
    wait_for(lambda: rows(path, "SELECT value FROM about WHERE key = 'prefix'") == ["classroom"], 20)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    device = sender(broker)
    device.send(message(1))
    assert "locked by another program" in lines_of(process, "stay at the broker")
    other.execute("ROLLBACK")
    other.close()
    wait_for(lambda: rows(path) == [1], 30)


def test_a_file_that_is_moved_away_is_begun_anew(
    broker: int, edge: StartEdge, sender: Callable[[int], Sender], tmp_path: Path
) -> None:
    path, moved = tmp_path / "r.sqlite", tmp_path / "2026.sqlite"
    recording(edge, path, broker)
    device = sender(broker)
    paused = {"mode": "paused", "reason": "command", "since": stamp(NOW)}
    for topic, content in (("state", paused), ("info", json.loads(INFO.to_json())), ("availability", b"online")):
        device.send(content, f"classroom/room-1/{topic}", retain=True)
    said = "SELECT mode FROM states UNION ALL SELECT online FROM availability UNION ALL SELECT masked FROM places"
    device.send(message(1))
    wait_for(lambda: rows(path) == [1] and len(rows(path, said)) == 3, 20)
    for suffix in ("-wal", "-shm", ""):
        if (file := path.with_name(path.name + suffix)).exists():
            file.replace(moved.with_name(moved.name + suffix))
    device.send(message(2))
    wait_for(lambda: rows(path) == [2], 30)
    wait_for(lambda: rows(path, said) == ["paused", 1, 0.14], 20, "what the broker keeps")


def wrong_files() -> dict[str, Callable[[Path], object]]:
    def foreign(path: Path) -> None:
        database = sqlite3.connect(path)
        database.execute("CREATE TABLE windows (seq INTEGER)")
        database.commit()
        database.close()

    def of_version(path: Path, version: int) -> None:
        database = Database(path, "classroom")
        database.start()
        database.stop()
        connection = sqlite3.connect(path)
        connection.execute(f"PRAGMA user_version={version}")
        connection.close()

    def other_prefix(path: Path) -> None:
        database = Database(path, "school")
        database.start()
        database.stop()

    return {
        "is no SQLite database": lambda path: path.write_bytes(b"not a database at all, but long enough" * 200),
        "is a database of another program": foreign,
        "newer version of edge (layout 9": lambda path: of_version(path, 9),
        "holds the devices below 'school', not below 'classroom'": other_prefix,
        "is not a file": lambda path: path.mkdir(),
    }


@pytest.mark.parametrize("problem", wrong_files())
def test_a_wrong_file_is_left_alone(broker: int, edge: StartEdge, tmp_path: Path, problem: str) -> None:
    path = tmp_path / "r.sqlite"
    wrong_files()[problem](path)
    before = path.read_bytes() if path.is_file() else None
    process = edge("record", "--database", str(path), "--broker", address(broker))
    out, err = process.communicate(timeout=30)
    assert (out, process.returncode) == ("", 78)
    assert problem in err
    assert "Traceback" not in err
    assert before is None or path.read_bytes() == before


def test_a_former_file_is_warned_of_the_default_and_keeps_what_is_old(
    broker: int, edge: StartEdge, tmp_path: Path
) -> None:
    path = tmp_path / "r.sqlite"
    now = datetime.now(timezone.utc)
    database = Database(path, "classroom")
    database.start()
    for seq, start in enumerate((now - timedelta(days=800), now), 1):
        span = {"start": stamp(start), "end": stamp(start + timedelta(seconds=10)), "seconds": 10.0}
        payload = json.dumps(message(seq, window=span)).encode()
        found = examine("classroom", Delivery("classroom/room-1/window", payload, 1, 1, 1))
        assert found is not None
        database.store([found], start)
    database.stop()
    with sqlite3.connect(path) as file:
        file.executescript(
            "DROP TABLE rollups; DROP TABLE series; DROP TABLE daily_rollups; DROP TABLE changed_days; "
            "DROP TABLE places; DROP TABLE deletions; PRAGMA user_version=2"
        )
    file.close()
    process = edge("record", "--database", str(path), "--broker", address(broker))
    log = lines_of(process, "connected to broker")
    assert "what is older than 400 days is deleted: name another time with --keep-days" in log
    wait_for(lambda: len(rows(path, "SELECT * FROM rollups")) == 2, 20)
    assert rows(path) == [1, 2]
    process.kill()
    process.wait()
    process = edge("record", "--database", str(path), "--broker", address(broker), "--keep-days", "all")
    assert "is deleted" not in lines_of(process, "connected to broker")
    process.kill()
    process.wait()
    edge("record", "--database", str(path), "--broker", address(broker), "--keep-days", "400")
    wait_for(lambda: rows(path) == [2], 20)
