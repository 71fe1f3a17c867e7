"""How many MQTT packets a second the broker takes and gives, by its own count, acknowledgements included."""

from __future__ import annotations

import time

from paho.mqtt import client as paho

from edge.mqtt.client_factory import BrokerSettings
from tests.load.fleet.plain_client import plain_client

TOPICS = "$SYS/broker/messages/+"  # what it counts as publish/messages leaves out the retained ones
INTERVAL = "sys_interval 1"
"""The line of configuration that makes the broker tell its counts every other second."""


class Counter:
    """Listens to the broker's own count while it runs.

    Args:
        settings: Where, and as a user who may read `$SYS`.
    """

    def __init__(self, settings: BrokerSettings) -> None:
        self._settings = settings
        self._counts: dict[str, list[tuple[float, int]]] = {}
        self._client = plain_client(settings)
        self._client.on_connect = lambda client, *_: client.subscribe(TOPICS)
        self._client.on_message = self._remember

    def start(self) -> None:
        """Connect. Raises OSError."""
        self._client.connect(self._settings.url.host, self._settings.url.port)
        self._client.loop_start()

    def stop(self) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()

    def per_second(self, what: str) -> float | None:
        """Packets `received` or `sent` by the broker; None when it has not said so twice."""
        counts = self._counts.get(what, [])
        if len(counts) < 2:
            return None
        (began, first), (ended, last) = counts[0], counts[-1]
        return (last - first) / (ended - began)

    def _remember(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        what = message.topic.rpartition("/")[2]
        if not message.retain:  # what it counted before we came, at a time that nobody knows
            self._counts.setdefault(what, []).append((time.monotonic(), int(message.payload)))
