"""When the next attempt at a broker is made, and in which protocol. Pure."""

from __future__ import annotations

import random
from collections.abc import Callable

FIRST = 2.0  # seconds
LONGEST = 60.0
MAX_HANDSHAKE_CLOSES = 3  # one may be a broker that is just starting, behind something that already listens
STABLE = 10.0  # seconds after which a connection was a good one, and the next delay is a short one again


class Backoff:
    """What the attempts so far have shown.

    Delays grow and differ in every room, since forty of them must not come back in the same second: the first is
    anything up to 2 s, each further one up to twice as long, at most 60 s, and at least half of that.

    Args:
        mqtt5: Whether to begin with MQTT 5, and then with 3.1.1 where the broker does not know it.
        uniform: Where chance comes from: a number between two others.
        max_closes: Connections that the broker may close during the handshake before the other protocol is tried.
    """

    def __init__(
        self,
        *,
        mqtt5: bool,
        uniform: Callable[[float, float], float] = random.uniform,
        max_closes: int = MAX_HANDSHAKE_CLOSES,
    ) -> None:
        self._mqtt5 = mqtt5
        self._uniform = uniform
        self._max_closes = max_closes
        self._upper = 0.0  # the longest that the last delay could be
        self._closes = 0  # in a row, during the handshake
        self._switch = False  # the next attempt is made in the other protocol
        self.protocol5 = mqtt5
        """Whether the next attempt is made in MQTT 5, else in 3.1.1."""
        self.exhausted = False
        """Whether the broker has answered neither protocol."""
        self.short_connections = 0
        """How many connections in a row did not last."""

    def timed_out(self) -> None:
        """The broker did not answer."""
        self._switch = True

    def unsupported_protocol(self) -> None:
        """The broker does not know this protocol."""
        self._switch = True

    def closed_during_handshake(self) -> None:
        """The broker closed without an answer."""
        self._closes += 1

    def handshake_done(self) -> None:
        """The broker accepted or refused."""
        self._closes = 0
        self.exhausted = False

    def disconnected(self, lasted: float) -> None:
        """A connection ended after so many seconds."""
        if lasted > STABLE:
            self.short_connections, self._upper = 0, 0.0
            self.protocol5 = self._mqtt5  # perhaps another broker answers now
        else:
            self.short_connections += 1

    def next_delay(self) -> float:
        """Seconds until the next attempt."""
        if self._switch or self._closes >= self._max_closes:
            self._switch, self._closes = False, 0
            if self.protocol5:
                self.protocol5 = False
                return 0.0
            self.protocol5 = self._mqtt5
            self.exhausted = True
        first = not self._upper
        self._upper = FIRST if first else min(2 * self._upper, LONGEST)
        return self._uniform(0.0 if first else self._upper / 2, self._upper)
