"""The connection to the broker: MQTT 5, or 3.1.1 where the broker knows nothing newer; reconnects by itself."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable, Iterable

from paho.mqtt import client as paho
from paho.mqtt.enums import MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge.errors import RefusedError
from edge.mqtt.client import REFUSAL_REMEDY, BrokerSettings, connect_options, explain, make_client, refusal

logger = logging.getLogger(__name__)

MAX_IN_FLIGHT = 20
WILL_DELAY = 10  # seconds: a short break in the network is no news
ANSWER_SECONDS = 10.0  # an old broker may also just wait for the rest of a packet that it does not understand
HANG_UPS = 3  # one may be a broker that is just starting, behind something that already listens
CREDENTIALS = ("Bad user name or password", "Not authorized", "Banned", "Bad authentication method")


class Connection:
    """One client at one broker; survives every loss of the network.

    Args:
        settings: Where and as whom.
        will_topic: Where the broker says `offline` for us when we vanish.
        on_connected: Called after every successful connect, in the network thread.
        on_acknowledged: Called in the network thread with the id of a QoS 1 message that the broker answered, and
            with its reason when it refused the message (MQTT 5 only; else "").
        on_message: Called with topic and payload of what was subscribed to, in the network thread.
    """

    def __init__(
        self,
        settings: BrokerSettings,
        will_topic: str | None,
        on_connected: Callable[[], None] = lambda: None,
        on_acknowledged: Callable[[int, str], None] = lambda _mid, _refusal: None,
        on_message: Callable[[str, bytes], None] = lambda _topic, _payload: None,
    ) -> None:
        self._settings = settings
        self._will_topic = will_topic
        self._on_connected = on_connected
        self._on_acknowledged = on_acknowledged
        self._on_message = on_message
        self._protocol = _first_protocol(settings)
        self._client: paho.Client | None = None
        self._connected = threading.Event()
        self._downgrade = False  # the broker does not know MQTT 5
        self._renew = False  # the connection was lost: what was in flight must not go out as if it were news
        self._hung_up = 0  # times in a row that the broker closed without an answer
        self._accepted = False
        self._answered = False
        self._asked: float | None = None  # when the attempt began that has no answer yet
        self._ever = False
        self._last_problem = ""
        self.refused: RefusedError | None = None
        """Set while the broker refuses us for a reason that only a person can change."""

    @property
    def protocol5(self) -> bool:
        """Whether MQTT 5 is spoken: message expiry exists."""
        return self._protocol == MQTTProtocolVersion.MQTTv5

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
        self._client = client = make_client(self._settings, self._protocol)
        if self._will_topic:
            will = None
            if self.protocol5:
                will = Properties(PacketTypes.WILLMESSAGE)  # type: ignore[no-untyped-call]
                will.WillDelayInterval = WILL_DELAY
            client.will_set(self._will_topic, "offline", qos=1, retain=True, properties=will)
        client.max_inflight_messages_set(MAX_IN_FLIGHT)
        client.reconnect_delay_set(1, 60)
        client.on_socket_open = self._handle_socket_open
        client.on_connect = self._handle_connect
        client.on_connect_fail = self._handle_connect_fail
        client.on_disconnect = self._handle_disconnect
        client.on_publish = self._handle_publish
        client.on_message = self._handle_message
        client.on_subscribe = self._handle_subscribe
        url = self._settings.url
        client.connect_async(
            url.host,
            url.port,
            self._settings.keepalive,
            **connect_options(self._protocol, keep=self._will_topic is not None),
        )
        client.loop_start()

    def maintain(self) -> bool:
        """Begin with a new client after a loss, or in the other protocol if the broker does not know this one.

        Called now and then, from outside the network thread.

        Returns:
            True when it did: everything that was in flight has to be sent again.
        """
        asked = self._asked
        silent = asked is not None and time.monotonic() - asked > ANSWER_SECONDS
        if silent:
            self._problem(f"broker {self._settings.url} does not answer; is it an MQTT port, and not a TLS one?")
        if not (self._downgrade or self._renew or silent or self._hung_up >= HANG_UPS):
            return False
        lost, self._renew, self._downgrade, self._asked, self._hung_up = self._renew, False, False, None, 0
        self._close()
        if self.protocol5 and not lost:
            logger.info("broker %s does not answer MQTT 5: trying 3.1.1", self._settings.url)
            self._protocol = MQTTProtocolVersion.MQTTv311
        else:  # after a loss perhaps another broker answers: begin as at the start
            self._protocol = _first_protocol(self._settings)
        self.start()
        return True

    def publish(self, topic: str, payload: bytes, *, qos: int, retain: bool, expiry: float | None = None) -> int | None:
        """Hand a message to the network.

        Args:
            topic: Where.
            payload: What.
            qos: 0 or 1.
            retain: Whether the broker keeps it for later subscribers.
            expiry: Seconds after which it is of no use; only MQTT 5 can say so.

        Returns:
            The message id, or None when there is no connection: then it was not taken.
        """
        client = self._client
        if client is None or not self._accepted:
            return None
        properties = None
        if self.protocol5 and expiry is not None:
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
            properties.MessageExpiryInterval = max(1, round(expiry))
        return client.publish(topic, payload, qos, retain, properties).mid

    def subscribe(self, topics: Iterable[str]) -> None:
        """Ask for topics; belongs into `on_connected`, since a broker may have forgotten what was asked before."""
        client = self._client
        if client is None:
            return
        for topic in topics:
            client.subscribe(topic, qos=1)

    def stop(self) -> None:
        """Say goodbye, which also tells the broker to forget the will, and close."""
        self._close()

    def _close(self) -> None:
        client, self._client = self._client, None
        self._connected.clear()
        self._accepted = False
        if client is not None:
            client.disconnect()
            # paho's thread may sit in a connect that takes seconds: nobody waits for it.
            ending = threading.Thread(target=client.loop_stop, daemon=True)
            ending.start()
            ending.join(0.5)

    def _handle_socket_open(self, client: paho.Client, _data: object, _socket: object) -> None:
        if client is self._client:
            self._asked = time.monotonic()

    def _handle_connect(
        self,
        client: paho.Client,
        _data: object,
        _flags: paho.ConnectFlags,
        code: ReasonCode,
        _properties: object,
    ) -> None:
        if client is not self._client:  # one that was given up, and speaks its last
            return
        self._answered, self._asked = True, None
        if not code.is_failure:
            self._ever = True
            self.refused = None
            self._last_problem = ""
            self._hung_up = 0
            logger.info("connected to broker %s (MQTT %s)", self._settings.url, 5 if self.protocol5 else "3.1.1")
            # Whoever waits for `connected` may publish only behind what is announced here.
            self._accepted = True
            self._on_connected()
            self._connected.set()
            return
        if "protocol version" in str(code) and self.protocol5:
            self._downgrade = True
            return
        if str(code) in CREDENTIALS:
            self.refused = RefusedError(refusal(self._settings, str(code)), REFUSAL_REMEDY)
        self._problem(refusal(self._settings, str(code)))

    def _handle_connect_fail(self, _client: paho.Client, _data: object) -> None:
        # paho calls this while it handles the exception, and does not pass it on.
        self._problem(f"broker {self._settings.url} cannot be reached: {explain(sys.exc_info()[1])}")

    def _handle_disconnect(
        self,
        client: paho.Client,
        _data: object,
        _flags: object,
        code: ReasonCode,
        _properties: object,
    ) -> None:
        if client is not self._client:
            return
        was_connected = self._connected.is_set()
        answered, self._answered, self._asked = self._answered, False, None
        self._connected.clear()
        self._accepted = False
        if was_connected:
            self._renew = True
            self._problem(f"lost the broker {self._settings.url} ({code}); trying again")
        elif not answered:
            self._hung_up += 1
            self._problem(f"broker {self._settings.url} hangs up; is it an MQTT port, and not a TLS one?")

    def _handle_publish(
        self, client: paho.Client, _data: object, mid: int, code: ReasonCode, _properties: object
    ) -> None:
        if client is self._client:
            self._on_acknowledged(mid, str(code) if code.is_failure else "")

    def _handle_message(self, client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        if client is not self._client:
            return
        try:
            topic = message.topic
        except UnicodeDecodeError:
            return
        self._on_message(topic, bytes(message.payload))

    def _handle_subscribe(
        self,
        _client: paho.Client,
        _data: object,
        _mid: int,
        codes: list[ReasonCode],
        _properties: object,
    ) -> None:
        for code in codes:
            if code.is_failure:
                self._problem(f"broker {self._settings.url} refuses the subscription: {code}")

    def _problem(self, text: str) -> None:
        if text != self._last_problem:  # once, not at every attempt of a long night
            logger.warning("%s", text)
        self._last_problem = text


def _first_protocol(settings: BrokerSettings) -> MQTTProtocolVersion:
    return MQTTProtocolVersion.MQTTv5 if settings.mqtt5 else MQTTProtocolVersion.MQTTv311
