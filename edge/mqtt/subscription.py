"""The connection of a subscriber, and a queue from its thread to ours."""

from __future__ import annotations

import queue
import time
from collections.abc import Iterator, Sequence

from edge.contract.validation import MAX_PAYLOAD
from edge.mqtt.client_factory import BrokerSettings
from edge.mqtt.connection import Connection
from edge.mqtt.problem import Problem
from edge.mqtt.properties import IncomingMessage

MAX_WAITING = 1000  # messages; whoever sends more at once than we can read loses some
TOPICS = ("window", "latest", "state", "availability")


class Subscription:
    """What some devices publish, until it is stopped; survives every loss of the network.

    Args:
        settings: Where and as whom.
        prefix: The first level of the topics.
        devices: Their names, or `+` for all.
        waiting: Messages that may wait for `poll`; what comes on top is lost, and counted.
    """

    def __init__(
        self, settings: BrokerSettings, prefix: str, devices: Sequence[str], waiting: int = MAX_WAITING
    ) -> None:
        self.lost = 0
        self._queue: queue.Queue[tuple[str, bytes]] = queue.Queue(waiting)
        topics = [f"{prefix}/{device}/{topic}" for device in devices for topic in TOPICS]
        self._connection = Connection(
            settings, None, on_connected=lambda: self._connection.subscribe(topics), on_message=self._put
        )

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
        """The last problem since the broker accepted us."""
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
        self._connection.run_timers()
        if self._connection.refused is not None and not self._connection.ever_connected:
            raise self._connection.refused
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            try:
                yield self._queue.get(timeout=left)
            except queue.Empty:
                return

    def _put(self, incoming: IncomingMessage) -> None:
        try:
            self._queue.put_nowait((incoming.topic, incoming.payload[: MAX_PAYLOAD + 1]))
        except queue.Full:
            self.lost += 1
