"""Helpers that several tests use."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from edge.mqtt.embedded_broker import PORTS_TRIED

PORTS = range(12_000, 32_000, PORTS_TRIED)  # an embedded broker takes one of the next where its own is in use


@dataclass
class Broker:
    """A running Mosquitto."""

    port: int
    process: subprocess.Popen[bytes]


@dataclass(frozen=True)
class Message:
    """What a subscriber was sent."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    expiry: int | None
    schema: str | None = None
    """The user property of that name."""

    @property
    def name(self) -> str:
        """The last level of the topic."""
        return self.topic.rsplit("/", 1)[-1]

    def json(self) -> Any:
        """The payload, parsed."""
        return json.loads(self.payload)


class Subscriber:
    """A real MQTT 5 client that remembers every message, in order.

    Not what clears an alert that is not there: a device does that for each, with every connect.
    """

    def __init__(self, port: int, topic: str, qos: int = 1) -> None:
        self.messages: list[Message] = []
        self._subscribed = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self._client.on_message = self._remember
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_connect = lambda client, *_: client.subscribe(topic, qos)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self._subscribed.wait(5)

    def _remember(self, _client: object, _data: object, message: paho.MQTTMessage) -> None:
        before = next((one.payload for one in reversed(self.messages) if one.topic == message.topic), b"")
        if "/alert/" in message.topic and not message.payload and not before:
            return
        expiry = getattr(message.properties, "MessageExpiryInterval", None)
        user = dict(getattr(message.properties, "UserProperty", []))
        self.messages.append(
            Message(message.topic, bytes(message.payload), message.qos, message.retain, expiry, user.get("schema"))
        )

    def named(self, name: str) -> list[Message]:
        """Messages whose topic ends in `name`."""
        return [message for message in self.messages if message.name == name]

    def wait(self, name: str, count: int = 1, seconds: float = 20) -> list[Message]:
        """Wait for so many messages of a topic."""
        wait_for(
            lambda: len(self.named(name)) >= count, seconds, lambda: f"{count} x {name}, got {len(self.named(name))}"
        )
        return self.named(name)

    def stop(self) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()


def free_port() -> int:
    """A port that nobody uses, and that no other test is given before all others were.

    It is none of those that the kernel gives to whoever connects or asks for any port: until a broker listens on it,
    which may take a second, somebody else would have it.
    """
    with (Path(tempfile.gettempdir()) / f"edge-tests-port-{os.getuid()}").open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # several processes run the tests
        file.seek(0)
        port = int(file.read() or PORTS.start)
        for _ in PORTS:
            port = port + PORTS.step if port + PORTS.step in PORTS else PORTS.start
            with socket.socket() as probe, contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                break
        file.truncate(0)
        file.write(str(port))
        return port


def can_connect(port: int) -> bool:
    """Whether something listens."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_for(condition: Callable[[], bool], seconds: float, what: str | Callable[[], str] = "it") -> None:
    """Wait until a condition holds; fails after `seconds`, and says what was waited for, as it was then."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {seconds} s for {what if isinstance(what, str) else what()}")
        time.sleep(0.02)
