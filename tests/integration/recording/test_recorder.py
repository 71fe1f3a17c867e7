"""`edge record`: every window exactly once, through kills of recorder and broker, full disks and wrong files."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import sqlite3
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edge.contract.examples import INFO
from edge.recording.database import Database
from edge.recording.former_session import former_client_id
from edge.recording.recordable import examine
from edge.recording.session import Delivery
from tests.support.any_value import ANY_VALUE, window_with
from tests.support.brokers import Broker, wait_for
from tests.support.recordings import EPOCH, NOW, Sender, StartEdge, address, lines_of, message, recording, rows, stamp

StartBroker = Callable[..., Broker]


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


def test_a_room_that_says_again_and_again_that_something_else_is_hidden(
    broker: int, edge: StartEdge, sender: Callable[[int], Sender], tmp_path: Path
) -> None:
    path = tmp_path / "r.sqlite"
    process = recording(edge, path, broker)
    device, content = sender(broker), json.loads(INFO.to_json())
    for number in range(100):
        device.send(content | {"place": f"{number:08x}"}, "classroom/room-1/info")
    assert "room-1 says more than 60 times an hour" in lines_of(process, "something else is hidden")
    device.send(message(1))
    wait_for(lambda: rows(path) == [1], 20)
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0
    last = rows(path, "SELECT place FROM places ORDER BY rowid DESC LIMIT 1")
    assert last == [f"{60:08x} 5/1"], "the first is no change"


@given(ANY_VALUE, st.data())
@settings(max_examples=200)
def test_no_message_can_stop_it(value: Any, data: st.DataObject) -> None:
    """Whatever stands in one place of a window: it is refused, or can be stored."""
    found = window_with(value, data)
    if found is None:
        return
    with tempfile.TemporaryDirectory() as folder:
        database = Database(Path(folder) / "r.sqlite", "classroom")
        database.start()
        assert database.store([found], NOW) == 1
        database.stop()


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
    assert len({client_id(path) for path in paths}) == 2


def client_id(path: Path) -> str:
    """The name of the session that a file keeps."""
    (found,) = rows(path, "SELECT value FROM about WHERE key = 'client_id'")
    return str(found)


def test_the_id_cannot_be_guessed_and_stays(broker: int, edge: StartEdge, tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    process = recording(edge, path, broker)
    first = client_id(path)
    assert re.fullmatch("edge-record-[0-9a-f]{16}", first)
    assert first != former_client_id(path)
    process.send_signal(signal.SIGTERM)
    process.wait(20)
    recording(edge, path, broker)
    assert client_id(path) == first


def session_of(port: int, name: str, *topics: str) -> bool:
    """Connect once under a name whose session the broker keeps, subscribe, and leave; whether there was one."""
    client = paho.Client(CallbackAPIVersion.VERSION2, name, protocol=MQTTProtocolVersion.MQTTv5)
    present: list[bool] = []
    client.on_connect = lambda _c, _d, flags, _r, _p: present.append(flags.session_present)
    answered: list[int] = []
    client.on_subscribe = lambda _c, _d, mid, _r, _p: answered.append(mid)
    kept = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    kept.SessionExpiryInterval = 3600
    client.connect("127.0.0.1", port, clean_start=False, properties=kept)
    client.loop_start()
    wait_for(lambda: bool(present), 10)
    for topic in topics:
        client.subscribe(topic, 1)
    wait_for(lambda: len(answered) == len(topics), 10)
    client.disconnect()
    client.loop_stop()
    return present[0]


def test_what_version_0_1_left_at_the_broker_is_taken_over_first(
    broker: int, edge: StartEdge, sender: Callable[[int], Sender], tmp_path: Path
) -> None:
    path = tmp_path / "r.sqlite"
    process = recording(edge, path, broker)
    device = sender(broker)
    device.send(message(1))
    wait_for(lambda: rows(path) == [1], 20)
    process.send_signal(signal.SIGTERM)
    process.wait(20)
    # As version 0.1 leaves it: no name in the file, and a session under the old name.
    session_of(broker, client_id(path))
    edge("record", "--database", str(path), "--broker", address(broker), "--forget").communicate(timeout=30)
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute("DELETE FROM about WHERE key = 'client_id'")
    old = former_client_id(path)
    session_of(broker, old, "classroom/+/window")
    for seq in range(2, 12):
        device.send(message(seq))
    process = recording(edge, path, broker)
    wait_for(lambda: rows(path) == list(range(1, 12)), 30)
    lines_of(process, "the former session is ended")
    device.send(message(12))
    wait_for(lambda: rows(path)[-1] == 12, 20)
    assert rows(path, "SELECT 1 FROM about WHERE key = 'former_client_id'") == []
    assert not session_of(broker, old)


def test_a_session_of_another_prefix_is_left_with_what_waits_there(
    broker: int, edge: StartEdge, sender: Callable[[int], Sender], tmp_path: Path
) -> None:
    north, south = tmp_path / "north.sqlite", tmp_path / "south.sqlite"
    for path in (north, south):
        process = recording(edge, path, broker, "--prefix", path.stem)
        process.send_signal(signal.SIGTERM)
        process.wait(20)
    with contextlib.closing(sqlite3.connect(south)) as database, database:
        database.execute("UPDATE about SET value = ? WHERE key = 'client_id'", (client_id(north),))
    device = sender(broker)
    for seq in range(1, 6):
        device.send(message(seq), "north/room-1/window")
    process = edge("record", "--database", str(south), "--broker", address(broker), "--prefix", "south")
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 78
    assert "the broker keeps messages below 'north' for us, who record those below 'south'" in errors
    recording(edge, north, broker, "--prefix", "north")
    wait_for(lambda: rows(north) == list(range(1, 6)), 20)


def test_a_former_session_of_another_prefix_is_not_ended(
    broker: int, edge: StartEdge, sender: Callable[[int], Sender], tmp_path: Path
) -> None:
    path = tmp_path / "r.sqlite"
    device, old = sender(broker), former_client_id(path)
    process = recording(edge, path, broker)
    process.send_signal(signal.SIGTERM)
    process.wait(20)
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute("INSERT INTO about VALUES ('former_client_id', ?)", (old,))
    session_of(broker, old, "other/+/window")
    device.send(message(1), "other/room-1/window")
    process = recording(edge, path, broker)
    assert f"ERROR   the former session {old} cannot be emptied: the broker keeps" in lines_of(process, "cannot be")
    device.send(message(2))
    wait_for(lambda: rows(path) == [2], 20)
    assert session_of(broker, old)


def test_forget_ends_the_session(broker: int, edge: StartEdge, sender: Callable[[int], Sender], tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    process = recording(edge, path, broker)
    device = sender(broker)
    device.send(message(1))
    wait_for(lambda: rows(path) == [1], 20)
    for named in ((), ("--client-id", client_id(path))):  # it would lose what comes before it is back
        done = edge("record", "--database", str(path), "--broker", address(broker), "--forget", *named)
        assert f"records into {path} already" in done.communicate(timeout=30)[1]
        assert done.returncode == 75
    mistyped = ("--database", f"{path}x", "--client-id", client_id(path))
    done = edge("record", *mistyped, "--broker", address(broker), "--forget")
    assert f"{path}x does not exist, or not for this user: name the recording" in done.communicate(timeout=30)[1]
    assert done.returncode == 78
    process.kill()
    process.wait()
    process = edge("record", "--database", str(path), "--broker", address(broker), "--forget")
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert f"keeps nothing for {client_id(path)} any more" in out
    device.send(message(2))
    process = edge("record", "--database", str(path), "--broker", address(broker))
    lines_of(process, "may be missing")
    device.send(message(3))
    wait_for(lambda: 3 in rows(path), 20)
    assert rows(path) == [1, 3]


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
