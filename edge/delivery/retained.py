"""The retained set: what every subscriber finds at the broker, whenever it comes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence


class RetainedSet:
    """Topics and what is retained on them. May be used from any thread.

    Args:
        publish: Sends a retained message of QoS 1; returns its id, None while there is no connection.
        cleared: Topics that are removed after every connect unless something is announced there: an earlier run may
            have left something, or a broker that was restarted has an older state.
    """

    def __init__(self, publish: Callable[[str, bytes], int | None], cleared: Sequence[str]) -> None:
        self._publish = publish
        self._cleared = cleared
        self._payloads: dict[str, bytes] = {}
        self._removals: dict[int, str] = {}  # message id -> topic
        # Held while sending: of two payloads for one topic the later one has to be the last that is sent.
        self._lock = threading.Lock()

    def below(self, prefix: str) -> list[str]:
        """The rest of the topics that begin so and have a payload."""
        with self._lock:
            return [topic[len(prefix) :] for topic, text in self._payloads.items() if text and topic.startswith(prefix)]

    def announce(self, topic: str, payload: bytes) -> None:
        """Send it now if there is a connection, and after every connect; an empty payload removes the topic."""
        with self._lock:
            self._payloads[topic] = payload
            self._send(topic, payload)

    def send_all(self) -> None:
        """After a connect: everything again, in the order in which it was first announced."""
        with self._lock:
            self._removals.clear()
            for topic in self._cleared:
                self._payloads.setdefault(topic, b"")
            for topic, payload in self._payloads.items():
                self._send(topic, payload)

    def acknowledged(self, message_id: int) -> None:
        """A message that the broker has; what it has removed need not be removed again."""
        with self._lock:
            topic = self._removals.pop(message_id, None)
            if topic is not None and not self._payloads.get(topic):
                self._payloads.pop(topic, None)

    def _send(self, topic: str, payload: bytes) -> None:
        message_id = self._publish(topic, payload)
        if message_id is not None and not payload:
            self._removals[message_id] = topic
