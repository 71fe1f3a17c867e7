"""From a broker that version 0.2.0 set up, with its access list, to the plugin: by the commands of docs/scale.md."""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import secrets
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge.config.broker_url import BrokerUrl
from edge.contract.channels import Lifetimes
from edge.contract.topics import Topics
from edge.delivery.outbox import Outbox
from edge.delivery.publisher import Publisher
from edge.mqtt.client_factory import BrokerSettings
from tests.load.fleet.plugin_broker import PluginBroker, missing
from tests.load.fleet.school import HOST, PASSWORD, SHIPPED, SchoolBroker, find, run
from tests.load.fleet.users import User
from tests.support.brokers import can_connect, free_port, wait_for
from tests.support.paths import ROOT
from tests.support.publishing import INFO, STATE, window
from tests.support.recordings import lines_of
from tests.system.docs.blocks import blocks

FILES = ROOT / "tests/fixtures/0.2.0/mosquitto"
BROKER = "mosquitto"  # the name of its user, too
OF_SCHOOL = ("room-204", "room-205", "dashboard", "recorder", "commander", "homeassistant", "monitor")
OF_DISTRICT = ("north", "south", "dashboard", "recorder", "commander", "monitor")
REFUSED = "Not authorized"
PREPARE = "(set -e; apt-get install mosquitto-clients python3"
CHANGE_OVER = "(set -e; cd /etc/mosquitto; systemctl stop"
SYSTEMCTL = """#!/bin/sh
case $1 in
stop) kill $(cat {pid}) 2>/dev/null; while kill -0 $(cat {pid}) 2>/dev/null; do sleep 0.05; done ;;
start) setsid mosquitto -c {configuration} >>{log} 2>&1 & echo $! >{pid} ;;
esac
"""

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to the broker's user"),
    pytest.mark.skipif(bool(missing()) or find("mosquitto_passwd") is None, reason="Mosquitto is not installed"),
    pytest.mark.skipif(all(user.pw_name != BROKER for user in pwd.getpwall()), reason="Mosquitto has no user here"),
]


class OldBroker(SchoolBroker):
    """As the recipe of 0.2.0 has set it up: /etc/mosquitto and /var/lib/mosquitto in a folder of their own.

    Args:
        folder: For both.
        users: Who may connect, each with a password that only it knows.
        acl: Which of the access lists.
        more: Lines of configuration behind those of the listener, which are to be kept.
    """

    def __init__(self, folder: Path, users: tuple[str, ...], acl: str = "school.acl", more: str = "") -> None:
        super().__init__(folder, tls=True)
        self._lines = more
        self.etc, self.kept = folder / "etc", folder / "kept"
        self.passwords = {user: secrets.token_hex(16) for user in users}
        self._acl = acl
        self._places = {"/etc/mosquitto": str(self.etc), "/var/lib/mosquitto": str(self.kept)}

    @property
    def ca(self) -> str:
        """The file with the authority."""
        return str(self.etc / "edge/ca.pem")

    def prepare(self, authority: Path | None = None) -> None:
        """Write everything; `authority`: where there is one already."""
        edge = self.etc / "edge"
        self.etc.mkdir(parents=True)
        self.kept.mkdir()
        shutil.copytree(FILES, edge)
        (edge / "bridge.conf").unlink()
        (self.etc / "mosquitto.conf").write_text(f"include_dir {edge}\n")
        rewrite(edge / "school.conf", {"school.acl": self._acl})
        shutil.copytree(SHIPPED, self._folder / "clone/docs/mosquitto")
        for file in (*edge.glob("*.conf"), *(self._folder / "clone").rglob("*.conf")):
            words = {"listener 8883": f"listener {self.port} {HOST}\n{self._lines}"}
            rewrite(file, {**words, **self._places})
        for name in ("ca.pem", "ca.key"):
            if authority:
                shutil.copy(authority / name, edge)
        run("sh", str(SHIPPED / "certificates.sh"), str(edge), HOST)
        (edge / "passwords").touch()
        for user, password in self.passwords.items():
            run(find("mosquitto_passwd") or "", "-b", str(edge / "passwords"), user, password)
        run("chown", "-R", f"{BROKER}:", str(edge), str(self.kept))
        edge.chmod(0o700)
        script = self._folder / "bin/systemctl"
        script.parent.mkdir()
        script.write_text(
            SYSTEMCTL.format(
                pid=self._folder / "pid", configuration=self.etc / "mosquitto.conf", log=self._folder / "mosquitto.log"
            )
        )
        script.chmod(0o755)
        (self._folder / "bin/apt-get").symlink_to(shutil.which("true") or "")

    def systemctl(self, what: str) -> None:
        """Start or stop it."""
        run(str(self._folder / "bin/systemctl"), what)
        if what == "start":
            wait_for(lambda: can_connect(self.port), 20, "the broker")

    def page(self, begins: str, change: dict[str, str], killed_before: str = "") -> str:
        """Run a block of the page, with the words of this machine and of this set-up; returns what it says.

        Args:
            begins: Its first words.
            change: Words of the page, and ours.
            killed_before: The first words of the command before which the power fails; none: it does not.
        """
        (block,) = [each.text for each in blocks() if each.name.startswith(f"docs/scale.md: {begins}")]
        for words in change:
            assert words in block
        for page, ours in {"1884": str(free_port()), **self._places, **change}.items():
            block = block.replace(page, ours)
        if killed_before:
            # $BASHPID is the shell in which the block runs.
            condition = f'[[ $BASH_COMMAND != "{killed_before}"* ]]'
            block = f"set -T; trap '{condition} || kill -9 $$ $BASHPID' DEBUG\n{block}"
        path = f"{self._folder}/bin:{os.environ['PATH']}:/usr/sbin"
        done = subprocess.run(
            ["bash", "-euc", block], cwd=self._folder / "clone", env={**os.environ, "PATH": path}, capture_output=True,
            text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == (-signal.SIGKILL if killed_before else 0), done.stdout + done.stderr
        return done.stdout

    def connect(self, name: str, client_id: str, **options: str) -> User:
        """As a user with its own password."""
        return User(self, name, password=self.passwords[name], client_id=client_id, **options)

    def certificate(self, user: str) -> dict[str, str]:
        """The files of a user, as on its own machine."""
        places = {"certificate_file": "pem", "key_file": "key"}
        files = {key: f"{self._folder}/{user}.{end}" for key, end in places.items()}
        if not Path(files["key_file"]).exists():
            run("sh", str(SHIPPED / "certificates.sh"), str(self.etc / "edge"), "--user", user)
            for end in places.values():
                shutil.copy(self.etc / f"edge/{user}.{end}", self._folder)
        return files

    def kill(self) -> None:
        """End what runs."""
        with contextlib.suppress(OSError, ValueError):
            os.kill(int((self._folder / "pid").read_text()), signal.SIGKILL)


def rewrite(file: Path, words: dict[str, str]) -> None:
    """Replace words of a file."""
    text = file.read_text()
    for what, ours in words.items():
        text = text.replace(what, ours)
    file.write_text(text)


@pytest.fixture
def folder() -> Iterator[Path]:
    """One into which the broker's user may look."""
    with tempfile.TemporaryDirectory(prefix="edge-access-list-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def brokers(folder: Path) -> Iterator[tuple[OldBroker, OldBroker]]:
    """A school's broker and its district's, with a bridge between them."""
    district = OldBroker(folder / "district", OF_DISTRICT, "district.acl")
    school = OldBroker(folder / "school", OF_SCHOOL)
    district.prepare()
    school.prepare(district.etc / "edge")
    edge = school.etc / "edge"
    shutil.copy(FILES / "bridge.conf", edge)
    rewrite(
        edge / "bridge.conf",
        {
            "district.example.org:8883": f"{HOST}:{district.port}", "CHANGE-ME-TOO": secrets.token_hex(16),
            "CHANGE-ME": district.passwords["north"], "/etc/mosquitto": str(school.etc), "timeout 2 60": "timeout 1",
        },
    )  # fmt: skip
    run("chown", "-R", f"{BROKER}:", str(edge))
    try:
        for broker in (district, school):
            broker.systemctl("start")
        yield district, school
    finally:
        for broker in (school, district):
            broker.kill()


def recorder_of(broker: OldBroker, folder: Path, *more: str) -> list[str]:
    """The words that start `edge record`, for a file of its own."""
    password = folder / f"password-{broker.port}"
    password.touch(0o600)
    password.write_text(broker.passwords["recorder"])
    return [
        "record", "--database", str(folder / f"{broker.port}.sqlite"), "--broker", broker.url, "--set",
        "mqtt.username=recorder", "--set", f"mqtt.password_file={password}", "--set", f"mqtt.ca_file={broker.ca}",
        *more,
    ]  # fmt: skip


def recorded(broker: OldBroker, folder: Path) -> set[int]:
    """The numbers of windows in that file."""
    with contextlib.closing(sqlite3.connect(f"file:{folder}/{broker.port}.sqlite?mode=ro", uri=True)) as database:
        return {int(seq) for (seq,) in database.execute("SELECT seq FROM windows WHERE device = 'room-204'")}


def id_in_log(broker: OldBroker) -> str:
    """The client id of the recorder, where the page finds it."""
    lines = [line for line in broker.log().splitlines() if "u'recorder'" in line]
    found = re.search(r" as (\S+) \(.*u'recorder'\)", lines[-1])
    assert found is not None
    return found[1]


class Windows:
    """A room that sends windows, with everything of the daemon that does so.

    Args:
        broker: Where.
        folder: For its outbox.
    """

    def __init__(self, broker: OldBroker, folder: Path) -> None:
        url, name = BrokerUrl(HOST, broker.port, tls=True), "room-204"
        settings = BrokerSettings(url, f"edge-classroom-{name}", name, broker.passwords[name], broker.ca)
        topics, lifetimes = Topics("classroom", name), Lifetimes(3600, 60, 60)
        self._publisher = Publisher(settings, topics, Outbox(folder / "outbox.sqlite"), lifetimes)
        self._publisher.start(INFO, STATE)
        self.sent = 0

    def send(self, count: int = 20) -> None:
        """Windows, until the broker has them."""
        for _ in range(count):
            self.sent += 1
            self._publisher.publish_window(window(self.sent, "room-204"))
        wait_for(lambda: self._publisher.depth == 0, 40, "the broker to have the windows")

    def stop(self) -> None:
        """End it."""
        self._publisher.stop()


def test_users_keep_their_passwords_and_sessions_what_waits(
    brokers: tuple[OldBroker, OldBroker], folder: Path, edge: Callable[..., subprocess.Popen[str]]
) -> None:
    district, school = brokers
    words = {school: recorder_of(school, folder), district: recorder_of(district, folder, "--prefix", "north")}

    def record(broker: OldBroker, count: int) -> None:
        process = edge(*words[broker])
        lines_of(process, "connected to broker")
        wait_for(lambda: len(recorded(broker, folder)) >= count, 40, lambda: f"{count}: {recorded(broker, folder)}")
        process.terminate()
        process.communicate(timeout=30)
        assert recorded(broker, folder) == set(range(1, count + 1))

    record(school, 0)
    record(district, 0)
    ids = {broker: id_in_log(broker) for broker in brokers}
    other = school.connect("room-205", "", session="edge-classroom-room-205")
    other.subscribe("classroom/room-205/cmd/+").subscribe("classroom/room-205/alert/+").stop()
    room = Windows(school, folder)
    try:
        room.send()
        district.systemctl("stop")
        room.send()  # they wait for the bridge and for the recorder
        commander = school.connect("commander", "anything")
        assert commander.publish("classroom/room-205/cmd/pause", "on") == "Success"
        commander.stop()
        said = school.page(PREPARE, {"recorder ID": f"recorder {ids[school]}"})
        assert "not in" not in said
        school.page(CHANGE_OVER, {})
        room.send()
        record(school, 60)
        every_user_has_the_rights_of_the_plugin(school)

        district.systemctl("start")
        said = district.page(
            PREPARE,
            {
                "make_user --recorder recorder ID": f"make_user --prefix north --recorder recorder {ids[district]}",
                "for room in $(cut": "for school in north south; do make_user --school $school bridge-$school; done #",
                'make_user "--$user"': 'make_user --prefix + "--$user"', "commander homeassistant": "commander",
            },
        )  # fmt: skip
        assert "not in" not in said
        district.page(CHANGE_OVER, {})
        room.send()
        record(district, 80)
    finally:
        room.stop()
    other = district.connect("south", "bridge-south")
    assert other.publish("north/room-204/window") == REFUSED
    other.stop()


def every_user_has_the_rights_of_the_plugin(school: OldBroker) -> None:
    room = school.connect("room-205", "", session="edge-classroom-room-205")
    room.wait("classroom/room-205/cmd/pause", b"on")  # it has waited meanwhile
    # Its session has still subscribed to its alerts, of which it could leave as much unread as it likes.
    assert room.publish("classroom/room-205/alert/disk") == "Success"
    assert room.ask("classroom/room-204/cmd/+", "#") == [REFUSED] * 2
    assert room.publish("classroom/room-204/window") == REFUSED
    assert room.topics() == ["classroom/room-205/cmd/pause"]
    room.stop()
    for name in ("dashboard", "commander", "homeassistant", "monitor", "room-204-check"):
        own_id = f"edge-classroom-{name}" if name.startswith("room-") else f"edge-{name}"
        password = school.passwords[name.removesuffix("-check")]
        for client_id, given, refused in (
            (own_id, password, None), ("another", password, REFUSED), (own_id, "guessed", REFUSED),
        ):  # fmt: skip
            who = User(school, name, password=given, client_id=client_id)
            assert who.refused == refused, (name, client_id)
            who.stop()
    files = [*(school.etc / "edge").rglob("*")]
    assert {(file.owner(), file.stat().st_mode & 0o22) for file in files} == {("root", 0)}


def test_a_change_that_is_interrupted_goes_on_and_the_way_back_too(folder: Path) -> None:
    change, back = CHANGE_OVER, "cd /etc/mosquitto && systemctl stop"
    school = OldBroker(folder / "school", OF_SCHOOL)
    school.prepare()
    school.systemctl("start")

    def is_up(client_id: str, refused: str | None) -> None:
        wait_for(lambda: can_connect(school.port), 20, "the broker")
        who = school.connect("room-204", client_id)
        assert who.refused == refused
        who.stop()

    try:
        school.page(PREPARE, {"recorder ID": "recorder edge-recorder"})
        for command in ("find", "sed", "install", "mv edge", "mv plugin"):
            school.page(change, {}, command)
        school.page(back, {})  # no folder is `edge` now
        is_up("anything", None)
        for command in ("mv edge", "mv plugin", "rm", "chmod 640"):
            school.page(change, {}, command)
        for _ in range(2):
            school.page(change, {})
            is_up("anything", REFUSED)
            is_up("edge-classroom-room-204", None)
        for command in ("mv -T edge", "mv -T before"):
            school.page(back, {}, command)
        for _ in range(2):
            school.page(back, {})
            is_up("anything", None)
        assert sorted(file.name for file in school.etc.iterdir()) == ["edge", "mosquitto.conf", "plugin"]
        assert (school.etc / "edge/ca.key").exists()
    finally:
        school.kill()


CERTIFICATES = """cafile /etc/mosquitto/edge/ca.pem
require_certificate true
use_identity_as_username true
"""


def test_who_had_a_certificate_in_place_of_a_password_goes_on(folder: Path) -> None:
    """Until it has a password: test_client_certificates.py has the next steps."""
    school = OldBroker(folder / "school", ("dashboard",), more=CERTIFICATES)
    school.prepare()
    rooms = ("room-204", "room-205")

    def room(name: str, client_id: str) -> User:
        return User(school, name, password="", client_id=client_id, certificate=name)

    try:
        for name in rooms:
            school.certificate(name)
        run("chown", "-R", f"{BROKER}:", str(school.etc / "edge"))
        school.systemctl("start")
        before = room("room-204", "edge-classroom-room-204")
        assert before.publish("classroom/room-204/window") == "No matching subscribers"
        before.stop()
        by_name = {
            "for room in $(cut": f"for room in {' '.join(rooms)}; do make_user $room; done #",
            "recorder ID": "recorder x",
        }
        assert "recorder: not in" in school.page(PREPARE, by_name)
        school.page(CHANGE_OVER, {})
        wait_for(lambda: can_connect(school.port), 20, "the broker with the plugin")
        for name, other in (rooms, rooms[::-1]):
            again = room(name, f"edge-classroom-{name}")
            assert again.publish(f"classroom/{name}/window") == "No matching subscribers"
            assert again.publish(f"classroom/{other}/window") == REFUSED
            assert again.ask(f"classroom/{other}/cmd/+") == [REFUSED]
            again.stop()
    finally:
        school.kill()


def keep_passwords(old: Path, rules: Path) -> str:
    """Run the program; returns what it says."""
    command = [sys.executable, str(SHIPPED / "keep-passwords.py"), str(old), str(rules)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_the_plugin_was_there_already(tmp_path: Path) -> None:
    old, new = PluginBroker(tmp_path / "old"), PluginBroker(tmp_path / "new")
    for broker in (old, new):
        broker.prepare()
        broker.start()
        try:
            done = broker.script("room-1", PASSWORD if broker is old else secrets.token_hex(16))
            assert done.returncode == 0, done.stderr
        finally:
            broker.stop()
    assert keep_passwords(old.rules, new.rules) == ""
    new.start()
    try:
        for name in ("room-1", "room-1-check"):
            room = User(new, name, client_id=f"edge-classroom-{name}")
            assert room.refused is None
            room.stop()
        assert new.script("--remove", "room-1").returncode == 0, "the administrator has the new password"
    finally:
        new.kill()


def test_whose_password_it_does_not_know_is_said(tmp_path: Path) -> None:
    old, rules = tmp_path / "passwords", tmp_path / "rules.json"
    old.write_text("wall:$6$c2FsdA==$c3Vt\nhall:$7$101$c2FsdA==$c3Vt\nroof:$7$101$c2FsdA==$c3Vt\n")
    rules.write_text(
        '{"clients": [{"username": "admin", "password": "x", "salt": "y", "iterations": 7},'
        ' {"username": "wall", "password": "x", "roles": [{"rolename": "wall"}]},'
        ' {"username": "hall-check", "password": "x", "roles": [{"rolename": "hall"}]}]}'
    )
    assert keep_passwords(old, rules) == f"wall: not in {old}\nhall: not in {rules}\nroof: not in {rules}\n"
    old.write_text('{"clients": [{"username": "wall"}]}')  # the plugin's, who had only a certificate
    assert f"wall: not in {old}\n" in keep_passwords(old, rules)
    assert '"password": "x"' in rules.read_text().replace("\t", "")
