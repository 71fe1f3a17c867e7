"""The connection of a subscriber, and a queue from its thread to ours."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from edge.config.broker_url import BrokerUrl
from edge.contract.alerts import ALERTS
from edge.contract.validation import MAX_PAYLOAD
from edge.mqtt.client_factory import BrokerSettings
from edge.mqtt.connection import Callbacks, Connection
from edge.mqtt.fair_queue import FairQueue
from edge.mqtt.problem import Problem
from edge.mqtt.properties import IncomingMessage
from edge.mqtt.retained_topics import RetainedTopics

ALERT_TOPICS = tuple(f"alert/{name}" for name in ALERTS)
RETAINED = ("latest", "state", "availability", "info", "health", *ALERT_TOPICS)
TOPICS = ("window", "latest", "state", "availability", "info", "health")
ANY_ALERT = "alert/+"
NEWEST = {"latest": 1, "state": 20, "availability": 20, **dict.fromkeys(("info", "health", *ALERT_TOPICS), 1)}
"""How many of a topic wait at most: every change of state is a reason of a gap, and of all others the last counts.

Alerts that are not known are not among them: a room may make up as many as it likes, and they wait as windows do.
"""


class Subscription:
    """What some devices publish, until it is stopped; survives every loss of the network.

    Args:
        settings: Where and as whom.
        prefix: The first level of the topics.
        devices: Their names, or `+` for all.
    """

    def __init__(self, settings: BrokerSettings, prefix: str, devices: Sequence[str]) -> None:
        self._queue = FairQueue()
        self._topics = [f"{prefix}/{device}/{topic}" for device in devices for topic in topics_of(device)]
        self._retained = RetainedTopics(prefix, RETAINED)
        self._wildcard = "+" in devices
        self._connection = Connection(settings, callbacks=Callbacks(connected=self._subscribe, message=self._put))

    @property
    def lost(self) -> int:
        """Messages that came faster than we could read them."""
        return self._queue.lost

    @property
    def connected(self) -> bool:
        """Whether the broker has accepted us and was there a moment ago."""
        return self._connection.connected

    @property
    def url(self) -> BrokerUrl:
        """Where the broker is."""
        return self._connection.url

    @property
    def protocol(self) -> str:
        """The MQTT version that is spoken."""
        return "5" if self._connection.protocol5 else "3.1.1"

    @property
    def problem(self) -> Problem | None:
        """What is wrong with the connection at present."""
        return self._connection.problem

    def start(self) -> None:
        """Begin to connect, in a thread of its own. Raises ConfigError for unusable TLS files."""
        self._connection.start()

    def stop(self) -> None:
        """Say goodbye."""
        self._connection.stop()

    def poll(self, seconds: float) -> Iterator[tuple[str, bytes]]:
        """Topics and payloads of the next seconds; call it again and again, since it also keeps the connection.

        Raises:
            RefusedError: The broker refused us from the first.
        """
        self._connection.advance()
        self._connection.check()
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            message = self._queue.get(left)
            if message is None:
                return
            yield message

    def _subscribe(self) -> None:
        self._retained.clear()
        self._connection.subscribe(self._topics)

    def _put(self, incoming: IncomingMessage) -> None:
        if self._wildcard:
            self._connection.subscribe(self._retained.missing(incoming.topic, retained=incoming.retained))
        _, room, kind = [*incoming.topic.split("/", 2), "", ""][:3]
        self._queue.put(room, incoming.topic, incoming.payload[: MAX_PAYLOAD + 1], newest=NEWEST.get(kind))


def topics_of(device: str) -> tuple[str, ...]:
    """What is subscribed to of a device: of a named one everything by name, for brokers that take no wildcards."""
    return (*TOPICS, *([ANY_ALERT] if device == "+" else ALERT_TOPICS))
