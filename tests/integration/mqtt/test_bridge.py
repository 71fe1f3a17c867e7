"""The shipped bridge between the brokers of a school and of its district: what it carries, and what it gives nobody."""

from __future__ import annotations

import contextlib
import itertools
import json
import re
import shutil
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge.config.broker_url import BrokerUrl
from edge.contract.channels import Lifetimes
from edge.contract.topics import Topics
from edge.delivery.outbox import Outbox
from edge.delivery.publisher import Publisher
from edge.mqtt.client_factory import BrokerSettings
from tests.load.fleet.bridge import BRIDGE, Bridge
from tests.load.fleet.plugin_broker import ADMIN, PluginBroker, client_id, missing
from tests.load.fleet.school import DISTRICT_LINE, HOST, PASSWORD
from tests.load.fleet.users import User
from tests.load.raw_flood import PUBLISH_1, packet, text
from tests.support.brokers import wait_for
from tests.support.paths import ROOT
from tests.support.publishing import INFO, STATE, window

ROOM = "room-1"
ACCEPTED = b"\x20\x02\x00\x00"
COUNT = 1500  # windows that wait: more than Mosquitto keeps by default
REFUSED = "Not authorized"

pytestmark = pytest.mark.skipif(bool(missing()), reason=f"not installed: {', '.join(missing())}")
Start = Callable[..., PluginBroker]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts brokers of one authority."""
    brokers: list[PluginBroker] = []

    def begin(name: str, *lines: str, tls: bool = False) -> PluginBroker:
        broker = PluginBroker(tmp_path / name, tls=tls, more=lines)
        if brokers and tls:
            (tmp_path / name).mkdir()
            for file in ("ca.pem", "ca.key"):
                shutil.copy(Path(brokers[0].ca or "").parent / file, tmp_path / name)
        brokers.append(broker)
        broker.prepare()
        broker.start()
        return broker

    yield begin
    for broker in brokers:
        broker.kill()


def connect(broker: PluginBroker, name: str, *, session: bool = False) -> User:
    return User(broker, name, **{"session" if session else "client_id": client_id(name)})


def publisher(broker: PluginBroker, folder: Path) -> Publisher:
    url = BrokerUrl(HOST, broker.port, broker.ca is not None)
    settings = BrokerSettings(url, client_id(ROOM), ROOM, PASSWORD, broker.ca)
    return Publisher(settings, Topics("classroom", ROOM), Outbox(folder / "o.sqlite"), Lifetimes(3600, 60, 60))


def test_a_school_is_carried_to_the_district_and_nothing_back(start: Start, tmp_path: Path) -> None:
    district, school = start("district", DISTRICT_LINE, tls=True), start("school", tls=True)
    for name in ("north", "south"):
        district.add("school", name, f"bridge-{name}")
    for kind in ("dashboard", "commander"):
        district.add(kind, kind, prefix="+")
    school.add_rooms(ROOM)
    school.add("dashboard", "dashboard")
    bridge = Bridge(tmp_path / "bridge", school, district.port)
    bridge.start()
    room = publisher(school, tmp_path)
    there, here = connect(district, "dashboard").subscribe("+/#"), connect(school, "dashboard").subscribe("classroom/#")
    try:
        there.wait("north/bridge/link", b"1")
        room.start(INFO, STATE)
        there.wait(f"north/{ROOM}/availability", b"online")
        room.publish_window(window(device=ROOM))
        carried = there.wait(f"north/{ROOM}/window")
        assert carried.expiry is None, "properties end at the school"
        assert carried.json()["counts"] == {"happy": 7, "unknown": 0}
        latest = User(district, "dashboard", client_id="edge-dashboard").subscribe("north/+/latest")
        assert latest.wait(f"north/{ROOM}/latest").retain
        latest.stop()
        # Only where the two lines for commands are in force.
        commander = connect(district, "commander")
        assert commander.publish(f"north/{ROOM}/cmd/pause", "on") == "No matching subscribers"
        commander.stop()
        assert not any("/cmd/" in topic for topic in here.topics())
        bridge.stop()
        there = connect(district, "dashboard").subscribe("+/#")
        there.wait("north/bridge/link", b"0")
    finally:
        bridge.kill()
        room.stop()
        here.stop()
        there.stop()


def test_a_district_gives_commands_where_the_lines_for_them_are_in_force(start: Start, tmp_path: Path) -> None:
    district, school = start("district", DISTRICT_LINE), start("school")
    district.add("school", "north", "bridge-north")
    district.add("commander", "commander", prefix="+")
    school.add_rooms(ROOM, "room-2")
    bridge = Bridge(tmp_path / "bridge", school, district.port, commands=True)
    bridge.start()
    room = connect(school, ROOM, session=True).subscribe(f"classroom/{ROOM}/cmd/+")
    commander = connect(district, "commander").subscribe("north/+/cmd/+/response").subscribe("north/bridge/link")
    try:
        commander.wait("north/bridge/link", b"1")
        wait_for(
            lambda: commander.publish(f"north/{ROOM}/cmd/pause", "on") == "Success", 10, "the bridge's subscription"
        )
        room.wait(f"classroom/{ROOM}/cmd/pause", b"on")
        assert room.publish(f"classroom/{ROOM}/cmd/pause/response", "paused") == "Success"
        commander.wait(f"north/{ROOM}/cmd/pause/response", b"paused")
    finally:
        bridge.kill()
        room.stop()
        commander.stop()


def test_what_waits_survives_kills_of_either_broker(start: Start, tmp_path: Path) -> None:
    """The district is away for a time, and killed; then the school's broker waits for a bridge that was killed."""
    district, school = start("district", DISTRICT_LINE), start("school")
    district.add("school", "north", "bridge-north")
    district.add("recorder", "recorder", prefix="+")
    school.add_rooms(ROOM)
    bridge = Bridge(tmp_path / "bridge", school, district.port)
    bridge.start()
    room = publisher(school, tmp_path)
    recorder = connect(district, "recorder", session=True).subscribe("north/+/window")
    recorder.subscribe("north/+/availability")

    def numbers() -> set[int]:
        return {message.json()["faces"]["total"] for message in recorder.messages if message.name == "window"}

    def send(first: int) -> None:
        for number in range(first, first + COUNT):
            room.publish_window(window(number, ROOM))
        wait_for(lambda: room.depth == 0, 60, "the school's broker to have all windows")

    try:
        room.start(INFO, STATE)
        recorder.wait(f"north/{ROOM}/availability", b"online")
        snapshot = tmp_path / "district/mosquitto.db"
        snapshot.unlink(missing_ok=True)
        assert district.process is not None
        district.process.send_signal(signal.SIGUSR1)  # the recorder's session
        wait_for(snapshot.exists, 10, "the snapshot")
        recorder.stop()
        district.kill()
        send(1)
        district.start()
        recorder = connect(district, "recorder", session=True)
        wait_for(lambda: len(numbers()) >= COUNT, 60, lambda: f"{COUNT} windows, got {len(numbers())}")
        wait_for(lambda: max(numbers()) == COUNT, 10, "the last one")
        bridge.kill()
        send(COUNT + 1)
        bridge.start()
        wait_for(lambda: numbers() >= set(range(COUNT + 1, 2 * COUNT + 1)), 60, "what waited for the bridge")
    finally:
        bridge.kill()
        room.stop()
        recorder.stop()


def test_the_room_for_what_waits_is_the_windows_alone(start: Start, tmp_path: Path) -> None:
    """`latest` is as long, and would take half of it; the newest one is there all the same, once all are connected."""
    size, count = 1000, 24
    bound = f"max_queued_bytes {size * count * 5 // 4}"
    district, school = start("district", DISTRICT_LINE), start("school", bound)
    district.add("school", "north", "bridge-north")
    for kind in ("recorder", "dashboard"):
        district.add(kind, kind, prefix="+")
    school.add_rooms(ROOM)
    bridge = Bridge(tmp_path / "bridge", school, district.port)
    configuration = tmp_path / "bridge/test.conf"
    configuration.write_text(configuration.read_text().replace("max_queued_bytes 500000000", bound))
    bridge.start()
    recorder, room = connect(district, "recorder", session=True).subscribe("north/+/window"), connect(school, ROOM)

    def send(first: int) -> None:
        for number in range(first, first + count):
            for topic in ("window", "latest"):
                room.publish(f"classroom/{ROOM}/{topic}", f"{number}".zfill(size), retain=topic == "latest")

    def appears(name: str, payload: str) -> None:
        page = connect(district, "dashboard").subscribe(f"north/+/{name}")
        page.wait(f"north/{ROOM}/{name}", payload.encode())
        page.stop()

    def comes(until: int) -> None:
        # What was not acknowledged in time before a connection ended comes again.
        def new() -> list[int]:
            return [number for each in recorder.messages if (number := int(each.payload)) > until - count]

        wait_for(lambda: len(new()) >= count, 10, lambda: f"{count} windows: {new()}")
        assert new() == [*range(until - count + 1, until + 1)]
        appears("latest", f"{until}".zfill(size))

    try:
        room.publish(f"classroom/{ROOM}/info", "carried", retain=True)
        appears("info", "carried")
        bridge.stop()
        send(1)  # they wait at the school's broker
        bridge.start()
        comes(count)
        recorder.stop()
        district.stop()
        send(count + 1)  # they wait at the bridge
        district.start()
        recorder = connect(district, "recorder", session=True)
        comes(2 * count)
    finally:
        bridge.kill()
        room.stop()
        recorder.stop()


class FarDistrict:
    """The line to a district's broker that answers late."""

    SECONDS = 0.2

    def __init__(self, port: int) -> None:
        self._to = port
        self._listening = socket.create_server((HOST, 0))
        self.port: int = self._listening.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                here, _ = self._listening.accept()
                there = socket.create_connection((HOST, self._to))
                for ends in ((here, there, 0.0), (there, here, self.SECONDS)):
                    threading.Thread(target=self._carry, args=ends, daemon=True).start()

    @staticmethod
    def _carry(from_: socket.socket, to: socket.socket, late: float) -> None:
        with contextlib.suppress(OSError):
            while data := from_.recv(65536):
                time.sleep(late)
                to.sendall(data)
        with contextlib.suppress(OSError):
            to.shutdown(socket.SHUT_RDWR)

    def stop(self) -> None:
        self._listening.close()


def test_the_newest_state_is_what_the_district_keeps_after_a_restart(start: Start, tmp_path: Path) -> None:
    """Mosquitto hands on what arrives while it connects before what it had kept: an old state would be the last one."""
    district, school = start("district", DISTRICT_LINE), start("school")
    district.add("school", "north", "bridge-north")
    district.add("dashboard", "dashboard", prefix="+")
    school.add_rooms(ROOM)
    line = FarDistrict(district.port)
    bridge = Bridge(tmp_path / "bridge", school, line.port)
    there, room = connect(district, "dashboard").subscribe("+/#"), connect(school, ROOM)
    try:
        for state in ("measuring", "paused"):
            room.publish(f"classroom/{ROOM}/state", state, retain=True)
            bridge.start()
            there.wait(f"north/{ROOM}/state", state.encode())
            there.wait("north/bridge/link", b"1")
            assert room.publish(f"classroom/{ROOM}/info", state, retain=True) == "Success"
            there.wait(f"north/{ROOM}/info", state.encode())
            bridge.stop()
        kept = there.last(f"north/{ROOM}/state")
        assert kept is not None
        assert kept.payload == b"paused"
    finally:
        bridge.kill()
        line.stop()
        room.stop()
        there.stop()


class HostileDistrict:
    """Whoever has the district's broker: takes the bridge, and says to it what it likes, in MQTT 3.1.1."""

    def __init__(self) -> None:
        self._listening = socket.create_server((HOST, 0))
        self.port: int = self._listening.getsockname()[1]
        self.heard = b""
        self._wire: socket.socket | None = None
        self._connected = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self._wire, _ = self._listening.accept()
                self._wire.recv(4096)
                self._wire.sendall(ACCEPTED)
                self._connected.set()
                while data := self._wire.recv(65536):
                    self.heard += data

    def say(self, topic: str, payload: bytes = b"on") -> None:
        """Publish, retained, to the bridge, whether it asked for that or not."""
        assert self._connected.wait(30), "the bridge"
        assert self._wire is not None
        retained = bytes((PUBLISH_1[0] | 1,))
        self._wire.sendall(packet(retained, text(topic) + b"\0\1" + payload))

    def stop(self) -> None:
        self._listening.close()
        if self._wire is not None:
            self._wire.close()


def test_whoever_has_the_district_has_no_right_at_a_school(start: Start, tmp_path: Path) -> None:
    """A broker asks no right of what comes over a connection that it has made itself: it may not be the school's."""
    school, district = start("school"), HostileDistrict()
    school.add_rooms(ROOM)
    school.add("dashboard", "dashboard")
    school.add("homeassistant", "homeassistant")
    bridge = Bridge(tmp_path / "bridge", school, district.port)
    bridge.start()
    room = connect(school, ROOM, session=True).subscribe(f"classroom/{ROOM}/cmd/+")
    dashboard = connect(school, "dashboard").subscribe("classroom/#")
    home = connect(school, "homeassistant").subscribe("homeassistant/#")
    admin = {"command": "createClient", "username": "evil", "password": "evil", "roles": [{"rolename": "admin"}]}
    try:
        for topic in (
            *(f"{prefix}/{ROOM}/{name}" for prefix in ("classroom", "north") for name in ("cmd/resume", "window")),
            "classroom/made-up/latest",
            f"homeassistant/device/classroom_{ROOM}/config",
        ):
            district.say(topic)
        district.say("$CONTROL/dynamic-security/v1", json.dumps({"commands": [admin]}).encode())
        # What an honest room says after that arrives everywhere.
        assert room.publish(f"classroom/{ROOM}/state", "honest", retain=True) == "Success"
        dashboard.wait(f"classroom/{ROOM}/state", b"honest")
        wait_for(lambda: b"honest" in district.heard, 30, "the state at the district")
        assert dashboard.topics() == [f"classroom/{ROOM}/state"]
        assert room.messages == home.messages == []
        assert "evil" not in school.rules.read_text()
        assert User(school, "evil", password="evil").refused == REFUSED
        assert User(school, "admin", password=ADMIN).refused is None
        assert connect(school, BRIDGE).publish(f"classroom/{ROOM}/cmd/resume", "on") == REFUSED
    finally:
        bridge.kill()
        district.stop()
        for each in (room, dashboard, home):
            each.stop()


def test_a_bridge_of_version_0_2_0_is_replaced_and_no_window_lost(start: Start, tmp_path: Path) -> None:
    """As the page says: both take turns for a time."""
    district = start("district", DISTRICT_LINE)
    district.add("school", "north", "bridge-north")
    district.add("recorder", "recorder", prefix="north")
    former = (ROOT / "tests/fixtures/0.2.0/mosquitto/bridge.conf").read_text()
    former = re.sub(r"(?m)^bridge_(cafile|tls_version) .*\n", "", former).replace("mqttv50", "mqttv311")
    former = former.replace("district.example.org:8883", f"{HOST}:{district.port}").replace("2 60", "1")
    former = former.replace("CHANGE-ME-TOO", "of-its-own").replace("CHANGE-ME", PASSWORD)
    school = start("school", former)
    school.add_rooms(ROOM)
    recorder = connect(district, "recorder", session=True).subscribe("north/+/window")
    recorder.subscribe("north/+/availability")
    room = publisher(school, tmp_path)
    bridge = Bridge(tmp_path / "bridge", school, district.port)
    sent = itertools.count(1)

    def send(count: int) -> int:
        number = 0
        for number in itertools.islice(sent, count):
            room.publish_window(window(number, ROOM))
        wait_for(lambda: room.depth == 0, 60, "the school's broker to have all windows")
        return number

    try:
        room.start(INFO, STATE)
        recorder.wait(f"north/{ROOM}/availability", b"online")
        send(50)
        bridge.start()
        wait_for(lambda: re.search("Connecting bridge.* north", bridge.log()) is not None, 20, "the new bridge")
        wait_for(lambda: "as edge-bridge" in school.log(), 20, "it at the school")
        send(50)
        configuration = tmp_path / "school/test.conf"
        configuration.write_text(configuration.read_text().replace(former, ""))
        school.stop()
        school.start()
        last = send(50)
        numbers = set(range(1, last + 1))
        seen: set[int] = set()

        def all_there() -> bool:
            # The empty one cleared what a former room of that name had left, when this one was made.
            windows = [m for m in list(recorder.messages) if m.name == "window" and m.payload]
            seen.update(m.json()["faces"]["total"] for m in windows)
            return seen >= numbers

        wait_for(all_there, 60, lambda: f"missing {sorted(numbers - seen)}")
    finally:
        bridge.kill()
        room.stop()
        recorder.stop()
