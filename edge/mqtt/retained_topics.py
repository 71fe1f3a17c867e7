"""Asks device by device for what is retained, at brokers that send none of it to wildcard subscribers. Pure."""

from __future__ import annotations

from collections.abc import Sequence

MAX_DEVICES = 1000  # whoever may publish could invent more


OF_ALL = ("availability", "state", "info")
"""What every device has, and seldom says anew: all of these come together from a broker that sends what is retained."""


class RetainedTopics:
    """What a subscriber of `<prefix>/+/...` has to ask for by name.

    A device that sends windows has retained topics. Where they did not all come before its first window, the broker
    keeps them from subscriptions with wildcards (RabbitMQ does), and an exact subscription brings them. One of them
    alone proves nothing: a device that has just been paused, or tells its health, says so to everybody.

    Args:
        prefix: The first level of the topics.
        names: The last levels of those that are retained.
    """

    def __init__(self, prefix: str, names: Sequence[str]) -> None:
        self._prefix = prefix
        self._names = names
        self._awaited: dict[str, set[str]] = {}  # device -> what of `OF_ALL` has not come; empty once it was asked for

    def clear(self) -> None:
        """There is a new connection."""
        self._awaited.clear()

    def missing(self, topic: str) -> list[str]:
        """What to subscribe to after a message on that topic."""
        prefix, device, name = [*topic.split("/", 2), "", ""][:3]
        if prefix != self._prefix or name not in ("window", *self._names):
            return []
        if device not in self._awaited:
            if len(self._awaited) >= MAX_DEVICES:
                return []
            self._awaited[device] = set(OF_ALL).intersection(self._names)
        awaited = self._awaited[device]
        if name != "window":
            awaited.discard(name)
        elif awaited:
            awaited.clear()
            return [f"{prefix}/{device}/{each}" for each in self._names]
        return []
