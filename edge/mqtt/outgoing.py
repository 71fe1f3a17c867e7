"""What waits to be sent over a connection, and what was sent and is not answered. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, NamedTuple

from paho.mqtt.properties import Properties


class Request(NamedTuple):
    """What a broker may forbid: an action and its topic."""

    action: Literal["publish", "subscribe"]
    topic: str


@dataclass(frozen=True)
class Outgoing:
    """A message, or a subscription, on its way to the broker.

    Attributes:
        id: No other of the same connection has it.
        request: What it asks for.
        payload: Of a message.
        qos: 0: the broker answers nothing.
        retain: Whether the broker is to keep it.
        extra: What only MQTT 5 can say.
    """

    id: int
    request: Request
    payload: bytes = b""
    qos: int = 1
    retain: bool = False
    extra: Properties | None = None


@dataclass
class Sent:
    """One that was sent.

    Attributes:
        since: When; monotonic seconds.
        alone: Whether nothing else was unanswered then, and nothing was sent after it.
        overtaken: Whether another topic that was sent later was answered earlier.
    """

    item: Outgoing
    since: float
    alone: bool
    overtaken: bool = False


class Flow:
    """First in, first out; never more unanswered than the broker takes, and what is suspected travels alone.

    Used by one thread; only `unanswered` may be read by any.

    Args:
        limit: How many of QoS 1 may be unanswered.
        suspects: What may be the reason for which the last connection ended.
    """

    def __init__(self, limit: int, suspects: Collection[Request] = ()) -> None:
        self.limit = limit
        """How many of QoS 1 may be unanswered."""
        self._suspects = set(suspects)
        self._waiting: deque[Outgoing] = deque()
        self._sent: dict[int, Sent] = {}  # by id, oldest first
        self.unanswered: tuple[Sent, ...] = ()
        """What was sent and is not known to have arrived, oldest first."""
        self.answered_any = False
        """Whether the broker has answered anything."""

    def put(self, item: Outgoing, *, urgent: bool = False) -> None:
        """Wait behind all others, or before them."""
        if urgent:
            self._waiting.appendleft(item)
        else:
            self._waiting.append(item)

    def next(self, now: float) -> Outgoing | None:
        """What may be sent at this moment, and counts as sent from now on."""
        if not self._waiting:
            return None
        item = self._waiting[0]
        alone = item.request in self._suspects
        open_ = sum(1 for sent in self._sent.values() if sent.item.qos)
        if open_ >= self.limit or (alone and open_) or any(sent.alone for sent in self._sent.values()):
            return None
        self._waiting.popleft()
        self._sent[item.id] = Sent(item, now, alone)
        self._changed()
        return item

    def answered(self, item_id: int) -> Outgoing | None:
        """The broker answered one; so what was sent before it without asking for an answer has arrived as well."""
        found = self._sent.pop(item_id, None)
        if found is None:
            return None
        self.answered_any = True
        self._suspects.discard(found.item.request)
        for earlier in [sent for sent in self._sent.values() if sent.item.id < item_id or sent.since < found.since]:
            if not earlier.item.qos:
                del self._sent[earlier.item.id]
            elif earlier.item.request != found.item.request:
                earlier.overtaken = True
        self._changed()
        return found.item

    def suspected(self, request: Request) -> bool:
        """Whether it travels alone."""
        return request in self._suspects

    def _changed(self) -> None:
        self.unanswered = tuple(self._sent.values())
