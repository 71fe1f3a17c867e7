"""A pause that comes while the disk is full, or while the camera is being opened: in force, said, and kept."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.brokers import Subscriber, wait_for
from tests.support.commander import Commander, wait_state
from tests.support.daemon import Edge
from tests.support.faults import SmallDisk
from tests.support.snapshot_camera import SnapshotCamera, snapshot_camera

Subscribe = Callable[..., Subscriber]
UNSTORED = "a restart would end that: the pause cannot be stored"


@pytest.fixture
def camera() -> Iterator[SnapshotCamera]:
    with snapshot_camera() as camera:
        yield camera


def options(port: int, *more: str) -> list[str]:
    settings = (f"mqtt.broker=mqtt://127.0.0.1:{port}", "mode=headcount", "window.seconds=1", "vision.fps=2", *more)
    return [word for setting in settings for word in ("--set", setting)]


def on_disk(port: int, disk: SmallDisk, *more: str) -> list[str]:
    outbox = f"outbox.path={disk.folder}/outbox.sqlite"
    return options(port, "camera.source=sample", "vision.detect_width=640", outbox, *more)


def said(process: subprocess.Popen[str]) -> tuple[int | None, str, str]:
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def reason(subscriber: Subscriber) -> str:
    state: dict[str, Any] = subscriber.named("state")[-1].json()
    return str(state["reason"])


@pytest.mark.slow
def test_it_is_stored_when_the_disk_has_room_again_and_survives_a_power_cut(
    broker: int, edge: Edge, subscribe: Subscribe, disk: SmallDisk
) -> None:
    subscriber, settings = subscribe(broker), on_disk(broker, disk)
    process = edge("run", *settings)
    subscriber.wait("window", 1, seconds=60)
    disk.fill()
    answer = Commander(broker, subscriber)("pause", '{"by": "Mrs Doe"}')
    assert answer["status"] == "error"
    assert "not for longer than until a restart" in answer["error"]
    assert wait_state(subscriber, "paused", 30)["reason"].startswith("paused by Mrs Doe, over MQTT")
    wait_for(lambda: UNSTORED in reason(subscriber), 30, "subscribers to be told")
    disk.clear()
    wait_for(lambda: reason(subscriber) == "paused by Mrs Doe, over MQTT", 60, "the pause to be stored")
    process.kill()
    assert "paused, but not for longer than until a restart" in said(process)[2]
    seen = len(subscriber.named("state"))
    edge("run", *settings)
    assert subscriber.wait("state", seen + 1, seconds=60)[-1].json()["mode"] == "paused"


@pytest.mark.slow
def test_the_commands_at_the_device_know_of_it(broker: int, edge: Edge, subscribe: Subscribe, disk: SmallDisk) -> None:
    subscriber, settings = subscribe(broker), on_disk(broker, disk, "privacy.allow_remote_resume=false")
    edge("run", *settings)
    subscriber.wait("window", 1, seconds=60)
    command = Commander(broker, subscriber)
    disk.fill()
    assert command("pause")["status"] == "error"
    wait_for(lambda: UNSTORED in reason(subscriber), 30)
    assert command("resume")["status"] == "error"
    status, _, err = said(edge("pause", *settings))
    assert status == 1
    assert "the daemon is paused already, but not for longer than until a restart" in err
    status, out, _ = said(edge("resume", *settings))  # though the disk takes nothing
    assert (status, out) == (0, "resumed; the daemon was paused, which it had not stored\n")
    assert wait_state(subscriber, "running", 30)["reason"] == "resumed by a person at the device"
    assert said(edge("resume", *settings))[1] == "it was not paused\n"

    assert command("pause")["status"] == "error"
    wait_for(lambda: UNSTORED in reason(subscriber), 30)
    disk.clear()
    status, out, err = said(edge("pause", *settings))
    assert (status, err) == (0, "")
    assert ": the daemon has closed the camera" in out
    assert said(edge("resume", *settings))[1].startswith("resumed; it was paused since")
    wait_state(subscriber, "running", 30)


def test_a_pause_while_the_daemon_opens_its_camera(
    broker: int, edge: Edge, subscribe: Subscribe, camera: SnapshotCamera
) -> None:
    subscriber = subscribe(broker)
    settings = options(broker, f"camera.source={camera.source}", "camera.open_timeout=100")
    camera.answers.clear()
    edge("run", *settings)
    wait_for(lambda: camera.pictures > 0, 60, "the daemon to open the camera")
    pause = edge("pause", "--by", "Mrs Doe", *settings)
    # It goes on, paused, though the camera does not answer.
    assert wait_state(subscriber, "paused", 60)["reason"].startswith("paused by Mrs Doe")
    camera.answers.set()
    status, out, err = said(pause)
    if status:  # the machine was so slow that the command did not wait for the camera to let go
        assert "the daemon has not closed the camera within 10 s" in err
    else:
        assert "paused: the daemon has closed the camera" in out
    wait_for(lambda: reason(subscriber) == "paused by Mrs Doe", 60, "the camera to be closed")
    assert camera.pictures == 1
    assert subscriber.named("window") == []
    assert said(edge("resume", *settings))[0] == 0
    wait_state(subscriber, "running", 60)
    subscriber.wait("window", 1, seconds=60)


@pytest.mark.slow
def test_a_disk_that_is_replaced_ends_no_pause(broker: int, edge: Edge, subscribe: Subscribe, disk: SmallDisk) -> None:
    """As `alert/disk` says: make room on the disk, or replace it."""
    subscriber, settings = subscribe(broker), on_disk(broker, disk)
    process = edge("run", *settings)
    subscriber.wait("window", 1, seconds=60)
    assert said(edge("pause", "--by", "Mrs Doe", *settings))[0] == 0
    wait_state(subscriber, "paused", 30)
    seen = len(subscriber.named("state"))
    disk.replace()
    file = disk.folder / "outbox.pause"
    wait_for(file.exists, 60, "the pause on the disk that is there now")
    status, out, _ = said(edge("pause", *settings))  # which finds the daemon there, too
    assert (status, out.startswith("paused already")) == (0, True)
    process.kill()
    assert "nobody has resumed" in said(process)[2]
    assert {message.json()["mode"] for message in subscriber.named("state")[seen:]} <= {"paused"}

    seen = len(subscriber.named("state"))
    edge("run", *settings)
    assert subscriber.wait("state", seen + 1, seconds=60)[-1].json()["reason"] == "paused by Mrs Doe"
    assert said(edge("resume", *settings))[1].startswith("resumed; it was paused since")
    assert wait_state(subscriber, "running", 60)["reason"] == "resumed by a person at the device"


@pytest.mark.slow
def test_a_busy_daemon_takes_the_pause_of_now(broker: int, edge: Edge, subscribe: Subscribe, disk: SmallDisk) -> None:
    subscriber, settings = subscribe(broker), on_disk(broker, disk)
    process = edge("run", *settings)
    subscriber.wait("window", 1, seconds=60)
    assert said(edge("pause", "--by", "Mrs Doe", *settings))[0] == 0
    process.send_signal(signal.SIGSTOP)  # as a reload that loads other models
    assert said(edge("resume", *settings))[0] == 0
    pause = edge("pause", "--by", "Mr Roe", *settings)
    wait_for((disk.folder / "outbox.pause").exists, 60, "the second pause")
    process.send_signal(signal.SIGCONT)
    wait_for(lambda: reason(subscriber) == "paused by Mr Roe", 60, "subscribers to be told of the second pause")
    said(pause)
    assert said(edge("pause", *settings))[0] == 0  # it is confirmed
    process.terminate()
    events = [json.loads(line) for line in said(process)[2].splitlines() if line.startswith('{"audit"')]
    assert [(event["audit"], event["by"]) for event in events if event["audit"] in {"pause", "resume"}] == [
        ("pause", "Mrs Doe"),
        ("resume", "a person at the device"),
        ("pause", "Mr Roe"),
    ]


@pytest.mark.slow
def test_a_pause_of_a_disk_that_was_read_only_from_the_start(
    broker: int, edge: Edge, subscribe: Subscribe, disk: SmallDisk
) -> None:
    subscriber, settings = subscribe(broker), on_disk(broker, disk)
    disk.folder.chmod(0o700)
    disk.writable(yes=False)
    edge("run", *settings)
    subscriber.wait("window", 1, seconds=60)
    assert Commander(broker, subscriber)("pause")["status"] == "error"
    wait_for(lambda: UNSTORED in reason(subscriber), 30)
    assert said(edge("resume", *settings))[1] == "resumed; the daemon was paused, which it had not stored\n"
    wait_state(subscriber, "running", 30)
