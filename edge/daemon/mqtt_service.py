"""Everything between the daemon and its subscribers: an embedded broker if wanted, publisher, commands, alerts."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from paho.mqtt.enums import MQTTProtocolVersion

from edge.contract.alerts import AlertId
from edge.contract.commands import REQUESTS
from edge.contract.payloads import Alert
from edge.daemon.home_assistant_announcer import HomeAssistantAnnouncer
from edge.daemon.paths import broker_settings, lifetimes, make_outbox, topics
from edge.delivery.publisher import LOST_REMEDY, Publisher
from edge.errors import EdgeError, RefusedError
from edge.mqtt.client_factory import make_client
from edge.mqtt.command_queue import CommandQueue, Handler, Reply
from edge.mqtt.embedded_broker import EmbeddedBroker
from edge.mqtt.retained_probe import RetainedProbe

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from edge.config.broker_url import BrokerUrl
    from edge.config.schema import Config
    from edge.contract.payloads import HealthPayload, Info, State, WindowBody, WindowPayload
    from edge.delivery.outbox import Outbox
    from edge.mqtt.properties import IncomingMessage


logger = logging.getLogger(__name__)

ALL_SECONDS = 1.0  # for commands that came before a connection ends


class MqttService:
    """Publishes what the daemon has to say, and brings it the commands.

    Once stopped, it may be started again, under another configuration too (`reconfigure`).

    Args:
        config: The configuration.
        on_window: Called with every window once it has its identity and is on disk.
        progress: Called while `start` opens the outbox, as long as that goes on.
    """

    def __init__(
        self, config: Config, on_window: Callable[[WindowPayload], None], progress: Callable[[], None] = lambda: None
    ) -> None:
        self._on_window = on_window
        self._progress = progress
        self._publisher: Publisher | None = None
        self._broker: EmbeddedBroker | None = None
        self._memory: Outbox | None = None  # what waited in it when the connection before ended
        self.reconfigure(config)

    def reconfigure(self, config: Config) -> None:
        """Take another configuration; it has effect from the next start on. Only while it is stopped."""
        self._config = config
        self._topics = topics(config)
        probe = RetainedProbe(
            REQUESTS,
            lambda: not self._running.connection.protocol5,
            lambda: self._running.subscribe(self._topics.commands),
            lambda: self._running.connection.wait_subscribed(0),
        )
        self._commands = CommandQueue(self._topics, self._reply, [config.homeassistant.prefix], probe)
        self._home_assistant: HomeAssistantAnnouncer | None = None
        if config.homeassistant.discovery:
            self._home_assistant = HomeAssistantAnnouncer(config.homeassistant.prefix, self._topics, self._announce)
        self._alerts: dict[str, Alert] = {}  # in force, by their id

    @staticmethod
    def examine(config: Config) -> None:
        """Find out what can be seen to be wrong before anything is stopped. Raises ConfigError."""
        make_client(broker_settings(config), MQTTProtocolVersion.MQTTv5)

    def start(self, info: Info, state: State, *, patient: bool = False) -> None:
        """Start the embedded broker, open the outbox, begin to connect.

        Args:
            info: What is running here.
            state: What it does now.
            patient: A broker that refuses us is waited for, not an error: a reload must not end what runs.

        Raises:
            ConfigError: Something cannot be used.
            BusyError: Another program uses the outbox.
            BrokerError: The embedded broker cannot be started.
        """
        self._patient = patient
        self.examine(self._config)
        try:
            self._publisher = self._make_publisher()  # before it starts: commands may come at once
            self._publisher.start(info, state, self._progress, self._memory)
        except EdgeError:
            self._publisher = None
            self._stop_broker()
            raise
        self.publish_state(state)
        if self._home_assistant is not None:
            self._home_assistant.start(info)

    def _make_publisher(self) -> Publisher:
        config = self._config
        if config.mqtt.broker == "embedded":
            self._broker = EmbeddedBroker(config.mqtt.embedded_port)
        url = self._broker.start() if self._broker else None
        old = self._broker is not None and not self._broker.mqtt5
        settings = broker_settings(config, url, protocol="3.1.1" if old else None)
        self.url: BrokerUrl = settings.url
        listen = [self._topics.commands, *([self._home_assistant.birth_topic] if self._home_assistant else [])]
        return Publisher(
            settings, self._topics, make_outbox(config), lifetimes(config), self._on_window,
            on_message=self._receive, listen=listen,
        )  # fmt: skip

    def check(self) -> None:
        """Check all parts, now and then. Raises EdgeError for what only a person can mend."""
        try:
            self._running.check()
        except RefusedError:  # the log has said it
            if not self._patient:
                raise
        if self._broker is not None:
            self._broker.check()

    def how_to_subscribe(self) -> list[str]:
        """Where windows go, in a few lines for the user of a terminal."""
        prefix, name, url = self._config.device.prefix, self._config.device.name, self.url
        mqtt, who, sub, watch = self._config.mqtt, "", "", ""
        if url.tls:
            sub += f" --cafile {mqtt.ca_file}" if mqtt.ca_file else " --tls-use-os-certs"
            watch += f" --set mqtt.ca_file={mqtt.ca_file}" if mqtt.ca_file else ""
        if mqtt.username or mqtt.certificate_file:  # at such a broker a room's own may not read
            who = ", as a user who may read there (docs/scale.md)"
            sub += " -u NAME -P PASSWORD -i CLIENT-ID"
            watch += " --set mqtt.username=NAME --set mqtt.password_file=FILE --client-id CLIENT-ID"
        seconds = self._config.window.seconds
        return [
            f"windows go to {url} as {prefix}/{name}/window every {seconds:g} s; to subscribe{who}:",
            f"  mosquitto_sub -h {url.host} -p {url.port}{sub} -v -t '{prefix}/#'",
            f"  edge watch --broker {url}{watch}",
        ]

    def serve(self, handlers: Mapping[str, Handler]) -> None:
        """Carry out the commands that came, a few at a time, and answer them."""
        self._commands.serve(handlers)

    def serve_all(self, handlers: Mapping[str, Handler]) -> None:
        """Carry out what the broker has passed on: it will not do so again. More may come for ever: not all of it."""
        deadline = time.monotonic() + ALL_SECONDS
        while self._commands.waiting and time.monotonic() < deadline:
            self._commands.serve(handlers)
            time.sleep(0.01)  # some wait until it is known whether they are retained

    def publish_window(self, window: WindowBody) -> None:
        """Take a window; returns at once."""
        self._running.publish_window(window)

    def publish_health(self, health: HealthPayload) -> None:
        """Send the health message if there is a connection."""
        self._running.publish_health(health)

    def publish_state(self, state: State) -> None:
        """Replace the retained state; a camera that is lost is an alert too, until it is back."""
        self._announce(self._topics.state, state.to_json())
        problem, _, remedy = state.reason.partition(": ")
        lost = Alert(problem=problem, remedy=remedy, since=state.since)
        self.set_alert("camera", lost if state.mode == "camera_lost" else None)

    def publish_info(self, info: Info, config: Config) -> None:
        """Replace the retained info, after a change of `config` that leaves broker, names and outbox as they are."""
        self._config = config
        self._running.lifetimes = lifetimes(config)
        self._running.connection.try_again()
        self._announce(self._topics.info, info.to_json())
        if self._home_assistant is not None:
            self._home_assistant.update(info)

    def set_alert(self, name: AlertId, alert: Alert | None) -> None:
        """Raise an alert, or clear it with None; one that is in force already is not sent again."""
        if alert == self._alerts.get(name):
            return
        if alert is None:
            del self._alerts[name]
        else:
            self._alerts[name] = alert
        self._announce(self._topics.alert(name), alert.to_json() if alert else b"")

    @property
    def connected(self) -> bool:
        """Whether the broker has accepted us."""
        return self._running.connection.connected

    @property
    def depth(self) -> int:
        """How many windows the broker does not have yet."""
        return self._running.depth

    @property
    def oldest_age(self) -> float | None:
        """Seconds for which the oldest of these has waited, as of a few seconds ago; None: there is none."""
        return self._running.oldest_age

    @property
    def alerts(self) -> list[str]:
        """The names of all alerts in force."""
        return self._running.alerts

    @property
    def connections(self) -> int:
        """How often a broker has accepted us since the last start."""
        return self._running.connection.accepted

    def stop(self, *, goes_on: bool = False) -> None:
        """Send what there is, say `offline`, end the embedded broker.

        Args:
            goes_on: It is started again, and what waits in memory is sent then.

        Raises:
            EdgeError: Windows are lost.
        """
        if self._home_assistant is not None:
            self._home_assistant.stop()
        publisher = self._publisher
        try:
            if publisher is not None:
                publisher.stop(hands_on=goes_on)
            # There is an error already: no connection can be made.
            elif self._memory and self._memory.depth and not goes_on:
                logger.error("%d windows could not be stored and are lost: %s", self._memory.depth, LOST_REMEDY)
        finally:
            if publisher is not None:
                self._memory = publisher.memory if goes_on else None
            self._publisher = None  # not before: commands come in until it has ended
            self._stop_broker()

    @property
    def _running(self) -> Publisher:
        if self._publisher is None:
            raise EdgeError("there is no connection yet")
        return self._publisher

    def _announce(self, topic: str, payload: bytes) -> None:
        self._running.announce(topic, payload)

    def _stop_broker(self) -> None:
        broker, self._broker = self._broker, None
        if broker is not None:
            broker.stop()

    def _receive(self, incoming: IncomingMessage) -> None:
        """In the network thread, which may have one more when its connection has ended."""
        if self._publisher is None:
            return
        if not self._commands.receive(incoming) and self._home_assistant is not None:
            self._home_assistant.receive(incoming)

    def _reply(self, reply: Reply) -> None:
        self._running.send(reply.topic, reply.payload, reply.correlation)
