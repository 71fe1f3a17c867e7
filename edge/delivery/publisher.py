"""The publisher: stores every window in the outbox, sends what is there, and keeps the retained topics true."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from edge.contract import channels
from edge.contract.alerts import ALERTS, AlertId
from edge.contract.channels import Channel, Lifetimes
from edge.contract.filters import by_name
from edge.contract.identity import complete, complete_json, measured_as
from edge.contract.payloads import Alert, HealthPayload, Info, State, WindowBody, WindowPayload
from edge.contract.topics import Topics
from edge.delivery.alert_summary import AlertSummary
from edge.delivery.failover_outbox import FailoverOutbox
from edge.delivery.outbox import Outbox
from edge.delivery.outbox_sender import OtherDeviceError
from edge.delivery.pacing import Pacing
from edge.delivery.retained import RetainedSet
from edge.errors import ConfigError, EdgeError
from edge.mqtt.client_factory import BrokerSettings, device_session
from edge.mqtt.connection import Callbacks, Connection
from edge.mqtt.problem import Problem
from edge.mqtt.properties import IncomingMessage
from edge.mqtt.refusals import MessageTooLargeError

LOST_REMEDY = "the log says why the disk did not take them, and the broker did not get them"
TICK = 0.25
DISK_SECONDS = 20.0  # that a disk may take for what is being written when everything ends


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
        self._retained_channels = {
            topics.info: channels.INFO, topics.state: channels.STATE, topics.alerts: channels.ALERTS
        }  # fmt: skip
        self._summary = AlertSummary(topics)
        self._summarising = threading.Lock()  # of two summaries the later one has to be the last that is sent
        self._listen = [*listen]
        self._connection = Connection(
            settings,
            device_session(topics.availability),
            Callbacks(
                connected=self._handle_connected,
                acknowledged=lambda message_id, refusal: self._answers.put((message_id, refusal)),
                message=self._on_message,
            ),
        )
        # Without looking whether there are any: a broker should not let a device hear what it says itself.
        self._retained = RetainedSet(self._send_retained, cleared=[topics.alert(name) for name in ALERTS])
        self._store = FailoverOutbox(outbox, self._send_window, self._alert)
        self._pacing = Pacing(self._store)
        self._new: queue.SimpleQueue[WindowBody] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[tuple[int, Problem | None]] = queue.SimpleQueue()  # message id, refusal
        self._failure: EdgeError | None = None
        self._stopping = threading.Event()
        self._stop_by = 0.0  # when it no longer waits for the broker's answers; monotonic
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)

    def start(
        self, info: Info, state: State, progress: Callable[[], None] = lambda: None, memory: Outbox | None = None
    ) -> None:
        """Open the outbox, begin to connect: see `FailoverOutbox.start`. Raises BusyError, ConfigError."""
        self._retained.announce(self._topics.info, info.to_json())
        self._retained.announce(self._topics.state, state.to_json())
        self._retained.announce(self._topics.alerts, self._summary.to_json())
        self._store.start(progress, memory)
        try:
            self._connection.start()
        except ConfigError:
            self._store.stop()
            raise
        self._thread.start()

    @property
    def memory(self) -> Outbox | None:
        """What waits in memory once it has stopped. None: nothing, or its thread still uses it, as the disk hangs."""
        return None if self._thread.is_alive() else self._store.memory

    @property
    def connection(self) -> Connection:
        """The connection, to ask whether it is up and in what protocol."""
        return self._connection

    @property
    def depth(self) -> int:
        """How many windows the broker does not have yet."""
        return self._store.depth + self._new.qsize()

    @property
    def oldest_age(self) -> float | None:
        """Seconds for which the oldest window has waited for the broker, as of a few seconds ago; None: none waits."""
        return self._store.oldest_age

    @property
    def alerts(self) -> list[str]:
        """The names of the alerts in force."""
        return self._retained.below(self._alerts)

    def check(self) -> None:
        """Raises RefusedError while the broker has refused us from the start, and what ended the thread if it did."""
        if self._failure is not None:
            raise self._failure
        self._connection.check()

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
        with self._summarising:
            self._retained.announce(topic, payload)
            summary = self._summary.take(topic, payload)
            if summary is not None:
                self._retained.announce(self._topics.alerts, summary)

    def send(self, topic: str, payload: bytes, correlation: bytes | None = None) -> None:
        """Send an answer to a command, once, if there is a connection.

        Args:
            topic: Where.
            payload: What.
            correlation: The correlation data of the command.
        """
        with contextlib.suppress(MessageTooLargeError):
            self._connection.publish(topic, payload, channels.ANSWER, correlation=correlation)

    def stop(self, timeout: float = 1.5, *, hands_on: bool = False) -> None:
        """Send what there is for at most `timeout` seconds, say `offline`, close.

        What the broker did not acknowledge stays in the outbox for the next start.

        Args:
            timeout: Seconds.
            hands_on: The next publisher gets `memory`, so that what waits there is not lost.

        Raises:
            EdgeError: Windows are lost, because the disk would not take them.
        """
        self._stop_by = time.monotonic() + timeout
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout)
        offline = self._publish(channels.AVAILABILITY, self._topics.availability, b"offline", urgent=True)
        deadline, heard = time.monotonic() + 0.3, False
        while offline is not None and not heard and time.monotonic() < deadline:
            try:
                heard = self._answers.get(timeout=0.05)[0] == offline
            except queue.Empty:
                continue
        self._connection.stop(goodbye=heard)  # else the will has to say it
        if self._thread.is_alive():
            self._thread.join(DISK_SECONDS)  # the next publisher cannot open an outbox that is not closed
        if not self._thread.is_alive():
            self._store.stop()
        lost = self._new.qsize() + (0 if hands_on and self.memory else self._store.in_memory)
        if lost:
            raise EdgeError(f"{lost} windows could not be stored and are lost", LOST_REMEDY)

    def _run(self) -> None:
        try:
            self._loop()
        except Exception as error:  # noqa: BLE001 - a dead publisher must not look healthy: `check` raises it
            self._failure = EdgeError(f"the publisher failed ({type(error).__name__}: {error})", "please report this")

    def _loop(self) -> None:
        while True:
            stopping = self._stopping.is_set()
            self._store_next(0.01 if stopping else TICK)
            if self._connection.advance():
                self._store.requeue()
            self._read_answers()
            self._store.maintain(self.lifetimes.window, connected=self._connection.connected)
            self._pacing.send(
                connected=self._connection.connected, left_out=self._connection.leaves_out(self._topics.window)
            )
            waits = self._store.in_flight and self._connection.connected and time.monotonic() < self._stop_by
            if stopping and self._new.empty() and not waits:
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
            if self._store.answered(message_id, accepted=refusal is None):
                self._pacing.answered(accepted=refusal is None)
            elif refusal is None:
                self._retained.acknowledged(message_id)

    def _send_window(self, payload: bytes, schema: str, age: float) -> int | None:
        device = measured_as(payload)
        if device not in (None, self._topics.device):  # it waited while the device got another name
            raise OtherDeviceError(device)
        return self._hand_over(replace(channels.WINDOW, schema=schema), self._topics.window, payload, age)

    def _send_retained(self, topic: str, payload: bytes) -> int | None:
        other = channels.ALERT if topic.startswith(self._alerts) else channels.DISCOVERY
        return self._publish(self._retained_channels.get(topic, other), topic, payload)

    def _publish(self, channel: Channel, topic: str, payload: bytes, *, urgent: bool = False) -> int | None:
        try:
            return self._hand_over(channel, topic, payload, urgent=urgent)
        except MessageTooLargeError:  # the log has named it, and everything else goes on
            return None

    def _hand_over(
        self, channel: Channel, topic: str, payload: bytes, age: float = 0.0, *, urgent: bool = False
    ) -> int | None:
        lifetime = self.lifetimes.of(channel)
        expiry = None if lifetime is None else max(1.0, lifetime - age)
        return self._connection.publish(topic, payload, channel, expiry=expiry, urgent=urgent)

    def _alert(self, name: AlertId, alert: Alert | None) -> None:
        self.announce(self._topics.alert(name), alert.to_json() if alert else b"")

    def subscribe(self, topic_filter: str) -> None:
        """Ask for a filter, by name where the broker takes no wildcards; what is retained there comes again."""
        by_wildcard = self._connection.limits.wildcards
        self._connection.subscribe([topic_filter] if by_wildcard else by_name(self._topics, topic_filter))

    def _handle_connected(self) -> None:
        """After every connect, in the network thread: everything again, `online` last."""
        for topic_filter in self._listen:
            self.subscribe(topic_filter)
        self._retained.send_all()
        self._publish(channels.AVAILABILITY, self._topics.availability, b"online")
