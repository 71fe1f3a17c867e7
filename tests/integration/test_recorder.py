"""`edge record`: every window exactly once, through kills of recorder and broker, full disks and wrong files."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from edge.cli.record import default_client_id
from edge.recording.database import Database
from edge.recording.recorder import examine
from edge.recording.session import Delivery
from tests.support.brokers import Broker, wait_for
from tests.support.faults import SmallDisk
from tests.support.publishing import Start, window

StartEdge = Callable[..., subprocess.Popen[str]]
StartBroker = Callable[..., Broker]

NOW = datetime(2026, 11, 20, 8, 0, tzinfo=timezone.utc)
EPOCH = "6f1c9a2e"


def stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def message(seq: int, device: str = "room-1", *, suppressed: bool = False, **changes: Any) -> dict[str, Any]:
    """A window of ten seconds, the seq-th since NOW."""
    start = NOW + timedelta(seconds=10 * seq)
    counts = {"happy": 3 * seq, "neutral": 20, "unknown": 1}
    total = sum(counts.values())
    return {
        "schema": "edge.window/1", "device": device, "epoch": EPOCH, "seq": seq, "replayed": False,
        "window": {"start": stamp(start), "end": stamp(start + timedelta(seconds=10)), "seconds": 10.0},
        "frames": 10,
        "faces": dict.fromkeys(("total", "mean", "min", "max"))
        if suppressed
        else {"total": total, "mean": total / 10, "min": 1, "max": 9},
        "counts": None if suppressed else counts,
        "people": None if suppressed else {name: n / 10 for name, n in counts.items()},
        "estimate": None if suppressed else {"happy": {"share": 0.2, "low": 0.1, "high": 0.3}},
        "suppressed": suppressed,
        "quality": {"coverage": 0.98, "too_small": None if suppressed else 0, "clock_synced": True},
        "model": {"faces": "f@1", "emotions": "e@2"},
        **changes,
    }  # fmt: skip


class Sender:
    """A device as a client of its own; `send` returns when the broker has the message."""

    def __init__(self, port: int) -> None:
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def send(self, content: Any, topic: str = "classroom/room-1/window", *, retain: bool = False) -> None:
        payload = content if isinstance(content, bytes) else json.dumps(content).encode()
        self._client.publish(topic, payload, 1, retain).wait_for_publish(20)

    def stop(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def sender() -> Iterator[Callable[[int], Sender]]:
    started: list[Sender] = []

    def start(port: int) -> Sender:
        started.append(Sender(port))
        return started[-1]

    yield start
    for each in started:
        each.stop()


def address(port: int) -> str:
    return f"mqtt://127.0.0.1:{port}"


def rows(path: Path, query: str = "SELECT seq FROM windows ORDER BY seq") -> list[Any]:
    """What is in the file, while it may be in use; of one column only its values."""
    if not path.exists():
        return []
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)
    try:
        found = database.execute(query).fetchall()
    except sqlite3.OperationalError as error:  # not yet made
        assert "no such table" in str(error)
        return []
    finally:
        database.close()
    return [row[0] if len(row) == 1 else row for row in found]


def lines_of(process: subprocess.Popen[str], word: str) -> str:
    """Read its log up to a line with a word."""
    assert process.stderr is not None
    read = ""
    for line in process.stderr:
        read += line
        if word in line:
            return read
    pytest.fail(f"no {word!r} in: {read}")


OLD = """
import sys
from dataclasses import replace
from edge.cli import record
modern = record.subscriber_settings
record.subscriber_settings = lambda *call: (replace(modern(*call)[0], mqtt5=False), *modern(*call)[1:])
from edge.__main__ import main
sys.exit(main())
"""  # the command, but without MQTT 5


def recording(edge: StartEdge, path: Path, port: int, *arguments: str) -> subprocess.Popen[str]:
    """A recorder that the broker knows."""
    process = edge("record", "--database", str(path), "--broker", address(port), *arguments)
    lines_of(process, "connected to broker")
    return process


# What is stored


def test_every_window_once_with_states_and_availability(
    broker: int, edge: StartEdge, sender: Callable[[int], Sender], tmp_path: Path
) -> None:
    path = tmp_path / "new" / "folder" / "school.sqlite"
    process = recording(edge, path, broker)
    device = sender(broker)
    paused = {"mode": "paused", "reason": "asked over MQTT", "since": stamp(NOW)}
    for seq in (1, 2, 2, 3, 1):
        device.send(message(seq))
    device.send(message(4, suppressed=True))
    device.send(message(1, "room-2"), "classroom/room-2/window")
    for _ in range(2):
        device.send(paused, "classroom/room-1/state", retain=True)
        device.send(b"online", "classroom/room-1/availability", retain=True)
    device.send(b"offline", "classroom/room-1/availability", retain=True)
    wait_for(lambda: len(rows(path, "SELECT * FROM availability")) == 2, 20)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    identity = "SELECT device, epoch, seq, withheld IS NOT NULL FROM windows ORDER BY device, seq"
    assert rows(path, identity) == [
        *[("room-1", EPOCH, seq, 0) for seq in (1, 2, 3)],
        ("room-1", EPOCH, 4, 1),
        ("room-2", EPOCH, 1, 0),
    ]
    hidden = "SELECT faces_total, faces_mean, faces_min, faces_max, counts, estimate, unclassified FROM windows"
    assert rows(path, f"{hidden} WHERE withheld = 'figures'") == [(None,) * 7]
    assert rows(path, f"{hidden} WHERE seq = 3") == [
        (
            30,
            3.0,
            1,
            9,
            '{"happy":9,"neutral":20,"unknown":1}',
            '{"happy":{"share":0.2,"low":0.1,"high":0.3}}',
            '{"too_small":0,"away":null,"unclear":1}',
        )
    ]
    emotions = "SELECT emotion, count, share, high FROM emotions WHERE seq = 2 ORDER BY emotion"
    assert rows(path, emotions) == [("happy", 6, 0.2, 0.3), ("neutral", 20, None, None), ("unknown", 1, None, None)]
    assert rows(path, "SELECT device, since, mode, reason FROM states") == [
        ("room-1", stamp(NOW), "paused", "asked over MQTT")
    ]
    assert rows(path, "SELECT online FROM availability ORDER BY rowid") == [1, 0]


def test_devices_and_prefix_are_chosen(
    broker: int, edge: StartEdge, sender: Callable[[int], Sender], tmp_path: Path
) -> None:
    path = tmp_path / "r.sqlite"
    first = recording(edge, path, broker)
    first.send_signal(signal.SIGTERM)
    assert first.wait(20) == 0
    recording(edge, path, broker, "--device", "room-2")  # the session still has the subscription to all
    device = sender(broker)
    device.send(message(1, "room-1"), "classroom/room-1/window")
    device.send(message(1, "room-2"), "school/room-2/window")
    device.send(message(2, "room-2"), "classroom/room-2/window")
    wait_for(lambda: rows(path, "SELECT device, seq FROM windows") == [("room-2", 2)], 20)


def test_what_nobody_can_have_meant_is_left_out_and_acknowledged(
    broker: int, edge: StartEdge, sender: Callable[[int], Sender], tmp_path: Path
) -> None:
    path = tmp_path / "r.sqlite"
    process = recording(edge, path, broker)
    device = sender(broker)
    huge = 10**30
    device.send(b"\xff\x00 no JSON")
    device.send(message(1, frames=huge))
    device.send(message(2, window={"start": stamp(NOW), "end": stamp(NOW), "seconds": 10.0}))
    device.send(message(3, window={"start": stamp(NOW), "end": "2026-13-45T00:00:00.000Z", "seconds": 1.0}))
    device.send(json.dumps(message(4)).replace('"happy"', '"\\ud800"').encode())
    device.send({"mode": "paused", "reason": "x", "since": "2026-99-99T00:00:00.000Z"}, "classroom/room-1/state")
    figures = {"total": huge, "mean": 1.5, "min": 0, "max": huge}
    device.send(message(5, suppressed=True, faces=figures, counts={"happy": huge}))
    device.send(message(6))
    wait_for(lambda: 6 in rows(path), 20)
    assert rows(path) == [5, 6]
    assert rows(path, "SELECT faces_total, counts FROM windows WHERE seq = 5") == [(None, None)]
    assert rows(path, "SELECT * FROM states") == []
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0
    log = process.stderr.read() if process.stderr else ""
    assert log.count("an invalid message on classroom/room-1/window was left out") == 1


@given(
    st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=4), st.data()
)
@settings(max_examples=200, deadline=None)
def test_no_message_can_stop_it(value: Any, data: st.DataObject) -> None:
    """Whatever stands in one place of a window: it is refused, or can be stored."""
    content = message(7)
    places = [content, content["window"], content["faces"], content["counts"], content["estimate"], content["quality"]]
    place = data.draw(st.sampled_from(places))
    place[data.draw(st.sampled_from(sorted(place)))] = value
    payload = json.dumps(content).encode()
    database = Database(Path(":memory:"), "classroom")
    database._database = sqlite3.connect(":memory:", isolation_level=None)
    database._prepare(database._database)
    database._inode = (0, 0)
    try:
        found = examine("classroom", Delivery("classroom/room-1/window", payload, 1, 1, 1))
    except ValueError:
        return
    assert found is not None
    assert database.store([found], NOW) == 1


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
    recording(edge, path, broker, "--keep-days", "10")
    wait_for(lambda: rows(path) == [3, 4], 20)
    assert len(rows(path, "SELECT * FROM states")) == 2


def test_what_is_deleted_makes_the_file_smaller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.recording.database.PRUNE_MOST", 1000)
    path = tmp_path / "r.sqlite"
    database = Database(path, "classroom")
    database.start()
    payloads = [json.dumps(message(seq)).encode() for seq in range(1, 2501)]
    found = [examine("classroom", Delivery("classroom/room-1/window", each, 1, 1, 1)) for each in payloads]
    assert database.store([each for each in found if each is not None], NOW) == 2500
    later = NOW + timedelta(days=3)
    assert database.prune(later, 3) == 0
    # Those of a clock that ran ahead go as well: when they came is what counts then.
    assert [database.prune(later + timedelta(seconds=1), 3) for _ in range(4)] == [1000, 1000, 500, 0]
    assert database.count() == 0
    database.stop()
    assert path.stat().st_size < 200_000


@pytest.mark.parametrize(
    ("start", "end"), [("9999-12-31T23:59:49", "9999-12-31T23:59:59"), ("0001-01-01T00:00:00", "0001-01-01T00:00:10")]
)
def test_a_year_that_no_calendar_follows_is_refused(start: str, end: str) -> None:
    span = {"start": f"{start}.000Z", "end": f"{end}.000Z", "seconds": 10.0}
    payload = json.dumps(message(1, window=span)).encode()
    with pytest.raises(ValueError):  # noqa: PT011 - whatever it says
        examine("classroom", Delivery("classroom/room-1/window", payload, 1, 1, 1))


@pytest.mark.parametrize("labels", [[f"label {n}" for n in range(80)], ["x" * 200], [""], ["\ud800"]])
def test_labels_that_are_none_are_refused(labels: list[str]) -> None:
    content = message(1, counts=dict.fromkeys(labels, 0), people=dict.fromkeys(labels, 0.0), estimate=None)
    with pytest.raises(ValueError):  # noqa: PT011 - whatever it says
        examine("classroom", Delivery("classroom/room-1/window", json.dumps(content).encode(), 1, 1, 1))


# Nothing is lost


@pytest.mark.parametrize("mqtt5", [True, False])
def test_kills_of_the_recorder_in_the_middle_of_a_stream(
    start_broker: StartBroker, sender: Callable[[int], Sender], tmp_path: Path, *, mqtt5: bool
) -> None:
    path = tmp_path / "r.sqlite"
    port = start_broker("max_queued_messages 10000").port
    program = ("-m", "edge") if mqtt5 else ("-c", OLD)
    started: list[subprocess.Popen[str]] = []

    def edge(*arguments: str) -> subprocess.Popen[str]:
        started.append(subprocess.Popen([sys.executable, *program, *arguments], text=True, stderr=subprocess.PIPE))
        return started[-1]

    process = recording(edge, path, port)
    device = sender(port)
    seq = 0
    for _ in range(4):
        target = seq + 150
        while seq < target - 50:
            seq += 1
            device.send(message(seq))
        process.kill()  # some are stored and not acknowledged, some have not come at all
        process.wait()
        while seq < target:
            seq += 1
            device.send(message(seq))
        process = edge("record", "--database", str(path), "--broker", address(port))
    wait_for(lambda: len(rows(path)) == seq, 30)
    assert rows(path) == list(range(1, seq + 1))
    log = lines_of(process, "connected to broker")
    assert f"(MQTT {5 if mqtt5 else '3.1.1'})" in log
    process.terminate()
    log += process.communicate(timeout=30)[1]
    assert "may be missing" not in log


def test_kills_of_the_broker(start_broker: StartBroker, edge: StartEdge, publish: Start, tmp_path: Path) -> None:
    folder = tmp_path / "broker"
    folder.mkdir(mode=0o777)
    lines = ("persistence true", f"persistence_location {folder}/", "max_queued_messages 10000")
    broker = start_broker(*lines)
    path = tmp_path / "r.sqlite"
    process = recording(edge, path, broker.port)
    publisher = publish(broker.port)

    def send(count: int) -> None:
        for _ in range(count):
            publisher.publish_window(window())

    send(30)
    wait_for(lambda: len(rows(path)) == 30, 30)
    saved = folder / "mosquitto.db"
    broker.process.send_signal(signal.SIGUSR1)  # as its autosave does: it must not forget that there is a recorder
    wait_for(lambda: saved.exists() and b"classroom/+/window" in saved.read_bytes(), 20)
    broker.process.kill()  # while both are connected
    broker.process.wait()
    send(30)
    broker = start_broker(*lines, port=broker.port)
    wait_for(lambda: len(rows(path)) == 60, 60)
    process.kill()
    process.wait()
    send(40)
    wait_for(lambda: publisher.depth == 0, 30)
    broker.process.send_signal(signal.SIGUSR1)  # as its autosave does
    wait_for(lambda: saved.read_bytes().count(b'"edge.window/1"') >= 40, 20)
    broker.process.kill()  # while the recorder is away
    broker.process.wait()
    start_broker(*lines, port=broker.port)
    recording(edge, path, broker.port)
    wait_for(lambda: len(rows(path)) == 100, 60)
    assert rows(path) == list(range(1, 101))
    publisher.stop()


def test_a_second_recorder_with_its_own_id_shares_nothing(
    broker: int, edge: StartEdge, sender: Callable[[int], Sender], tmp_path: Path
) -> None:
    paths = [tmp_path / "a.sqlite", tmp_path / "b.sqlite"]
    for path in paths:
        recording(edge, path, broker)
    device = sender(broker)
    for seq in range(1, 21):
        device.send(message(seq))
    for path in paths:
        wait_for(lambda path=path: rows(path) == list(range(1, 21)), 20)  # type: ignore[misc]
    assert len({default_client_id(path) for path in paths}) == 2


def test_forget_ends_the_session(broker: int, edge: StartEdge, sender: Callable[[int], Sender], tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    process = recording(edge, path, broker)
    device = sender(broker)
    device.send(message(1))
    wait_for(lambda: rows(path) == [1], 20)
    process.kill()
    process.wait()
    process = edge("record", "--database", str(path), "--broker", address(broker), "--forget")
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert f"keeps nothing for {default_client_id(path)} any more" in out
    device.send(message(2))
    process = edge("record", "--database", str(path), "--broker", address(broker))
    lines_of(process, "may be missing")
    device.send(message(3))
    wait_for(lambda: 3 in rows(path), 20)
    assert rows(path) == [1, 3]


# Disks and files


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
    log = lines_of(process, "stays unacknowledged")
    assert "disk is full" in log
    process.kill()  # what it held in memory is still the broker's
    process.wait()
    process = edge("record", "--database", str(path), "--broker", address(broker))
    lines_of(process, "stays unacknowledged")
    disk.clear()
    wait_for(lambda: rows(path) == list(range(1, 60)), 30)
    assert "can be written again" in lines_of(process, "can be written again")


def test_a_locked_file_is_waited_for(
    broker: int, edge: StartEdge, sender: Callable[[int], Sender], tmp_path: Path
) -> None:
    path = tmp_path / "r.sqlite"
    process = recording(edge, path, broker)
    wait_for(lambda: rows(path, "SELECT value FROM about") == ["classroom"], 20)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    device = sender(broker)
    device.send(message(1))
    assert "locked by another program" in lines_of(process, "stays unacknowledged")
    other.execute("ROLLBACK")
    other.close()
    wait_for(lambda: rows(path) == [1], 30)


def test_a_file_that_is_moved_away_is_begun_anew(
    broker: int, edge: StartEdge, sender: Callable[[int], Sender], tmp_path: Path
) -> None:
    path, moved = tmp_path / "r.sqlite", tmp_path / "2026.sqlite"
    recording(edge, path, broker)
    device = sender(broker)
    device.send(message(1))
    wait_for(lambda: rows(path) == [1], 20)
    for suffix in ("-wal", "-shm", ""):
        if (file := path.with_name(path.name + suffix)).exists():
            file.replace(moved.with_name(moved.name + suffix))
    device.send(message(2))
    wait_for(lambda: rows(path) == [2], 30)


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


@pytest.mark.parametrize(
    "arguments", [("--client-id", "a/b"), ("--keep-days", "0"), ("--keep-days", "x"), ("--device", "+")]
)
def test_wrong_usage(edge: StartEdge, arguments: tuple[str, str]) -> None:
    process = edge("record", "--database", "r.sqlite", *arguments)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 2
    assert f"argument {arguments[0]}" in err


def test_refused_by_the_broker(start_broker: StartBroker, edge: StartEdge, tmp_path: Path) -> None:
    port = start_broker("allow_anonymous false").port
    process = edge("record", "--database", str(tmp_path / "r.sqlite"), "--broker", address(port))
    out, err = process.communicate(timeout=30)
    assert (out, process.returncode) == ("", 77)
    assert "refuses a client without user name" in err
