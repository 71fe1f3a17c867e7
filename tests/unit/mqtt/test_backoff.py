"""The back-off: how long a device waits before it connects again, and in which protocol."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from edge.mqtt.backoff import Backoff


@given(st.randoms(use_true_random=False), st.integers(2, 40))
def test_waits_double_up_to_a_minute_and_differ(random: Any, count: int) -> None:
    attempts = Backoff(mqtt5=True, uniform=random.uniform)
    waits = [attempts.next_delay() for _ in range(count)]
    assert 0 <= waits[0] <= 2
    for number, wait in enumerate(waits[1:], 1):
        longest = min(60, 2 * 2**number)
        assert longest / 2 <= wait <= longest
    attempts.disconnected(60)
    assert attempts.next_delay() <= 2


def test_forty_rooms_do_not_come_back_in_the_same_second() -> None:
    rooms = [Backoff(mqtt5=True) for _ in range(40)]
    for _ in range(5):
        waits = sorted(room.next_delay() for room in rooms)
        assert waits[-1] - waits[0] > 0.8
        assert max(sum(start <= wait < start + 0.1 for wait in waits) for start in waits) < 20


def test_a_broker_that_drops_every_connection_is_not_hammered() -> None:
    attempts = Backoff(mqtt5=True, uniform=max)
    waits = []
    for _ in range(4):
        attempts.disconnected(2.0)
        waits.append(attempts.next_delay())
    assert waits == [2, 4, 8, 16]


def test_the_protocol_is_changed_when_the_broker_does_not_know_it() -> None:
    attempts = Backoff(mqtt5=True)
    attempts.timed_out()
    assert attempts.next_delay() == 0
    assert not attempts.protocol5
    attempts.disconnected(3600)
    assert attempts.protocol5


# Brokers and networks that misbehave
