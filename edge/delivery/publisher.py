"""The publisher: stores every window in the outbox, sends what is there, and keeps the retained topics true."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from edge.contract import channels
from edge.contract.alerts import AlertId
from edge.contract.channels import Channel, Lifetimes
from edge.contract.identity import complete, complete_json
from edge.contract.payloads import Alert, HealthPayload, Info, State, WindowBody, WindowPayload
from edge.contract.topics import Topics
from edge.delivery.failover_outbox import FailoverOutbox
from edge.delivery.outbox import Outbox
from edge.delivery.retained import RetainedSet
from edge.errors import ConfigError, EdgeError, RefusedError
from edge.mqtt.client_factory import BrokerSettings
from edge.mqtt.connection import MAX_IN_FLIGHT, Connection
from edge.mqtt.properties import IncomingMessage

logger = logging.getLogger(__name__)

TICK = 0.25
REFUSED_RETRY = 30.0  # seconds before refused windows are offered again
ANSWER_SECONDS = 30.0  # a broker that has not answered a window for so long is not there, whatever the network says
BACKLOG_PER_SECOND = 50.0  # after an outage, forty rooms must not drown the broker and everybody behind it
BACKLOG_IN_FLIGHT = 15  # of MAX_IN_FLIGHT: the rest is for live windows


class Publisher:
    """Owns the outbox and the connection; while it runs, its thread is the only one that touches the disk.

    Args:
        settings: The broker.
        topics: Where to publish.
        outbox: Where windows wait.
        lifetimes: How long messages are of use; may be replaced at any time.
        on_stored: Called in the publisher's thread with each window once it has its identity and is stored.
        on_message: Called in the network thread with what `listen` brings.
        listen: Topic filters to subscribe to.
    """

    def __init__(
        self,
        settings: BrokerSettings,
        topics: Topics,
        outbox: Outbox,
        lifetimes: Lifetimes,
        on_stored: Callable[[WindowPayload], None] = lambda _window: None,
        on_message: Callable[[IncomingMessage], None] = lambda _incoming: None,
        listen: Sequence[str] = (),
    ) -> None:
        self._topics = topics
        self.lifetimes = lifetimes
        self._on_stored = on_stored
        self._on_message = on_message
        self._alerts = topics.alert("")
        self._retained_channels = {topics.info: channels.INFO, topics.state: channels.STATE}
        # Our own alerts too: whoever ran here before us may have left some.
        self._listen = [*listen, topics.alert("+")]
        self._connection = Connection(
            settings,
            topics.availability,
            self._handle_connected,
            lambda message_id, refusal: self._answers.put((message_id, refusal)),
            self._handle_message,
        )
        self._retained = RetainedSet(self._send_retained)
        self._store = FailoverOutbox(outbox, self._send_window, self._alert)
        self._new: queue.SimpleQueue[WindowBody] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[tuple[int, str]] = queue.SimpleQueue()  # message id, reason if refused
        self._accepted = False  # whether the broker took a window in this run
        self._rejected: RefusedError | None = None  # while it takes none
        self._next_retry = 0.0  # of what was refused; monotonic
        self._allowance = 0.0  # windows of the backlog that may be sent now
        self._last_send = 0.0
        self._failure: EdgeError | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)

    def start(self, info: Info, state: State) -> None:
        """Open the outbox, begin to connect. Raises ConfigError."""
        self._retained.announce(self._topics.info, info.to_json())
        self._retained.announce(self._topics.state, state.to_json())
        self._store.start()
        try:
            self._connection.start()
        except ConfigError:
            self._store.stop()
            raise
        self._thread.start()

    @property
    def connection(self) -> Connection:
        """The connection, to ask whether it is up and in what protocol."""
        return self._connection

    @property
    def depth(self) -> int:
        """How many windows the broker does not have yet."""
        return self._store.depth + self._new.qsize()

    def check(self) -> None:
        """Raises RefusedError while the broker has refused us from the start, and what ended the thread if it did."""
        if self._failure is not None:
            raise self._failure
        refused = self._connection.refused
        if refused is not None and not self._connection.ever_connected:
            raise refused
        if self._rejected is not None and not self._accepted:
            raise self._rejected

    def publish_window(self, window: WindowBody) -> None:
        """Take a window; returns at once."""
        self._new.put(window)

    def publish_health(self, health: HealthPayload) -> None:
        """Send the health message if there is a connection; an old one is of no use later."""
        self._publish(channels.HEALTH, self._topics.health, health.to_json())

    def announce(self, topic: str, payload: bytes) -> None:
        """Make a message part of the retained set: it is sent now and after every connect.

        May be called from any thread.

        Args:
            topic: Where; one that was announced before is replaced.
            payload: What; empty to remove the topic, at the broker too, at the latest after the next connect.
        """
        self._retained.announce(topic, payload)

    def send(self, topic: str, payload: bytes, correlation: bytes | None = None) -> None:
        """Send an answer to a command, once, if there is a connection.

        Args:
            topic: Where.
            payload: What.
            correlation: The correlation data of the command.
        """
        answer = channels.ANSWER
        self._connection.publish(
            topic, payload, qos=answer.qos, retain=answer.retain, schema=answer.schema, correlation=correlation
        )

    def stop(self, timeout: float = 1.5) -> None:
        """Send what there is for at most `timeout` seconds, say `offline`, close.

        What the broker did not acknowledge stays in the outbox for the next start.

        Raises:
            EdgeError: Windows are lost, because the disk would not take them.
        """
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout)
        offline = self._publish(channels.AVAILABILITY, self._topics.availability, b"offline")
        deadline = time.monotonic() + 0.3
        while offline is not None and time.monotonic() < deadline:
            try:
                if self._answers.get(timeout=0.05)[0] == offline:
                    break
            except queue.Empty:
                continue
        self._connection.stop()
        if not self._thread.is_alive():
            self._store.stop()
        lost = self._new.qsize() + self._store.in_memory
        if lost:
            raise EdgeError(f"{lost} windows could not be stored and are lost", "look after the disk")

    def _run(self) -> None:
        try:
            self._loop()
        except Exception as error:  # noqa: BLE001 - a dead publisher must not look healthy: `check` raises it
            self._failure = EdgeError(f"the publisher failed ({type(error).__name__}: {error})", "please report this")

    def _loop(self) -> None:
        while True:
            stopping = self._stopping.is_set()
            self._store_next(0.01 if stopping else TICK)
            if self._connection.run_timers():
                self._store.requeue()
            self._read_answers()
            self._store.maintain(self.lifetimes.window, connected=self._connection.connected)
            self._send()
            if self._connection.connected and self._store.unanswered > ANSWER_SECONDS:
                self._connection.reset(f"has not acknowledged a window for {ANSWER_SECONDS:g} s")
            if stopping and self._new.empty() and not (self._store.in_flight and self._connection.connected):
                return

    def _store_next(self, timeout: float) -> None:
        """Store the next new window, and show it."""
        try:
            window = self._new.get(timeout=timeout)
        except queue.Empty:
            return
        body, schema = window.to_json().decode(), window.schema_
        identity = self._store.put(body, schema, backlog=not self._connection.connected)
        # Under 3.1.1 nothing expires: a retained figure would look new for ever.
        latest = replace(channels.LATEST, retain=self._connection.protocol5)
        self._publish(latest, self._topics.latest, complete_json(body, identity))
        self._on_stored(complete(window, identity))

    def _read_answers(self) -> None:
        while not self._answers.empty():
            message_id, refusal = self._answers.get()
            if not self._store.answered(message_id, accepted=not refusal):
                self._retained.acknowledged(message_id)
            elif refusal:
                self._handle_refusal(refusal)
            else:
                self._rejected = None
                self._accepted = True

    def _handle_refusal(self, reason: str) -> None:
        """The broker took the message and threw it away: the window stays, and is offered again after a while."""
        if self._rejected is None:
            self._rejected = RefusedError(
                f"the broker refuses windows on {self._topics.window}: {reason}", "check its access list"
            )
            logger.warning("%s; kept; retrying", self._rejected)
        self._next_retry = time.monotonic() + REFUSED_RETRY

    def _send(self) -> None:
        now = time.monotonic()
        # What was not used is not saved up: half a second's worth at most.
        earned = BACKLOG_PER_SECOND * (now - self._last_send)
        self._allowance = min(self._allowance + earned, BACKLOG_PER_SECOND / 2)
        self._last_send = now
        if not self._connection.connected:
            return
        in_flight = self._store.in_flight
        if self._rejected is not None:
            if in_flight or now < self._next_retry:
                return
            self._store.requeue()
        # The backlog first: what waited for a moment only arrives in order, and live windows keep room of their own.
        sent = self._store.send(min(BACKLOG_IN_FLIGHT - in_flight, int(self._allowance)), backlog=True)
        self._allowance -= sent
        self._store.send(MAX_IN_FLIGHT - in_flight - sent, backlog=False)

    def _send_window(self, payload: bytes, schema: str, age: float) -> int | None:
        return self._publish(replace(channels.WINDOW, schema=schema), self._topics.window, payload, age)

    def _send_retained(self, topic: str, payload: bytes) -> int | None:
        other = channels.ALERT if topic.startswith(self._alerts) else channels.DISCOVERY
        return self._publish(self._retained_channels.get(topic, other), topic, payload)

    def _publish(self, channel: Channel, topic: str, payload: bytes, age: float = 0.0) -> int | None:
        lifetime = self.lifetimes.of(channel)
        expiry = None if lifetime is None else max(1.0, lifetime - age)
        return self._connection.publish(
            topic, payload, qos=channel.qos, retain=channel.retain, expiry=expiry, schema=channel.schema
        )

    def _alert(self, name: AlertId, alert: Alert | None) -> None:
        self.announce(self._topics.alert(name), alert.to_json() if alert else b"")

    def _handle_connected(self) -> None:
        """After every connect, in the network thread: everything again, `online` last."""
        self._connection.subscribe(self._listen)
        self._retained.send_all()
        self._publish(channels.AVAILABILITY, self._topics.availability, b"online")

    def _handle_message(self, incoming: IncomingMessage) -> None:
        if not incoming.topic.startswith(self._alerts):
            self._on_message(incoming)
        elif incoming.retained and incoming.payload and incoming.topic not in self._retained:
            logger.info("removed %s, left at the broker by an earlier run", incoming.topic)
            self.announce(incoming.topic, b"")
