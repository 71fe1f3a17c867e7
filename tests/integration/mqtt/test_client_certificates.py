"""Client certificates with the dynamic security plugin, as docs/scale.md sets them up: what somebody gets with the
certificate and the password of one room, and what everybody else needs.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge.config.schema import Config
from edge.daemon.broker_check import check_broker, takes_any_client_id
from edge.daemon.paths import broker_settings
from edge.errors import EdgeError
from edge.recording.recording_service import RecordingService
from edge.recording.recording_task import RecordingTask
from tests.load.fleet.bridge import Bridge
from tests.load.fleet.plugin_broker import ADMIN, PluginBroker, client_id, missing
from tests.load.fleet.school import HOST, PASSWORD, SHIPPED
from tests.load.fleet.users import User
from tests.support.brokers import wait_for
from tests.support.paths import ROOT
from tests.system.docs.blocks import blocks

RECORDER, PAUSE = "edge-recorder", "classroom/room-1/cmd/pause"
READERS = ("recorder", "commander", "dashboard")
REFUSED = "Not authorized"
IDENTITY = "use_identity_as_username true"

pytestmark = pytest.mark.skipif(bool(missing()), reason=f"not installed: {', '.join(missing())}")
Connect = Callable[..., User]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> PluginBroker:
    """Made once: certificates take longer than a broker."""
    broker = PluginBroker(tmp_path_factory.mktemp("authority"), tls=True)
    broker.prepare()
    for name in ("room-1", "room-9", "admin", "recorder"):
        broker.certificate(name)
    return broker


@pytest.fixture(scope="module")
def school(authority: PluginBroker) -> Iterator[PluginBroker]:
    """With the lines of the page; its users are made by who shows a certificate."""
    page = (ROOT / "docs/scale.md").read_text()
    lines = re.findall(r"(?ms)^Put these three lines .*?^```\n(.*?)^```", page)
    assert len(lines) == 1
    configuration = authority.script_folder / "test.conf"
    configuration.write_text(f"{configuration.read_text()}\n{authority.localised(lines[0])}")
    authority.asks_for_certificates = True
    authority.start()
    authority.add_rooms("room-1", "room-9")
    for kind in READERS:
        authority.add(kind, kind)
    yield authority
    authority.kill()


@pytest.fixture
def user(school: PluginBroker) -> Iterator[Connect]:
    """Connects users; each shows the certificate that is named, or its own."""
    connected: list[User] = []

    def connect(name: str, session: str | None = None, certificate: str | None = None) -> User:
        shown = certificate or ("recorder" if name in READERS else name)
        connected.append(User(school, name, session=session, client_id=client_id(name), certificate=shown))
        return connected[-1]

    yield connect
    for each in connected:
        each.stop()


def config_of(school: PluginBroker, name: str, user: str | None, certificate: str) -> Config:
    """Of a room, as the page has it."""
    mqtt = {"broker": school.url, "ca_file": school.ca, **school.certificate(certificate)}
    if user is not None:
        mqtt |= {"username": user, "password_file": school.password_file}
    said = {"mode": "headcount", "device": {"name": name}, "homeassistant": {"discovery": False}, "mqtt": mqtt}
    return Config.model_validate(said)


def step(school: PluginBroker, begins: str, users: str = "") -> str:
    """Of the upgrade, by the block of the page that begins so; returns what it says."""
    (block,) = [each.text for each in blocks() if each.name.startswith(f"docs/scale.md: {begins}")]
    places = {"security.sh": f"security.sh --rules {school.rules}", "localhost -p 8883": f"{HOST} -p {school.port}"}
    for page, here in {**places, '"$(cat admin)"': ADMIN}.items():
        assert page in block
        block = block.replace(page, here)
    block = re.sub("for user in .*;", f"for user in {users};", block)
    environment = {**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin"}
    done = subprocess.run(
        ["sh", "-ec", block], env=environment, cwd=school.script_folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def delivers_unasked(school: PluginBroker) -> bool:
    """Whether who has a session of somebody else's is sent what that one has subscribed to."""
    return bool(json.loads(school.rules.read_text())["defaultACLAccess"]["publishClientReceive"])


def test_a_certificate_does_not_stand_for_a_client_id(school: PluginBroker, user: Connect) -> None:
    for session in (RECORDER, "edge-classroom-room-1", "made-up"):
        assert user("room-9", session).refused == REFUSED, session
    assert user("recorder", RECORDER, certificate="room-9").refused is None  # who has its password is the recorder
    with pytest.raises(EdgeError, match="refuses a client without user name"):
        check_broker(config_of(school, "room-9", None, "room-9"), None)


def test_everybody_works_with_a_certificate_and_a_password(school: PluginBroker, user: Connect) -> None:
    recorder = user("recorder", RECORDER).subscribe("classroom/+/window")
    dashboard = user("dashboard").subscribe("classroom/#")
    room = user("room-1", client_id("room-1")).subscribe("classroom/room-1/cmd/+")
    assert room.publish("classroom/room-1/window", "seven") == "Success"
    assert user("commander").publish(PAUSE, "on") == "Success"
    for reader, topic, payload in ((recorder, "classroom/room-1/window", b"seven"), (room, PAUSE, b"on")):
        reader.wait(topic, payload)
    dashboard.wait("classroom/room-1/window", b"seven")
    checking = config_of(school, "room-1", "room-1-check", "room-1")
    assert "round trip" in check_broker(checking, None)
    assert not takes_any_client_id(checking)


def test_a_removed_room_is_not_let_in_with_its_certificate(school: PluginBroker, user: Connect) -> None:
    school.add_rooms("room-8")
    assert user("room-8").publish("classroom/room-8/info", "of it", retain=True) in (
        "Success",
        "No matching subscribers",
    )
    assert school.script("--remove", "room-8").returncode == 0
    assert user("room-8").refused == REFUSED
    watching = user("dashboard").subscribe("classroom/room-8/#")
    watching.ask("classroom/room-1/state")  # what is retained comes before this answer
    assert watching.topics() == []


def test_a_revoked_certificate_lets_nobody_in_and_the_next_one_does(school: PluginBroker) -> None:
    """Of a room that has got another one since."""
    folder = school.script_folder
    school.add_rooms("room-7")
    school.certificate("room-7")
    (old,) = (folder / "issued/room-7").iterdir()

    def script(*words: str) -> subprocess.CompletedProcess[str]:
        command = ["sh", str(SHIPPED / "certificates.sh"), str(folder), *words]
        return subprocess.run(command, check=False, capture_output=True, text=True)

    def let_in(certificate: str) -> bool:
        try:
            return "round trip" in check_broker(config_of(school, "room-7", "room-7-check", certificate), None)
        except EdgeError:
            return False

    for end in ("pem", "key"):
        (folder / f"room-7.{end}").rename(folder / f"stolen.{end}")
    assert let_in("stolen")
    assert script("--user", "room-7").returncode == 0  # before the other is revoked
    which = script("--revoke", "room-7")
    (new,) = set((folder / "issued/room-7").iterdir()) - {old}
    assert (which.returncode, f"{old.stem}, made" in which.stderr) == (1, True)
    assert re.search(f"{new.stem}, made .*, now room-7.pem", which.stderr)
    for _ in range(2):  # again, as after a Ctrl-C
        assert script("--revoke", "room-7", old.stem).returncode == 0
    (folder / "revoked.txt").rename(folder / "elsewhere")
    other = script("--revoke", "room-9")
    assert (other.returncode, "the new list would lack" in other.stderr) == (1, True)
    (folder / "elsewhere").rename(folder / "revoked.txt")
    school.stop()
    school.start()
    assert not let_in("stolen")
    assert let_in("room-7")
    assert school.script("--remove", "room-7").returncode == 0


def test_a_bridge_shows_a_certificate(school: PluginBroker, user: Connect, tmp_path: Path) -> None:
    school.add("school", "north", "bridge-north")
    school.add("recorder", "office", prefix="+")
    office = user("office", certificate="recorder").subscribe("north/+/window")
    north = PluginBroker(tmp_path / "north")
    north.prepare()
    north.start()
    shown = school.certificate("north")
    lines = (
        f"bridge_certfile {shown['certificate_file']}",
        f"bridge_keyfile {shown['key_file']}",
        f"bridge_cafile {school.ca}",
    )
    bridge = Bridge(tmp_path / "bridge", north, school.port, district_lines=lines)
    bridge.start()
    try:
        north.add_rooms("room-1")
        room = User(north, "room-1", client_id=client_id("room-1"))
        assert room.publish("classroom/room-1/info", "carried", retain=True) != REFUSED
        office.subscribe("north/+/info").wait("north/room-1/info", b"carried")
        room.stop()
    finally:
        bridge.kill()
        north.kill()


def test_the_upgrade_of_a_broker_that_went_by_certificates_alone(school: PluginBroker, user: Connect) -> None:
    """As 0.2.0 set it up; first with the default of `mosquitto_ctrl dynsec init`, which the script takes back."""
    configuration = school.script_folder / "test.conf"
    by_certificate = config_of(school, "room-9", None, "room-9")

    def restart(lines: str, change: Callable[[], object] = lambda: None) -> None:
        assert school.process is not None
        school.process.terminate()
        school.process.wait()
        configuration.write_text(lines)
        change()
        school.start()

    def deliver_unasked() -> None:
        rules = json.loads(school.rules.read_text())
        rules["defaultACLAccess"]["publishClientReceive"] = True
        school.rules.write_text(json.dumps(rules))

    def read_by_room_9() -> list[bytes]:
        user("recorder", RECORDER).subscribe("classroom/+/window").stop()
        room = user("room-1")
        room.publish("classroom/room-1/window", "waits")
        thief = user("room-9", RECORDER)
        room.publish("classroom/room-1/window", "comes")
        thief.ask("classroom/room-9/cmd/+")  # the answer comes behind what was sent before
        thief.stop()
        return [message.payload for message in thief.messages]

    wait_for(lambda: not delivers_unasked(school), 10, "whoever made users to have set the default")  # 2.1 writes later
    as_the_page_says = configuration.read_text()
    restart(f"{as_the_page_says}\n{IDENTITY}\n", deliver_unasked)
    try:
        assert read_by_room_9() == [b"waits", b"comes"]
        assert school.script("--save").returncode == 0
        assert read_by_room_9() == []
        assert takes_any_client_id(by_certificate)
        assert "round trip" in check_broker(
            config_of(school, "room-9", "room-9", "room-9"), None
        )  # already with a password
        passwords = dict(line.split() for line in step(school, "for user in room-204", "room-9 recorder").splitlines())
        assert user("room-9", client_id("room-9")).refused is None  # with the old one, or none, until the last step
    finally:
        restart(as_the_page_says)
    shown = "room-9"
    for name in ("room-9", "recorder"):
        each = User(school, name, password=passwords[name], client_id=client_id(name), certificate=shown)
        assert each.refused is None
        each.stop()
        assert school.script("--password", name, PASSWORD).returncode == 0
    assert user("room-9", RECORDER).refused == REFUSED
    assert not takes_any_client_id(by_certificate)


@pytest.mark.parametrize(
    ("given", "user_name", "warnings"), [(RECORDER, None, 1), (RECORDER, "recorder", 0), (None, None, 0)]
)
def test_a_recorder_that_shows_nothing_but_a_certificate_warns_of_an_id_that_is_known(
    school: PluginBroker, tmp_path: Path, caplog: pytest.LogCaptureFixture, given: str | None, user_name: str | None,
    warnings: int,
) -> None:  # fmt: skip
    settings = broker_settings(config_of(school, "x", user_name, "recorder"))
    stop = threading.Event()
    task = RecordingTask(tmp_path / "school.sqlite", settings, "classroom", ["+"], given)
    RecordingService(task, ready=stop.set).run(stop)
    assert caplog.text.count("whoever has another one and guesses --client-id edge-recorder") == warnings
