"""A session that the broker keeps while we are away, and messages that are ours only once we say so."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from paho.mqtt import client as paho
from paho.mqtt.enums import MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge.contract.channels import MAX_PACKET
from edge.contract.validation import MAX_PAYLOAD
from edge.mqtt import properties
from edge.mqtt.backoff import Backoff
from edge.mqtt.client_factory import BrokerSettings, make_client
from edge.mqtt.connection import shut_down
from edge.mqtt.connection_state import ConnectionState, State
from edge.mqtt.lifecycle import ConnectionLifecycle
from edge.mqtt.problem import REMEDIES, ProblemReporter

logger = logging.getLogger(__name__)

KEPT = 30 * 24 * 3600  # seconds that the broker keeps the session of a recorder that is away (MQTT 5)
MOST = 200  # messages that may be on their way to us, not yet acknowledged (MQTT 5); and of one poll
RECORDER_REMEDIES = {
    **REMEDIES,
    133: "the broker does not take this id: give another --client-id",
    142: "another recorder uses the same id: give each its own --client-id",
}


class Delivery(NamedTuple):
    """A message that the broker has not heard of yet that it came; `connection` says over which it did."""

    topic: str
    payload: bytes
    mid: int
    qos: int
    connection: int


class Session:
    """One subscriber in one thread: everything happens within `poll`.

    Args:
        settings: Where and as whom; its client id names the session.
        topics: What to subscribe to.
        unwanted: What an earlier run may have subscribed to.
        keep: False: the broker is to forget the session of that name.
    """

    def __init__(
        self, settings: BrokerSettings, topics: Sequence[str], unwanted: Sequence[str] = (), *, keep: bool = True
    ) -> None:
        self._settings = settings
        self._topics = topics
        self._unwanted = unwanted
        self._keep = keep
        self._state = ConnectionState(Backoff(mqtt5=settings.mqtt5))
        self._lifecycle = ConnectionLifecycle(settings, self._state, ProblemReporter(logger), logger, RECORDER_REMEDIES)
        self._client: paho.Client | None = None
        self._number = 0  # of the connection
        self._received: list[Delivery] = []
        self._reason: ReasonCode | None = None  # why the connection ended
        self._present = False  # the broker knew us when we came
        self._pending = 0  # subscriptions that it has not answered yet
        self.forgotten = False
        """Whether the broker knew nothing of us when we came back: set by it, cleared by whoever has read it."""

    @property
    def connected(self) -> bool:
        """Whether the broker has accepted us and was there a moment ago."""
        return self._state.connected

    def poll(self, seconds: float) -> list[Delivery]:
        """What comes within so many seconds, as soon as something does; call it again and again.

        Raises:
            RefusedError: The broker refused us from the first.
            ConfigError: The TLS files cannot be used.
        """
        if not self._state.active:
            if self._state.state is State.WAITING and not self._state.retry_due:
                time.sleep(min(self._state.remaining, seconds))
                return []
            self._connect()
        self._run(seconds)
        before = 0
        while before < len(self._received) < MOST:  # what is here already belongs into the same transaction
            before = len(self._received)
            self._run(0.0)
        refused = self._lifecycle.refused
        if refused is not None and not self._lifecycle.ever_connected:
            raise refused
        received, self._received = self._received, []
        return received

    def acknowledge(self, deliveries: Iterable[Delivery]) -> None:
        """Tell the broker that these are safe; those of an earlier connection it sends again."""
        for delivery in deliveries:
            if self._client is None or not self._state.connected:
                return
            if delivery.qos and delivery.connection == self._number:
                self._client.ack(delivery.mid, delivery.qos)

    def reset(self) -> None:
        """Have everything sent again that is not acknowledged."""
        if self._state.active:
            self._lifecycle.reset("is asked again for what we could not take")
            self._cut()

    def stop(self) -> None:
        """Say goodbye; the broker keeps the session all the same."""
        self._state.stop()
        client, self._client = self._client, None
        if client is not None:
            client.disconnect()

    def _connect(self) -> None:
        protocol = MQTTProtocolVersion.MQTTv5 if self._state.protocol5 else MQTTProtocolVersion.MQTTv311
        client = make_client(self._settings, protocol, clean=not self._keep)
        if self._state.state is State.STOPPED:
            self._state.start()
        else:
            self._state.retry()
        self._number += 1
        client.manual_ack_set(True)
        client.on_connect = self._handle_connect
        client.on_disconnect = self._handle_disconnect
        client.on_message = self._handle_message
        client.on_subscribe = self._handle_subscribe
        url, self._reason = self._settings.url, None
        try:
            client.connect(url.host, url.port, self._settings.keepalive, **self._options(protocol))
        except (OSError, ValueError) as error:
            self._lifecycle.unreachable(error)
            return
        self._client = client
        self._state.reached()

    def _options(self, protocol: MQTTProtocolVersion) -> dict[str, Any]:
        if protocol != MQTTProtocolVersion.MQTTv5:
            return {}
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = KEPT if self._keep else 0
        properties.MaximumPacketSize = MAX_PACKET
        properties.ReceiveMaximum = MOST
        return {"clean_start": not self._keep, "properties": properties}

    def _run(self, seconds: float) -> None:
        """Let paho read and write once, and see what became of the connection."""
        client = self._client
        if client is None:
            return
        code = client.loop(seconds)
        if client is not self._client:  # refused meanwhile
            return
        if self._state.expired:
            self._lifecycle.timed_out()
            self._cut()
        elif code != MQTTErrorCode.MQTT_ERR_SUCCESS:
            self._lifecycle.closed(self._reason)
            self._cut()

    def _cut(self) -> None:
        """End the connection without a goodbye."""
        client, self._client = self._client, None
        if client is not None:
            shut_down(client)

    def _handle_connect(
        self, client: paho.Client, _data: object, flags: paho.ConnectFlags, code: ReasonCode, _properties: object
    ) -> None:
        if self._state.state is not State.HANDSHAKE:  # the broker answers twice
            return
        if code.is_failure:
            self._lifecycle.refuse(code)
            self._cut()
            return
        self._lifecycle.accepted()
        self._present, self._pending = flags.session_present, len(self._topics)
        if self._unwanted and self._present:
            client.unsubscribe(list(self._unwanted))
        properties.subscribe(client, self._topics, mqtt5=self._state.protocol5)

    def _handle_disconnect(
        self, _client: paho.Client, _data: object, _flags: object, code: ReasonCode, _properties: object
    ) -> None:
        self._reason = code

    def _handle_message(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""  # nothing of ours; it has to be acknowledged all the same
        payload = bytes(message.payload[: MAX_PAYLOAD + 1])
        self._received.append(Delivery(topic, payload, message.mid, message.qos, self._number))

    def _handle_subscribe(
        self, _client: paho.Client, _data: object, _mid: int, codes: list[ReasonCode], _properties: object
    ) -> None:
        self._lifecycle.subscribed(codes)
        self._pending -= len(codes)
        if self._pending == 0:  # from now on nothing is missed
            version = "5" if self._state.protocol5 else "3.1.1"
            logger.info("connected to broker %s (MQTT %s)", self._settings.url, version)
            self.forgotten = not self._present
