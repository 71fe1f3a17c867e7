"""When people of the drawn room turn aside: a pure function of the time."""

from __future__ import annotations

import math
from dataclasses import dataclass

_TURN = 0.4  # seconds that a turn takes
_AWAY = 7.0  # seconds that people look aside, give or take 3
_SHARE = 0.22  # of all faces, on average
_GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0  # of a round between two people: however many there are, they start evenly
_SPREAD = ((0.755, 0.570), (0.412, 0.819))  # makes every round of everybody start and end at another time


@dataclass(frozen=True)
class Rhythm:
    """Somebody looks aside for 4 to 10 s once in every round, never at quite the same time of it."""

    round: float
    """Seconds, 20 to 60."""
    rank: int
    """Counts the people: no two look aside at the same times, and neighbours in rank at quite different ones."""

    @classmethod
    def of(cls, rank: int, able: float) -> Rhythm:
        """The rhythm of one of many people, who together keep the share of heads turned aside even.

        Args:
            rank: Counts the people.
            able: The share of people who can turn at all; the fewer, the more often they do.
        """
        return cls(min(60.0, max(20.0, _AWAY * able / _SHARE)), rank)

    def aside(self, seconds: float) -> float:
        """How far the head is turned: 0 to the front, 1 aside; half-way, at 0.5, the truth changes."""
        now = seconds / self.round - self.rank * _GOLDEN
        return max(self._aside(now, number) for number in (math.floor(now) - 1, math.floor(now), math.floor(now) + 1))

    def _aside(self, now: float, number: int) -> float:
        """The same for one of the rounds, and `now` in rounds since the first began."""
        late, long = (math.sin(math.tau * (number * a + self.rank * b)) for a, b in _SPREAD)
        start = 0.3 * self.round + 2.0 * late
        end = start + _AWAY + 3.0 * long
        into = (now - number) * self.round
        return min(1.0, max(0.0, 0.5 + min(into - start, end - into) / _TURN))
