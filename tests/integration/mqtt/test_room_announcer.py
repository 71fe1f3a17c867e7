"""`edge announce` at a school's broker with the plugin, against whoever has one room's password."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge.contract.topics import Topics
from edge.mqtt.home_assistant_entities import config_topic, discovery
from tests.load.fleet.plugin_broker import PluginBroker, client_id, missing
from tests.load.fleet.school import HOST, PASSWORD, find
from tests.load.fleet.users import User
from tests.support.brokers import wait_for
from tests.support.publishing import INFO
from tests.support.recordings import lines_of

pytestmark = pytest.mark.skipif(bool(missing()), reason=f"not installed: {', '.join(missing())}")
TEMPLATE = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
ROOMS = ("room-1", "room-9")
Edge = Callable[..., "subprocess.Popen[str]"]
SHORT_REST = "import edge.mqtt.announced_rooms as rooms\n\nrooms.REST = 2.0\n"  # the real one: tests/unit/mqtt


def config(room: str) -> str:
    return config_topic("homeassistant", Topics("classroom", room))


def announced(room: str) -> dict[str, object]:
    """What a room would say itself."""
    return dict(json.loads(discovery(INFO, Topics("classroom", room))))


@pytest.fixture
def short_rest(tmp_path: Path) -> None:
    """Lets `edge announce` send the second message about a room after two seconds instead of a minute."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site/sitecustomize.py").write_text(SHORT_REST)


@pytest.fixture
def school(tmp_path: Path) -> Iterator[PluginBroker]:
    broker = PluginBroker(tmp_path / "plugin")
    broker.prepare()
    broker.start()
    broker.add_rooms(*ROOMS)
    for kind in ("announcer", "homeassistant"):
        broker.add(kind, kind)
    yield broker
    broker.kill()


@pytest.fixture
def user(school: PluginBroker) -> Iterator[Callable[[str], User]]:
    connected: list[User] = []

    def connect(name: str) -> User:
        connected.append(User(school, name, client_id=client_id(name)))
        return connected[-1]

    yield connect
    for each in connected:
        each.stop()


def announce(school: PluginBroker, edge: Edge) -> subprocess.Popen[str]:
    words = ["--broker", school.url, "--set", f"mqtt.password_file={school.password_file}"]
    return edge("announce", *words, "--set", "mqtt.username=announcer", "--client-id", "edge-announcer")


def test_rooms_are_announced_and_no_room_says_where_commands_go(
    school: PluginBroker, user: Callable[[str], User], edge: Edge
) -> None:
    finder = user("homeassistant").subscribe("homeassistant/#")
    honest, hostile = user("room-1"), user("room-9")
    honest.publish("classroom/room-1/info", INFO.to_json(), retain=True)
    process = announce(school, edge)
    assert json.loads(finder.wait(config("room-1")).payload) == announced("room-1")

    # The attack itself, and all that the announcer could be made to pass on.
    switch = announced("room-1")
    assert hostile.publish(config("room-9"), json.dumps(switch), retain=True) == "Not authorized"
    assert hostile.publish(config("room-1"), json.dumps(switch), retain=True) == "Not authorized"
    body = {**INFO.model_dump(mode="json", by_alias=True), "device": "room-1", "components": switch["components"]}
    for changes in ({"version": TEMPLATE}, {"window_seconds": TEMPLATE}, {"models": {"pose": TEMPLATE}}):
        hostile.publish("classroom/room-9/info", json.dumps({**body, **changes}), retain=True)
    hostile.publish(
        "classroom/room-9/info",
        json.dumps({**body, "labels": [*INFO.labels, TEMPLATE], "camera": TEMPLATE}),
        retain=True,
    )
    assert json.loads(finder.wait(config("room-9")).payload) == announced("room-9")
    assert "classroom/room-1" not in json.dumps(announced("room-9"))
    assert set(finder.topics()) == {config(room) for room in ROOMS}
    process.terminate()
    _, said = process.communicate(timeout=30)
    assert (process.returncode, "refuses" in said) == (0, False), said


@pytest.mark.usefixtures("short_rest")
def test_a_room_that_is_taken_away_goes(school: PluginBroker, user: Callable[[str], User], edge: Edge) -> None:
    finder = user("homeassistant").subscribe("homeassistant/#")
    user("room-1").publish("classroom/room-1/info", INFO.to_json(), retain=True)
    announce(school, edge)
    finder.wait(config("room-1"))
    command = f"{find('mosquitto_pub')} -h {HOST} -p {school.port} -i edge-classroom-room-1-check -u room-1-check"
    taken = [*command.split(), "-P", PASSWORD, "-t", "classroom/room-1/info", "-r", "-n"]  # as docs/home-assistant.md
    assert subprocess.run(taken, check=False).returncode == 0
    finder.wait(config("room-1"), b"", seconds=180)


def test_what_an_earlier_room_has_forged_is_replaced(
    school: PluginBroker, user: Callable[[str], User], edge: Edge
) -> None:
    """It is still at the broker when the right is taken from the room."""
    school.control("addRoleACL", "room-9", "publishClientSend", config("room-9"), "allow")
    hostile = user("room-9")
    assert hostile.publish(config("room-9"), '{"value_template": "forged"}', retain=True) != "Not authorized"
    hostile.publish("classroom/room-9/info", INFO.to_json(), retain=True)
    finder = user("homeassistant").subscribe("homeassistant/#")
    finder.wait(config("room-9"), b'{"value_template": "forged"}')
    announce(school, edge)
    wait_for(lambda: b"components" in finder.last(config("room-9")).payload, 30, "the true one")  # type: ignore[union-attr]


@pytest.mark.usefixtures("short_rest")
def test_it_survives_a_broker_that_has_lost_everything(
    school: PluginBroker, user: Callable[[str], User], edge: Edge
) -> None:
    user("room-1").publish("classroom/room-1/info", INFO.to_json(), retain=True)
    process = announce(school, edge)
    assert config("room-1") in lines_of(process, "announced")
    school.kill()
    school.start()
    assert "lost the broker" in lines_of(process, "lost the broker")
    user("room-1").publish("classroom/room-1/info", INFO.to_json(), retain=True)
    finder = user("homeassistant").subscribe("homeassistant/#")
    assert json.loads(finder.wait(config("room-1"), seconds=180).payload) == announced("room-1")
    assert process.poll() is None


def test_it_says_who_is_refused(school: PluginBroker, edge: Edge) -> None:
    words = ["--broker", school.url, "--set", f"mqtt.password_file={school.password_file}"]
    process = edge("announce", *words, "--set", "mqtt.username=announcer", "--client-id", "another")
    _, said = process.communicate(timeout=30)
    assert (process.returncode, "refuses user 'announcer'" in said) == (77, True), said
