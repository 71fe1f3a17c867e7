"""Everything between the daemon and its subscribers: a broker of our own if wanted, publisher, commands, discovery."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Mapping

from paho.mqtt.enums import MQTTProtocolVersion

from edge import PROGRAM
from edge.config.broker_url import BrokerUrl
from edge.config.schema import Config
from edge.contract import payloads
from edge.contract.topics import birth_topic
from edge.daemon.paths import broker_settings, lifetimes, make_outbox, topics
from edge.delivery.publisher import Publisher
from edge.errors import EdgeError, RefusedError
from edge.mqtt import discovery
from edge.mqtt.client_factory import make_client
from edge.mqtt.commands import CommandQueue, Handler, Reply
from edge.mqtt.embedded_broker import EmbeddedBroker
from edge.mqtt.properties import IncomingMessage

logger = logging.getLogger(__name__)

SPREAD = 3.0  # seconds over which the rooms of a school answer Home Assistant's return


class MqttService:
    """One device's way to the world.

    Args:
        config: The configuration.
        on_window: Called with every window once it has its identity and is on disk.
        patient: A broker that refuses us is waited for, not an error: a reload must not end what runs.
    """

    def __init__(
        self, config: Config, on_window: Callable[[payloads.WindowPayload], None], *, patient: bool = False
    ) -> None:
        self._config = config
        self._patient = patient
        self._started: Publisher | None = None
        self._raised: set[str] = set()
        self._on_window = on_window
        self._topics = topics(config)
        self._broker: EmbeddedBroker | None = None
        self._commands = CommandQueue(self._topics, self._reply, [config.homeassistant.prefix])
        self._birth = birth_topic(config.homeassistant.prefix)
        self._announce_at: float | None = None  # Home Assistant came back; monotonic
        self._info: payloads.Info | None = None
        self._hardware_alert: payloads.Alert | None = None

    @staticmethod
    def examine(config: Config) -> None:
        """Find out what can be seen to be wrong before anything is stopped. Raises ConfigError."""
        make_client(broker_settings(config), MQTTProtocolVersion.MQTTv5)

    def start(self, info: payloads.Info, state: payloads.State) -> None:
        """Start the broker of our own, open the outbox, begin to connect. Raises ConfigError, BrokerError."""
        config = self._config
        self.examine(config)
        if config.mqtt.broker == "embedded":
            self._broker = EmbeddedBroker(config.mqtt.embedded_port)
        url = self._broker.start() if self._broker else None
        settings = broker_settings(config, url, mqtt5=self._broker is None or self._broker.mqtt5)
        self.url: BrokerUrl = settings.url
        listen = [self._topics.commands, *([self._birth] if config.homeassistant.discovery else [])]
        publisher = Publisher(
            settings, self._topics, make_outbox(config), lifetimes(config), self._on_window,
            on_message=self._receive, listen=listen,
        )  # fmt: skip
        try:
            publisher.start(info, state)
        except EdgeError:
            self._stop_broker()
            raise
        self._started = publisher
        self.tell_state(state)
        self._tell_home_assistant(info)

    @property
    def _publisher(self) -> Publisher:
        if self._started is None:
            raise EdgeError("there is no connection yet")
        return self._started

    def check(self) -> None:
        """Look after everything, now and then. Raises EdgeError for what only a person can mend."""
        try:
            self._publisher.check()
        except RefusedError:  # the log has said it
            if not self._patient:
                raise
        if self._broker is not None:
            self._broker.check()
        if self._announce_at is not None and time.monotonic() >= self._announce_at and self._info is not None:
            self._announce_at = None
            self._tell_home_assistant(self._info)

    def how_to_subscribe(self) -> list[str]:
        """Where windows go, in a few lines for the user of a terminal."""
        prefix, name, url = self._config.device.prefix, self._config.device.name, self.url
        user = f" -u {self._config.mqtt.username} -P ..." if self._config.mqtt.username else ""
        return [
            f"windows go to {url} as {prefix}/{name}/window every {self._config.window.seconds:g} s; to subscribe:",
            f"  mosquitto_sub -h {url.host} -p {url.port}{user} -v -t '{prefix}/#'",
            f"  {PROGRAM} watch --broker {url}",
        ]

    def serve(self, handlers: Mapping[str, Handler]) -> None:
        """Carry out the commands that came, a few at a time, and answer them."""
        self._commands.serve(handlers)

    def serve_all(self, handlers: Mapping[str, Handler]) -> None:
        """Carry out all that the broker has passed on: it will not do so again."""
        while self._commands.waiting:
            self._commands.serve(handlers)

    def publish_window(self, window: payloads.WindowBody) -> None:
        """Take a window; returns at once."""
        self._publisher.publish_window(window)

    def publish_health(self, health: payloads.HealthPayload) -> None:
        """Send the health message if there is a connection."""
        self._publisher.publish_health(health)

    def tell_state(self, state: payloads.State) -> None:
        """Replace the retained state; a camera that is gone is an alert too, until it is back."""
        self._publisher.announce(self._topics.state, state.to_json())
        problem, _, remedy = state.reason.partition(": ")
        lost = payloads.Alert(problem=problem, remedy=remedy, since=state.since)
        self.alert("camera", lost if state.mode == "camera_lost" else None)

    def tell_hardware(self, alert: payloads.Alert | None) -> None:
        """What is wrong with the board, as an alert; None clears it. What was told already is not told again."""
        if alert != self._hardware_alert:
            self._hardware_alert = alert
            self.alert("hardware", alert)

    def tell_info(self, info: payloads.Info, config: Config) -> None:
        """Replace the retained info, after a change of `config` that leaves broker, names and outbox as they are."""
        self._config = config
        self._publisher.lifetimes = lifetimes(config)
        self._publisher.announce(self._topics.info, info.to_json())
        self._tell_home_assistant(info)

    def alert(self, name: str, alert: payloads.Alert | None) -> None:
        """Raise an alert, or clear it if it was raised."""
        if alert is not None:
            self._raised.add(name)
        elif name not in self._raised:
            return
        else:
            self._raised.remove(name)
        self._publisher.announce(self._topics.alert(name), alert.to_json() if alert else b"")

    @property
    def depth(self) -> int:
        """How many windows the broker does not have yet."""
        return self._publisher.depth

    def stop(self) -> None:
        """Send what there is, say `offline`, end the broker of our own. Raises EdgeError when windows are lost."""
        try:
            if self._started is not None:
                self._started.stop()
        finally:
            self._stop_broker()

    def _stop_broker(self) -> None:
        if self._broker is not None:
            self._broker.stop()

    def _tell_home_assistant(self, info: payloads.Info) -> None:
        self._info = info
        if self._config.homeassistant.discovery:
            topic = discovery.config_topic(self._config.homeassistant.prefix, self._topics)
            self._publisher.announce(topic, discovery.discovery(info, self._topics))

    def _receive(self, incoming: IncomingMessage) -> None:
        """In the network thread."""
        if self._commands.receive(incoming):
            return
        if incoming.topic == self._birth and incoming.payload == b"online":
            self._announce_at = time.monotonic() + random.uniform(0, SPREAD)  # noqa: S311 - no secret

    def _reply(self, reply: Reply) -> None:
        self._publisher.send(reply.topic, reply.payload, reply.correlation)
