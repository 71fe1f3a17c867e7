"""The states of a connection: every event in every state, deadlines, protocol and back-off, without broker or clock."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from edge.mqtt import connection_state
from edge.mqtt.backoff import Backoff
from edge.mqtt.connection_state import ConnectionState, Event, IllegalTransitionError, State

# One row per state, one column per event: where it leads, "-" where it cannot happen.
COLUMNS = "start stop retry reached unreachable accepted refused closed timed_out reset"
TABLE = {
    State.STOPPED: "connecting stopped - - - - - - - -",
    State.WAITING: "- stopped connecting - - - - - - -",
    State.CONNECTING: "- stopped - handshake waiting - - waiting waiting waiting",
    State.HANDSHAKE: "- stopped - - waiting connected waiting waiting waiting waiting",
    State.CONNECTED: "- stopped - - - - - waiting - waiting",
}
CASES = [
    (state, event, after)
    for state, row in TABLE.items()
    for event, after in zip(COLUMNS.split(), row.split(), strict=True)
]
WAY = {
    State.STOPPED: (),
    State.CONNECTING: ("start",),
    State.WAITING: ("start", "unreachable"),
    State.HANDSHAKE: ("start", "reached"),
    State.CONNECTED: ("start", "reached", "accepted"),
}


class Clock:
    """A clock that stands still until it is moved."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Steps:
    """A machine with the longest delays, and its clock."""

    def __init__(self, *, mqtt5: bool = True) -> None:
        self.clock = Clock()
        self.machine = ConnectionState(Backoff(mqtt5=mqtt5, uniform=max), self.clock)

    def take(self, *events: str) -> ConnectionState:
        for event in events:
            if event == "refused":
                self.machine.refused(unsupported_protocol=False)
            else:
                method: Callable[[], None] = getattr(self.machine, event)
                method()
        return self.machine

    def wait(self) -> float:
        """The rest of the back-off, which then is over."""
        delay = self.machine.remaining
        self.clock.now += delay
        assert self.machine.retry_due
        return delay


def test_the_table_names_every_event() -> None:
    assert [Event(name.replace("_", " ")) for name in COLUMNS.split()] == [
        Event.START, Event.STOP, Event.RETRY, Event.REACHED, Event.UNREACHABLE, Event.ACCEPTED, Event.REFUSED,
        Event.CLOSED, Event.TIMED_OUT, Event.RESET,
    ]  # fmt: skip
    assert len(CASES) == len(State) * len(Event)


@pytest.mark.parametrize(("state", "event", "after"), CASES)
def test_every_event_in_every_state(state: State, event: str, after: str) -> None:
    steps = Steps()
    assert steps.take(*WAY[state]).state is state
    if after == "-":
        with pytest.raises(IllegalTransitionError, match=state.value):
            steps.take(event)
        assert steps.machine.state is state
    else:
        assert steps.take(event).state is State(after)


def test_an_attempt_has_a_deadline_and_so_has_the_handshake() -> None:
    steps = Steps()
    machine = steps.take("start")
    assert machine.remaining == connection_state.CONNECT_SECONDS
    steps.take("reached")
    assert machine.remaining == connection_state.ANSWER_SECONDS
    steps.clock.now += connection_state.ANSWER_SECONDS - 0.1
    assert not machine.expired
    steps.clock.now += 0.1
    assert machine.expired
    steps.take("timed_out")
    assert not machine.expired
    steps.take("retry", "reached", "accepted")
    steps.clock.now += 1e6
    assert not machine.expired


def test_a_stable_connection_that_ends_is_followed_by_a_short_delay() -> None:
    """The delay is computed in the transition: none from before the stable connection is left."""
    steps = Steps()
    steps.take("start", "unreachable")
    for _ in range(8):
        delay = steps.wait()
        steps.take("retry", "unreachable")
    assert delay == 60
    steps.wait()
    steps.take("retry", "reached", "accepted")
    steps.clock.now += 3600
    assert steps.take("closed").remaining == 2
    assert steps.machine.short_connections == 0


def test_a_connection_that_does_not_last_is_counted_and_waited_for_longer() -> None:
    steps = Steps()
    steps.take("start", "reached", "accepted", "closed")
    assert (steps.machine.short_connections, steps.wait()) == (1, 2)
    steps.take("retry", "reached", "accepted", "closed")
    assert (steps.machine.short_connections, steps.wait()) == (2, 4)


def test_a_reset_of_a_connection_that_served_begins_the_delays_again() -> None:
    for served, expected in ((1.0, 4.0), (301.0, 2.0)):
        steps = Steps()
        steps.take("start", "unreachable")
        steps.wait()
        steps.take("retry", "reached", "accepted")
        steps.clock.now += served
        assert steps.take("reset").remaining == expected


def test_the_other_protocol_is_tried_at_once_where_the_handshake_times_out() -> None:
    steps = Steps()
    machine = steps.take("start", "reached", "timed_out")
    assert (machine.protocol5, machine.remaining, machine.protocols_exhausted) == (False, 0, False)
    steps.take("retry", "reached", "timed_out")
    assert (machine.protocol5, machine.remaining, machine.protocols_exhausted) == (True, 2, True)


def test_a_broker_that_is_never_reached_says_nothing_about_protocols() -> None:
    assert Steps().take("start", "timed_out").protocol5
    assert Steps().take("start", "unreachable").protocol5


def test_a_broker_that_does_not_know_mqtt_5_is_asked_in_the_other() -> None:
    steps = Steps()
    machine = steps.take("start", "reached")
    machine.refused(unsupported_protocol=True)
    assert (machine.protocol5, machine.remaining) == (False, 0)
    steps.take("retry", "reached", "refused")
    assert not machine.protocol5
    assert machine.remaining == 2


def test_the_third_close_during_the_handshake_changes_the_protocol() -> None:
    steps = Steps()
    steps.take("start", "reached", "closed")
    for _ in range(2):
        assert steps.machine.protocol5
        steps.wait()
        steps.take("retry", "reached", "closed")
    assert not steps.machine.protocol5
