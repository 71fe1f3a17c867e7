"""Commands under MQTT 3.1.1, which does not say of a message sent just now whether the broker retains it.

A retained command would come again at every start, so it is refused. What came is held for a moment while the broker is
asked for all that it retains: a command that comes back, marked, is one of those. An empty message is a command too, or
clears what is retained: then nothing comes back. In doubt a pause is obeyed, and nobody can move its deadline by what
they retain.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Container
from dataclasses import dataclass, replace

from edge.mqtt.properties import IncomingMessage
from edge.mqtt.urgency import Urgency

HOLD = 0.5  # seconds from the question until what has not come back counts as not retained, whatever comes meanwhile
MOST_HELD = 100  # commands that are urgent, and as many that are not


@dataclass(eq=False)
class _Held:
    name: str
    incoming: IncomingMessage
    urgency: Urgency
    may_clear: bool  # it is empty, and something was retained there
    asked: float | None = None  # monotonic seconds; None: nobody has been asked yet


class RetainedProbe:
    """Holds commands until it is known that they are not retained. Its methods may be called by any thread.

    Of a live pause and those that came before it one is obeyed at the latest `HOLD` after the next `release`.

    Args:
        known: The names of the commands there are: only these are looked at, so that made-up ones take no room.
        needed: Whether messages do not say it themselves.
        ask: Ask the broker for the commands that it retains, by subscribing again.
        answered: Whether it has answered all that it was asked.
        now: Monotonic seconds.
    """

    def __init__(
        self,
        known: Container[str],
        needed: Callable[[], bool],
        ask: Callable[[], None],
        answered: Callable[[], bool],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._known = known
        self._needed = needed
        self._ask = ask
        self._answered = answered
        self._now = now
        self._lock = threading.Lock()
        self._held: list[_Held] = []
        self._stored: dict[str, bytes] = {}  # what is retained, by its topic, and has been refused
        self._clearable: dict[str, IncomingMessage] = {}  # what came back since the last that may have cleared it

    def __len__(self) -> int:
        return len(self._held)

    def receive(self, name: str, incoming: IncomingMessage, urgency: Urgency) -> bool:
        """Take a command; returns whether it is to be dealt with now.

        Args:
            name: The last level of its topic.
            incoming: The message.
            urgency: Its own, if it is not retained. Where too many are held, a more urgent one takes the place of the
                oldest of the least urgent, but never that of a pause.

        Raises:
            queue.Full: Too many are held.
        """
        if not self._needed():
            return True
        if name not in self._known:
            # Refused in any case. What is retained was answered when it was sent, and comes again with every question.
            return not incoming.retained
        with self._lock:
            if incoming.retained:
                return self._came_back(incoming)
            if not self._make_room(urgency):
                if urgency is Urgency.CLOSES:
                    return True  # so many pauses are held that no more can be asked about: in doubt it is obeyed
                raise queue.Full
            self._held.append(_Held(name, incoming, urgency, self._may_clear(incoming)))
            return False

    def _may_clear(self, incoming: IncomingMessage) -> bool:
        if incoming.payload:
            return False
        there = self._clearable.pop(incoming.topic, None)
        # After a connection that has ended, what was retained may have been cleared in the meantime.
        certain = there is not None and _one_connection(there, incoming)
        # Of several that are empty one has cleared it at most, the newest: the older ones are obeyed sooner.
        return self._are_commands(incoming.topic) or certain

    def _came_back(self, incoming: IncomingMessage) -> bool:
        """Take what is retained; returns whether it is to be refused now."""
        known = self._stored.get(incoming.topic)
        self._stored[incoming.topic] = incoming.payload
        self._clearable[incoming.topic] = incoming
        self._are_commands(incoming.topic)  # nobody has cleared it
        # One that is there since long comes back with every question: what is held says the same, no more.
        if known == incoming.payload:
            return False
        same = [held for held in self._held if _same(held.incoming, incoming)]
        if not same:
            return True
        # Others may have sent the very same live. The newest is taken for the retained one.
        *older, newest = same
        if newest.urgency is Urgency.CLOSES:
            # The older ones are obeyed, sooner than it would have been. Is the connection a new one, so is it: what is
            # retained may have come while there was none.
            if _one_connection(newest.incoming, incoming):
                self._held.remove(newest)
            return True
        self._held.remove(newest)
        for held in older:  # in doubt they are refused as well, each with an answer
            held.incoming = replace(held.incoming, retained=True)
        return True

    def _are_commands(self, topic: str) -> bool:
        """None that is held there has cleared it; returns whether one might have."""
        found = [held for held in self._held if held.may_clear and held.incoming.topic == topic]
        for held in found:
            held.may_clear = False
        return bool(found)

    def _make_room(self, new: Urgency) -> bool:
        other = new is Urgency.OTHER
        alike = [held for held in self._held if (held.urgency is Urgency.OTHER) == other]
        if len(alike) < MOST_HELD:
            return True
        least = min(alike, key=lambda held: held.urgency)
        if new <= Urgency.REFUSED or least.urgency is Urgency.CLOSES or least.urgency > new:
            return False
        self._held.remove(least)
        return True

    def release(self) -> list[tuple[str, IncomingMessage]]:
        """Ask about what is new, and return the commands that are not retained, oldest first, or are to be refused."""
        if not self._held:
            return []
        answered = self._answered()  # all that was asked before
        with self._lock:
            now = self._now()
            unasked = [held for held in self._held if held.asked is None]
            for held in unasked:
                held.asked = now
        if unasked:
            self._ask()
        with self._lock:
            free = [held for held in self._held if held.asked is not None and held.asked + HOLD <= now]
            self._held = [held for held in self._held if held not in free]
            commands = [(held.name, self._decide(held, answered=answered)) for held in free]
        return [(name, incoming) for name, incoming in commands if incoming is not None]

    def _decide(self, held: _Held, *, answered: bool) -> IncomingMessage | None:
        """The command, marked as retained if it is to be refused; None: it has cleared what was retained."""
        if not held.may_clear:
            return held.incoming
        if answered:
            self._stored.pop(held.incoming.topic, None)
            return None
        return held.incoming if held.urgency is Urgency.CLOSES else replace(held.incoming, retained=True)


def _same(one: IncomingMessage, other: IncomingMessage) -> bool:
    return (one.topic, one.payload) == (other.topic, other.payload)


def _one_connection(one: IncomingMessage, other: IncomingMessage) -> bool:
    return (one.receipt and one.receipt.attempt) == (other.receipt and other.receipt.attempt)
