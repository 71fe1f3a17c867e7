"""Brokers that refuse, TLS, the embedded broker, and brokers that know only MQTT 3.1.1."""

from __future__ import annotations

import logging
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.config.schema import Config
from edge.contract.channels import Lifetimes
from edge.daemon.paths import broker_settings
from edge.delivery.outbox import Outbox
from edge.delivery.publisher import Publisher
from edge.errors import BrokerError, ConfigError, RefusedError
from edge.mqtt.embedded_broker import EmbeddedBroker
from tests.support.brokers import Broker, Subscriber, free_port, wait_for
from tests.support.publishing import INFO, STATE, TOPICS, Start, window


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
        (
            "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -keyout ca.key -out ca.pem -subj /CN=school-ca "
            "-addext keyUsage=critical,keyCertSign,cRLSign"
        ),
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
    config = {"broker": f"mqtts://localhost:{port}", **files}
    other = Publisher(
        broker_settings(Config.model_validate({"mqtt": config})), TOPICS, Outbox(tmp_path / "other"), Lifetimes(9, 9, 9)
    )
    other.start(INFO, STATE)
    wait_for(lambda: "write the host in mqtt.broker as the certificate has it" in caplog.text, 5)
    other.stop()
    stranger = connect("stranger")
    wait_for(lambda: "set mqtt.ca_file" in caplog.text, 5)
    assert not stranger.connection.connected
    stranger.stop()
    with pytest.raises(ConfigError, match="TLS files cannot be used"):
        connect("none", ca_file=str(tmp_path / "none.pem"))


def test_a_window_that_the_broker_throws_away_is_kept_and_everything_else_goes_on(
    start_broker: Callable[..., Broker], publish: Start, subscribe: Callable[..., Subscriber], tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    acl = tmp_path / "acl"
    acl.write_text("topic read classroom/room-9/window\ntopic readwrite classroom/room-9/availability\n")
    acl.chmod(0o644)
    broker = start_broker(f"acl_file {acl}")
    publisher = publish(broker.port)
    assert publisher.connection.wait_connected(5)
    for _ in range(3):
        publisher.publish_window(window())
    wait_for(lambda: "refuses messages on classroom/room-9/window: Not authorized" in caplog.text, 5)
    assert subscribe(broker.port).wait("availability")[0].payload == b"online"
    publisher.check()
    wait_for(lambda: publisher.depth == 3, 5)  # a window is in neither queue for a moment
    assert caplog.text.count("refuses messages on classroom/room-9/window") == 1


def test_a_damaged_row_stops_neither_the_thread_nor_the_others(
    broker: int, publish: Start, subscribe: Callable[..., Subscriber], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    outbox = Outbox(tmp_path / "o.sqlite")
    outbox.start()
    for body in ("{", "[]", '{"from": "an older version"}'):
        outbox.put(body, "edge.window/1")
    outbox.stop()
    database = sqlite3.connect(tmp_path / "o.sqlite")
    database.execute("UPDATE windows SET checksum = NULL")  # as 0.1.0 stored them
    database.commit()
    database.close()
    subscriber = subscribe(broker)
    publisher = publish(broker)
    publisher.publish_window(window())
    messages = [message.json() for message in subscriber.wait("window", 2)]
    assert [message["seq"] for message in messages] == [3, 4]
    assert messages[0]["replayed"]
    assert "windows [1, 2] are damaged" in caplog.text
    assert subscriber.wait("outbox")[0].json()["lost"] == 2
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
    publish: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "amqtt.py").write_text("raise SystemExit('anybody could have laid this into the current folder')\n")
    monkeypatch.chdir(tmp_path)
    caplog.set_level(logging.INFO)
    embedded = EmbeddedBroker(free_port(), path="")
    url = embedded.start()
    try:
        publisher = publish(url.port)
        wait_for(lambda: publisher.connection.connected, 15)
        assert not publisher.connection.protocol5
        publisher.publish_window(window())
        wait_for(lambda: publisher.depth == 0, 5)
        assert "trying 3.1.1" in caplog.text
        publisher.stop()
    finally:
        embedded.stop()


def test_a_mosquitto_that_cannot_read_our_folder_does_without(
    publish: Start, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As under Ubuntu's AppArmor: the real program says what it says when its configuration is hidden from it."""
    real = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin")
    (tmp_path / "mosquitto").write_text(f'#!/bin/sh\nrm -f "$2"\nexec {real} "$@"\n')
    (tmp_path / "mosquitto").chmod(0o755)
    embedded = EmbeddedBroker(free_port(), path=f"{tmp_path}:/usr/bin:/bin")
    url = embedded.start()
    try:
        assert embedded.mqtt5  # the same program without a configuration
        assert re.search(r"embedded broker mosquitto ended with 3 \(.*Unable to open config file", caplog.text)
        publisher = publish(url.port)
        publisher.publish_window(window())
        wait_for(lambda: publisher.depth == 0, 15)
        publisher.stop()
    finally:
        embedded.stop()


def test_when_none_starts_each_reason_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "mosquitto").write_text("#!/bin/sh\necho no, not here\nexit 3\n")
    (tmp_path / "mosquitto").chmod(0o755)
    monkeypatch.setattr("edge.mqtt.embedded_broker.importlib.util.find_spec", lambda _: None)
    with pytest.raises(BrokerError, match=r"did not start: mosquitto ended with 3 \(no, not here\); mosquitto.*"):
        EmbeddedBroker(free_port(), path=str(tmp_path)).start()


def test_another_program_that_takes_the_port_meanwhile_is_not_the_embedded_broker(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The port was free when it was looked for, and is taken when the broker wants it."""
    started, taken = tmp_path / "started", tmp_path / "taken"
    wait = f": >{started}; until [ -e {taken} ]; do sleep 0.02; done; sleep 0.2"
    (tmp_path / "mosquitto").write_text(f"#!/bin/sh\n[ $1 = -c ] || exit 1\n{wait}\nexit 1\n")
    (tmp_path / "mosquitto").chmod(0o755)
    monkeypatch.setattr("edge.mqtt.embedded_broker.importlib.util.find_spec", lambda _: None)
    port = free_port()
    with socket.socket() as listener:

        def take_port() -> None:
            wait_for(started.exists, 30)
            listener.bind(("127.0.0.1", port))
            listener.listen()
            taken.touch()

        thread = threading.Thread(target=take_port)
        thread.start()
        try:
            with pytest.raises(BrokerError, match="mosquitto ended with 1"):
                EmbeddedBroker(port, path=f"{tmp_path}:/usr/bin:/bin").start()
        finally:
            thread.join()


def test_no_broker_at_all_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.mqtt.embedded_broker.importlib.util.find_spec", lambda _: None)
    with pytest.raises(BrokerError, match="apt-get install mosquitto") as caught:
        EmbeddedBroker(free_port(), path="").start()
    assert caught.value.exit_code == 69
