"""Everything between the daemon and its subscribers: a broker of our own if wanted, publisher, commands, discovery."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Mapping

from edge.broker import EmbeddedBroker
from edge.config import Config
from edge.errors import EdgeError
from edge.mqtt import homeassistant, payloads
from edge.mqtt.commands import Commands, Handler, Reply
from edge.mqtt.connection import Incoming
from edge.mqtt.publisher import Publisher
from edge.settings import broker_settings, lifetimes, make_outbox, topics
from edge.urls import BrokerUrl

logger = logging.getLogger(__name__)

SPREAD = 3.0  # seconds over which the rooms of a school answer Home Assistant's return


class Link:
    """One device's way to the world.

    Args:
        config: The configuration.
        on_window: Called with every window once it has its identity and is on disk.
    """

    def __init__(self, config: Config, on_window: Callable[[payloads.WindowPayload], None]) -> None:
        self._config = config
        self._on_window = on_window
        self._topics = topics(config)
        self._broker: EmbeddedBroker | None = None
        self._commands = Commands(self._topics, self._reply)
        self._birth = homeassistant.birth_topic(config.homeassistant.prefix)
        self._announce_at: float | None = None  # Home Assistant came back; monotonic
        self._info: payloads.Info | None = None
        self._camera_alert = False

    def start(self, info: payloads.Info, state: payloads.State) -> None:
        """Start the broker of our own, open the outbox, begin to connect. Raises ConfigError, BrokerError."""
        config = self._config
        if config.mqtt.broker == "embedded":
            self._broker = EmbeddedBroker(config.mqtt.embedded_port)
        url = self._broker.start() if self._broker else None
        settings = broker_settings(config, url, mqtt5=self._broker is None or self._broker.mqtt5)
        self.url: BrokerUrl = settings.url
        listen = [self._topics.commands, *([self._birth] if config.homeassistant.discovery else [])]
        self._publisher = Publisher(
            settings, self._topics, make_outbox(config), lifetimes(config), self._on_window,
            on_message=self._receive, listen=listen,
        )  # fmt: skip
        try:
            self._publisher.start(info, state)
        except EdgeError:
            self._stop_broker()
            raise
        self._tell_home_assistant(info)

    def check(self) -> None:
        """Look after everything, now and then. Raises EdgeError for what only a person can mend."""
        self._publisher.check()
        if self._broker is not None:
            self._broker.check()
        if self._announce_at is not None and time.monotonic() >= self._announce_at and self._info is not None:
            self._announce_at = None
            self._tell_home_assistant(self._info)

    def serve(self, handlers: Mapping[str, Handler]) -> None:
        """Carry out the commands that came, and answer them."""
        self._commands.serve(handlers)

    def publish_window(self, window: payloads.WindowPayload) -> None:
        """Take a window; returns at once."""
        self._publisher.publish_window(window)

    def publish_health(self, health: payloads.HealthPayload) -> None:
        """Send the health message if there is a connection."""
        self._publisher.publish_health(health)

    def tell_state(self, state: payloads.State) -> None:
        """Replace the retained state; a camera that is gone is an alert too, until it is back."""
        self._publisher.announce(self._topics.state, state.to_json())
        if state.mode == "camera_lost":
            problem, _, remedy = state.reason.partition(": ")
            self.alert("camera", payloads.Alert(problem=problem, remedy=remedy, since=state.since))
        elif self._camera_alert:
            self.alert("camera", None)
        self._camera_alert = state.mode == "camera_lost"

    def tell_info(self, info: payloads.Info, config: Config) -> None:
        """Replace the retained info, after a change of `config` that leaves broker, names and outbox as they are."""
        self._config = config
        self._publisher.lifetimes = lifetimes(config)
        self._publisher.announce(self._topics.info, info.to_json())
        self._tell_home_assistant(info)

    def alert(self, name: str, alert: payloads.Alert | None) -> None:
        """Raise an alert, or clear it."""
        self._publisher.announce(self._topics.alert(name), alert.to_json() if alert else b"")

    @property
    def depth(self) -> int:
        """How many windows the broker does not have yet."""
        return self._publisher.depth

    def stop(self) -> None:
        """Send what there is, say `offline`, end the broker of our own. Raises EdgeError when windows are lost."""
        try:
            self._publisher.stop()
        finally:
            self._stop_broker()

    def _stop_broker(self) -> None:
        if self._broker is not None:
            self._broker.stop()

    def _tell_home_assistant(self, info: payloads.Info) -> None:
        self._info = info
        if self._config.homeassistant.discovery:
            topic = homeassistant.config_topic(self._config.homeassistant.prefix, self._topics)
            self._publisher.announce(topic, homeassistant.discovery(info, self._topics))

    def _receive(self, incoming: Incoming) -> None:
        """In the network thread."""
        if self._commands.receive(incoming):
            return
        if incoming.topic == self._birth and incoming.payload == b"online":
            self._announce_at = time.monotonic() + random.uniform(0, SPREAD)  # noqa: S311 - no secret

    def _reply(self, reply: Reply) -> None:
        self._publisher.send(reply.topic, reply.payload, reply.correlation)
