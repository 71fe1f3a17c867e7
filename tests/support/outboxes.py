"""What is in an outbox and what was sent of it."""

from __future__ import annotations

from typing import Any

from edge.contract.payloads import Alert
from tests.support.brokers import Message, Subscriber


def identities(messages: list[Message]) -> list[tuple[str, int]]:
    return [(message.json()["epoch"], message.json()["seq"]) for message in messages]


def alert(subscriber: Subscriber, name: str, count: int = 1) -> Any:
    """The last of so many alerts; None for one that clears."""
    payload = subscriber.wait(name, count)[-1].payload
    return Alert.model_validate_json(payload).model_dump() if payload else None
