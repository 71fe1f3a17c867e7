"""The audit lines: who changed what, when; no secret in them, and nothing about people in the room."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt import publish as paho

from edge.config.schema import Config
from edge.daemon.audit import changes, record
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
        ("resume", "somebody at the device"),
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


secrets = st.text("abcdefgh0123456789", min_size=12, max_size=20)


@given(secrets, secrets, secrets)
def test_no_password_is_ever_in_a_line(camera: str, user: str, file: str) -> None:
    old = Config()
    new = Config.model_validate(
        {
            "camera": {"source": f"rtsp://admin:{camera}@10.0.0.9/stream?token={camera}"},
            "mqtt": {"broker": "mqtts://host:8883", "username": user, "password_file": f"/etc/{file}"},
            "deployment": {"responsible": "Jane Doe", "legal_basis": "consent"},
        }
    )
    for found in (changes(old, new), changes(new, old)):
        text = json.dumps(found)
        assert all(secret not in text for secret in (camera, user, file))
        assert found["camera.source"] == found["mqtt.username"] == "changed"
        assert "deployment.responsible" in found


def test_nothing_changed_is_no_change() -> None:
    assert changes(Config(), Config()) == {}


def test_a_line_is_one_line_whatever_somebody_calls_himself(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "edge.audit"):
        record("pause", 'Eve"}\n{"audit": "resume"', datetime(2026, 10, 4, tzinfo=timezone.utc))
    (entry,) = caplog.records
    assert "\n" not in entry.getMessage()
    assert json.loads(entry.getMessage())["by"].startswith("Eve")


def test_the_line_in_the_journal_is_nothing_but_json() -> None:
    code = (
        "from edge.cli import set_up_logging; set_up_logging()\n"
        "from edge.daemon import audit; from edge.config.schema import Config; audit.start(Config())\n"
        "import logging; logging.getLogger('edge.x').info('hello')"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    first, second = done.stderr.splitlines()
    assert json.loads(first)["audit"] == "start"
    assert second.endswith("hello")
