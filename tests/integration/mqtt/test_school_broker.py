"""A school's broker as docs/mosquitto sets it up: who may do what, TLS, the way to the district, and a small fleet."""

from __future__ import annotations

import re
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
from tests.load.fleet.course import Fleet
from tests.load.fleet.figures import Stored, compare
from tests.load.fleet.plugin_broker import PluginBroker, client_id, missing
from tests.load.fleet.recorder import Receipt
from tests.load.fleet.report import Plan
from tests.load.fleet.school import HOST, PASSWORD, SHIPPED
from tests.load.fleet.users import User
from tests.support.paths import ROOT

NOT_AUTHORISED = "Not authorized"

pytestmark = pytest.mark.skipif(bool(missing()), reason=f"not installed: {', '.join(missing())}")
StartSchool = Callable[..., PluginBroker]


@pytest.fixture
def start_school(tmp_path: Path) -> Iterator[StartSchool]:
    """Starts brokers from the shipped files, with TLS and two rooms."""
    started: list[PluginBroker] = []

    def start(name: str = "school", *kinds: str, **options: Any) -> PluginBroker:
        broker = PluginBroker(tmp_path / name, tls=True, **options)
        started.append(broker)
        broker.prepare()
        broker.start()
        broker.add_rooms("room-1", "room-2")
        for kind in kinds:
            broker.add(kind, kind)
        return broker

    yield start
    for broker in started:
        broker.kill()


@pytest.fixture
def user() -> Iterator[Callable[..., User]]:
    """Connects users."""
    connected: list[User] = []

    def connect(broker: PluginBroker, name: str, **options: Any) -> User:
        if "session" not in options:
            options["client_id"] = client_id(name)
        connected.append(User(broker, name, **options))
        return connected[-1]

    yield connect
    for each in connected:
        each.stop()


Connect = Callable[..., User]


def test_rooms_may_retain_what_they_have_and_nothing_made_up() -> None:
    text = (SHIPPED / "dynamic-security.sh").read_text()
    assert set(re.findall(r"alert/(\w+)", text)) == {*ALERTS, "check"}  # edge check tries the last one
    assert set(re.findall(r"cmd/(\w+)/response", text)) == set(REQUESTS)


def test_who_is_not_let_in(start_school: StartSchool, user: Connect) -> None:
    school = start_school("school", "dashboard")
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


def test_the_certificates_of_each_user_are_kept_whatever_its_name(tmp_path: Path) -> None:
    for name in ("next", "room-204"):
        command = ["sh", str(SHIPPED / "certificates.sh"), str(tmp_path), "--user", name]
        subprocess.run(command, check=True, capture_output=True)
    kept = [path.relative_to(tmp_path / "issued").parts for path in (tmp_path / "issued").rglob("*.pem")]
    assert sorted(parts[0] for parts in kept) == ["next", "room-204"]
    assert all(len(parts) == 2 for parts in kept)


def test_the_next_certificate_comes_from_the_same_authority_or_not_at_all(tmp_path: Path) -> None:
    """Its key lies elsewhere meanwhile, as the page says."""
    folder, safe = tmp_path / "edge", tmp_path / "safe.key"

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = ["sh", str(SHIPPED / "certificates.sh"), str(folder), *words]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def files() -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in folder.iterdir()}

    assert run("localhost").returncode == 0
    (folder / "ca.key").rename(safe)
    for end in ("pem", "key"):
        (folder / f"server.{end}").rename(tmp_path / f"server.{end}")
    before = files()
    for words in (("localhost",), ("--user", "room-204")):
        done = run(*words)
        assert (done.returncode, "bring ca.key back" in done.stderr) == (1, True)
    assert files() == before
    safe.rename(folder / "ca.key")
    assert run("localhost").returncode == 0
    verify = ["openssl", "verify", "-CAfile", str(folder / "ca.pem")]
    for server in (tmp_path / "server.pem", folder / "server.pem"):
        subprocess.run([*verify, str(server)], check=True, capture_output=True)


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


def test_the_daemon_does_everything_under_these_rights(
    start_school: StartSchool, user: Connect, edge: Callable[..., subprocess.Popen[str]], pictures: str
) -> None:
    school = start_school("school", "dashboard", "homeassistant", "announcer", "commander")
    everything = user(school, "dashboard").subscribe("classroom/#")
    finder = user(school, "homeassistant").subscribe("homeassistant/#")
    # An alert that an earlier run has left: nobody sends it back to the room, which takes it away all the same.
    earlier = user(school, "room-1")
    assert earlier.publish("classroom/room-1/alert/disk", b"{}", retain=True) == "Success"
    earlier.stop()
    settings = {
        "mqtt.broker": school.url, "mqtt.ca_file": school.ca, "mqtt.username": "room-1",
        "mqtt.password_file": school.password_file, "camera.source": pictures, "camera.loop": "true",
        "window.seconds": "1", "health.seconds": "1", "vision.detect_width": "640",
        "vision.fps": "2",
    }  # fmt: skip
    words = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    checked = edge("check", *words, "--set", "mqtt.username=room-1-check", "--set", "homeassistant.discovery=false")
    out, err = checked.communicate(timeout=60)
    assert "round trip" in out, out + err
    daemon = edge("run", "--quiet", *words)
    for name in ("info", "state", "window", "latest", "health"):
        everything.wait(f"classroom/room-1/{name}", seconds=60)
    everything.wait("classroom/room-1/availability", b"online")
    everything.wait("classroom/room-1/alert/disk", b"")
    everything.wait("classroom/room-1/window", seconds=60)  # that it may not announce itself disturbs nothing
    announcer = edge("announce", *words, "--set", "mqtt.username=announcer", "--client-id", "edge-announcer")
    assert b"components" in finder.wait("homeassistant/device/classroom_room-1/config").payload
    commander = user(school, "commander").subscribe("classroom/room-1/cmd/+/response")
    assert commander.publish("classroom/room-1/cmd/interval", "2") == "Success"
    assert commander.wait("classroom/room-1/cmd/interval/response").json()["status"] == "ok"
    daemon.kill()
    everything.wait("classroom/room-1/availability", b"offline", seconds=40)
    _, err = daemon.communicate()
    refused = [line for line in err.splitlines() if "refuses" in line]
    assert len(refused) == 2
    for topic in ("homeassistant/device/", "homeassistant/status"):
        assert [topic in line for line in refused].count(True) == 1
    announcer.terminate()
    _, err = announcer.communicate(timeout=30)
    assert "refuses" not in err


def _room(broker: PluginBroker, folder: Path) -> Publisher:
    url = BrokerUrl(HOST, broker.port, broker.ca is not None)
    settings = BrokerSettings(url, client_id("room-1"), "room-1", PASSWORD, broker.ca)
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
