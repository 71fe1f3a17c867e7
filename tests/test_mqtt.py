"""Publisher and connection against real brokers: contract, order, passwords, TLS, old protocols, outages."""

from __future__ import annotations

import json
import logging
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path

import pytest

from edge.broker import EmbeddedBroker
from edge.config import Config
from edge.errors import BrokerError, ConfigError, RefusedError
from edge.mqtt.client import BrokerSettings
from edge.mqtt.compose import compose_window
from edge.mqtt.payloads import Info, ModelNames, State, WindowPayload
from edge.mqtt.publisher import Lifetimes, Publisher
from edge.mqtt.topics import Topics
from edge.outbox import Outbox
from edge.settings import broker_settings, outbox_path
from edge.urls import BrokerUrl
from edge.windows import Window
from tests.support import Broker, Subscriber, free_port, wait_for

TOPICS = Topics("classroom", "room-9")
STATE = State(mode="running", reason="started", since="2026-10-04T08:15:00.000Z")
INFO = Info.model_validate(
    {
        "device": "room-9", "version": "0", "python": "3", "runtime": "none", "camera": "sample",
        "models": {kind: {"name": "m", "sha256": "0" * 64} for kind in ("faces", "emotions")},
        "labels": ["happy"], "window_seconds": 1, "privacy": {"min_faces": 5, "round_to": 1},
        "deployment": {"responsible": "", "legal_basis": ""},
    }
)  # fmt: skip

Start = Callable[..., Publisher]


def window(faces: int = 7) -> WindowPayload:
    counts = {"happy": faces, "unknown": 0}
    return compose_window(
        Window(0, 1, 1, counts, faces, faces, 0, 1.0), device="room-9", end=datetime.now(timezone.utc),
        suppressed=False, clock_synced=True, models=ModelNames(faces="f", emotions="e"),
    )  # fmt: skip


@pytest.fixture
def publish(tmp_path: Path) -> Iterator[Start]:
    """Starts publishers on the same outbox."""
    started: list[Publisher] = []

    def start(port: int, **settings: object) -> Publisher:
        broker = BrokerSettings(BrokerUrl("127.0.0.1", port, "tls" in settings), "edge-room-9", **settings)  # type: ignore[arg-type]
        started.append(Publisher(broker, TOPICS, Outbox(tmp_path / "o.sqlite"), Lifetimes(3600, 3, 3)))
        started[-1].start(INFO, STATE)
        return started[-1]

    yield start
    for publisher in started:
        publisher.stop()


def test_windows_arrive_once_in_order_and_leave_the_outbox(
    broker: int, publish: Start, subscribe: Callable[..., Subscriber]
) -> None:
    subscriber = subscribe(broker)
    publisher = publish(broker)
    assert publisher.connection.wait_connected(5)
    for faces in range(50):
        publisher.publish_window(window(faces))
    messages = subscriber.wait("window", 50)
    assert [message.json()["seq"] for message in messages] == list(range(1, 51))
    assert [message.json()["faces"]["total"] for message in messages] == list(range(50))
    assert all((message.qos, message.retain) == (1, False) for message in messages)
    assert all(3590 <= (message.expiry or 0) <= 3600 for message in messages)
    wait_for(lambda: publisher.depth == 0, 5)


def test_online_comes_last_and_offline_at_the_end(
    broker: int, publish: Start, subscribe: Callable[..., Subscriber]
) -> None:
    subscriber = subscribe(broker)
    publisher = publish(broker)
    subscriber.wait("availability")
    assert [message.name for message in subscriber.messages] == ["info", "state", "availability"]
    assert subscriber.messages[-1].payload == b"online"
    publisher.stop()
    assert subscriber.wait("availability", 2)[-1].payload == b"offline"
    late = subscribe(broker)
    late.wait("availability")
    assert late.named("availability")[0].retain
    assert {message.name for message in late.messages} == {"info", "state", "availability"}


def test_latest_is_retained_and_expires(broker: int, publish: Start, subscribe: Callable[..., Subscriber]) -> None:
    publisher = publish(broker)
    assert publisher.connection.wait_connected(5)
    publisher.publish_window(window(3))
    subscribe(broker).wait("latest")
    latest = subscribe(broker, "classroom/+/latest").wait("latest")[0]
    assert latest.retain
    assert 1 <= (latest.expiry or 0) <= 3
    time.sleep(3.2)
    assert subscribe(broker, "classroom/+/latest").messages == []


def test_windows_wait_for_the_broker_and_say_so(
    start_broker: Callable[..., Broker], publish: Start, subscribe: Callable[..., Subscriber]
) -> None:
    port = free_port()
    publisher = publish(port)
    for faces in range(3):
        publisher.publish_window(window(faces))
    wait_for(lambda: publisher.depth == 3, 5)
    start_broker(port=port)
    subscriber = subscribe(port)
    messages = subscriber.wait("window", 3)
    assert [(m.json()["seq"], m.json()["replayed"]) for m in messages] == [(1, True), (2, True), (3, True)]
    publisher.publish_window(window())
    assert subscriber.wait("window", 4)[3].json()["replayed"] is False


def test_windows_survive_a_restart_with_their_identity(
    start_broker: Callable[..., Broker], publish: Start, subscribe: Callable[..., Subscriber]
) -> None:
    port = free_port()
    first = publish(port)
    first.publish_window(window(4))
    wait_for(lambda: first.depth == 1, 5)
    first.stop()
    start_broker(port=port)
    subscriber = subscribe(port)
    second = publish(port)
    second.publish_window(window(5))
    messages = [message.json() for message in subscriber.wait("window", 2)]
    assert [(m["seq"], m["faces"]["total"]) for m in messages] == [(1, 4), (2, 5)]
    assert messages[0]["epoch"] == messages[1]["epoch"]


def test_the_will_says_offline_after_a_while(
    start_broker: Callable[..., Broker], tmp_path: Path, subscribe: Callable[..., Subscriber]
) -> None:
    port = start_broker().port
    script = (
        "import sys, time; from pathlib import Path; from tests.test_mqtt import *; "
        f"p = Publisher(BrokerSettings(BrokerUrl('127.0.0.1', {port}, False), 'x'), TOPICS, "
        f"Outbox(Path({str(tmp_path)!r}) / 'w.sqlite'), Lifetimes(9, 9, 9)); p.start(INFO, STATE); time.sleep(60)"
    )
    subscriber = subscribe(port)
    child = subprocess.Popen([sys.executable, "-c", script], cwd=Path(__file__).parent.parent)
    subscriber.wait("availability")
    child.kill()
    child.wait()
    killed = time.monotonic()
    assert subscriber.wait("availability", 2)[1].payload == b"offline"
    assert 8 < time.monotonic() - killed < 14


# Refusals


def test_a_wrong_password_is_an_error_with_a_remedy(
    start_broker: Callable[..., Broker], publish: Start, tmp_path: Path
) -> None:
    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(passwords), "edge", "right"], check=True, capture_output=True)
    passwords.chmod(0o644)
    port = start_broker("allow_anonymous false", f"password_file {passwords}").port
    good = publish(port, username="edge", password="right")
    assert good.connection.wait_connected(5)
    good.check()
    good.stop()
    for user, password in (("edge", "wrong-secret"), (None, None)):
        bad = publish(port, username=user, password=password)
        wait_for(lambda bad=bad: bad.connection.refused is not None, 5)  # type: ignore[misc]
        with pytest.raises(
            RefusedError, match=r"refuses .*: (Not authorized|Bad user).* check mqtt.username"
        ) as caught:
            bad.check()
        assert caught.value.exit_code == 77
        assert "secret" not in str(caught.value)
        bad.stop()


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    """An authority of our own, a server certificate for 127.0.0.1 and a client certificate."""
    commands = [
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -keyout ca.key -out ca.pem -subj /CN=school-ca",
        (
            "openssl req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN=127.0.0.1 "
            "-addext subjectAltName=IP:127.0.0.1"
        ),
        (
            "openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out server.pem "
            "-copy_extensions copy"
        ),
        "openssl req -newkey rsa:2048 -nodes -keyout client.key -out client.csr -subj /CN=room-9",
        "openssl x509 -req -in client.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out client.pem",
    ]
    for command in commands:
        subprocess.run(command.split(), cwd=tmp_path, check=True, capture_output=True)
    for key in tmp_path.glob("*.key"):
        key.chmod(0o644)
    return tmp_path


def test_tls_with_our_own_authority_and_client_certificate(
    start_broker: Callable[..., Broker], certificates: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    port = start_broker(
        f"cafile {certificates}/ca.pem", f"certfile {certificates}/server.pem", f"keyfile {certificates}/server.key",
        "require_certificate true",
    ).port  # fmt: skip

    def connect(name: str, **keys: str) -> Publisher:
        config = Config.model_validate({"mqtt": {"broker": f"mqtts://127.0.0.1:{port}", **keys}})
        publisher = Publisher(broker_settings(config), TOPICS, Outbox(tmp_path / name), Lifetimes(9, 9, 9))
        publisher.start(INFO, STATE)
        return publisher

    files = {
        "ca_file": str(certificates / "ca.pem"), "certificate_file": str(certificates / "client.pem"),
        "key_file": str(certificates / "client.key"),
    }  # fmt: skip
    good = connect("good", **files)
    assert good.connection.wait_connected(5)
    good.stop()
    stranger = connect("stranger")
    wait_for(lambda: "set mqtt.ca_file" in caplog.text, 5)
    assert not stranger.connection.connected
    stranger.stop()
    with pytest.raises(ConfigError, match="TLS files cannot be used"):
        connect("none", ca_file=str(tmp_path / "none.pem"))


def test_a_window_that_the_broker_throws_away_is_kept(
    start_broker: Callable[..., Broker], publish: Start, tmp_path: Path
) -> None:
    acl = tmp_path / "acl"
    acl.write_text("topic readwrite classroom/room-9/availability\n")
    acl.chmod(0o644)
    publisher = publish(start_broker(f"acl_file {acl}").port)
    assert publisher.connection.wait_connected(5)
    publisher.publish_window(window())
    wait_for(lambda: publisher._rejected is not None, 5)
    with pytest.raises(RefusedError, match="refuses windows on classroom/room-9/window: Not authorized") as caught:
        publisher.check()
    assert caught.value.exit_code == 77
    assert publisher.depth == 1


def test_a_damaged_row_stops_neither_the_thread_nor_the_others(
    broker: int, publish: Start, subscribe: Callable[..., Subscriber], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    outbox = Outbox(tmp_path / "o.sqlite")
    outbox.start()
    for body in ("{", "[]", '{"from": "an older version"}'):
        outbox.put(body, time.time())
    outbox.stop()
    subscriber = subscribe(broker)
    publisher = publish(broker)
    publisher.publish_window(window())
    messages = [message.json() for message in subscriber.wait("window", 2)]
    assert [message["seq"] for message in messages] == [3, 4]
    assert messages[0]["replayed"]
    assert "window 1 is damaged" in caplog.text
    wait_for(lambda: publisher.depth == 0, 5)
    publisher.check()


# Brokers of our own and old ones


def test_the_embedded_broker_is_a_mosquitto_on_loopback(subscribe: Callable[..., Subscriber], publish: Start) -> None:
    broker = EmbeddedBroker(free_port())
    url = broker.start()
    try:
        assert url.host == "127.0.0.1"
        subscriber = subscribe(url.port)
        publish(url.port).publish_window(window())
        subscriber.wait("window")
    finally:
        broker.stop()


def test_the_embedded_broker_moves_aside_when_its_port_is_taken(broker: int) -> None:
    embedded = EmbeddedBroker(broker)
    try:
        assert embedded.start().port > broker
    finally:
        embedded.stop()


def test_without_mosquitto_amqtt_serves_and_the_protocol_falls_back(
    publish: Start, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr("edge.broker.shutil.which", lambda *_, **__: None)
    embedded = EmbeddedBroker(free_port())
    url = embedded.start()
    try:
        publisher = publish(url.port)
        wait_for(lambda: publisher.connection.connected, 15)
        assert not publisher.connection.protocol5
        publisher.publish_window(window())
        wait_for(lambda: publisher.depth == 0, 5)
        assert "changing to 3.1.1" in caplog.text
        publisher.stop()
    finally:
        embedded.stop()


def test_no_broker_at_all_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.broker.shutil.which", lambda *_, **__: None)
    monkeypatch.setattr("edge.broker.importlib.util.find_spec", lambda _: None)
    with pytest.raises(BrokerError, match="apt-get install mosquitto") as caught:
        EmbeddedBroker(free_port()).start()
    assert caught.value.exit_code == 69


# Outbox and settings


def test_two_daemons_cannot_share_an_outbox(tmp_path: Path) -> None:
    first, second = Outbox(tmp_path / "o"), Outbox(tmp_path / "o")
    first.start()
    with pytest.raises(ConfigError, match="in use by another edge daemon"):
        second.start()
    first.stop()
    second.start()
    assert second.epoch == first.epoch
    second.stop()


def test_a_corrupt_outbox_is_set_aside_and_a_new_epoch_begins(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "o")
    outbox.start()
    outbox.put("{}", 1.0)
    epoch = outbox.epoch
    outbox.stop()
    (tmp_path / "o").write_bytes(b"this was a database" * 500)
    outbox.start()
    assert outbox.epoch != epoch
    assert outbox.depth() == 0
    assert len(list(tmp_path.glob("o.corrupt-*"))) == 1
    outbox.stop()


def test_sequence_numbers_are_never_used_twice(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "o")
    outbox.start()
    outbox.delete([outbox.put("{}", 1.0), outbox.put("{}", 2.0)])
    outbox.stop()
    outbox.start()
    assert outbox.put("{}", 3.0) == 3
    assert outbox.expire(before=4.0) == 1
    outbox.stop()


def test_a_database_of_something_else_is_refused(tmp_path: Path) -> None:
    database = sqlite3.connect(tmp_path / "o")
    database.execute("CREATE TABLE windows (a, b)")
    database.close()
    with pytest.raises(ConfigError, match="no such column"):
        Outbox(tmp_path / "o").start()


def test_an_outbox_that_cannot_be_made_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="outbox"):
        Outbox(tmp_path / "file" / "o").start()


def test_passwords_come_from_a_file_or_a_credential(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mqtt-password").write_text("from-systemd\n")
    (tmp_path / "own").write_text("pass word\n")
    mqtt: dict[str, object] = {"broker": "mqtt://h", "username": "u"}
    assert broker_settings(Config.model_validate({"mqtt": mqtt})).password is None
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    settings = broker_settings(Config.model_validate({"mqtt": mqtt}))
    assert settings.password == "from-systemd"
    assert "from-systemd" not in repr(settings)
    mqtt["password_file"] = str(tmp_path / "own")
    assert broker_settings(Config.model_validate({"mqtt": mqtt})).password == "pass word"
    mqtt["password_file"] = str(tmp_path / "none")
    with pytest.raises(ConfigError, match="password_file cannot be read"):
        broker_settings(Config.model_validate({"mqtt": mqtt}))


def test_the_outbox_lies_where_systemd_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/edge")
    assert outbox_path(Config()) == Path("/var/lib/edge/outbox.sqlite")


def test_payloads_on_the_wire_are_compact_json() -> None:
    text = window().to_json()
    assert json.loads(text)["schema"] == "edge.window/1"
    assert b": " not in text
