"""The states of a connection: every transition there is, and none that there is not."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from edge.mqtt.backoff import Backoff, NoRetry
from edge.mqtt.connection_state import TRANSITIONS, Event, IllegalTransitionError, State, StateMachine
from edge.mqtt.protocol import ProtocolChoice

CONNECT_TIMEOUT, HANDSHAKE_TIMEOUT = 60.0, 10.0
NOW = 1000.0

Do = Callable[[StateMachine], object]
DO: dict[Event, Do] = {
    Event.START: lambda machine: machine.start(NOW),
    Event.ATTEMPT: lambda machine: machine.begin_attempt(NOW),
    Event.CONNECT_FAILED: lambda machine: machine.connect_failed(NOW),
    Event.SOCKET_OPENED: lambda machine: machine.socket_opened(NOW),
    Event.TIMED_OUT: lambda machine: machine.timed_out(NOW),
    Event.HANDSHAKE_CLOSED: lambda machine: machine.handshake_closed(NOW),
    Event.REFUSED: lambda machine: machine.refused(NOW),
    Event.ACCEPTED: lambda machine: machine.accept(NOW),
    Event.READY: lambda machine: machine.become_ready(),
    Event.LOST: lambda machine: machine.lost(NOW),
    Event.RESET: lambda machine: machine.reset(NOW),
    Event.STOP: lambda machine: machine.stop(),
}
WAY: dict[State, tuple[Event, ...]] = {
    State.STOPPED: (),
    State.WAITING: (Event.START,),
    State.CONNECTING: (Event.START, Event.ATTEMPT),
    State.HANDSHAKE: (Event.START, Event.ATTEMPT, Event.SOCKET_OPENED),
    State.ACCEPTED: (Event.START, Event.ATTEMPT, Event.SOCKET_OPENED, Event.ACCEPTED),
    State.CONNECTED: (Event.START, Event.ATTEMPT, Event.SOCKET_OPENED, Event.ACCEPTED, Event.READY),
}


def machine(state: State, backoff: Backoff | None = None, protocol: ProtocolChoice | None = None) -> StateMachine:
    """A machine in that state; each wait is the longest that it could be."""
    protocol, backoff = protocol or ProtocolChoice(), backoff or Backoff(uniform=max)
    made = StateMachine(protocol, backoff, CONNECT_TIMEOUT, HANDSHAKE_TIMEOUT)
    for event in WAY[state]:
        DO[event](made)
    assert made.state is state
    return made


@pytest.mark.parametrize("event", Event)
@pytest.mark.parametrize("state", State)
def test_every_event_in_every_state(state: State, event: Event) -> None:
    one = machine(state)
    expected = TRANSITIONS.get((state, event))
    if expected is not None:
        DO[event](one)
        assert one.state is expected
        return
    with pytest.raises(IllegalTransitionError, match=f"{event.value} in state {state.value}"):
        DO[event](one)
    assert one.state is state


def test_the_table_is_the_one_of_the_diagram() -> None:
    """docs/mqtt-connection.md draws these, and nothing else."""
    waiting = State.WAITING
    assert {state: {event: to for (start, event), to in TRANSITIONS.items() if start is state} for state in State} == {
        State.STOPPED: {Event.START: waiting, Event.STOP: State.STOPPED},
        State.WAITING: {Event.ATTEMPT: State.CONNECTING, Event.STOP: State.STOPPED},
        State.CONNECTING: {
            Event.SOCKET_OPENED: State.HANDSHAKE, Event.CONNECT_FAILED: waiting, Event.TIMED_OUT: waiting,
            Event.STOP: State.STOPPED,
        },
        State.HANDSHAKE: {
            Event.ACCEPTED: State.ACCEPTED, Event.REFUSED: waiting, Event.HANDSHAKE_CLOSED: waiting,
            Event.TIMED_OUT: waiting, Event.STOP: State.STOPPED,
        },
        State.ACCEPTED: {
            Event.READY: State.CONNECTED, Event.LOST: waiting, Event.RESET: waiting, Event.STOP: State.STOPPED,
        },
        State.CONNECTED: {Event.LOST: waiting, Event.RESET: waiting, Event.STOP: State.STOPPED},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("state", "seconds", "event"),
    [
        (State.WAITING, 0.0, Event.ATTEMPT),  # the first attempt is due at once
        (State.CONNECTING, CONNECT_TIMEOUT, Event.TIMED_OUT),
        (State.HANDSHAKE, HANDSHAKE_TIMEOUT, Event.TIMED_OUT),
    ],
)
def test_states_that_end_by_themselves(state: State, seconds: float, event: Event) -> None:
    one = machine(state)
    assert one.due(NOW + seconds - 0.1) is None
    assert one.due(NOW + seconds) is event


@pytest.mark.parametrize("state", [State.STOPPED, State.ACCEPTED, State.CONNECTED])
def test_states_that_last(state: State) -> None:
    assert machine(state).due(math.nextafter(math.inf, 0)) is None


def waits(one: StateMachine, now: float) -> float:
    """Seconds until the next attempt, to a tenth."""
    tenth = next(tenth for tenth in range(700) if one.due(now + tenth / 10) is Event.ATTEMPT)
    return tenth / 10


def connect(one: StateMachine, now: float) -> None:
    one.begin_attempt(now)
    one.socket_opened(now)
    one.accept(now)
    one.become_ready()


def test_a_broker_that_drops_every_connection_is_not_hammered() -> None:
    one, found = machine(State.WAITING), []
    for _ in range(4):
        connect(one, NOW)
        assert one.lost(NOW + 2) is False
        found.append(waits(one, NOW + 2))
    assert found == [2, 4, 8, 16]
    assert one.unstable == 4


def test_a_stable_connection_leaves_nothing_of_an_earlier_outage() -> None:
    one = machine(State.WAITING)
    for _ in range(9):
        one.begin_attempt(NOW)
        one.connect_failed(NOW)
    assert waits(one, NOW) == 60
    connect(one, NOW)
    assert one.lost(NOW + 11) is True
    assert waits(one, NOW + 11) == 2
    assert one.unstable == 0


def test_one_that_we_reset_has_to_have_served_for_minutes() -> None:
    """Else a broker that accepts everybody and acknowledges nothing would be asked every 30 s."""
    one = machine(State.WAITING)
    found = []
    for seconds in (30, 30, 30, 301):
        connect(one, NOW)
        assert one.reset(NOW + seconds) is (seconds > 300)
        found.append(waits(one, NOW + seconds))
    assert found == [2, 4, 8, 2]


@pytest.mark.parametrize("event", ["lost", "reset"])
def test_an_end_whose_reason_is_known_and_avoided_is_followed_by_an_attempt_at_once(event: str) -> None:
    one = machine(State.WAITING)
    for _ in range(3):
        connect(one, NOW)
        one.lost(NOW + 1)
    connect(one, NOW)
    getattr(one, event)(NOW + 1, explained=True)
    assert waits(one, NOW + 1) == 0
    assert one.unstable == 0
    connect(one, NOW)
    one.lost(NOW + 1)
    assert waits(one, NOW + 1) == 2


def test_a_refusal_of_what_the_next_attempt_leaves_out_needs_no_wait() -> None:
    one = machine(State.HANDSHAKE)
    one.refused(NOW, at_once=True)
    assert one.protocol.mqtt5
    assert waits(one, NOW) == 0


def test_a_network_without_an_answer_says_nothing_about_the_protocol() -> None:
    one = machine(State.CONNECTING)
    one.timed_out(NOW)
    assert one.protocol.mqtt5
    assert waits(one, NOW) == 2


def test_a_refusal_waits_unless_it_is_about_the_protocol() -> None:
    one = machine(State.HANDSHAKE)
    one.refused(NOW)
    assert one.protocol.mqtt5
    assert waits(one, NOW) == 2
    other = machine(State.HANDSHAKE)
    other.refused(NOW, unsupported_protocol=True)
    assert not other.protocol.mqtt5
    assert waits(other, NOW) == 0


@pytest.mark.parametrize("event", [Event.HANDSHAKE_CLOSED, Event.TIMED_OUT])
def test_a_broker_that_leaves_three_handshakes_unanswered_is_tried_in_the_older_protocol(event: Event) -> None:
    one, found = machine(State.WAITING), []
    for _ in range(4):
        one.begin_attempt(NOW)
        one.socket_opened(NOW)
        DO[event](one)
        found.append((waits(one, NOW), one.protocol.mqtt5))
    assert found == [(2, True), (4, True), (0, False), (8, True)]


@pytest.mark.parametrize(("event", "seconds"), [("lost", 1), ("lost", 11), ("reset", 1), ("reset", 301)])
def test_every_connection_begins_with_mqtt_5_again(event: str, seconds: float) -> None:
    one = machine(State.WAITING)
    for _ in range(3):
        one.begin_attempt(NOW)
        one.socket_opened(NOW)
        one.timed_out(NOW)
    connect(one, NOW)
    assert not one.protocol.mqtt5
    getattr(one, event)(NOW + seconds)
    assert one.protocol.mqtt5


def test_a_command_gives_up_once_both_protocols_have_failed() -> None:
    one = machine(State.HANDSHAKE, NoRetry(), ProtocolChoice(unanswered_handshakes=1))
    one.timed_out(NOW)
    assert not one.gave_up
    one.begin_attempt(NOW)
    one.socket_opened(NOW)
    one.timed_out(NOW)
    assert one.gave_up
    assert one.due(NOW + 1e9) is None


def test_attempts_are_numbered_and_success_is_remembered() -> None:
    one = machine(State.HANDSHAKE)
    assert (one.attempts, one.ever_accepted, one.accepted) == (1, False, False)
    one.accept(NOW)
    assert one.accepted
    one.become_ready()
    assert one.accepted
    one.lost(NOW)
    one.begin_attempt(NOW)
    assert (one.attempts, one.ever_accepted, one.accepted) == (2, True, False)
    one.stop()
    one.start(NOW)
    assert one.due(NOW) is Event.ATTEMPT
