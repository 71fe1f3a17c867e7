"""The back-off: how long a device waits before it connects again."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from edge.mqtt.backoff import Backoff, NoRetry


@given(st.randoms(use_true_random=False), st.integers(2, 40))
def test_waits_double_up_to_a_minute_and_differ(random: Any, count: int) -> None:
    backoff = Backoff(uniform=random.uniform)
    waits = [backoff.next_wait() for _ in range(count)]
    assert 0 <= waits[0] <= 2
    for number, wait in enumerate(waits[1:], 1):
        longest = min(60, 2 * 2**number)
        assert longest / 2 <= wait <= longest
    backoff.reset()
    assert backoff.next_wait() <= 2


def test_forty_rooms_do_not_come_back_in_the_same_second() -> None:
    rooms = [Backoff() for _ in range(40)]
    for _ in range(5):
        waits = sorted(room.next_wait() for room in rooms)
        assert waits[-1] - waits[0] > 0.8
        assert max(sum(start <= wait < start + 0.1 for wait in waits) for start in waits) < 20


def test_a_command_does_not_try_again() -> None:
    backoff = NoRetry()
    assert [backoff.next_wait(), backoff.next_wait()] == [math.inf, math.inf]
