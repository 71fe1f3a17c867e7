"""One attempt to connect, and the connection that it may become: paho's client and thread, and paho's terms."""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
from collections.abc import Iterable
from typing import NamedTuple, Protocol

from paho.mqtt import client as paho
from paho.mqtt.enums import MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge.mqtt import properties
from edge.mqtt.client_factory import BrokerSettings, SessionOptions, connect_options, make_client
from edge.mqtt.properties import IncomingMessage, Receipt

MAX_IN_FLIGHT = 20
UNSPECIFIED = 0x80  # a reason code of MQTT 5


class Answer(NamedTuple):
    """The broker's answer: its reason code, what MQTT calls that, and whether it means no."""

    reason: int
    name: str
    failure: bool


class Listener(Protocol):
    """What an attempt reports, always in its network thread."""

    def handle_socket_opened(self, attempt: Attempt) -> None:
        """TCP and TLS stand."""

    def handle_connect_failed(self, attempt: Attempt, error: BaseException | None) -> None:
        """There is no socket, and the attempt is over."""

    def handle_connack(self, attempt: Attempt, answer: Answer, *, session_present: bool) -> None:
        """The broker accepted or refused us."""

    def handle_closed(self, attempt: Attempt, answer: Answer) -> None:
        """The connection has ended, and the attempt with it."""

    def handle_puback(self, attempt: Attempt, message_id: int, answer: Answer) -> None:
        """The broker has a message of ours, or threw it away."""

    def handle_suback(self, attempt: Attempt, message_id: int, answers: list[Answer]) -> None:
        """The broker answered a subscription."""

    def handle_message(self, attempt: Attempt, incoming: IncomingMessage) -> None:
        """A message came."""


class Attempt:
    """A client of its own for every attempt.

    One that lost its connection would send what it had in flight again by itself, and not marked as late.

    Args:
        number: Of this attempt: part of every message id.
        settings: Where and as whom.
        session: What the broker keeps of us.
        mqtt5: Whether to speak MQTT 5, else 3.1.1.
        listener: Who is told what happens.

    Raises:
        ConfigError: The TLS files cannot be used.
    """

    def __init__(
        self, number: int, settings: BrokerSettings, session: SessionOptions, listener: Listener, *, mqtt5: bool
    ) -> None:
        self.mqtt5 = mqtt5
        self._number = number
        self._settings = settings
        self._listener = listener
        protocol = MQTTProtocolVersion.MQTTv5 if mqtt5 else MQTTProtocolVersion.MQTTv311
        self._options = connect_options(protocol, session)
        self._client = client = make_client(settings, protocol, session)
        client.max_inflight_messages_set(MAX_IN_FLIGHT)
        client.on_socket_open = lambda _client, _data, _socket: listener.handle_socket_opened(self)
        # paho calls this while it handles the exception, and does not pass it on.
        client.on_connect_fail = lambda _client, _data: listener.handle_connect_failed(self, sys.exc_info()[1])
        client.on_connect = self._handle_connect
        client.on_disconnect = self._handle_disconnect
        client.on_publish = lambda _c, _d, mid, code, _p: listener.handle_puback(self, self._unique(mid), _answer(code))
        client.on_subscribe = lambda _c, _d, mid, codes, _p: listener.handle_suback(self, mid, [*map(_answer, codes)])
        client.on_message = self._handle_message

    def start(self) -> None:
        """Connect, in a thread of its own."""
        url = self._settings.url
        self._client.connect_async(url.host, url.port, self._settings.keepalive, **self._options)
        self._client.loop_start()

    def publish(self, topic: str, payload: bytes, extra: Properties | None, *, qos: int, retain: bool) -> int:
        """Hand a message to the network; returns an id that no other message of any attempt has."""
        return self._unique(self._client.publish(topic, payload, qos, retain, extra).mid)

    def subscribe(self, topic: str) -> int | None:
        """Ask for a topic; returns the id of the answer, None when the connection has just ended."""
        return properties.subscribe(self._client, topic, mqtt5=self.mqtt5)

    def unsubscribe(self, topics: Iterable[str]) -> None:
        """Withdraw subscriptions of a kept session."""
        self._client.unsubscribe(list(topics))

    def acknowledge(self, receipt: Receipt) -> None:
        """Tell the broker that a message is safe, if it came in this attempt."""
        if receipt.qos and receipt.attempt == self._number:
            self._client.ack(receipt.message_id, receipt.qos)

    def disconnect(self) -> None:
        """Say goodbye, and close."""
        self._client.disconnect()
        # paho's thread may sit in a connect that takes seconds: nobody waits for it.
        ending = threading.Thread(target=self._client.loop_stop, daemon=True)
        ending.start()
        ending.join(0.5)

    def abort(self) -> None:
        """Cut the connection without a goodbye, after which the broker would forget the will."""
        line = self._client.socket()
        if isinstance(line, socket.socket):
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
        threading.Thread(target=self._client.loop_stop, daemon=True).start()

    def _handle_connect(
        self, _client: paho.Client, _data: object, flags: paho.ConnectFlags, code: ReasonCode, _properties: object
    ) -> None:
        # `_properties` are what the broker allows (MQTT 5): they are to be obeyed from here on.
        self._listener.handle_connack(self, _answer(code), session_present=flags.session_present)

    def _handle_disconnect(
        self, _client: paho.Client, _data: object, flags: paho.DisconnectFlags, code: ReasonCode, _properties: object
    ) -> None:
        answer = _answer(code)
        if not flags.is_disconnect_packet_from_server and code.value == UNSPECIFIED:  # paho's word for a lost network
            answer = answer._replace(name="connection lost")
        self._listener.handle_closed(self, answer)

    def _handle_message(self, client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        incoming = properties.incoming(message, self._number)
        if incoming is None:  # its topic is not even text: nothing that was subscribed to
            client.ack(message.mid, message.qos)
        else:
            self._listener.handle_message(self, incoming)

    def _unique(self, message_id: int) -> int:
        return self._number << 16 | message_id


def _answer(code: ReasonCode) -> Answer:
    return Answer(code.value, str(code), code.is_failure)
