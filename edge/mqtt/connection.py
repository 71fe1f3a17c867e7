"""The connection to the broker: MQTT 5, or 3.1.1 where the broker knows nothing newer; reconnects by itself."""

from __future__ import annotations

import contextlib
import logging
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable

from paho.mqtt import client as paho
from paho.mqtt.enums import MQTTProtocolVersion
from paho.mqtt.reasoncodes import ReasonCode

from edge.errors import ConfigError, RefusedError
from edge.mqtt import properties
from edge.mqtt.backoff import Backoff
from edge.mqtt.client_factory import (
    CREDENTIALS,
    REMEDIES,
    BrokerSettings,
    connect_options,
    explain,
    make_client,
    refusal,
)
from edge.mqtt.properties import IncomingMessage

logger = logging.getLogger(__name__)

MAX_IN_FLIGHT = 20
CONNECT_SECONDS = 60.0  # names may be slow to resolve; longer than that is a thread that died
ANSWER_SECONDS = 10.0  # an old broker may also just wait for the rest of a packet that it does not understand
REMIND = 3600.0  # seconds after which a problem that lasts is logged again
AGAIN_AND_AGAIN = 3  # connections in a row that did not last
SERVED = 300.0  # seconds after which a connection that is given up was a good one for a while


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
    """

    def __init__(
        self,
        settings: BrokerSettings,
        will_topic: str | None,
        on_connected: Callable[[], None] = lambda: None,
        on_acknowledged: Callable[[int, str], None] = lambda _id, _refusal: None,
        on_message: Callable[[IncomingMessage], None] = lambda _incoming: None,
    ) -> None:
        self._settings = settings
        self._will_topic = will_topic
        self._on_connected = on_connected
        self._on_acknowledged = on_acknowledged
        self._on_message = on_message
        self._attempts = Backoff(mqtt5=settings.mqtt5)
        self._lock = threading.RLock()  # around changes of the client, and of what is known about it
        self._clients = 0  # how many there were: part of every message id
        self._client: paho.Client | None = None
        self._running = False
        self._over = False  # the client has ended, or has to
        self._attempt_at: float | None = None  # when the next begins; monotonic
        self._deadline: float | None = None  # until when the broker has to answer
        self._asked = False  # it was reached
        self._since: float | None = None  # when it accepted us
        self._connected = threading.Event()
        self._ever = False
        self._last_problem = ""
        self._said = 0.0  # when; monotonic
        self.refused: RefusedError | None = None
        """Set while the broker refuses us for a reason that only a person can change."""

    @property
    def protocol5(self) -> bool:
        """Whether MQTT 5 is spoken: message expiry exists."""
        return self._attempts.protocol5

    @property
    def connected(self) -> bool:
        """Whether the broker has accepted us and was there a moment ago."""
        return self._connected.is_set()

    @property
    def ever_connected(self) -> bool:
        """Whether the broker has accepted us at least once."""
        return self._ever

    def wait_connected(self, timeout: float) -> bool:
        """Wait until the broker has accepted us; False after `timeout` seconds."""
        return self._connected.wait(timeout)

    def start(self) -> None:
        """Begin to connect, in a thread of its own. Raises ConfigError for unusable TLS files."""
        self._running = True
        self._begin()

    def maintain(self) -> bool:
        """Notice silence, and begin anew after a loss when it is time. Called a few times a second.

        Returns:
            True when there is a new client: everything that was in flight has to be sent again.
        """
        now = time.monotonic()
        with self._lock:
            if self._deadline is not None and now > self._deadline:
                self._give_up()
            if not self._running or not self._over:
                return False
            if self._attempt_at is None:
                before = self.protocol5
                self._attempt_at = now + self._attempts.wait()
                if before and not self.protocol5:
                    logger.info("broker %s does not answer MQTT 5: trying 3.1.1", self._settings.url)
            if now < self._attempt_at:
                return False
            try:
                self._begin()
            except ConfigError as error:  # a certificate that was there at the start
                self._problem(str(error))
                self._attempt_at = None
                return False
            return True

    def renew(self, reason: str) -> None:
        """Give this connection up and begin another: it looks alive and is not.

        Args:
            reason: What the broker does or does not do, for the log.
        """
        if self._since is not None and time.monotonic() - self._since > SERVED:
            self._attempts.lost(SERVED)
            self._last_problem = ""
        self._problem(f"broker {self._settings.url} {reason}; connecting anew")
        self._drop()

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
        if client is None or self._since is None:
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
        self._running = False
        client = self._forget()
        if client is not None:
            client.disconnect()
            # paho's thread may sit in a connect that takes seconds: nobody waits for it.
            ending = threading.Thread(target=client.loop_stop, daemon=True)
            ending.start()
            ending.join(0.5)

    def _begin(self) -> None:
        self._clients += 1
        protocol = MQTTProtocolVersion.MQTTv5 if self.protocol5 else MQTTProtocolVersion.MQTTv311
        client = make_client(self._settings, protocol, self._will_topic)
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
        self._deadline, self._asked = time.monotonic() + CONNECT_SECONDS, False
        self._over, self._attempt_at = False, None
        self._client = client
        client.loop_start()

    def _give_up(self) -> None:
        hint = ""
        if self._asked:
            self._attempts.silent()
            hint = "; is it an MQTT port, and not a TLS one?"
        self._problem(f"broker {self._settings.url} does not answer{hint}")
        self._drop()

    def _forget(self) -> paho.Client | None:
        """From now on the client, which is returned, speaks to nobody."""
        with self._lock:
            client, self._client = self._client, None
            self._connected.clear()
            self._since = self._deadline = None
            self._over = True
            return client

    def _drop(self) -> None:
        """Cut the connection without a goodbye, after which the broker would forget the will."""
        client = self._forget()
        if client is None:
            return
        line = client.socket()
        if isinstance(line, socket.socket):
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
        threading.Thread(target=client.loop_stop, daemon=True).start()

    def _handle_socket_open(self, client: paho.Client, _data: object, _socket: object) -> None:
        with self._lock:
            if client is self._client:
                self._deadline, self._asked = time.monotonic() + ANSWER_SECONDS, True

    def _handle_connect(
        self, client: paho.Client, _data: object, _flags: object, code: ReasonCode, _properties: object
    ) -> None:
        with self._lock:
            if client is not self._client:  # one that was given up, and speaks its last
                return
            self._deadline = None
            self._attempts.answered()
            if code.is_failure:
                self._refused(str(code))
                return
            self._ever = True
            self.refused = None
            self._since = time.monotonic()
        logger.info("connected to broker %s (MQTT %s)", self._settings.url, 5 if self.protocol5 else "3.1.1")
        # Whoever waits for `connected` may publish only behind what is announced here.
        self._on_connected()
        with self._lock:
            if client is self._client:
                self._connected.set()

    def _refused(self, reason: str) -> None:
        if "protocol version" in reason and self.protocol5:
            self._attempts.silent()
            return
        remedy = REMEDIES.get(reason, "")
        text = refusal(self._settings, reason)
        if reason in CREDENTIALS:
            self.refused = RefusedError(text, remedy)
        self._problem(f"{text}; {remedy}" if remedy else text)

    def _handle_connect_fail(self, client: paho.Client, _data: object) -> None:
        with self._lock:
            if client is self._client:
                # paho calls this while it handles the exception, and does not pass it on.
                self._problem(f"broker {self._settings.url} cannot be reached: {explain(sys.exc_info()[1])}")
                self._forget()

    def _handle_disconnect(
        self, client: paho.Client, _data: object, _flags: object, code: ReasonCode, _properties: object
    ) -> None:
        with self._lock:
            if client is not self._client:
                return
            since, answered = self._since, self._deadline is None
            self._forget()
        if since is not None:
            self._lost(str(code), time.monotonic() - since)
        elif not answered:
            self._attempts.hung_up()
            self._problem(f"broker {self._settings.url} hangs up; is it an MQTT port, and not a TLS one?")

    def _lost(self, reason: str, lasted: float) -> None:
        self._attempts.lost(lasted)
        remedy = REMEDIES.get(reason, "trying again")
        if self._attempts.short == 0:
            self._last_problem = ""
        elif self._attempts.short >= AGAIN_AND_AGAIN and reason not in REMEDIES:
            remedy = "it does so again and again; does another client use the same id, or a proxy give up early?"
        self._problem(f"lost the broker {self._settings.url} ({reason}); {remedy}")

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
        except Exception:  # a message that anybody may have sent must not end the network thread
            logger.exception("a message on %r could not be handled", message.topic)

    def _handle_subscribe(
        self, _client: paho.Client, _data: object, _mid: int, codes: list[ReasonCode], _properties: object
    ) -> None:
        for code in codes:
            if code.is_failure:
                self._problem(f"broker {self._settings.url} refuses the subscription: {code}")

    def _problem(self, text: str) -> None:
        now = time.monotonic()
        if text != self._last_problem or now - self._said >= REMIND:  # not at every attempt of a long night
            logger.warning("%s", text)
            self._said = now
        self._last_problem = text


def _unique(client: paho.Client, mid: int) -> int:
    """A message id that is not given again by the next client."""
    return int(client.user_data_get()) << 16 | mid
