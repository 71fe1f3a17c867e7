"""The publisher: stores every window in the outbox, sends what is there, and keeps the retained topics true."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edge.contract.payloads import Alert, HealthPayload, Info, State, WindowPayload
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
REST = 30.0  # seconds before refused windows are offered again
ANSWER_SECONDS = 30.0  # a broker that has not answered a window for so long is not there, whatever the network says
LATE_PER_SECOND = 50.0  # after an outage, forty rooms must not drown the broker and everybody behind it
LATE_IN_FLIGHT = 15  # of MAX_IN_FLIGHT: the rest is for fresh windows


@dataclass(frozen=True)
class Lifetimes:
    """Seconds after which messages are of no use (MQTT 5 message expiry)."""

    window: float
    latest: float
    health: float


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
        self._schemas = {
            topics.window: "edge.window/1",
            topics.latest: "edge.window/1",
            topics.state: "edge.state/1",
            topics.info: "edge.info/1",
            topics.health: "edge.health/1",
        }
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
        self._new: queue.SimpleQueue[WindowPayload] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[tuple[int, str]] = queue.SimpleQueue()  # message id, reason if refused
        self._accepted = False  # whether the broker took a window in this run
        self._rejected: RefusedError | None = None  # while it takes none
        self._rest_until = 0.0
        self._allowance = 0.0  # late windows that may be sent now
        self._last_send = 0.0
        self._broken: EdgeError | None = None
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
        if self._broken is not None:
            raise self._broken
        refused = self._connection.refused
        if refused is not None and not self._connection.ever_connected:
            raise refused
        if self._rejected is not None and not self._accepted:
            raise self._rejected

    def publish_window(self, window: WindowPayload) -> None:
        """Take a window; returns at once."""
        self._new.put(window)

    def publish_health(self, health: HealthPayload) -> None:
        """Send the health message if there is a connection; an old one is of no use later."""
        self._publish(self._topics.health, health.to_json(), qos=0, retain=True, expiry=self.lifetimes.health)

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
        self._connection.publish(topic, payload, qos=1, retain=False, schema="edge.answer/1", correlation=correlation)

    def stop(self, timeout: float = 1.5) -> None:
        """Send what there is for at most `timeout` seconds, say `offline`, close.

        What the broker did not acknowledge stays in the outbox for the next start.

        Raises:
            EdgeError: Windows are lost, because the disk would not take them.
        """
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout)
        offline = self._publish(self._topics.availability, b"offline", qos=1, retain=True)
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
            self._pump()
        except Exception as error:  # noqa: BLE001 - a dead publisher must not look healthy: `check` raises it
            self._broken = EdgeError(f"the publisher failed ({type(error).__name__}: {error})", "please report this")

    def _pump(self) -> None:
        while True:
            stopping = self._stopping.is_set()
            self._take(0.01 if stopping else TICK)
            if self._connection.maintain():
                self._store.begin_again()
            self._read_answers()
            self._store.tend(self.lifetimes.window, connected=self._connection.connected)
            self._send()
            if self._connection.connected and self._store.unanswered > ANSWER_SECONDS:
                self._connection.renew(f"has not acknowledged a window for {ANSWER_SECONDS:g} s")
            if stopping and self._new.empty() and not (self._store.in_flight and self._connection.connected):
                return

    def _take(self, timeout: float) -> None:
        """Store the next new window, and show it."""
        try:
            window = self._new.get(timeout=timeout)
        except queue.Empty:
            return
        named = self._store.put(window, late=not self._connection.connected)
        # Under 3.1.1 nothing expires: a retained figure would look like news for ever.
        retain = self._connection.protocol5
        self._publish(self._topics.latest, named.to_json(), qos=1, retain=retain, expiry=self.lifetimes.latest)
        self._on_stored(named)

    def _read_answers(self) -> None:
        while not self._answers.empty():
            message_id, refusal = self._answers.get()
            if not self._store.answered(message_id, taken=not refusal):
                self._retained.acknowledged(message_id)
            elif refusal:
                self._keep_refused(refusal)
            else:
                self._rejected = None
                self._accepted = True

    def _keep_refused(self, reason: str) -> None:
        """The broker took the message and threw it away: the window stays, and is offered again after a rest."""
        if self._rejected is None:
            self._rejected = RefusedError(
                f"the broker refuses windows on {self._topics.window}: {reason}", "check its access list"
            )
            logger.warning("%s; they are kept and offered again", self._rejected)
        self._rest_until = time.monotonic() + REST

    def _send(self) -> None:
        now = time.monotonic()
        # What was not used is not saved up: half a second's worth at most.
        self._allowance = min(self._allowance + LATE_PER_SECOND * (now - self._last_send), LATE_PER_SECOND / 2)
        self._last_send = now
        if not self._connection.connected:
            return
        in_flight = self._store.in_flight
        if self._rejected is not None:
            if in_flight or now < self._rest_until:
                return
            self._store.begin_again()
        # Late ones first: what waited for a moment only arrives in order, and fresh ones keep room of their own.
        late = self._store.send(min(LATE_IN_FLIGHT - in_flight, int(self._allowance)), late=True)
        self._allowance -= late
        self._store.send(MAX_IN_FLIGHT - in_flight - late, late=False)

    def _send_window(self, payload: bytes, age: float) -> int | None:
        expiry = max(1.0, self.lifetimes.window - age)
        return self._publish(self._topics.window, payload, qos=1, retain=False, expiry=expiry)

    def _send_retained(self, topic: str, payload: bytes) -> int | None:
        return self._publish(topic, payload, qos=1, retain=True)

    def _publish(
        self, topic: str, payload: bytes, *, qos: int, retain: bool, expiry: float | None = None
    ) -> int | None:
        schema = "edge.alert/1" if topic.startswith(self._alerts) else self._schemas.get(topic)
        return self._connection.publish(topic, payload, qos=qos, retain=retain, expiry=expiry, schema=schema)

    def _alert(self, name: str, alert: Alert | None) -> None:
        self.announce(self._topics.alert(name), alert.to_json() if alert else b"")

    def _handle_connected(self) -> None:
        """After every connect, in the network thread: everything anew, `online` last."""
        self._connection.subscribe(self._listen)
        self._retained.send_all()
        self._publish(self._topics.availability, b"online", qos=1, retain=True)

    def _handle_message(self, incoming: IncomingMessage) -> None:
        if not incoming.topic.startswith(self._alerts):
            self._on_message(incoming)
        elif incoming.retained and incoming.payload and incoming.topic not in self._retained:
            logger.info("removed %s, which an earlier run has left at the broker", incoming.topic)
            self.announce(incoming.topic, b"")
