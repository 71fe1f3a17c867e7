"""The connection of a subscriber, and a queue from its thread to ours."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from edge.contract.validation import MAX_PAYLOAD
from edge.mqtt.client_factory import BrokerSettings
from edge.mqtt.connection import Callbacks, Connection
from edge.mqtt.fair_queue import FairQueue
from edge.mqtt.problem import Problem
from edge.mqtt.properties import IncomingMessage
from edge.mqtt.retained_topics import RetainedTopics

RETAINED = ("latest", "state", "availability")
TOPICS = ("window", *RETAINED)
NEWEST = {"latest": 1, "state": 20, "availability": 20}
"""How many of a topic wait at most: every change of state is a reason of a gap, and of the figures the last counts."""


class Subscription:
    """What some devices publish, until it is stopped; survives every loss of the network.

    Args:
        settings: Where and as whom.
        prefix: The first level of the topics.
        devices: Their names, or `+` for all.
    """

    def __init__(self, settings: BrokerSettings, prefix: str, devices: Sequence[str]) -> None:
        self._queue = FairQueue()
        self._topics = [f"{prefix}/{device}/{topic}" for device in devices for topic in TOPICS]
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
            self._connection.subscribe(self._retained.missing(incoming.topic))
        room, _, kind = incoming.topic.rpartition("/")
        self._queue.put(room, incoming.topic, incoming.payload[: MAX_PAYLOAD + 1], newest=NEWEST.get(kind))
