"""What a device subscribes to: with wildcards, and by name for brokers that take none."""

from __future__ import annotations

from edge.contract.alerts import ALERTS
from edge.contract.commands import REQUESTS
from edge.contract.topics import Topics


def by_name(topics: Topics, topic_filter: str) -> list[str]:
    """The topics that a filter of the device means; another filter as it is.

    An unknown command is then not heard, and so not answered, and an alert of another version not found.
    """
    if topic_filter == topics.commands:
        return [topics.command(name) for name in REQUESTS]
    if topic_filter == topics.alert("+"):
        return [topics.alert(name) for name in ALERTS]
    return [topic_filter]
