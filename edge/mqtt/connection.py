"""The connection to the broker: paho's callbacks become events of a `ConnectionState`; reconnects by itself."""

from __future__ import annotations

import contextlib
import logging
import socket
import sys
import threading
from collections.abc import Callable, Iterable

from paho.mqtt import client as paho
from paho.mqtt.enums import MQTTProtocolVersion
from paho.mqtt.reasoncodes import ReasonCode

from edge.errors import ConfigError, RefusedError
from edge.mqtt import properties
from edge.mqtt.backoff import Backoff
from edge.mqtt.client_factory import BrokerSettings, connect_options, make_client
from edge.mqtt.connection_state import ConnectionState, State
from edge.mqtt.lifecycle import ConnectionLifecycle
from edge.mqtt.problem import REMIND, Problem, ProblemReporter
from edge.mqtt.properties import IncomingMessage

logger = logging.getLogger(__name__)

MAX_IN_FLIGHT = 20


class Connection:
    """One client at one broker; survives every loss of the network.

    Every attempt gets a paho client of its own: one that lost its connection would send what it had in flight again
    by itself, and not marked as late.

    Args:
        settings: Where and as whom.
        will_topic: Where the broker says `offline` for us when we vanish.
        on_connected: Called after every successful connect, in the network thread.
        on_acknowledged: Called in the network thread with the id of a QoS 1 message that the broker answered, and
            with its reason when it refused the message (MQTT 5 only; else "").
        on_message: Called with what was subscribed to, in the network thread.
        state: The state machine; default: one with the usual deadlines and back-off.
        remind: Seconds after which a problem that lasts is logged again.
    """

    def __init__(
        self,
        settings: BrokerSettings,
        will_topic: str | None,
        on_connected: Callable[[], None] = lambda: None,
        on_acknowledged: Callable[[int, str], None] = lambda _id, _refusal: None,
        on_message: Callable[[IncomingMessage], None] = lambda _incoming: None,
        *,
        state: ConnectionState | None = None,
        remind: float = REMIND,
    ) -> None:
        self._settings = settings
        self._will_topic = will_topic
        self._on_connected = on_connected
        self._on_acknowledged = on_acknowledged
        self._on_message = on_message
        self._state = state or ConnectionState(Backoff(mqtt5=settings.mqtt5))
        self._lifecycle = ConnectionLifecycle(settings, self._state, ProblemReporter(logger, remind), logger)
        self._lock = threading.RLock()  # around every transition, and the client that belongs to the state
        self._client: paho.Client | None = None
        self._clients = 0  # how many there were: part of every message id
        self._ready = threading.Event()  # connected, and `on_connected` is done

    @property
    def state(self) -> State:
        """Where the connection stands."""
        return self._state.state

    @property
    def protocol5(self) -> bool:
        """Whether MQTT 5 is spoken: message expiry exists."""
        return self._state.protocol5

    @property
    def protocols_exhausted(self) -> bool:
        """Whether the broker has answered neither MQTT 5 nor 3.1.1."""
        return self._state.protocols_exhausted

    @property
    def connected(self) -> bool:
        """Whether the broker has accepted us and was there a moment ago."""
        return self._ready.is_set()

    @property
    def ever_connected(self) -> bool:
        """Whether the broker has accepted us at least once."""
        return self._lifecycle.ever_connected

    @property
    def problem(self) -> Problem | None:
        """The last problem since the broker accepted us."""
        return self._lifecycle.problems.current

    @property
    def refused(self) -> RefusedError | None:
        """Set while the broker refuses us for a reason that only a person can change."""
        return self._lifecycle.refused

    def wait_connected(self, timeout: float) -> bool:
        """Wait until the broker has accepted us; False after `timeout` seconds."""
        return self._ready.wait(timeout)

    def start(self) -> None:
        """Begin to connect, in a thread of its own. Raises ConfigError for unusable TLS files."""
        with self._lock:
            client = self._make_client()
            self._state.start()
            self._run(client)

    def run_timers(self) -> bool:
        """Give up an attempt that takes too long, and begin the next when it is due. Called a few times a second.

        Returns:
            True when there is a new client: everything that was in flight has to be sent again.
        """
        with self._lock:
            if self._state.expired:
                self._lifecycle.timed_out()
                self._cut()
            if not self._state.retry_due:
                return False
            self._state.retry()
            try:
                client = self._make_client()
            except ConfigError as error:  # a certificate that was there at the start
                self._lifecycle.unusable_files(error)
                return False
            self._run(client)
            return True

    def reset(self, reason: str) -> None:
        """Give this connection up and begin another: it looks alive and is not.

        Args:
            reason: What the broker does or does not do, for the log.
        """
        with self._lock:
            if self._state.active:
                self._lifecycle.reset(reason)
                self._cut()

    def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        qos: int,
        retain: bool,
        expiry: float | None = None,
        schema: str | None = None,
        correlation: bytes | None = None,
    ) -> int | None:
        """Hand a message to the network.

        Args:
            topic: Where.
            payload: What.
            qos: 0 or 1.
            retain: Whether the broker keeps it for later subscribers.
            expiry: Seconds after which it is of no use; only MQTT 5 can say so, as the next two.
            schema: The name of the payload's schema.
            correlation: What a request wanted to be found in its answer.

        Returns:
            An id that no other message of this connection has, or None when nobody listens: then it was not taken.
        """
        client = self._client
        if client is None or not self._state.connected:
            return None
        extra = properties.of_message(payload, expiry, schema, correlation) if self.protocol5 else None
        return _unique(client, client.publish(topic, payload, qos, retain, extra).mid)

    def subscribe(self, topics: Iterable[str]) -> None:
        """Ask for topics; belongs into `on_connected`, since a broker may have forgotten what was asked before."""
        client = self._client
        if client is not None:
            properties.subscribe(client, topics, mqtt5=self.protocol5)

    def stop(self) -> None:
        """Say goodbye, which also tells the broker to forget the will, and close."""
        with self._lock:
            self._state.stop()
            client = self._detach()
        if client is not None:
            client.disconnect()
            # paho's thread may sit in a connect that takes seconds: nobody waits for it.
            ending = threading.Thread(target=client.loop_stop, daemon=True)
            ending.start()
            ending.join(0.5)

    def _make_client(self) -> paho.Client:
        protocol = MQTTProtocolVersion.MQTTv5 if self.protocol5 else MQTTProtocolVersion.MQTTv311
        client = make_client(self._settings, protocol, self._will_topic)
        self._clients += 1
        client.user_data_set(self._clients)
        client.max_inflight_messages_set(MAX_IN_FLIGHT)
        client.on_socket_open = self._handle_socket_open
        client.on_connect = self._handle_connect
        client.on_connect_fail = self._handle_connect_fail
        client.on_disconnect = self._handle_disconnect
        client.on_publish = self._handle_publish
        client.on_message = self._handle_message
        client.on_subscribe = self._handle_subscribe
        url = self._settings.url
        options = connect_options(protocol, keep=self._will_topic is not None)
        client.connect_async(url.host, url.port, self._settings.keepalive, **options)
        return client

    def _run(self, client: paho.Client) -> None:
        self._client = client
        client.loop_start()

    def _cut(self) -> None:
        """End a connection without a goodbye, after which the broker would forget the will."""
        client = self._detach()
        if client is not None:
            shut_down(client)
            threading.Thread(target=client.loop_stop, daemon=True).start()

    def _detach(self) -> paho.Client | None:
        """From now on the events of the client, which is returned, count no more."""
        client, self._client = self._client, None
        self._ready.clear()
        return client

    def _handle_socket_open(self, client: paho.Client, _data: object, _socket: object) -> None:
        with self._lock:
            if client is self._client:
                self._state.reached()

    def _handle_connect(
        self, client: paho.Client, _data: object, _flags: object, code: ReasonCode, _properties: object
    ) -> None:
        with self._lock:
            # One that was given up speaks its last; or the broker answers twice.
            if client is not self._client or self._state.state is not State.HANDSHAKE:
                return
            if code.is_failure:
                self._lifecycle.refuse(code)
                self._cut()
                return
            self._lifecycle.accepted()
        logger.info("connected to broker %s (MQTT %s)", self._settings.url, 5 if self.protocol5 else "3.1.1")
        # Whoever waits for `connected` may publish only behind what is announced here.
        self._on_connected()
        with self._lock:
            if client is self._client:
                self._ready.set()

    def _handle_connect_fail(self, client: paho.Client, _data: object) -> None:
        with self._lock:
            if client is self._client:
                # paho calls this while it handles the exception, and does not pass it on.
                self._lifecycle.unreachable(sys.exc_info()[1])
                self._cut()

    def _handle_disconnect(
        self, client: paho.Client, _data: object, _flags: object, code: ReasonCode, _properties: object
    ) -> None:
        with self._lock:
            if client is self._client:
                self._lifecycle.closed(code)
                self._cut()

    def _handle_publish(
        self, client: paho.Client, _data: object, mid: int, code: ReasonCode, _properties: object
    ) -> None:
        if client is self._client:
            self._on_acknowledged(_unique(client, mid), str(code) if code.is_failure else "")

    def _handle_message(self, client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        if client is not self._client:
            return
        incoming = properties.incoming(message)
        try:
            if incoming is not None:
                self._on_message(incoming)
        except Exception:  # an untrusted message must not end the network thread
            logger.exception("a message on %r could not be handled", message.topic)

    def _handle_subscribe(
        self, client: paho.Client, _data: object, _mid: int, codes: list[ReasonCode], _properties: object
    ) -> None:
        with self._lock:
            if client is self._client:
                self._lifecycle.subscribed(codes)


def shut_down(client: paho.Client) -> None:
    """Cut the connection of a client without a goodbye."""
    line = client.socket()
    if isinstance(line, socket.socket):
        with contextlib.suppress(OSError):
            line.shutdown(socket.SHUT_RDWR)


def _unique(client: paho.Client, mid: int) -> int:
    """A message id that is not given again by the next client."""
    return int(client.user_data_get()) << 16 | mid
