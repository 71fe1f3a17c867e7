"""The states of a connection to a broker, and what leads from one to another. Pure: no socket, no clock, no thread."""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType

from edge.mqtt.backoff import Backoff
from edge.mqtt.protocol import ProtocolChoice

STABLE = 10.0  # seconds after which a connection that the network or the broker ended was a success
SERVED = 300.0  # the same for one that we reset: a broker that acknowledges nothing accepts us every time


class State(Enum):
    """What a connection is doing."""

    STOPPED = "stopped"
    WAITING = "waiting"  # for the next attempt
    CONNECTING = "connecting"  # looking up the name, TCP, TLS
    HANDSHAKE = "handshake"  # CONNECT is sent, CONNACK has not come
    ACCEPTED = "accepted"  # may publish; is subscribing and announcing
    CONNECTED = "connected"


class Event(Enum):
    """What leads from one state to another."""

    START = "start"
    ATTEMPT = "attempt"  # the wait is over
    CONNECT_FAILED = "connect failed"
    SOCKET_OPENED = "socket opened"
    TIMED_OUT = "timed out"
    HANDSHAKE_CLOSED = "handshake closed"
    REFUSED = "refused"
    ACCEPTED = "accepted"
    READY = "ready"
    LOST = "lost"
    RESET = "reset"
    STOP = "stop"


TRANSITIONS: Mapping[tuple[State, Event], State] = MappingProxyType(
    {
        (State.STOPPED, Event.START): State.WAITING,
        (State.WAITING, Event.ATTEMPT): State.CONNECTING,
        (State.CONNECTING, Event.CONNECT_FAILED): State.WAITING,
        (State.CONNECTING, Event.TIMED_OUT): State.WAITING,
        (State.CONNECTING, Event.SOCKET_OPENED): State.HANDSHAKE,
        (State.HANDSHAKE, Event.TIMED_OUT): State.WAITING,
        (State.HANDSHAKE, Event.HANDSHAKE_CLOSED): State.WAITING,
        (State.HANDSHAKE, Event.REFUSED): State.WAITING,
        (State.HANDSHAKE, Event.ACCEPTED): State.ACCEPTED,
        (State.ACCEPTED, Event.READY): State.CONNECTED,
        (State.ACCEPTED, Event.LOST): State.WAITING,
        (State.ACCEPTED, Event.RESET): State.WAITING,
        (State.CONNECTED, Event.LOST): State.WAITING,
        (State.CONNECTED, Event.RESET): State.WAITING,
        **{(state, Event.STOP): State.STOPPED for state in State},
    }
)


class IllegalTransitionError(RuntimeError):
    """An event that cannot happen in this state: a bug in whoever reported it."""

    def __init__(self, state: State, event: Event) -> None:
        super().__init__(f"{event.value} in state {state.value}")
        self.state = state
        self.event = event


class StateMachine:
    """The state of one connection, with the deadline, the back-off and the protocol that belong to it.

    Times are monotonic seconds, given by the caller. Not safe for threads: the caller holds one lock.

    Args:
        protocol: Which protocol is spoken.
        backoff: How long to wait between attempts.
        connect_timeout: Seconds until name, TCP and TLS have to be done.
        handshake_timeout: Seconds until the broker has to answer CONNECT.
    """

    def __init__(
        self, protocol: ProtocolChoice, backoff: Backoff, connect_timeout: float, handshake_timeout: float
    ) -> None:
        self.protocol = protocol
        self._backoff = backoff
        self._connect_timeout = connect_timeout
        self._handshake_timeout = handshake_timeout
        self._deadline = math.inf  # when this state ends by itself
        self._accepted_at = 0.0
        self.state = State.STOPPED
        self.attempts = 0
        """How many there were: the number of the present one."""
        self.unstable = 0
        """How many connections in a row did not last."""
        self.ever_accepted = False
        """Whether a broker has ever accepted us."""

    @property
    def accepted(self) -> bool:
        """Whether the broker has accepted us: we may publish and subscribe."""
        return self.state in (State.ACCEPTED, State.CONNECTED)

    @property
    def gave_up(self) -> bool:
        """Whether there will be no further attempt."""
        return self.state is State.WAITING and self._deadline == math.inf

    def due(self, now: float) -> Event | None:
        """What the clock has brought about: ATTEMPT, TIMED_OUT, or nothing."""
        if now < self._deadline:
            return None
        return Event.ATTEMPT if self.state is State.WAITING else Event.TIMED_OUT

    def start(self, now: float) -> None:
        """Begin; an attempt is due at once."""
        self._move(Event.START)
        self._deadline = now

    def begin_attempt(self, now: float) -> None:
        """The wait is over."""
        self._move(Event.ATTEMPT)
        self.attempts += 1
        self._deadline = now + self._connect_timeout

    def connect_failed(self, now: float) -> None:
        """No name, no route, nobody listens, or no TLS."""
        self._move(Event.CONNECT_FAILED)
        self._wait(now)

    def socket_opened(self, now: float) -> None:
        """TCP and TLS stand, and CONNECT is on its way."""
        self._move(Event.SOCKET_OPENED)
        self._deadline = now + self._handshake_timeout

    def timed_out(self, now: float) -> None:
        """The deadline has passed."""
        handshake = self.state is State.HANDSHAKE
        self._move(Event.TIMED_OUT)
        self._wait(now, at_once=handshake and self.protocol.unanswered())

    def handshake_closed(self, now: float) -> None:
        """The broker closed the connection instead of answering."""
        self._move(Event.HANDSHAKE_CLOSED)
        self._wait(now, at_once=self.protocol.unanswered())

    def refused(self, now: float, *, unsupported_protocol: bool = False, at_once: bool = False) -> None:
        """The broker answered no; `at_once`: the next attempt does not do what it does not take."""
        self._move(Event.REFUSED)
        self.protocol.refused()
        self._wait(now, at_once=at_once or (unsupported_protocol and self.protocol.unsupported()))

    def accept(self, now: float) -> None:
        """The broker answered yes."""
        self._move(Event.ACCEPTED)
        self.protocol.accepted()
        self._deadline, self._accepted_at, self.ever_accepted = math.inf, now, True

    def become_ready(self) -> None:
        """What follows every connect is said."""
        self._move(Event.READY)

    def stable(self, now: float) -> bool:
        """Whether the accepted connection counts as a success if the network or the broker ends it now."""
        return now - self._accepted_at > STABLE

    def lost(self, now: float, *, explained: bool = False) -> bool:
        """The network or the broker ended an accepted connection. Returns whether it had been stable.

        Args:
            now: Monotonic seconds.
            explained: We know why, and shall not do it again.
        """
        self._move(Event.LOST)
        self.protocol.reset()
        stable = self.stable(now)
        if stable or explained:
            self._succeeded()
        else:
            self.unstable += 1
        self._wait(now, at_once=explained)
        return stable

    def reset(self, now: float, *, explained: bool = False) -> bool:
        """We end an accepted connection, because it looks alive and is not. Returns whether it had served long.

        Args:
            now: Monotonic seconds.
            explained: As for `lost`.
        """
        self._move(Event.RESET)
        self.protocol.reset()
        served = now - self._accepted_at > SERVED
        if served or explained:
            self._succeeded()
        self._wait(now, at_once=explained)
        return served

    def stop(self) -> None:
        """We want no connection."""
        self._move(Event.STOP)
        self._deadline = math.inf

    def _move(self, event: Event) -> None:
        following = TRANSITIONS.get((self.state, event))
        if following is None:
            raise IllegalTransitionError(self.state, event)
        self.state = following

    def _succeeded(self) -> None:
        self.unstable = 0
        self._backoff.reset()

    def _wait(self, now: float, *, at_once: bool = False) -> None:
        self._deadline = now if at_once else now + self._backoff.next_wait()
