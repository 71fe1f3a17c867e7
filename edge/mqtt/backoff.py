"""How long to wait before the next attempt at a broker. Pure."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

FIRST = 2.0  # seconds
LONGEST = 60.0


class Backoff:
    """Waits that grow with every attempt and differ from device to device.

    Forty rooms must not come back in the same second: the first wait is anything up to 2 s, each further one up to
    twice as long, at most 60 s, and at least half of that.

    Args:
        uniform: Where chance comes from: a number between two others.
    """

    def __init__(self, uniform: Callable[[float, float], float] = random.uniform) -> None:
        self._uniform = uniform
        self._longest = 0.0  # the longest that the last wait could be; 0: none yet

    def next_wait(self) -> float:
        """Seconds until the next attempt."""
        first = not self._longest
        self._longest = FIRST if first else min(2 * self._longest, LONGEST)
        return self._uniform(0.0 if first else self._longest / 2, self._longest)

    def reset(self) -> None:
        """A connection was stable: the next wait is a short one again."""
        self._longest = 0.0


class NoRetry(Backoff):
    """For a command that connects once: no further attempt, except at once in the older protocol."""

    def next_wait(self) -> float:
        """For ever."""
        return math.inf
