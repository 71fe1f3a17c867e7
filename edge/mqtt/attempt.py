"""One attempt to connect, and the connection that it may become: paho's client and thread, and paho's terms."""

from __future__ import annotations

import contextlib
import itertools
import logging
import queue
import socket
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from typing import NamedTuple, Protocol

from paho.mqtt import client as paho
from paho.mqtt.enums import MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge.mqtt import properties
from edge.mqtt.broker_limits import BrokerLimits, read_limits
from edge.mqtt.client_factory import BrokerSettings, SessionOptions, connect_options, make_client
from edge.mqtt.outgoing import Flow, Outgoing, Request, Sent
from edge.mqtt.properties import IncomingMessage, Receipt
from edge.mqtt.publish_packet import Publish
from edge.mqtt.session_backlog import SessionBacklog

logger = logging.getLogger(__name__)

MAX_IN_FLIGHT = 20
NO_TOPIC = "edge/unused"  # is subscribed to only for the sake of the answer, where nothing else was
UNSPECIFIED = 0x80  # a reason code of MQTT 5


class Answer(NamedTuple):
    """The broker's answer: its reason code, what MQTT calls that, and whether it means no."""

    reason: int
    name: str
    failure: bool


class Listener(Protocol):
    """What an attempt reports, always in one of its threads."""

    def handle_socket_opened(self, attempt: Attempt) -> None:
        """TCP and TLS stand."""

    def handle_connect_failed(self, attempt: Attempt, error: BaseException | None) -> None:
        """There is no socket, and the attempt is over."""

    def handle_connack(self, attempt: Attempt, answer: Answer, *, session_present: bool) -> None:
        """The broker accepted or refused us."""

    def handle_closed(self, attempt: Attempt, answer: Answer, *, by_broker: bool) -> None:
        """The connection has ended, and the attempt with it; `by_broker`: the broker says so, and why."""

    def handle_answer(self, attempt: Attempt, item: Outgoing, answers: list[Answer]) -> None:
        """The broker answered a message or a subscription."""

    def handle_message(self, attempt: Attempt, incoming: IncomingMessage) -> None:
        """A message came."""


class Attempt:
    """A client of its own for every attempt.

    One that lost its connection would send what it had in flight again by itself, and not marked as late. A thread of
    its own sends: paho's must not wait for what the broker takes only later, nor may whoever publishes.

    Args:
        number: Of this attempt: part of every message id.
        settings: Where and as whom.
        session: What the broker keeps of us.
        mqtt5: Whether to speak MQTT 5, else 3.1.1.
        known: What a broker that refused the will of the last attempt can do.
        suspects: What has to travel alone.
        listener: Who is told what happens.

    Raises:
        ConfigError: The TLS files cannot be used.
    """

    def __init__(
        self, number: int, settings: BrokerSettings, session: SessionOptions, listener: Listener, *,
        mqtt5: bool, known: BrokerLimits, suspects: Collection[Request],
    ) -> None:  # fmt: skip
        self.mqtt5 = mqtt5
        self.limits = known
        """What the broker takes; known once it has answered."""
        self._number = number
        self._settings = settings
        self._listener = listener
        self._manual = session.manual_acknowledgement
        self._backlog = SessionBacklog(wanted=mqtt5 and session.marks_waiting)
        self._ids = itertools.count(1)
        self._flow = Flow(MAX_IN_FLIGHT, suspects)
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()  # None: end
        self._by_mid: dict[int, Outgoing] = {}  # what was handed to paho and will be answered
        self._some_filter = NO_TOPIC
        self._sender = threading.Thread(target=self._send, name="mqtt-sender", daemon=True)
        protocol = MQTTProtocolVersion.MQTTv5 if mqtt5 else MQTTProtocolVersion.MQTTv311
        self._options = connect_options(protocol, session)
        self._client = client = make_client(settings, protocol, session, known)
        client.max_inflight_messages_set(0)  # the flow's limit is the only one
        client.on_socket_open = lambda _client, _data, _socket: listener.handle_socket_opened(self)
        # paho calls this while it handles the exception, and does not pass it on.
        client.on_connect_fail = lambda _client, _data: listener.handle_connect_failed(self, sys.exc_info()[1])
        client.on_connect = self._handle_connect
        client.on_disconnect = self._handle_disconnect
        client.on_publish = lambda _c, _d, mid, code, _p: self._put(lambda: self._answered(mid, [_answer(code)]))
        client.on_subscribe = self._handle_subscribed
        client.received = self._handle_message

    def start(self) -> None:
        """Connect, in a thread of its own."""
        url = self._settings.url
        self._client.connect_async(url.host, url.port, self._settings.keepalive, **self._options)
        self._client.loop_start()

    def publish(
        self, topic: str, payload: bytes, extra: Properties | None, *, qos: int, retain: bool, urgent: bool
    ) -> int:
        """Send a message as soon as the broker takes it; returns an id that no other of any attempt has.

        Args:
            topic: Where.
            payload: What.
            extra: What only MQTT 5 can say.
            qos: 0 or 1.
            retain: Whether the broker keeps it.
            urgent: Before all that wait.
        """
        return self._enqueue(Outgoing(next(self._ids), Request("publish", topic), payload, qos, retain, extra), urgent)

    def subscribe(self, topic: str) -> int:
        """Ask for a topic; returns the id of the answer."""
        return self._enqueue(Outgoing(next(self._ids), Request("subscribe", topic)), urgent=False)

    def unsubscribe(self, topics: Iterable[str]) -> None:
        """Withdraw subscriptions of a kept session."""
        self._client.unsubscribe(list(topics))

    def acknowledge(self, receipt: Receipt) -> None:
        """Tell the broker that a message is safe, if it came in this attempt."""
        if receipt.qos and receipt.attempt == self._number:
            self._client.ack(receipt.message_id, receipt.qos)

    @property
    def unanswered(self) -> tuple[Sent, ...]:
        """What was sent and is not known to have arrived, oldest first."""
        return self._flow.unanswered

    @property
    def answered_any(self) -> bool:
        """Whether the broker has answered anything that was sent."""
        return self._flow.answered_any

    def disconnect(self) -> None:
        """Send what the broker takes at this moment, say goodbye, and close."""
        self._work.put(None)
        if self._sender.is_alive():
            self._sender.join(0.5)
        self._client.given_up = True
        self._client.disconnect()
        # paho's thread may sit in a connect that takes seconds: nobody waits for it.
        ending = threading.Thread(target=self._client.loop_stop, daemon=True)
        ending.start()
        ending.join(0.5)

    def abort(self) -> None:
        """Cut the connection without a goodbye, after which the broker would forget the will."""
        self._client.given_up = True
        self._work.put(None)
        line = self._client.socket()
        if isinstance(line, socket.socket):
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
        threading.Thread(target=self._client.loop_stop, daemon=True).start()

    def _enqueue(self, item: Outgoing, urgent: bool) -> int:  # noqa: FBT001 - private
        self._put(lambda: self._flow.put(item, urgent=urgent))
        return self._unique(item)

    def _put(self, work: Callable[[], None]) -> None:
        self._work.put(work)

    def _send(self) -> None:
        """The sender's thread, the only one that touches the flow."""
        while (work := self._work.get()) is not None:
            try:
                work()
                while (item := self._flow.next(time.monotonic())) is not None:
                    self._hand_over(item)
            except Exception:  # one message must not end the thread; it stays unanswered, which is noticed
                logger.exception("a message could not be sent")

    def _hand_over(self, item: Outgoing) -> None:
        topic = item.request.topic
        if item.request.action == "subscribe":
            self._some_filter = topic
            mid = self._subscribe(topic)
        else:
            qos = 1 if self._flow.suspected(item.request) else item.qos  # only what is answered can be cleared
            info = self._client.publish(topic, item.payload, min(qos, self.limits.qos), item.retain, item.extra)
            mid = info.mid if qos else None
            if qos and not self.limits.qos:
                # The answer to what follows it says that the broker has it.
                mid = self._subscribe(self._some_filter, quietly=True)
        if mid is not None:
            self._by_mid[mid] = item

    def _subscribe(self, topic: str, *, quietly: bool = False) -> int | None:
        # Always with the same identifier: a subscription to the same filter takes the place of the one before.
        identifier = self._backlog.identifier
        return properties.subscribe(self._client, topic, mqtt5=self.mqtt5, quietly=quietly, identifier=identifier)

    def _answered(self, mid: int, answers: list[Answer]) -> None:
        item = self._by_mid.pop(mid, None)
        if item is None or self._flow.answered(item.id) is None:
            return  # paho tells of QoS 0, too, that it is written
        if item.request.action == "publish" and not self.limits.qos:
            answers = []  # the answer to something else
        # The broker's word about the message, and the id under which it was given away.
        self._listener.handle_answer(self, replace(item, id=self._unique(item)), answers)

    def _handle_connect(
        self, _client: paho.Client, _data: object, flags: paho.ConnectFlags, code: ReasonCode, connack: object
    ) -> None:
        answer = _answer(code)
        if not answer.failure and self._sender.ident is None:  # once: it may have ended, and the broker still answer
            self.limits = read_limits(connack)
            self._backlog.accepted(kept=flags.session_present, identifiers=self.limits.identifiers)
            self._flow.limit = min(MAX_IN_FLIGHT, self.limits.receive_maximum)
            self._sender.start()
        self._listener.handle_connack(self, answer, session_present=flags.session_present)

    def _handle_subscribed(
        self, _client: paho.Client, _data: object, mid: int, codes: list[ReasonCode], _properties: object
    ) -> None:
        self._backlog.subscribed()  # here, as the message behind it is read next, and by this thread
        self._put(lambda: self._answered(mid, [*map(_answer, codes)]))

    def _handle_disconnect(
        self, _client: paho.Client, _data: object, flags: paho.DisconnectFlags, code: ReasonCode, _properties: object
    ) -> None:
        answer = _answer(code)
        by_broker = flags.is_disconnect_packet_from_server
        if not by_broker and code.value == UNSPECIFIED:  # paho's word for a lost network
            answer = answer._replace(name="connection lost")
        self._work.put(None)
        self._listener.handle_closed(self, answer, by_broker=by_broker)

    def _handle_message(self, message: Publish) -> None:
        incoming = properties.incoming(message, self._number, waited=self._backlog.includes(message))
        if incoming is not None:  # else its topic is not even text: nothing that was subscribed to
            self._listener.handle_message(self, incoming)
        if message.qos and (incoming is None or not self._manual):
            self._client.ack(message.message_id, message.qos)

    def _unique(self, item: Outgoing) -> int:
        return self._number << 32 | item.id


def _answer(code: ReasonCode) -> Answer:
    return Answer(code.value, str(code), code.is_failure)
