"""When the next attempt at a broker is made, and in which protocol. Pure."""

from __future__ import annotations

import random
from collections.abc import Callable

FIRST = 2.0  # seconds
LONGEST = 60.0
HANG_UPS = 3  # one may be a broker that is just starting, behind something that already listens
STABLE = 10.0  # seconds after which a connection was a good one, and the next wait is a short one again


class Backoff:
    """What is learnt from the attempts so far.

    Waits grow and are different in every room, since forty of them must not come back in the same second: the first is
    anything up to 2 s, each further one up to twice as long, at most 60 s, and at least half of that.

    Args:
        mqtt5: Whether to begin with MQTT 5, and then with 3.1.1 where the broker does not know it.
        uniform: Where chance comes from: a number between two others.
    """

    def __init__(self, *, mqtt5: bool, uniform: Callable[[float, float], float] = random.uniform) -> None:
        self._mqtt5 = mqtt5
        self._uniform = uniform
        self._longest = 0.0  # the longest that the last wait could be
        self._hung_up = 0  # times in a row that the broker closed without an answer
        self._other = False  # the next attempt is made in the other protocol
        self.protocol5 = mqtt5
        """Whether the next attempt is made in MQTT 5, else in 3.1.1."""
        self.short = 0
        """How many connections in a row did not last."""

    def silent(self) -> None:
        """The broker did not answer, or does not know this protocol."""
        self._other = True

    def hung_up(self) -> None:
        """The broker closed without an answer."""
        self._hung_up += 1

    def answered(self) -> None:
        """The broker said yes or no."""
        self._hung_up = 0

    def lost(self, lasted: float) -> None:
        """A connection ended after so many seconds."""
        if lasted > STABLE:
            self.short, self._longest = 0, 0.0
            self.protocol5 = self._mqtt5  # perhaps another broker answers now
        else:
            self.short += 1

    def wait(self) -> float:
        """Seconds until the next attempt."""
        if self._other or self._hung_up >= HANG_UPS:
            self._other, self._hung_up = False, 0
            if self.protocol5:
                self.protocol5 = False
                return 0.0
            self.protocol5 = self._mqtt5
        first = not self._longest
        self._longest = FIRST if first else min(2 * self._longest, LONGEST)
        return self._uniform(0.0 if first else self._longest / 2, self._longest)
