"""A school's broker as docs/mosquitto sets it up: who may do what, TLS, the way to the district, and a small fleet."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.config.broker_url import BrokerUrl
from edge.contract.alerts import ALERTS
from edge.contract.channels import Lifetimes
from edge.contract.commands import REQUESTS
from edge.contract.topics import Topics
from edge.delivery.outbox import Outbox
from edge.delivery.publisher import Publisher
from edge.mqtt.client_factory import BrokerSettings
from edge.recording.recordable import TOPICS
from tests.load.fleet.course import Fleet
from tests.load.fleet.figures import Stored, compare
from tests.load.fleet.recorder import Receipt
from tests.load.fleet.report import Plan
from tests.load.fleet.school import DISTRICT_LINE, HOST, PASSWORD, SHIPPED, SchoolBroker, find
from tests.load.fleet.users import User
from tests.support.brokers import wait_for
from tests.support.paths import ROOT
from tests.support.publishing import INFO, STATE, window

ROLES = ("dashboard", "recorder", "commander", "homeassistant", "announcer", "monitor")
NOT_AUTHORISED = "Not authorized"
TAKEN = ("Success", "No matching subscribers")

pytestmark = pytest.mark.skipif(
    any(find(name) is None for name in ("mosquitto", "mosquitto_passwd", "openssl")),
    reason="mosquitto is not installed",
)
StartSchool = Callable[..., SchoolBroker]


@pytest.fixture
def start_school(tmp_path: Path) -> Iterator[StartSchool]:
    """Starts brokers from the shipped files."""
    started: list[SchoolBroker] = []

    def start(name: str = "school", *users: str, **options: Any) -> SchoolBroker:
        broker = SchoolBroker(tmp_path / name, [*ROLES, "room-1", "room-2", *users], **options)
        started.append(broker)
        broker.prepare()
        broker.start()
        return broker

    yield start
    for broker in started:
        broker.kill()


@pytest.fixture
def user() -> Iterator[Callable[..., User]]:
    """Connects users."""
    connected: list[User] = []

    def connect(broker: SchoolBroker, name: str, **options: Any) -> User:
        connected.append(User(broker, name, **options))
        return connected[-1]

    yield connect
    for each in connected:
        each.stop()


Connect = Callable[..., User]


def test_a_room_speaks_and_hears_for_itself_only(start_school: StartSchool, user: Connect) -> None:
    school = start_school(tls=False)
    watcher = user(school, "dashboard").subscribe("#")
    finder = user(school, "homeassistant").subscribe("homeassistant/#")
    room = user(school, "room-1").subscribe("#")
    own = ("availability", "info", "state", "window", "latest", "health", "alerts", "alert/disk", "cmd/pause/response")
    for name in own:
        assert room.publish(f"classroom/room-1/{name}") == "Success", name
        assert room.publish(f"classroom/room-2/{name}") == NOT_AUTHORISED, name
    forbidden = (
        "classroom/room-1/cmd/pause", "classroom/room-2/cmd/pause", "classroom/room-1/x", "classroom/room-1",
        "homeassistant/status", "homeassistant/device/classroom_room-2/config", "homeassistant/switch/x/config", "x",
        "homeassistant/device/classroom_room-1/config",
    )  # fmt: skip
    for topic in forbidden:
        assert room.publish(topic) == NOT_AUTHORISED, topic
    for topic in ("classroom/room-1/alert/made-up", "classroom/room-1/cmd/made-up/response"):
        assert room.publish(topic) == NOT_AUTHORISED, topic
    assert user(school, "announcer").publish("homeassistant/device/classroom_room-1/config") == "Success"
    assert user(school, "commander").publish("classroom/room-1/cmd/pause") == "Success"
    assert user(school, "commander").publish("classroom/room-2/cmd/pause") == "Success"
    assert user(school, "homeassistant").publish("homeassistant/status", "online") == "Success"
    assert user(school, "room-2").publish("classroom/room-2/state", "the last") == "Success"
    watcher.wait("classroom/room-2/state", b"the last")
    expected = {f"classroom/room-1/{name}" for name in (*own, "cmd/pause")}
    other = {"classroom/room-2/cmd/pause", "classroom/room-2/state"}
    assert set(watcher.topics()) == expected | other
    assert set(finder.topics()) == {"homeassistant/device/classroom_room-1/config", "homeassistant/status"}
    # It asked for everything, and was sent what is meant for it.
    room.wait("classroom/room-1/cmd/pause")
    assert set(room.topics()) == {"classroom/room-1/cmd/pause"}


@pytest.mark.parametrize("name", ["school.acl", "district.acl", "dynamic-security.sh"])
def test_rooms_may_retain_what_they_have_and_nothing_made_up(name: str) -> None:
    text = (SHIPPED / name).read_text()
    assert set(re.findall(r"alert/(\w+)", text)) == {*ALERTS, "check"}  # edge check tries the last one
    assert set(re.findall(r"cmd/(\w+)/response", text)) == set(REQUESTS)
    assert not re.search(r"write \S*(alert/\+|cmd/\+/response)", text)


def test_who_is_not_let_in(start_school: StartSchool, user: Connect) -> None:
    school = start_school()
    assert user(school, "room-1", password="guessed").refused == NOT_AUTHORISED
    assert user(school, "", password="").refused == NOT_AUTHORISED
    assert user(school, "nobody").refused == NOT_AUTHORISED
    # What the broker says for a room that has vanished is under the same rights.
    watcher = user(school, "dashboard").subscribe("classroom/#")
    for name in ("room-2", "room-1"):
        user(school, "room-1", will=f"classroom/{name}/availability").vanish()
    watcher.wait("classroom/room-1/availability", b"offline")
    assert watcher.topics() == ["classroom/room-1/availability"]
    # Whoever trusts another authority does not talk to it.
    other = start_school("other")
    other.port = school.port
    with pytest.raises(OSError, match="certificate verify failed"):
        user(other, "room-1")


def lines_of_scale_md(after: str) -> list[str]:
    """The first block without a language behind these words of docs/scale.md."""
    page = (ROOT / "docs/scale.md").read_text()
    block = re.search(r"^```\n(.*?)^```", page[page.index(after) :], re.DOTALL | re.MULTILINE)
    assert block is not None
    return block[1].splitlines()


def test_client_certificates_as_the_page_says(start_school: StartSchool, tmp_path: Path) -> None:
    """Rooms are known by their certificates, with the lines of docs/scale.md; `edge check` and a stranger try it, and
    then a room whose certificate was revoked once it had another.
    """
    lines = lines_of_scale_md("put these four lines there")
    folder = tmp_path / "school"
    school = start_school(more=[line.replace("/etc/mosquitto/edge", str(folder)) for line in lines])
    for name in ("room-204", "room-205"):
        command = ["sh", str(SHIPPED / "certificates.sh"), str(folder), "--user", name]
        subprocess.run(command, check=True, capture_output=True)

    def check(device: str, certificate: str | None) -> subprocess.CompletedProcess[str]:
        settings = [f"device.name={device}", f"mqtt.broker={school.url}", f"mqtt.ca_file={school.ca}", "mode=headcount"]
        settings += ["camera.source=sample", f"outbox.path={tmp_path}/outbox.sqlite"]
        if certificate:
            settings += [
                f"mqtt.{kind}_file={folder}/{certificate}.{end}"
                for kind, end in (("certificate", "pem"), ("key", "key"))
            ]
        words = [word for setting in settings for word in ("--set", setting)]
        command = [sys.executable, "-m", "edge", "check", *words]
        environment = {**os.environ, "COLUMNS": "300"}
        return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, check=False)

    good = check("room-204", "room-204")
    assert good.returncode == 0, good.stdout + good.stderr
    assert re.search(r"client id +warning +the broker takes any client id", good.stdout)
    other = check("room-204", "room-205")
    assert other.returncode == 1
    nobody = check("room-204", None)
    assert nobody.returncode == 1
    assert "certificate" in nobody.stdout

    script = ["sh", str(SHIPPED / "certificates.sh"), str(folder), "--revoke"]
    (folder / "stolen").mkdir()
    for end in ("pem", "key"):
        (folder / f"room-204.{end}").rename(folder / f"stolen/room-204.{end}")
    (old,) = (folder / "issued/room-204").iterdir()
    subprocess.run([*script[:-1], "--user", "room-204"], check=True, capture_output=True)  # before the other is revoked
    which = subprocess.run([*script, "room-204"], check=False, capture_output=True, text=True)
    (new,) = set((folder / "issued/room-204").iterdir()) - {old}
    assert (which.returncode, f"{old.stem}, made" in which.stderr) == (1, True)
    assert re.search(f"{new.stem}, made .*, now room-204.pem", which.stderr)
    subprocess.run([*script, "room-204", old.stem], check=True, capture_output=True)
    again = subprocess.run([*script, "room-204", old.stem], check=False, capture_output=True)  # as after a Ctrl-C
    assert again.returncode == 0
    (folder / "revoked.txt").rename(folder / "elsewhere")
    other = subprocess.run([*script, "room-205"], check=False, capture_output=True, text=True)
    assert (other.returncode, "the new list would lack" in other.stderr) == (1, True)
    (folder / "elsewhere").rename(folder / "revoked.txt")
    school.kill()
    school.start()
    assert check("room-204", "stolen/room-204").returncode == 1
    assert check("room-204", "room-204").returncode == 0


def test_the_certificates_of_each_user_are_kept_whatever_its_name(tmp_path: Path) -> None:
    for name in ("next", "room-204"):
        command = ["sh", str(SHIPPED / "certificates.sh"), str(tmp_path), "--user", name]
        subprocess.run(command, check=True, capture_output=True)
    kept = [path.relative_to(tmp_path / "issued").parts for path in (tmp_path / "issued").rglob("*.pem")]
    assert sorted(parts[0] for parts in kept) == ["next", "room-204"]
    assert all(len(parts) == 2 for parts in kept)


def test_a_certificate_that_has_expired_is_not_counted_as_good(tmp_path: Path) -> None:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = ["sh", str(SHIPPED / "certificates.sh"), str(tmp_path), *words]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    run("--user", "room-204")
    run("--user", "room-205")
    request = "openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=x -keyout x.key -out x.csr"
    sign = "openssl x509 -req -in x.csr -CA ca.pem -CAkey ca.key -set_serial 0xABCD -days -1 -out"
    for command in (request, f"{sign} issued/room-204/ABCD.pem", f"{sign} issued/room-205/ABCD.pem"):
        subprocess.run(command.split(), cwd=tmp_path, check=True, capture_output=True)
    (good,) = {path.stem for path in (tmp_path / "issued/room-204").iterdir()} - {"ABCD"}
    for _ in range(2):  # again, as after a Ctrl-C
        done = run("--revoke", "room-204")
        assert done.returncode == 0, done.stderr
        assert f"issued/room-204/{good}.pem is good no longer" in done.stdout
        assert "ABCD, expired on " in done.stdout
    (tmp_path / "room-205.pem").unlink()
    next(path for path in (tmp_path / "issued/room-205").iterdir() if path.stem != "ABCD").unlink()
    done = run("--revoke", "room-205")
    assert (done.returncode, "no certificate that is good; nothing was changed" in done.stderr) == (1, True)
    assert run("--revoke", "room-205", "ABCD").returncode == 0
    crl = ["openssl", "crl", "-in", str(tmp_path / "crl.pem"), "-noout", "-text"]
    said = subprocess.run(crl, capture_output=True, text=True, check=True).stdout
    assert set(re.findall(r"Serial Number: *(\w+)", said)) == {good, "ABCD"}


def test_a_session_that_is_taken_over_gives_nothing_away(start_school: StartSchool, user: Connect) -> None:
    """What waited in it is lost, as docs/scale.md says: with the access list nobody is bound to a client id."""
    school = start_school(tls=False)
    of_room_1 = "edge-classroom-room-1"
    user(school, "room-1", session=of_room_1).subscribe("classroom/room-1/cmd/+").stop()
    commander = user(school, "commander")
    assert commander.publish("classroom/room-1/cmd/pause", "waits") == "Success"
    thief = user(school, "room-2", session=of_room_1)
    assert commander.publish("classroom/room-1/cmd/pause", "comes") in ("Success", "No matching subscribers")
    thief.ask("classroom/room-2/cmd/+")  # the answer comes behind what was sent before
    assert thief.topics() == []
    thief.stop()
    back = user(school, "room-1", session=of_room_1)
    back.ask("classroom/room-1/cmd/+")
    assert back.topics() == []


def test_what_the_others_may_do(start_school: StartSchool, user: Connect) -> None:
    school = start_school(tls=False)
    rooms = user(school, "homeassistant").subscribe("#")
    for role in ROLES:
        person = user(school, role)
        # The patterns are for rooms: a name of its own must not make anybody one.
        topics = [f"classroom/{name}/window" for name in ("room-1", role)]
        topics += [f"homeassistant/device/classroom_{name}/config" for name in ("room-1", role)]
        commands = {"pause": role in ("commander", "homeassistant"), "interval": role == "commander"}
        for topic in topics:
            allowed = role == "announcer" and topic.startswith("homeassistant/")
            assert person.publish(topic) == ("Success" if allowed else NOT_AUTHORISED), (role, topic)
        for command, allowed in commands.items():
            answer = person.publish(f"classroom/room-1/cmd/{command}")
            assert answer == ("Success" if allowed else NOT_AUTHORISED), (role, command)
        assert (person.publish("homeassistant/status") == "Success") == (role == "homeassistant")
    recorder = user(school, "recorder").subscribe("#")
    monitor = user(school, "monitor").subscribe("$SYS/broker/version")
    monitor.wait("$SYS/broker/version")
    room = user(school, "room-1")
    for name in ("latest", "health", *TOPICS):
        assert room.publish(f"classroom/room-1/{name}") == "Success"
    recorded = {f"classroom/room-1/{kind}" for kind in TOPICS}
    for topic in recorded:
        recorder.wait(topic)
    rooms.wait("classroom/room-1/window")
    assert set(recorder.topics()) == recorded
    assert set(rooms.topics()) >= {"classroom/room-1/cmd/pause", "classroom/room-1/cmd/interval"}


def test_the_daemon_does_everything_under_these_rights(
    start_school: StartSchool, user: Connect, edge: Callable[..., subprocess.Popen[str]], pictures: str
) -> None:
    school = start_school()
    everything = user(school, "dashboard").subscribe("#")
    finder = user(school, "homeassistant").subscribe("homeassistant/#")
    # An alert that an earlier run has left: nobody sends it back to the room, which takes it away all the same.
    earlier = user(school, "room-1")
    assert earlier.publish("classroom/room-1/alert/disk", b"{}", retain=True) == "Success"
    earlier.stop()
    settings = {
        "mqtt.broker": school.url, "mqtt.ca_file": school.ca, "mqtt.username": "room-1",
        "mqtt.password_file": school.password_file, "camera.source": pictures, "camera.loop": "true",
        "window.seconds": "1", "health.seconds": "1", "vision.detect_width": "640",
    }  # fmt: skip
    words = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    checked = edge("check", *words)
    out, err = checked.communicate(timeout=60)
    assert "round trip" in out, out + err
    daemon = edge("run", "--quiet", *words)
    for name in ("info", "state", "window", "latest", "health"):
        everything.wait(f"classroom/room-1/{name}", seconds=60)
    everything.wait("classroom/room-1/availability", b"online")
    everything.wait("classroom/room-1/alert/disk", b"")
    everything.wait("classroom/room-1/window", seconds=60)  # that it may not announce itself disturbs nothing
    announcer = edge("announce", *words, "--set", "mqtt.username=announcer")
    assert b"components" in finder.wait("homeassistant/device/classroom_room-1/config").payload
    commander = user(school, "commander").subscribe("classroom/room-1/cmd/+/response")
    assert commander.publish("classroom/room-1/cmd/interval", "2") == "Success"
    assert commander.wait("classroom/room-1/cmd/interval/response").json()["status"] == "ok"
    daemon.kill()
    everything.wait("classroom/room-1/availability", b"offline", seconds=40)
    _, err = daemon.communicate()
    assert [line for line in err.splitlines() if "refuses" in line and "homeassistant/device/" not in line] == []
    assert err.count("refuses") == 1
    announcer.terminate()
    _, err = announcer.communicate(timeout=30)
    assert "refuses" not in err


def test_a_bridge_carries_a_school_to_the_district(start_school: StartSchool, user: Connect, tmp_path: Path) -> None:
    district = start_school("district", "north", "south", acl="district.acl", more=[DISTRICT_LINE])
    bridge = (SHIPPED / "bridge.conf").read_text().replace("district.example.org:8883", f"{HOST}:{district.port}")
    bridge = bridge.replace("CHANGE-ME", PASSWORD).replace("\n#topic", "\ntopic").replace("2 60", "1")
    # One authority for all: the second broker's certificate is signed by the first one's.
    (tmp_path / "school").mkdir()
    for file in ("ca.pem", "ca.key"):
        shutil.copy(tmp_path / "district" / file, tmp_path / "school")
    school = start_school("school", more=[bridge.replace("/etc/mosquitto/edge", str(tmp_path / "school"))])
    there = user(district, "dashboard").subscribe("#")
    there.wait("north/bridge/link", b"1")
    here = user(school, "dashboard").subscribe("classroom/+/cmd/#")
    room = _room(school, tmp_path)
    room.start(INFO, STATE)
    assert room.connection.wait_connected(20)
    room.publish_window(window(device="room-1"))
    carried = there.wait("north/room-1/window")
    assert carried.expiry is None, "properties end at the school"
    assert carried.json()["counts"] == {"happy": 7, "unknown": 0}
    there.wait("north/room-1/availability", b"online")
    latest = user(district, "dashboard").subscribe("north/+/latest").wait("north/room-1/latest")
    assert latest.retain
    assert latest.expiry is None
    # A school is one name, and no other.
    assert user(district, "south").publish("north/room-1/window") == NOT_AUTHORISED
    assert user(district, "dashboard").publish("north/room-1/cmd/pause") == NOT_AUTHORISED
    assert user(district, "commander").publish("north/room-1/cmd/pause", "on") == "Success"
    here.wait("classroom/room-1/cmd/pause", b"on")

    # The district is away for more windows than Mosquitto keeps by default.
    recorder = user(district, "recorder", session="database").subscribe("north/+/window")
    assert district.process is not None
    (tmp_path / "district/mosquitto.db").unlink(missing_ok=True)
    district.process.send_signal(signal.SIGUSR1)
    wait_for((tmp_path / "district/mosquitto.db").exists, 10, "the snapshot")
    recorder.stop()
    district.kill()
    count = 1500
    for number in range(count):
        room.publish_window(window(number, "room-1"))
    wait_for(lambda: room.depth == 0, 60, "the school's broker to have all windows")
    room.stop()
    district.start()
    recorder = user(district, "recorder", session="database")
    wait_for(lambda: len(recorder.messages) >= count, 40, lambda: f"{count} windows, got {len(recorder.messages)}")
    assert {message.json()["faces"]["total"] for message in recorder.messages} == set(range(count))


def test_consumers_share_the_windows(start_school: StartSchool, user: Connect, tmp_path: Path) -> None:
    school = start_school(tls=False)
    pair = [user(school, "recorder").subscribe("$share/database/classroom/+/window") for _ in range(2)]
    room = _room(school, tmp_path)
    room.start(INFO, STATE)
    for number in range(40):
        room.publish_window(window(number, "room-1"))
    wait_for(lambda: sum(len(each.messages) for each in pair) >= 40, 20, "40 windows")
    wait_for(lambda: room.depth == 0, 10, "nothing more under way")
    room.stop()
    shares = [{message.json()["seq"] for message in each.messages} for each in pair]
    assert shares[0] | shares[1] == set(range(1, 41))
    assert not shares[0] & shares[1]
    assert min(map(len, shares)) >= 10


def _room(broker: SchoolBroker, folder: Path) -> Publisher:
    url = BrokerUrl(HOST, broker.port, broker.ca is not None)
    settings = BrokerSettings(url, "edge-room-1", "room-1", PASSWORD, broker.ca)
    return Publisher(settings, Topics("classroom", "room-1"), Outbox(folder / "o.sqlite"), Lifetimes(3600, 60, 60))


def test_a_small_fleet_loses_nothing_when_the_broker_is_killed(tmp_path: Path) -> None:
    said: list[str] = []
    report = Fleet(Plan(20, window=1, seconds=6, outage=1), tmp_path, tmp_path, said.append).run()
    assert not report.lost, report.comparison.problems
    assert report.comparison.stored >= 20 * 6
    assert report.comparison.late > 0  # what was stored while there was no broker
    assert report.restart is not None
    assert report.steady is not None
    assert report.steady.windows > 50
    assert all(span.broker_rss_mb > 1 for span in report.spans)
    assert '"p99"' in report.to_json()


def test_the_comparison_sees_what_is_wrong() -> None:
    def receipt(seq: int, epoch: str = "e") -> Receipt:
        return Receipt("room-1", epoch, seq, replayed=False, ended=1.0, received=1.1)

    stored = {"room-1": Stored("e", 2, 0)}
    assert not compare(stored, [receipt(1), receipt(2)]).problems
    assert compare(stored, [receipt(1), receipt(2), receipt(2)]).duplicates == 1
    assert "1 windows never arrived: [2]" in compare(stored, [receipt(1)]).problems[0]
    assert "no outbox gave" in compare(stored, [receipt(1), receipt(2), receipt(1, "f")]).problems[0]
    assert "still in" in compare({"room-1": Stored("e", 1, 1)}, [receipt(1)]).problems[0]


def test_too_few_open_files_are_said_before_anything_starts() -> None:
    command = f"ulimit -n 512; exec {sys.executable} -m tests.load.fleet --rooms 1000"
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert (
        "1000 rooms need 1150 open files in one process, and this machine allows 512: `ulimit -n 1150`" in done.stderr
    )
    assert not done.stdout
