"""The daemon as a process: a camera that stalls and dies, pauses, commands and changes of the configuration."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import jsonschema
import pytest

from tests.support.brokers import Subscriber, can_connect, free_port, wait_for
from tests.support.commander import Commander, assert_nothing_measured, states, wait_state
from tests.support.paths import ROOT

Edge = Callable[..., "subprocess.Popen[str]"]
Subscribe = Callable[..., Subscriber]
Camera = Callable[[int], "subprocess.Popen[bytes]"]


@pytest.fixture
def network_camera() -> Iterator[Camera]:
    """Starts network cameras on a port."""
    started = []

    def start(port: int) -> subprocess.Popen[bytes]:
        process = subprocess.Popen([sys.executable, "-m", "tests.support.network_camera", str(port)], cwd=ROOT)
        started.append(process)
        wait_for(lambda: can_connect(port), 10)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def options(port: int, *more: str) -> list[str]:
    settings = (f"mqtt.broker=mqtt://127.0.0.1:{port}", "camera.loop=true", "window.seconds=1", "vision.fps=2", *more)
    return [word for setting in settings for word in ("--set", setting)]


def test_a_camera_that_stalls_dies_and_returns(
    broker: int, edge: Edge, subscribe: Subscribe, network_camera: Camera
) -> None:
    port = free_port()
    camera = network_camera(port)
    subscriber = subscribe(broker)
    source = f"camera.source=http://127.0.0.1:{port}/cam.mjpg"
    process = edge("run", *options(
        broker, source, "deployment.responsible=J", "deployment.legal_basis=consent", "camera.read_timeout=2",
    ))  # fmt: skip
    subscriber.wait("window", 2)
    began = time.monotonic()
    camera.send_signal(signal.SIGSTOP)
    state = wait_state(subscriber, "camera_lost")
    assert time.monotonic() - began < 10
    assert "(address in the log)" in state["reason"]
    alert = subscriber.wait("camera")[-1]
    assert alert.topic == "classroom/room-1/alert/camera"
    jsonschema.validate(alert.json(), json.loads((ROOT / "docs/schemas/alert.json").read_text()))
    camera.kill()
    seen = len(subscriber.named("window"))
    blind = subscriber.wait("window", seen + 3)[-1].json()
    assert (blind["frames"], blind["quality"]["coverage"]) == (0, 0.0)
    network_camera(port)
    wait_state(subscriber, "running", 40)
    wait_for(lambda: subscriber.named("camera")[-1].payload == b"", 5)
    seen = len(subscriber.named("window"))
    assert subscriber.wait("window", seen + 3)[-1].json()["quality"]["coverage"] > 0.5
    assert process.poll() is None
    numbers = [message.json()["seq"] for message in subscriber.named("window")]
    assert numbers == list(range(1, len(numbers) + 1))


def test_a_pause_closes_the_camera_and_survives_a_restart(
    broker: int, edge: Edge, subscribe: Subscribe, network_camera: Camera
) -> None:
    port = free_port()
    network_camera(port)
    subscriber = subscribe(broker)
    arguments = ["run", *options(
        broker, f"camera.source=http://127.0.0.1:{port}/cam.mjpg", "deployment.responsible=J",
        "deployment.legal_basis=consent",
    )]  # fmt: skip
    process = edge(*arguments)
    subscriber.wait("window", 2)
    command = Commander(broker, subscriber)
    assert command("pause", '{"by": "Mrs Doe", "id": 7}') == {"status": "ok", "error": None, "id": 7}
    state = wait_state(subscriber, "paused")
    assert state["reason"] == "paused by Mrs Doe, over MQTT"
    wait_for(lambda: not connections(process.pid, port), 5, "the stream to be closed")
    assert_nothing_measured(subscriber)
    process.kill()
    process.wait()
    again = edge(*arguments)
    wait_for(lambda: len(subscriber.named("state")) >= 3, 20)
    assert subscriber.named("state")[-1].json() == state
    time.sleep(1)
    assert not connections(again.pid, port)
    assert command("resume")["status"] == "ok"
    wait_state(subscriber, "running")
    subscriber.wait("window", len(subscriber.named("window")) + 2)
    again.send_signal(signal.SIGTERM)
    _, err = again.communicate(timeout=10)
    assert again.returncode == 0
    assert "Traceback" not in err


def connections(pid: int, port: int) -> list[str]:
    """The TCP connections of a process to a port, from the kernel's own list."""
    own = {link.readlink().name for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()}
    inodes = {name[8:-1] for name in own if name.startswith("socket:[")}
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return [line[2] for line in lines if line[9] in inodes and line[2].endswith(f":{port:04X}") and line[3] == "01"]


def test_edge_pause_and_resume_at_the_device(broker: int, edge: Edge, subscribe: Subscribe, pictures: str) -> None:
    subscriber = subscribe(broker)
    settings = options(broker, f"camera.source={pictures}", "privacy.allow_remote_resume=false")
    edge("run", *settings)
    subscriber.wait("window")
    process = edge("pause", *settings, "--by", "Mr Roe")
    out, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, "")
    assert "paused: the daemon has closed the camera, and keeps it closed until:" in out
    assert " resume" in out
    assert wait_state(subscriber, "paused")["reason"] == "paused by Mr Roe"
    answer = Commander(broker, subscriber)("resume")
    assert answer["status"] == "error"
    assert "on the device itself" in answer["error"]
    assert states(subscriber)[-1] == "paused"
    out, _ = edge("resume", *settings).communicate(timeout=20)
    assert "resumed" in out
    wait_state(subscriber, "running")


def test_edge_pause_believes_only_the_daemon(broker: int, edge: Edge, subscribe: Subscribe, pictures: str) -> None:
    subscriber = subscribe(broker)
    settings = options(broker, f"camera.source={pictures}")
    daemon = edge("run", *settings)
    subscriber.wait("window")
    daemon.send_signal(signal.SIGSTOP)  # it runs, and hears nothing
    process = edge("pause", *settings)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "the pause is written to" in err
    assert "the daemon has not closed the camera within 10 s" in err
    daemon.send_signal(signal.SIGCONT)
    wait_state(subscriber, "paused")
    process = edge("pause", *settings)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, "")
    assert "paused already" in out
    edge("resume", *settings).communicate(timeout=20)
    wait_state(subscriber, "running")


def test_commands_on_the_wire(broker: int, edge: Edge, subscribe: Subscribe, pictures: str) -> None:
    subscriber, elsewhere = subscribe(broker), subscribe(broker, "my/answers")
    process = edge("run", *options(broker, f"camera.source={pictures}"))
    subscriber.wait("window")
    command = Commander(broker, subscriber)
    assert "retain" in command("pause", "on", retain=True)["error"]
    # and again as what a broker kept: the daemon must not obey after a restart
    assert "retain" in command("pause", "on", retain=True)["error"]
    assert "no such command" in command("explode")["error"]
    assert "too many" in command("pause", "x" * 5000)["error"]
    assert command("health")["status"] == "ok"
    assert command("interval", "2")["status"] == "ok"
    wait_for(lambda: subscriber.named("info")[-1].json()["window_seconds"] == 2, 5)
    wait_for(lambda: subscriber.named("window")[-1].json()["window"]["seconds"] == 2, 10)
    command.send("health", reply="my/answers")
    assert elsewhere.wait("answers")[0].json()["status"] == "ok"
    process.kill()
    process.wait()
    edge("run", *options(broker, f"camera.source={pictures}"))
    seen = len(subscriber.named("window"))
    subscriber.wait("window", seen + 2)
    assert set(states(subscriber)) == {"running"}
    numbers = [message.json()["seq"] for message in subscriber.named("window")]
    assert sorted(set(numbers)) == list(range(1, max(numbers) + 1))


def test_sighup_and_reload_apply_a_good_file_and_keep_the_old_one_else(
    broker: int, edge: Edge, subscribe: Subscribe, pictures: str, tmp_path: Path
) -> None:
    subscriber = subscribe(broker)
    file = tmp_path / "config.yaml"

    def write(seconds: object, name: str = "room-1") -> None:
        lines = {
            "device": {"name": name}, "camera": {"source": pictures, "loop": True},
            "window": {"seconds": seconds}, "mqtt": {"broker": f"mqtt://127.0.0.1:{broker}"},
        }  # fmt: skip
        file.write_text(json.dumps(lines))

    write(1)
    process = edge("run", "--config", str(file))
    subscriber.wait("window", 2)
    write(0)
    answer = Commander(broker, subscriber)("reload")
    assert answer["status"] == "error"
    assert "window.seconds: found 0" in answer["error"]
    process.send_signal(signal.SIGHUP)
    seen = len(subscriber.named("window"))
    subscriber.wait("window", seen + 2)
    write(3)
    process.send_signal(signal.SIGHUP)
    wait_for(lambda: subscriber.named("info")[-1].json()["window_seconds"] == 3, 10)
    wait_for(lambda: subscriber.named("window")[-1].json()["window"]["seconds"] == 3, 10)
    write(1, "room-2")
    process.send_signal(signal.SIGHUP)
    wait_for(lambda: any(m.topic == "classroom/room-2/window" for m in subscriber.messages), 15)
    offline = [m for m in subscriber.named("availability") if m.topic.startswith("classroom/room-1/")]
    assert offline[-1].payload == b"offline"
    numbers = [m.json()["seq"] for m in subscriber.named("window") if m.topic.startswith("classroom/room-1/")]
    assert numbers == list(range(1, len(numbers) + 1))
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=10)
    assert process.returncode == 0
    assert "the configuration stays as it was" in err
    assert "Traceback" not in err
