"""When windows are sent; what real brokers make of it is in tests/integration/delivery."""

from __future__ import annotations

import itertools

import pytest

from edge.delivery.failover_outbox import FailoverOutbox
from edge.delivery.outbox import Outbox
from edge.delivery.pacing import BACKLOG_IN_FLIGHT, BACKLOG_PER_SECOND, REFUSED_RETRY, Pacing
from edge.mqtt.attempt import MAX_IN_FLIGHT


class Room:
    """Windows that wait in memory, a clock that stands, and a broker that answers when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.open: list[int] = []  # ids of what is in flight
        self._ids = itertools.count(1)
        self._store = FailoverOutbox(Outbox(None), self._publish, lambda _name, _alert: None)
        self._store.start()
        self.pacing = Pacing(self._store, lambda: self.now)

    def _publish(self, _payload: bytes, _schema: str, _age: float) -> int:
        self.open.append(next(self._ids))
        return self.open[-1]

    def put(self, count: int, *, backlog: bool) -> None:
        for _ in range(count):
            self._store.put("{}", "edge.window/2", backlog=backlog)

    def send(self, *, connected: bool = True, left_out: bool = False) -> int:
        """Let it send; returns how many windows it sent."""
        before = len(self.open)
        self.pacing.send(connected=connected, left_out=left_out)
        return len(self.open) - before

    def answer(self, *, accepted: bool = True) -> None:
        """Answer everything."""
        for each in self.open:
            assert self._store.answered(each, accepted=accepted)
            self.pacing.answered(accepted=accepted)
        self.open.clear()


def test_the_backlog_is_sent_at_a_bounded_rate_however_fast_it_is_answered() -> None:
    room, sent = Room(), 0
    room.put(300, backlog=True)
    for _ in range(40):  # two seconds
        sent += room.send()
        room.answer()
        room.now += 0.05
    assert 1.9 * BACKLOG_PER_SECOND <= sent <= 2.5 * BACKLOG_PER_SECOND


def test_live_windows_have_room_of_their_own_beside_the_backlog() -> None:
    room = Room()
    room.put(100, backlog=True)
    assert room.send() == BACKLOG_IN_FLIGHT
    room.put(100, backlog=False)
    assert room.send() == MAX_IN_FLIGHT - BACKLOG_IN_FLIGHT
    assert room.send() == 0


def test_nothing_is_sent_without_a_connection() -> None:
    room = Room()
    room.put(3, backlog=True)
    assert room.send(connected=False) == 0
    assert room.send() == 3


def test_what_is_refused_is_offered_again_after_a_while_and_the_log_says_once_that_it_waits(
    caplog: pytest.LogCaptureFixture,
) -> None:
    room = Room()
    room.put(3, backlog=True)
    for _ in range(2):
        assert room.send() == 3
        room.answer(accepted=False)
        assert room.send() == 0
        room.now += REFUSED_RETRY
    assert caplog.messages == ["windows wait in the outbox until the broker takes them"]
    assert room.send() == 3
    room.answer()
    room.put(1, backlog=False)
    assert room.send() == 1


def test_windows_that_are_left_out_wait_and_the_log_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    room = Room()
    room.put(3, backlog=False)
    assert [room.send(left_out=True) for _ in range(3)] == [0, 0, 0]
    assert caplog.messages == ["windows wait in the outbox until the broker takes them"]
    assert room.send() == 3
