"""Changes of the configuration that cannot work, odd pause files and storms of signals: the daemon goes on."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from edge.cli import parse, pause
from edge.daemon.daemon_lock import DaemonLock, Flag
from edge.daemon.pause_store import ClosedStore, PauseStore
from tests.support.brokers import Subscriber, free_port, wait_for
from tests.support.commander import Commander, assert_nothing_measured, states, wait_state
from tests.support.faults import SmallDisk

Edge = Callable[..., "subprocess.Popen[str]"]
Subscribe = Callable[..., Subscriber]
Running = tuple["subprocess.Popen[str]", Subscriber, Commander, Callable[..., None]]


@pytest.fixture
def running(broker: int, edge: Edge, subscribe: Subscribe, pictures: str, tmp_path: Path) -> Running:
    """A daemon with a file of its own, and what rewrites that file."""
    file, subscriber = tmp_path / "config.yaml", subscribe(broker)

    def write(**more: Any) -> None:
        lines = {
            "device": {"name": "room-1"}, "camera": {"source": pictures, "loop": True}, "window": {"seconds": 1},
            "vision": {"fps": 2}, "mqtt": {"broker": f"mqtt://127.0.0.1:{broker}"},
            "outbox": {"path": str(tmp_path / "outbox.sqlite")},
        }  # fmt: skip
        file.write_text(json.dumps({**lines, **more}))

    write()
    process = edge("run", "--config", str(file))
    subscriber.wait("window", 2)
    return process, subscriber, Commander(broker, subscriber), write


def goes_on(subscriber: Subscriber) -> None:
    subscriber.wait("window", len(subscriber.named("window")) + 2)


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"mqtt": {"broker": "mqtts://127.0.0.1:1", "ca_file": "/none.pem"}}, "TLS files cannot be used"),
        (
            {"device": {"name": "x"}, "mqtt": {"broker": "mqtt://127.0.0.1:1", "username": "u", "password_file": "/n"}},
            "password_file cannot be read",
        ),
        ({"vision": {"emotions_model": "none.json"}}, "does not exist"),
        ({"vision": {"emotions_model": f"/{300 * 'x'}.json"}}, "File name too long"),
        ({"outbox": {"path": "/"}}, "name a file"),
        ("mode: headcount\nprivacy: # what is with", "config.yaml:2: no line break at the end"),
    ],
)
def test_what_cannot_work_is_refused_and_nothing_changes(
    running: Running, more: Any, expected: str, tmp_path: Path
) -> None:
    process, subscriber, command, write = running
    if isinstance(more, str):
        (tmp_path / "config.yaml").write_text(more)
    else:
        write(**more)
    answer = command("reload")
    assert answer["status"] == "error"
    assert expected in answer["error"]
    goes_on(subscriber)
    assert process.poll() is None
    assert {m.topic.split("/")[1] for m in subscriber.named("window")} == {"room-1"}


def test_another_connection_in_a_flood_of_commands(running: Running, broker: int, subscribe: Subscribe) -> None:
    """The daemon goes on meanwhile, and the outbox is free for the next connection."""
    process, everything, _, write = running
    everything.stop()  # it would be flooded, too
    subscriber, infos = subscribe(broker, "classroom/+/window"), subscribe(broker, "classroom/+/info")
    flood = paho.Client(CallbackAPIVersion.VERSION2)
    flood.connect("127.0.0.1", broker)
    flood.loop_start()
    over = threading.Event()

    def send() -> None:
        while not over.wait(0.04):
            for _ in range(30):
                flood.publish("classroom/room-1/cmd/health", b"", 0)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        time.sleep(1)
        for keepalive in (40, 50):
            write(mode="headcount", mqtt={"broker": f"mqtt://127.0.0.1:{broker}", "keepalive": keepalive})
            known = len(infos.messages)
            process.send_signal(signal.SIGHUP)
            wait_for(lambda known=known: len(infos.messages) > known, 20, "the new connection")  # type: ignore[misc]
            goes_on(subscriber)
    finally:
        over.set()
        sender.join()
        flood.loop_stop()
    goes_on(subscriber)
    process.send_signal(signal.SIGTERM)
    assert "Traceback" not in process.communicate(timeout=20)[1]
    assert process.returncode == 0


def test_a_source_that_is_not_there_is_a_lost_camera_until_the_file_is_right(running: Running) -> None:
    process, subscriber, command, write = running
    write(camera={"source": "file:/none.mp4"})
    assert command("reload")["status"] == "ok"
    wait_state(subscriber, "camera_lost")
    write()
    assert command("reload")["status"] == "ok"
    wait_state(subscriber, "running")
    assert subscriber.wait("camera", 2)[-1].payload == b""
    assert process.poll() is None


def test_a_pause_left_under_another_name_closes_the_camera(running: Running, tmp_path: Path) -> None:
    _, subscriber, _, write = running
    (tmp_path / "other.pause").write_text('{"by": "Mrs Doe", "since": "2026-10-04T08:15:00.000Z"}')
    write(outbox={"path": str(tmp_path / "other.sqlite")})
    assert running[2]("reload")["status"] == "ok"
    assert wait_state(subscriber, "paused")["reason"] == "paused by Mrs Doe"
    assert_nothing_measured(subscriber)


def test_windows_in_memory_outlive_that_the_broker_moves(
    broker: int, edge: Edge, subscribe: Subscribe, pictures: str, disk: SmallDisk, tmp_path: Path
) -> None:
    """The disk takes nothing, and the broker has another address now: to write that down loses no window."""
    disk.writable(yes=False)
    file, subscriber, metrics = tmp_path / "config.yaml", subscribe(broker), free_port()

    def write(port: int) -> None:
        lines = {
            "device": {"name": "room-1"}, "camera": {"source": pictures, "loop": True}, "window": {"seconds": 1},
            "mqtt": {"broker": f"mqtt://127.0.0.1:{port}"}, "outbox": {"path": str(disk.folder / "outbox.sqlite")},
            "metrics": {"port": metrics},
        }  # fmt: skip
        file.write_text(json.dumps(lines))

    write(free_port())
    process = edge("run", "--config", str(file))
    wait_for(lambda: waiting(metrics) >= 3, 60)
    write(broker)
    process.send_signal(signal.SIGHUP)
    found = subscriber.wait("window", 4, 60)
    assert [message.json()["seq"] for message in found[:4]] == [1, 2, 3, 4]
    assert len({message.json()["epoch"] for message in found}) == 1


def waiting(port: int) -> float:
    """How many windows the broker does not have yet."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            text = answer.read().decode()
    except OSError:
        return 0
    return float((re.findall(r"^edge_outbox_windows (.*)$", text, re.MULTILINE) or [0])[0])


def test_the_files_of_another_room_do_not_become_ours(
    running: Running, broker: int, edge: Edge, subscribe: Subscribe, pictures: str, tmp_path: Path
) -> None:
    """A mistake in `outbox.path`, while this room is paused, closes no other room's camera."""
    _, subscriber, command, write = running
    states_of_other = subscribe(broker, "classroom/other/state")
    other = [
        f"camera.source={pictures}", "camera.loop=true", f"mqtt.broker=mqtt://127.0.0.1:{broker}",
        "device.name=other", f"outbox.path={tmp_path / 'other.sqlite'}",
    ]  # fmt: skip
    edge("run", *(word for each in other for word in ("--set", each)))
    wait_state(states_of_other, "running", 60)
    assert command("pause", '{"by": "Mrs Doe"}')["status"] == "ok"
    write(outbox={"path": str(tmp_path / "other.sqlite")})
    assert command("reload")["status"] == "ok"
    alert = subscriber.wait("config", 1, 60)[-1].json()
    assert f"edge runs already on this machine, with the same files ({tmp_path / 'other.pause'})" in alert["problem"]
    assert not (tmp_path / "other.pause").exists()
    assert PauseStore(tmp_path / "outbox.pause").is_there()
    write()
    assert command("reload")["status"] == "ok"
    assert command("resume")["status"] == "ok"
    wait_state(subscriber, "running", 60)
    assert set(states(states_of_other)) == {"running"}


def test_a_pause_goes_along_to_another_name_and_is_over_there(running: Running, tmp_path: Path) -> None:
    _, subscriber, command, write = running
    assert command("pause", '{"by": "Mrs Doe"}')["status"] == "ok"
    connections = len(subscriber.named("availability"))
    write(outbox={"path": str(tmp_path / "other.sqlite")})
    assert command("reload")["status"] == "ok"
    subscriber.wait("availability", connections + 2, 60)
    wait_for(lambda: not PauseStore(tmp_path / "outbox.pause").is_there(), 60)
    PauseStore(tmp_path / "other.pause").resume()
    wait_state(subscriber, "running", 60)
    write()
    assert command("reload")["status"] == "ok"
    subscriber.wait("availability", connections + 4, 60)
    goes_on(subscriber)
    assert states(subscriber)[-1] == "running"


@pytest.mark.parametrize(
    "content", ['{"by": "me", "since": "yesterday"}', '{"by": "\\ud800", "since": 3}', "", None, "[" * 3000]
)
def test_an_odd_pause_file_is_a_pause_that_can_be_ended(running: Running, tmp_path: Path, content: str | None) -> None:
    process, subscriber, command, _ = running
    file = tmp_path / "outbox.pause"
    if content is None:
        file.mkdir()  # as container tools make them
    else:
        file.write_text(content)
    wait_state(subscriber, "paused")
    descriptors = len(list(Path(f"/proc/{process.pid}/fd").iterdir()))
    time.sleep(1.5)
    assert abs(len(list(Path(f"/proc/{process.pid}/fd").iterdir())) - descriptors) <= 2
    if content is None:
        assert "cannot be removed" in command("resume")["error"]
        file.rmdir()  # which alone ends nothing
    assert command("resume")["status"] == "ok"
    wait_state(subscriber, "running")
    goes_on(subscriber)


def test_a_storm_of_signals_ends_nothing(running: Running) -> None:
    process, subscriber, _, _ = running
    until = time.monotonic() + 3
    while time.monotonic() < until:
        for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
            process.send_signal(number)
    goes_on(subscriber)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=15)
    assert process.returncode == 0
    assert "Traceback" not in err


def test_commands_that_came_before_a_new_connection_are_carried_out(running: Running) -> None:
    _, subscriber, command, write = running
    write(homeassistant={"discovery": False})
    command.send("reload")
    for _ in range(30):
        command.send("health")
    command.send("pause")
    wait_for(lambda: states(subscriber)[-1:] == ["paused"], 15, lambda: f"paused, got {states(subscriber)}")


def test_edge_pause_says_when_no_daemon_would_hear_it(edge: Edge, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(f"outbox: {{path: {tmp_path}/nobody.sqlite}}")  # without a last line break: a pause goes on
    process = edge("pause", "--config", str(file))
    out, err = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "nobody has confirmed that the camera is closed: edge is not running here" in err
    assert f"the pause is written to {tmp_path}/nobody.pause" in err
    assert "closed" not in out


def test_edge_pause_while_the_file_has_a_mistake(running: Running, edge: Edge, tmp_path: Path) -> None:
    _, subscriber, _, write = running
    write(window={"secnds": 1}, device={"name": "room-2"})
    process = edge("pause", "--config", str(tmp_path / "config.yaml"))
    out, err = process.communicate(timeout=60)
    assert (process.returncode, "window.secnds" in err) == (0, True)
    assert out.startswith("paused: the daemon has closed the camera")
    assert states(subscriber)[-1] == "paused"


def test_edge_pause_looks_again_whether_a_daemon_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that could not say so, as the disk was full, does it a moment later."""
    monkeypatch.setattr(pause, "DAEMON_SECONDS", 60.0)
    monkeypatch.setattr(pause, "ANSWER_SECONDS", 60.0)
    path, statuses = tmp_path / "outbox.pause", list[int]()
    words = ["pause", "--set", f"outbox.path={tmp_path}/outbox.sqlite"]
    thread = threading.Thread(target=lambda: statuses.append(pause.main(parse(words))))
    thread.start()
    wait_for(lambda: PauseStore(path).load() is not None, 30, "the pause")
    found = PauseStore(path).load()
    assert found is not None
    time.sleep(0.3)  # it has looked several times
    ClosedStore(path).store(found)
    time.sleep(0.3)  # left by a daemon that has ended, it would say nothing
    assert statuses == []
    lock = DaemonLock(path)
    lock.make()
    lock.set_flag(Flag.RUNS, held=True)
    thread.join(60)
    assert statuses == [0]
    lock.close()
