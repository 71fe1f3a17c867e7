"""Commands under MQTT 3.1.1, which does not say of a message sent just now whether the broker retains it.

A retained command would come again at every start, so it is refused. What came is held for a moment while the broker is
asked for all that it retains: a command that comes back, marked, is one of those.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Container
from dataclasses import dataclass

from edge.mqtt.properties import IncomingMessage
from edge.mqtt.urgency import Urgency, make_room

HOLD = 0.5  # seconds from the question until what has not come back counts as not retained
MOST_HELD = 100  # commands that are urgent, and as many that are not


@dataclass(eq=False)
class _Held:
    name: str
    incoming: IncomingMessage
    urgency: Urgency
    due: float | None = None  # monotonic seconds; None: nobody has been asked yet


class RetainedProbe:
    """Holds commands until it is known that they are not retained. Its methods may be called by any thread.

    Args:
        known: The names of the commands there are: only these are looked at, so that made-up ones take no room.
        needed: Whether messages do not say it themselves.
        ask: Ask the broker for the commands that it retains, by subscribing again.
        now: Monotonic seconds.
    """

    def __init__(
        self,
        known: Container[str],
        needed: Callable[[], bool],
        ask: Callable[[], None],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._known = known
        self._needed = needed
        self._ask = ask
        self._now = now
        self._lock = threading.Lock()
        self._held: list[_Held] = []
        self._stored: dict[str, bytes] = {}  # what is retained, by its topic, and has been refused

    def __len__(self) -> int:
        return len(self._held)

    def receive(self, name: str, incoming: IncomingMessage, urgency: Urgency) -> bool:
        """Take a command; returns whether it is to be dealt with now.

        Args:
            name: The last level of its topic.
            incoming: The message.
            urgency: A more urgent one takes the place of the oldest of the least urgent where too many are held.

        Raises:
            queue.Full: Too many are held.
        """
        if not self._needed():
            return True
        if name not in self._known:
            # Refused in any case. What is retained was answered when it was sent, and comes again with every question.
            return not incoming.retained
        with self._lock:
            topic = incoming.topic
            if incoming.retained:
                # One that is there since long comes back with every question: what is held says the same, no more.
                if self._stored.get(topic) == incoming.payload:
                    return False
                self._stored[topic] = incoming.payload
                same = [held for held in self._held if _same(held.incoming, incoming)]
                # Others may have sent the very same live. A pause in doubt is obeyed, all else in doubt is not.
                came_back = same[:1] if urgency is Urgency.CLOSES else same
                self._held = [held for held in self._held if held not in came_back]
                return True
            if not incoming.payload and topic in self._stored:  # somebody clears it
                del self._stored[topic]
                return False
            other = urgency is Urgency.OTHER
            alike = [held for held in self._held if (held.urgency is Urgency.OTHER) == other]
            kept = list(alike)
            if not make_room(kept, urgency, MOST_HELD, lambda held: held.urgency):
                raise queue.Full
            self._held = [held for held in self._held if held not in alike or held in kept]
            self._held.append(_Held(name, incoming, urgency))
            return False

    def release(self) -> list[tuple[str, IncomingMessage]]:
        """Ask about what is new, and return the commands that are not retained, oldest first."""
        with self._lock:
            unasked = [held for held in self._held if held.due is None]
        if unasked:
            self._ask()
        with self._lock:
            now = self._now()
            for held in unasked:
                held.due = now + HOLD
            free = [held for held in self._held if held.due is not None and held.due <= now]
            self._held = [held for held in self._held if held not in free]
        return [(held.name, held.incoming) for held in free]


def _same(one: IncomingMessage, other: IncomingMessage) -> bool:
    return (one.topic, one.payload) == (other.topic, other.payload)
