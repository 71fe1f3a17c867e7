"""`edge watch`: the picture, what hostile messages do to it, and the command against a real broker."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable

import pytest
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from edge.contract.examples import HEALTH
from tests.support.brokers import Broker
from tests.support.watching import window

StartEdge = Callable[..., subprocess.Popen[str]]


def publish(port: int, messages: list[tuple[str, bytes, bool]]) -> None:
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", port)
    client.loop_start()
    for topic, payload, retain in messages:
        client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(5)
    client.disconnect()
    client.loop_stop()


def address(port: int) -> str:
    return f"mqtt://127.0.0.1:{port}"


def test_once_prints_the_retained_window_of_every_device(broker: int, edge: StartEdge) -> None:
    messages = [(f"classroom/{name}/latest", json.dumps(window(name)).encode(), True) for name in ("room-1", "room-2")]
    publish(broker, [*messages, ("classroom/room-3/availability", b"offline", True)])
    out, err = edge("watch", "--broker", address(broker), "--once").communicate(timeout=30)
    assert [row.split()[1] for row in out.splitlines()] == ["classroom/room-1", "classroom/room-2"]
    assert err == ""
    process = edge("watch", "--broker", address(broker), "--once", "--find", "xyz", "--timeout", "3")
    out, err = process.communicate(timeout=30)
    assert (out, process.returncode) == ("", 1)
    assert err == "edge: no room has 'xyz' in its name, state or alerts; there are room-1, room-2\n"
    names = ("--device", "room-2", "--device", "room-9")
    process = edge("watch", "--broker", address(broker), "--once", *names, "--timeout", "2")
    out, err = process.communicate(timeout=30)
    assert out.count("classroom/room-2") == len(out.splitlines()) == 1
    assert "no window from room-9 in 2 s" in err
    assert process.returncode == 1


def test_once_fails_when_nothing_comes(broker: int, edge: StartEdge) -> None:
    process = edge("watch", "--broker", address(broker), "--once", "--timeout", "1")
    out, err = process.communicate(timeout=30)
    assert (out, process.returncode) == ("", 1)
    assert "no window from any device in 1 s" in err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_lines_until_interrupted(broker: int, edge: StartEdge, number: int) -> None:
    process = edge("watch", "--broker", address(broker))
    assert process.stdout is not None
    publish(broker, [("classroom/room-1/latest", json.dumps(window(seq=1)).encode(), True)])
    assert "#1" in process.stdout.readline()  # it is connected
    publish(
        broker,
        [
            ("classroom/room-1/window", json.dumps(window(seq=1)).encode(), False),
            ("classroom/room-1/window", b"\x1b[2J{", False),
            ("classroom/room-1/window", json.dumps(window(seq=2)).encode(), False),
        ],
    )
    second = process.stdout.readline()
    assert "#2" in second
    assert "\x1b" not in second
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert (out, process.returncode) == ("", 0)
    assert err == "edge: 1 invalid message\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_terminal_is_left_as_it_was(broker: int, number: int) -> None:
    publish(broker, [("classroom/room-1/latest", json.dumps(window()).encode(), True)])
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "edge", "watch", "--broker", address(broker)]
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"}
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        drawn = b""
        while b"faces (24-30)" not in drawn:
            drawn += os.read(ours, 65536)
        process.send_signal(number)
        with contextlib.suppress(OSError):  # Linux says so when the other end is closed
            while more := os.read(ours, 65536):
                drawn += more
        assert process.wait(10) == 0
    os.close(ours)
    assert drawn.count(b"\x1b[?1049h") == drawn.count(b"\x1b[?1049l") == 1
    assert drawn.rindex(b"\x1b[?25h") > drawn.rindex(b"\x1b[?25l")


def test_refused_by_the_broker(start_broker: Callable[..., Broker], edge: StartEdge) -> None:
    process = edge("watch", "--broker", address(start_broker("allow_anonymous false").port))
    out, err = process.communicate(timeout=30)
    assert (out, process.returncode) == ("", 77)
    assert "refuses a client without user name" in err


@pytest.mark.parametrize("arguments", [("--device", "a/b"), ("--prefix", "#"), ("--broker", "example.org")])
def test_wrong_usage(edge: StartEdge, arguments: tuple[str, str]) -> None:
    process = edge("watch", *arguments)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 2
    assert f"argument {arguments[0]}" in err


def test_machines_as_a_table_with_what_to_do(broker: int, edge: StartEdge) -> None:
    alert = {"problem": "no frame", "remedy": "check the cable", "since": "2026-10-04T08:15:00.000Z"}
    messages = [(f"classroom/room-{number}/availability", b"online", True) for number in (1, 2)]
    publish(broker, [*messages, ("classroom/room-2/alert/camera", json.dumps(alert).encode(), True)])
    publish(broker, [("classroom/room-1/health", HEALTH.to_json(), True), ("classroom/room-1/info", b"{", True)])
    out, err = edge("watch", "--broker", address(broker), "--machines").communicate(timeout=30)
    assert [row.split()[:2] for row in out.splitlines()] == [
        ["room", "state"], ["▲", "room-2"], ["no", "frame"], ["●", "room-1"],
    ]  # fmt: skip
    assert "61.8" in out
    assert err == "edge: 1 invalid message\n"
    process = edge("watch", "--broker", address(broker), "--machines", "--only", "troubled", "--find", "cable")
    assert [row.split()[1] for row in process.communicate(timeout=30)[0].splitlines()] == ["state", "room-2", "frame"]
    assert process.returncode == 0
