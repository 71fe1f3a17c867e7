"""The broker of docs/container/compose.yaml, started as in its container but for the folders: who gets in."""

from __future__ import annotations

import os
import queue
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from edge.config.loader import load_config
from edge.daemon.paths import broker_settings
from tests.support.brokers import can_connect, free_port, wait_for
from tests.support.paths import ROOT

SERVICES: dict[str, Any] = yaml.safe_load((ROOT / "docs/container/compose.yaml").read_text())["services"]
BOUNDS = r"(?m)^max_\w+ \d+$"
FOUR_HOURS = 4 * 3600 // 10  # windows of one room
READERS = ("room", "recorder", "dashboard")
REFUSED, TAKEN = "Not authorized", "Success"
Start = Callable[[], int]

pytestmark = pytest.mark.skipif(not shutil.which("mosquitto_passwd"), reason="mosquitto is not installed")


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts the broker, in place of the one that ran before; gives its port."""
    port = free_port()
    places = {"/var/lib/edge": "state", "/tmp": "tmp", "/etc/edge": "etc"}  # noqa: S108 - those of the container
    for name in places.values():
        (tmp_path / name).mkdir()

    def moved(file: Path) -> str:
        return re.sub("|".join(places), lambda found: str(tmp_path / places[found[0]]), file.read_text())

    (tmp_path / "broker.py").write_text(moved(ROOT / "scripts/container/broker.py"))
    configuration = moved(ROOT / "docs/container/mosquitto.conf").replace("listener 1883", f"listener {port}")
    (tmp_path / "etc/mosquitto.conf").write_text(configuration + ("user root\n" if os.geteuid() == 0 else ""))
    running: list[subprocess.Popen[bytes]] = []

    def stop() -> None:
        while running:
            process = running.pop()
            process.kill()
            process.wait()

    def begin() -> int:
        stop()
        running.append(subprocess.Popen([sys.executable, "-I", tmp_path / "broker.py"], stderr=subprocess.DEVNULL))
        wait_for(lambda: can_connect(port), 20, "the broker")
        return port

    yield begin
    stop()


def answer(port: int, username: str | None = None, password: str | None = None) -> str:
    """What the broker says to somebody who connects."""
    answers: queue.Queue[str] = queue.Queue()
    client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
    client.on_connect = lambda _client, _data, _flags, reason, _properties: answers.put(str(reason))
    client.username_pw_set(username, password)
    client.connect("127.0.0.1", port)
    client.loop_start()
    try:
        return answers.get(timeout=10)
    finally:
        client.disconnect()
        client.loop_stop()


def test_the_broker_lets_nobody_in_without_the_password_of_its_first_start(start: Start, tmp_path: Path) -> None:
    port, file = start(), tmp_path / "state/password"
    password = file.read_text()
    assert len(password) > 40
    assert file.stat().st_mode & 0o777 == 0o600
    strangers = [(None, None), ("edge", None), ("edge", ""), ("edge", "edge"), ("somebody", password)]
    assert [answer(port, *stranger) for stranger in strangers] == [REFUSED] * len(strangers)
    assert answer(port, "edge", password) == TAKEN
    start()
    assert file.read_text() == password  # the others go on after its restart
    assert answer(port, "edge", password) == TAKEN
    file.write_text("")
    start()
    assert answer(port, "edge", "") == REFUSED
    assert answer(port, "edge", file.read_text()) == TAKEN


def test_the_other_containers_read_the_password_where_the_broker_leaves_it(start: Start, tmp_path: Path) -> None:
    port = start()
    assert "ports" not in SERVICES["broker"]
    assert "broker:/var/lib/edge" in SERVICES["broker"]["volumes"]
    for name in READERS:
        assert "broker:/run/broker:ro" in SERVICES[name]["volumes"]
        environment = SERVICES[name]["environment"]
        assert environment["EDGE_MQTT__BROKER"] == "mqtt://broker:1883"
        where = environment["EDGE_MQTT__PASSWORD_FILE"].replace("/run/broker", str(tmp_path / "state"))
        config = load_config(None, (), environment | {"EDGE_MQTT__PASSWORD_FILE": where})
        settings = broker_settings(config, None, "")
        assert answer(port, settings.username, settings.password) == TAKEN


def test_a_recorder_that_is_away_for_hours_misses_nothing(start: Start, tmp_path: Path) -> None:
    """Mosquitto's default keeps 1,000 messages, and acknowledges those that it drops."""
    port = start()
    password = (tmp_path / "state/password").read_text()

    def client(name: str) -> paho.Client:
        made = paho.Client(CallbackAPIVersion.VERSION2, name, protocol=paho.MQTTv311, clean_session=False)
        made.username_pw_set("edge", password)
        made.connect("127.0.0.1", port)
        made.loop_start()
        wait_for(made.is_connected, 20, "the connection")
        return made

    subscribed: queue.Queue[int] = queue.Queue()
    recorder = client("recorder")
    recorder.on_subscribe = lambda _client, _data, mid, _reasons, _properties: subscribed.put(mid)
    recorder.subscribe("classroom/+/window", 1)
    subscribed.get(timeout=20)
    recorder.disconnect()
    recorder.loop_stop()
    room = client("room")
    sent = [room.publish("classroom/room-1/window", str(number), 1) for number in range(FOUR_HOURS)]
    wait_for(lambda: all(each.is_published() for each in sent), 60, "the answers")
    room.disconnect()
    room.loop_stop()
    came: list[int] = []
    recorder.on_message = lambda _client, _data, message: came.append(int(message.payload))
    recorder.connect("127.0.0.1", port)
    recorder.loop_start()
    wait_for(lambda: len(came) >= FOUR_HOURS, 60, "what waited")
    recorder.disconnect()
    recorder.loop_stop()
    assert came == list(range(FOUR_HOURS))


def test_it_has_the_bounds_of_a_schools_broker() -> None:
    shipped, school = (ROOT / "docs" / name for name in ("container/mosquitto.conf", "mosquitto/school.conf"))
    assert sorted(re.findall(BOUNDS, shipped.read_text())) == sorted(re.findall(BOUNDS, school.read_text()))
