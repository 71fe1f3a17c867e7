"""A session that the broker keeps while we are away, and messages that are ours only once we say so."""

from __future__ import annotations

import contextlib
import logging
import socket
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
from edge.errors import RefusedError
from edge.mqtt import properties
from edge.mqtt.backoff import Backoff
from edge.mqtt.client_factory import CREDENTIALS, REMEDIES, BrokerSettings, explain, make_client, refusal

logger = logging.getLogger(__name__)

KEPT = 30 * 24 * 3600  # seconds that the broker keeps the session of a recorder that is away (MQTT 5)
MOST = 200  # messages that may be on their way to us, not yet acknowledged (MQTT 5); and of one poll
ANSWER_SECONDS = 10.0  # within which a broker says yes or no
OURS = {
    "Session taken over": "another recorder uses the same id: give each its own --client-id",
    "Client identifier not valid": "the broker does not take this id: give another --client-id",
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
        self._attempts = Backoff(mqtt5=settings.mqtt5)
        self._client: paho.Client | None = None
        self._number = 0  # of the connection
        self._came: list[Delivery] = []
        self._next = 0.0  # when the next attempt is made; monotonic
        self._deadline: float | None = None  # until when the broker has to answer
        self._since: float | None = None  # when it accepted us
        self._reason = ""  # why it ended the connection
        self._last_problem = ""
        self._refused: RefusedError | None = None
        self._ever = False
        self._present = False  # the broker knew us when we came
        self._asked = 0  # subscriptions that it has not answered yet
        self.forgotten = False
        """Whether the broker knew nothing of us when we came back: set by it, cleared by whoever has read it."""

    @property
    def connected(self) -> bool:
        """Whether the broker has accepted us and was there a moment ago."""
        return self._since is not None

    def poll(self, seconds: float) -> list[Delivery]:
        """What comes within so many seconds, as soon as something does; call it again and again.

        Raises:
            RefusedError: The broker refused us from the first.
            ConfigError: The TLS files cannot be used.
        """
        if self._client is None:
            wait = self._next - time.monotonic()
            if wait > 0:
                time.sleep(min(wait, seconds))
                return []
            self._connect()
        self._run(seconds)
        before = 0
        while before < len(self._came) < MOST:  # what is here already belongs into the same transaction
            before = len(self._came)
            self._run(0.0)
        if self._refused is not None and not self._ever:
            raise self._refused
        came, self._came = self._came, []
        return came

    def acknowledge(self, deliveries: Iterable[Delivery]) -> None:
        """Tell the broker that these are safe; those of an earlier connection it sends again."""
        for delivery in deliveries:
            if self._client is None or self._since is None:
                return
            if delivery.qos and delivery.connection == self._number:
                self._client.ack(delivery.mid, delivery.qos)

    def renew(self) -> None:
        """Have everything sent again that is not acknowledged."""
        if self._client is not None:
            self._close("is asked again for what we could not take")

    def stop(self) -> None:
        """Say goodbye; the broker keeps the session all the same."""
        client, self._client, self._since = self._client, None, None
        if client is not None:
            client.disconnect()

    def _connect(self) -> None:
        protocol = MQTTProtocolVersion.MQTTv5 if self._attempts.protocol5 else MQTTProtocolVersion.MQTTv311
        client = make_client(self._settings, protocol, clean=not self._keep)
        self._number += 1
        client.manual_ack_set(True)
        client.on_connect = self._handle_connect
        client.on_disconnect = self._handle_disconnect
        client.on_message = self._handle_message
        client.on_subscribe = self._handle_subscribe
        url, self._reason = self._settings.url, ""
        try:
            client.connect(url.host, url.port, self._settings.keepalive, **self._options(protocol))
        except (OSError, ValueError) as error:
            self._problem(f"broker {url} cannot be reached: {explain(error)}")
            self._wait()
            return
        self._client, self._deadline = client, time.monotonic() + ANSWER_SECONDS

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
        if self._deadline is not None and time.monotonic() > self._deadline:
            self._attempts.silent()
            self._close("does not answer; is it an MQTT port, and not a TLS one?")
        elif code != MQTTErrorCode.MQTT_ERR_SUCCESS:
            self._ended()

    def _ended(self) -> None:
        url, since, answered = self._settings.url, self._since, self._deadline is None
        if since is not None:
            self._attempts.lost(time.monotonic() - since)
            if not self._attempts.short:
                self._last_problem = ""
            remedy = {**REMEDIES, **OURS}.get(self._reason, "trying again")
            self._problem(f"lost the broker {url} ({self._reason or 'connection lost'}); {remedy}")
        elif not answered:
            self._attempts.hung_up()
            self._problem(f"broker {url} hangs up; is it an MQTT port, and not a TLS one?")
        self._wait()

    def _close(self, reason: str) -> None:
        """Cut the connection."""
        client = self._client
        self._problem(f"broker {self._settings.url} {reason}")
        self._wait()
        line = client and client.socket()
        if isinstance(line, socket.socket):
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    def _wait(self) -> None:
        self._client = self._since = self._deadline = None
        before = self._attempts.protocol5
        self._next = time.monotonic() + self._attempts.wait()
        if before and not self._attempts.protocol5:
            logger.info("broker %s does not answer MQTT 5: trying 3.1.1", self._settings.url)

    def _handle_connect(
        self, client: paho.Client, _data: object, flags: paho.ConnectFlags, code: ReasonCode, _properties: object
    ) -> None:
        self._deadline = None
        self._attempts.answered()
        if code.is_failure:
            self._handle_refusal(str(code))
            return
        self._since, self._ever, self._refused = time.monotonic(), True, None
        self._present, self._asked = flags.session_present, len(self._topics)
        if self._unwanted and self._present:
            client.unsubscribe(list(self._unwanted))
        properties.subscribe(client, self._topics, mqtt5=self._attempts.protocol5)

    def _handle_refusal(self, reason: str) -> None:
        if "protocol version" in reason and self._attempts.protocol5:
            self._attempts.silent()
            return
        text, remedy = refusal(self._settings, reason), {**REMEDIES, **OURS}.get(reason, "")
        if reason in CREDENTIALS:
            self._refused = RefusedError(text, remedy)
        self._problem(f"{text}; {remedy}" if remedy else text)

    def _handle_disconnect(
        self, _client: paho.Client, _data: object, _flags: object, code: ReasonCode, _properties: object
    ) -> None:
        self._reason = str(code)

    def _handle_message(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""  # nothing of ours; it has to be acknowledged all the same
        payload = bytes(message.payload[: MAX_PAYLOAD + 1])
        self._came.append(Delivery(topic, payload, message.mid, message.qos, self._number))

    def _handle_subscribe(
        self, _client: paho.Client, _data: object, _mid: int, codes: list[ReasonCode], _properties: object
    ) -> None:
        for code in codes:
            self._asked -= 1
            if code.is_failure:
                self._problem(f"broker {self._settings.url} refuses the subscription: {code}")
        if self._asked == 0:  # from now on nothing is missed
            version = "5" if self._attempts.protocol5 else "3.1.1"
            logger.info("connected to broker %s (MQTT %s)", self._settings.url, version)
            self.forgotten = not self._present

    def _problem(self, text: str) -> None:
        if text != self._last_problem:  # once, not at every attempt of a long night
            logger.warning("%s", text)
        self._last_problem = text
