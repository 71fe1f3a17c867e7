"""Asks device by device for what is retained, at brokers that send none of it to wildcard subscribers. Pure."""

from __future__ import annotations

from collections.abc import Sequence

MAX_DEVICES = 1000  # whoever may publish could invent more


class RetainedTopics:
    """What a subscriber of `<prefix>/+/...` has to ask for by name.

    A device that sends windows has retained topics. Where none of them came before its first window, the broker keeps
    them from subscriptions with wildcards (RabbitMQ does), and an exact subscription brings them.

    Args:
        prefix: The first level of the topics.
        names: The last levels of those that are retained.
    """

    def __init__(self, prefix: str, names: Sequence[str]) -> None:
        self._prefix = prefix
        self._names = names
        self._known: set[str] = set()  # devices of which something retained has come, or was asked for

    def clear(self) -> None:
        """There is a new connection."""
        self._known.clear()

    def missing(self, topic: str, *, retained: bool) -> list[str]:
        """What to subscribe to after a message on that topic.

        Args:
            topic: Its topic.
            retained: Whether the broker had kept it. What a device says just now tells nothing of that.
        """
        prefix, device, name = [*topic.split("/", 2), "", ""][:3]
        if prefix != self._prefix or device in self._known or len(self._known) >= MAX_DEVICES:
            return []
        if name == "window":
            self._known.add(device)
            return [f"{prefix}/{device}/{each}" for each in self._names]
        if retained and name in self._names:
            self._known.add(device)
        return []
