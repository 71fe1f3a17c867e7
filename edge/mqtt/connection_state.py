"""The states of a connection to a broker, the transitions between them, and their deadlines. Pure."""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import Enum

from edge.mqtt.backoff import Backoff

CONNECT_SECONDS = 60.0  # names may be slow to resolve; longer than that is a thread that died
ANSWER_SECONDS = 10.0  # an old broker may also just wait for the rest of a packet that it does not understand
SERVED = 300.0  # seconds after which a connection that is reset was a good one for a while


class State(Enum):
    """Where a connection stands."""

    STOPPED = "stopped"
    WAITING = "waiting"  # for the end of the back-off
    CONNECTING = "connecting"  # name, TCP, TLS
    HANDSHAKE = "handshake"  # CONNECT is sent
    CONNECTED = "connected"


class Event(Enum):
    """What happens to a connection."""

    START = "start"
    STOP = "stop"
    RETRY = "retry"
    REACHED = "reached"
    UNREACHABLE = "unreachable"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    CLOSED = "closed"
    TIMED_OUT = "timed out"
    RESET = "reset"


TRANSITIONS = {
    **{(state, Event.STOP): State.STOPPED for state in State},
    (State.STOPPED, Event.START): State.CONNECTING,
    (State.WAITING, Event.RETRY): State.CONNECTING,
    (State.CONNECTING, Event.REACHED): State.HANDSHAKE,
    (State.CONNECTING, Event.UNREACHABLE): State.WAITING,
    (State.CONNECTING, Event.CLOSED): State.WAITING,
    (State.CONNECTING, Event.TIMED_OUT): State.WAITING,
    (State.CONNECTING, Event.RESET): State.WAITING,
    (State.HANDSHAKE, Event.ACCEPTED): State.CONNECTED,
    (State.HANDSHAKE, Event.REFUSED): State.WAITING,
    (State.HANDSHAKE, Event.UNREACHABLE): State.WAITING,
    (State.HANDSHAKE, Event.CLOSED): State.WAITING,
    (State.HANDSHAKE, Event.TIMED_OUT): State.WAITING,
    (State.HANDSHAKE, Event.RESET): State.WAITING,
    (State.CONNECTED, Event.CLOSED): State.WAITING,
    (State.CONNECTED, Event.RESET): State.WAITING,
}


class IllegalTransitionError(Exception):
    """An event that cannot happen in this state: an error of the program."""


class ConnectionState:
    """State, deadline, protocol and back-off of one connection. Not thread-safe: its owner holds one lock.

    Args:
        backoff: Delays and choice of protocol.
        clock: Monotonic seconds.
        answer_seconds: How long the broker may take for the handshake; None: `ANSWER_SECONDS`.
    """

    def __init__(
        self, backoff: Backoff, clock: Callable[[], float] = time.monotonic, answer_seconds: float | None = None
    ) -> None:
        self._backoff = backoff
        self._clock = clock
        self._answer_seconds = answer_seconds
        self._state = State.STOPPED
        self._deadline = 0.0  # of the handshake, or of the back-off
        self._since = 0.0  # when the broker accepted us

    @property
    def state(self) -> State:
        """Where the connection stands."""
        return self._state

    @property
    def connected(self) -> bool:
        """Whether the broker has accepted us."""
        return self._state is State.CONNECTED

    @property
    def active(self) -> bool:
        """Whether there is a connection, or an attempt at one."""
        return self._state in (State.CONNECTING, State.HANDSHAKE, State.CONNECTED)

    @property
    def protocol5(self) -> bool:
        """Whether MQTT 5 is spoken, or tried next; else 3.1.1."""
        return self._backoff.protocol5

    @property
    def protocols_exhausted(self) -> bool:
        """Whether the broker has answered neither protocol."""
        return self._backoff.exhausted

    @property
    def short_connections(self) -> int:
        """How many connections in a row did not last."""
        return self._backoff.short_connections

    @property
    def remaining(self) -> float:
        """Seconds until the deadline of this state, 0 when it has passed; infinite where there is none."""
        if self._state in (State.STOPPED, State.CONNECTED):
            return float("inf")
        return max(0.0, self._deadline - self._clock())

    @property
    def retry_due(self) -> bool:
        """Whether the back-off is over."""
        return self._state is State.WAITING and not self.remaining

    @property
    def expired(self) -> bool:
        """Whether the broker should have answered by now."""
        return self._state in (State.CONNECTING, State.HANDSHAKE) and not self.remaining

    def start(self) -> None:
        """The first attempt begins."""
        self._enter(Event.START)
        self._deadline = self._clock() + CONNECT_SECONDS

    def retry(self) -> None:
        """The next attempt begins."""
        self._enter(Event.RETRY)
        self._deadline = self._clock() + CONNECT_SECONDS

    def reached(self) -> None:
        """Something listens: the handshake begins."""
        self._enter(Event.REACHED)
        seconds = ANSWER_SECONDS if self._answer_seconds is None else self._answer_seconds
        self._deadline = self._clock() + seconds

    def accepted(self) -> None:
        """The broker accepted us."""
        self._enter(Event.ACCEPTED)
        self._backoff.handshake_done()
        self._since = self._clock()

    def refused(self, *, unsupported_protocol: bool) -> None:
        """The broker refused us, perhaps only this version of MQTT."""
        self._enter(Event.REFUSED)
        self._backoff.handshake_done()
        if unsupported_protocol:
            self._backoff.unsupported_protocol()
        self._wait()

    def unreachable(self) -> None:
        """Nothing listens, or TLS failed."""
        self._enter(Event.UNREACHABLE)
        self._wait()

    def closed(self) -> None:
        """The other side closed the connection, or the network did."""
        before = self._enter(Event.CLOSED)
        if before is State.CONNECTED:
            self._backoff.disconnected(self._clock() - self._since)
        else:
            self._backoff.closed_during_handshake()
        self._wait()

    def timed_out(self) -> None:
        """The deadline passed without an answer."""
        before = self._enter(Event.TIMED_OUT)
        if before is State.HANDSHAKE:  # what was never reached says nothing about protocols
            self._backoff.timed_out()
        self._wait()

    def reset(self) -> None:
        """We give the connection up, and begin another."""
        before = self._enter(Event.RESET)
        lasted = self._clock() - self._since
        if before is State.CONNECTED and lasted > SERVED:
            self._backoff.disconnected(lasted)
        self._wait()

    def stop(self) -> None:
        """It is over; allowed in every state."""
        self._enter(Event.STOP)

    def _enter(self, event: Event) -> State:
        """Change the state; returns the one before."""
        before = self._state
        after = TRANSITIONS.get((before, event))
        if after is None:
            raise IllegalTransitionError(f"{event.value} while {before.value}")
        self._state = after
        return before

    def _wait(self) -> None:
        # In the same step as the transition: a delay computed before the back-off knows how long the connection
        # lasted would be a stale one, of up to a minute.
        self._deadline = self._clock() + self._backoff.next_delay()
