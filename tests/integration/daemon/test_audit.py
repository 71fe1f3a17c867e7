"""The audit lines of a running daemon: who changed what, when."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from paho.mqtt import publish as paho

from tests.support.brokers import Subscriber, wait_for
from tests.support.paths import ROOT

Edge = Callable[..., "subprocess.Popen[str]"]
Subscribe = Callable[..., Subscriber]


def lines(err: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in err.splitlines() if line.startswith('{"audit":')]


def test_a_day_of_a_daemon(broker: int, edge: Edge, subscribe: Subscribe, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    cv2.imwrite(str(tmp_path / "in/a.png"), np.full((240, 320, 3), 90, np.uint8))
    subscriber = subscribe(broker)
    file = tmp_path / "config.yaml"

    def write(**more: Any) -> None:
        camera = {"source": f"images:{tmp_path}/in", "loop": True, "fps": 15 - len(more)}
        mqtt = {"broker": f"mqtt://127.0.0.1:{broker}"}
        file.write_text(json.dumps({"camera": camera, "window": {"seconds": 1}, "mqtt": mqtt, **more}))

    def command(name: str, payload: str = "") -> None:
        done = len(subscriber.named("response"))
        paho.single(f"classroom/room-1/cmd/{name}", payload, 1, port=broker)
        subscriber.wait("response", done + 1)

    def wait_mode(mode: str) -> None:
        wait_for(lambda: subscriber.named("state")[-1].json()["mode"] == mode, 20)

    write()
    process = edge("run", "--config", str(file))
    subscriber.wait("window", seconds=60)
    command("pause", '{"by": "Mrs Doe"}')
    command("pause")  # again: nothing changes
    command("resume")
    edge("pause", "--config", str(file), "--by", "Mr Roe").communicate(timeout=20)
    wait_mode("paused")
    edge("resume", "--config", str(file)).communicate(timeout=20)
    wait_mode("running")
    command("interval", "2")
    schedule = [{"from": "00:00", "to": "00:00"}]
    write(privacy={"min_faces": 1, "schedule": schedule, "trust_clock": True})
    command("reload", '{"by": "Mrs Doe"}')
    command("reload")  # the same again: nothing changes
    command("resume")  # refused
    write()
    process.send_signal(signal.SIGHUP)
    wait_mode("running")
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=20)
    found = lines(err)
    assert [(entry["audit"], entry["by"]) for entry in found] == [
        ("start", found[0]["by"]),
        ("pause", "Mrs Doe, over MQTT"),
        ("resume", "somebody over MQTT"),
        ("pause", "Mr Roe"),
        ("resume", "a person at the device"),
        ("configuration", "somebody over MQTT"),
        ("configuration", "Mrs Doe, over MQTT"),
        ("pause", "the schedule"),
        ("configuration", "SIGHUP"),
        ("resume", "the schedule"),
        ("stop", "a signal"),
    ]
    start, interval, reload = found[0], found[5], found[6]
    assert start["privacy"]["min_faces"] == 5
    assert start["mode"] == "emotions"
    assert interval["changed"] == {"window.seconds": [1.0, 2.0]}
    everyday = {"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], **schedule[0]}
    assert reload["changed"] == {
        "window.seconds": [2.0, 1.0], "camera.fps": "changed", "privacy.min_faces": [5, 1],
        "privacy.schedule": [[], [everyday]], "privacy.trust_clock": [False, True],
    }  # fmt: skip
    for entry in found:
        assert abs((datetime.now(timezone.utc) - datetime.fromisoformat(entry["time"].replace("Z", "+00:00"))).days) < 1


def test_a_start_that_fails_ends_with_the_reason(edge: Edge) -> None:
    process = edge("run", "--set", "camera.source=file:none.mp4")
    _, err = process.communicate(timeout=30)
    assert process.returncode == 66
    assert [(entry["audit"], entry["by"][:14]) for entry in lines(err)][1] == ("stop", "video none.mp4")


def test_in_a_terminal_a_start_that_fails_says_its_reason_once(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "edge", "run", "--set", "camera.source=file:none.mp4"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "XDG_STATE_HOME": str(tmp_path)}
    process = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL, stderr=theirs)
    os.close(theirs)
    said = b""
    with contextlib.suppress(OSError):  # the end of a terminal
        while piece := os.read(ours, 4096):
            said += piece
    os.close(ours)
    assert process.wait(30) == 66
    assert said.count(b"none.mp4") == 1, said
    assert b'"audit"' not in said
