"""People and programs at a broker, each with a name and a password."""

from __future__ import annotations

import socket
from dataclasses import replace
from typing import Any

from paho.mqtt import client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edge.config.broker_url import BrokerUrl
from edge.mqtt.client_factory import BrokerSettings
from tests.load.fleet.plain_client import plain_client
from tests.load.fleet.school import HOST, PASSWORD, SchoolBroker
from tests.support.brokers import Message, wait_for


class User:
    """A client with name and password that remembers what it is sent and what it is told.

    Args:
        broker: Where.
        name: As whom.
        password: Its own.
        will: Where the broker is to speak for it.
        session: A client id whose session the broker keeps for an hour.
        client_id: One without that.
        certificate: Whose it shows (`certificates.sh . --user`), where the broker asks for one.
    """

    def __init__(
        self,
        broker: SchoolBroker,
        name: str,
        *,
        password: str = PASSWORD,
        will: str | None = None,
        session: str | None = None,
        client_id: str | None = None,
        certificate: str | None = None,
    ) -> None:
        self.messages: list[Message] = []
        self.refused: str | None = None
        self._answers: dict[int, str] = {}
        self._granted: list[list[str]] = []
        url = BrokerUrl(HOST, broker.port, broker.url.startswith("mqtts"))
        settings = BrokerSettings(url, session or client_id or f"test-{name}-{id(self)}", name, password, broker.ca)
        if certificate:
            files = broker.certificate(certificate)
            settings = replace(settings, certificate_file=files["certificate_file"], key_file=files["key_file"])
        self._client = plain_client(settings)
        if will:
            self._client.will_set(will, "offline", qos=1, retain=True)
        self._client.on_connect = self._connected
        self._client.on_disconnect = self._disconnected
        self._client.on_message = self._remember
        self._client.on_publish = lambda _c, _d, mid, code, _p: self._answers.update({mid: str(code)})
        self._client.on_subscribe = self._answered
        self._is_connected = False
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = 3600 if session else 0
        self._client.connect(HOST, broker.port, clean_start=session is None, properties=properties)
        self._client.loop_start()
        wait_for(lambda: self._is_connected or self.refused is not None, 10, f"{name} to connect")

    def subscribe(self, topic: str) -> User:
        self.ask(topic)
        return self

    def ask(self, *topics: str) -> list[str]:
        """Subscribe to some filters in one packet; returns the broker's answers in words."""
        wanted = len(self._granted) + 1
        self._client.subscribe([(topic, 1) for topic in topics])
        wait_for(lambda: len(self._granted) == wanted, 10, "the subscription")
        return self._granted[-1]

    def publish(self, topic: str, payload: bytes | str = b"x", *, retain: bool = False) -> str:
        """Returns the broker's answer in words."""
        mid = self._client.publish(topic, payload, 1, retain).mid
        wait_for(lambda: mid in self._answers, 10, "the broker's answer")
        return self._answers[mid]

    def topics(self) -> list[str]:
        return [message.topic for message in self.messages]

    def last(self, topic: str) -> Message | None:
        return next((message for message in reversed(self.messages) if message.topic == topic), None)

    def wait(self, topic: str, payload: bytes | None = None, seconds: float = 30) -> Message:
        def here() -> bool:
            return any(m.topic == topic and payload in (None, m.payload) for m in self.messages)

        wait_for(here, seconds, lambda: f"{topic} {payload!r}, got {sorted(set(self.topics()))}")
        found = self.last(topic)
        assert found is not None
        return found

    @property
    def connected(self) -> bool:
        return self._is_connected

    def vanish(self) -> None:
        """End without a goodbye."""
        line = self._client.socket()
        assert isinstance(line, socket.socket)
        line.shutdown(socket.SHUT_RDWR)

    def stop(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _connected(self, _client: paho.Client, _data: object, _flags: object, code: Any, _properties: object) -> None:
        if code.is_failure:
            self.refused = str(code)
        else:
            self._is_connected = True

    def _disconnected(self, *_: object) -> None:
        self._is_connected = False

    def _answered(self, _client: object, _data: object, _mid: int, codes: list[Any], _properties: object) -> None:
        self._granted.append([str(code) for code in codes])

    def _remember(self, _client: object, _data: object, message: paho.MQTTMessage) -> None:
        expiry = getattr(message.properties, "MessageExpiryInterval", None)
        self.messages.append(Message(message.topic, bytes(message.payload), message.qos, message.retain, expiry))
