"""What one room's password does at the bounds of the shipped brokers: longest messages, and many of the shortest."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.load.fleet.bridge import Bridge
from tests.load.fleet.plugin_broker import PluginBroker, client_id, missing
from tests.load.fleet.school import DISTRICT_LINE, HOST, SHIPPED
from tests.load.fleet.users import User
from tests.load.hostile_room import HOSTILE, Client
from tests.load.raw_flood import PUBLISH_1, connect, main, packet, text
from tests.support.brokers import wait_for
from tests.support.paths import ROOT

SCHOOL = "primary-school-north"  # longer than `classroom`, which it replaces: messages grow on the bridge
SETTINGS = dict(re.findall(r"(?m)^(max_\w+) (\d+)$", (SHIPPED / "school.conf").read_text()))
ROOM = "room-1"

pytestmark = pytest.mark.skipif(bool(missing()), reason=f"not installed: {', '.join(missing())}")


@pytest.fixture
def brokers() -> Iterator[list[PluginBroker | Bridge]]:
    """Whatever is put there is ended."""
    started: list[PluginBroker | Bridge] = []
    yield started
    for broker in started:
        broker.kill()


def bridged(brokers: list[PluginBroker | Bridge], folder: Path, *district_lines: str) -> tuple[PluginBroker, User]:
    """A school's broker whose bridge is connected, and who reads the windows of its one honest room at the district."""
    district = PluginBroker(folder / "district", more=district_lines)
    brokers.append(district)
    district.prepare()
    district.start()
    district.add("school", SCHOOL, "bridge-north")
    district.add("recorder", "office", prefix="+")
    school = PluginBroker(folder / "school")
    brokers.append(school)
    school.prepare()
    school.start()
    school.add_rooms(ROOM, HOSTILE)
    bridge = Bridge(folder / "bridge", school, district.port, name=SCHOOL)
    brokers.append(bridge)
    bridge.start()
    office = User(district, "office", session=client_id("office")).subscribe(f"+/{ROOM}/window")
    honest = User(school, ROOM, session=client_id(ROOM))
    honest.publish(f"classroom/{ROOM}/info", retain=True)
    honest.stop()
    office.subscribe(f"{SCHOOL}/{ROOM}/info").wait(f"{SCHOOL}/{ROOM}/info")
    return school, office


def test_messages_of_the_full_size_do_not_stop_the_bridge(brokers: list[PluginBroker | Bridge], tmp_path: Path) -> None:
    """One that is too long for the district would end the bridge's connection, and be sent again at the next one."""
    assert f"echo '{DISTRICT_LINE}' >>" in (ROOT / "docs/scale.md").read_text(), "as it is said there"
    school, office = bridged(brokers, tmp_path, DISTRICT_LINE)
    hostile, honest = Client(school, HOSTILE), User(school, ROOM, session=client_id(ROOM))
    head = 4 + len(text(f"classroom/{HOSTILE}/window")) + 3
    longest = b"x" * (int(SETTINGS["max_packet_size"]) - head)
    count = int(SETTINGS["max_inflight_messages"]) + 20
    for number in range(count):
        hostile.send("window", longest, patiently=number % 50 == 0 or number == count - 1)
    assert honest.publish(f"classroom/{ROOM}/window", "after them") == "Success"
    office.wait(f"{SCHOOL}/{ROOM}/window", b"after them", seconds=60)
    hostile.stop()
    honest.stop()
    office.stop()


def test_what_the_next_broker_or_reader_refuses_does_not_travel_over_the_bridge(
    brokers: list[PluginBroker | Bridge], tmp_path: Path
) -> None:
    """It would be sent again after each refusal. Which is refused, differs: here a property that paho does not take."""
    school, office = bridged(brokers, tmp_path, DISTRICT_LINE)
    office.subscribe(f"+/{HOSTILE}/window")
    user_property = b"\x26" + text("x") + text("\ufeff")
    with connect(HOST, school.port, HOSTILE) as wire:
        head = text(f"classroom/{HOSTILE}/window") + b"\0\1" + bytes((len(user_property),)) + user_property
        wire.sendall(packet(PUBLISH_1, head + b"with a property"))
        assert wire.recv(100)[:1] == b"\x40", "the school takes it"
    honest = User(school, ROOM, session=client_id(ROOM))
    assert honest.publish(f"classroom/{ROOM}/window", "after it") == "Success"
    office.wait(f"{SCHOOL}/{ROOM}/window", b"after it")
    assert office.wait(f"{SCHOOL}/{HOSTILE}/window").payload == b"with a property"
    honest.stop()
    office.stop()


def started(brokers: list[PluginBroker | Bridge], folder: Path, *more: str) -> PluginBroker:
    """A school's broker with the hostile room, and lines beyond its settings."""
    broker = PluginBroker(folder, more=list(more))
    brokers.append(broker)
    broker.prepare()
    broker.start()
    broker.add_rooms(HOSTILE)
    return broker


def test_no_topic_has_an_alias(brokers: list[PluginBroker | Bridge], tmp_path: Path) -> None:
    """Messages of 11 bytes, and such as grow by their topic on their way to everybody else."""
    broker = started(brokers, tmp_path)
    with connect(HOST, broker.port, HOSTILE) as wire:
        wire.sendall(packet(PUBLISH_1, text(f"classroom/{HOSTILE}/info") + b"\0\1" + b"\3\x23\0\1"))  # number 1
        answer = wire.recv(100)
    assert answer[:1] in (b"", b"\xe0"), "hung up, with a word or without"


def test_no_message_has_qos_2(brokers: list[PluginBroker | Bridge], tmp_path: Path) -> None:
    """Of such ones Mosquitto keeps as many open as somebody does not end."""
    broker = started(brokers, tmp_path)
    with connect(HOST, broker.port, HOSTILE) as wire:
        wire.sendall(packet(b"\x82", b"\0\1\0" + text(f"classroom/{HOSTILE}/cmd/+") + b"\2"))
        assert wire.recv(100) == b"\x90\4\0\1\0\1", "a subscription is given QoS 1"
        wire.sendall(packet(b"\x34", text(f"classroom/{HOSTILE}/info") + b"\0\1\0"))
        assert wire.recv(100)[:1] in (b"", b"\xe0"), "hung up, with a word or without"
    with connect(HOST, broker.port, HOSTILE) as wire:
        wire.sendall(packet(PUBLISH_1, text(f"classroom/{HOSTILE}/info") + b"\0\1\0"))
        assert wire.recv(100)[:1] == b"\x40", "no other message is"


def test_a_million_empty_messages_push_no_window_out(brokers: list[PluginBroker | Bridge], tmp_path: Path) -> None:
    """They take 15 minutes through limits.nft, and count as nothing in bytes: a recorder may be away for so long."""
    broker = started(brokers, tmp_path, "sys_interval 1")
    broker.add_rooms(ROOM)
    broker.add("recorder", "recorder")
    broker.add("monitor", "monitor")
    reader = User(broker, "recorder", session=client_id("recorder"))
    reader.ask("classroom/+/window", "classroom/+/info")
    reader.stop()
    monitor = User(broker, "monitor", client_id=client_id("monitor"))
    monitor.ask("$SYS/broker/store/messages/count", "$SYS/broker/publish/messages/dropped")

    def newest(name: str) -> int:
        return int(next((each.payload for each in reversed(monitor.messages) if each.topic.endswith(name)), b"0"))

    deadline = time.monotonic() + 300
    while newest("store/messages/count") + newest("messages/dropped") <= 1_000_000:
        assert time.monotonic() < deadline
        main(lambda _: ("info", b""), HOST, broker.port, HOSTILE, 2)  # what was under way at its end is lost
    honest = User(broker, ROOM, session=client_id(ROOM))
    heard = len(monitor.messages)
    assert honest.publish(f"classroom/{ROOM}/window", "after them") == "Success"
    wait_for(lambda: len(monitor.messages) > heard, 60, "its figures once more")
    assert newest("messages/dropped") == 0
    honest.stop()
    monitor.stop()
