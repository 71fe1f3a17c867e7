"""What follows from how an attempt went: the next state, what is said of it, what the next attempt does otherwise."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

from edge.errors import ConfigError
from edge.mqtt import problem
from edge.mqtt.attempt import Answer
from edge.mqtt.broker_limits import NO_LIMITS, BrokerLimits
from edge.mqtt.client_factory import BrokerSettings
from edge.mqtt.connection_state import State, StateMachine
from edge.mqtt.outgoing import Sent
from edge.mqtt.problem import Problem, ProblemCode
from edge.mqtt.problem_log import ProblemLog
from edge.mqtt.reason_codes import ABOUT_A_PACKET, Reason
from edge.mqtt.refusals import Refusals
from edge.mqtt.suspects import End

logger = logging.getLogger(__name__)

UNSTABLE = 3  # connections in a row that did not last


class Outcomes:
    """Explains how attempts went, and leads the state on. The caller holds one lock.

    Args:
        settings: Which broker.
        machine: The state.
        refusals: What the broker has not taken, and where problems are reported.
        log: Forgets what it has logged when a connection has lasted.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        settings: BrokerSettings,
        machine: StateMachine,
        refusals: Refusals,
        log: ProblemLog,
        clock: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._machine = machine
        self._refusals = refusals
        self._log = log
        self._clock = clock
        self.known = NO_LIMITS
        """What the broker takes, as it said the last time, or as its refusals of a will show."""
        self.refusal: Problem | None = None
        """Set while the broker refuses us for a reason that only a person can change."""

    def tls_failed(self, error: ConfigError) -> None:
        """The TLS files cannot be used."""
        self._refusals.report(Problem(ProblemCode.TLS_FILES, error.problem, error.remedy))
        self._end(self._machine.connect_failed)

    def connect_failed(self, error: BaseException | None) -> None:
        """Name, TCP or TLS failed."""
        self._refusals.report(problem.connect_failed(self._settings.url, error, self._settings.nothing_listens))
        self._end(self._machine.connect_failed)

    def timed_out(self) -> None:
        """Connecting, or the answer to CONNECT, takes too long."""
        handshake = self._machine.state is State.HANDSHAKE
        timed_out = problem.handshake_timed_out if handshake else problem.connect_timed_out
        self._refusals.report(timed_out(self._settings.url))
        self._end(self._machine.timed_out)

    def handshake_closed(self) -> None:
        """The connection was closed instead of an answer to CONNECT."""
        mqtt5 = self._machine.protocol.may_change
        self._refusals.report(problem.handshake_closed(self._settings.url, mqtt5=mqtt5))
        self._end(self._machine.handshake_closed)

    def refused(self, answer: Answer) -> None:
        """The broker answered no."""
        settings = self._settings
        found = problem.refused(settings.url, settings.username, answer.reason, answer.name, settings.remedies)
        unsupported = found.code is ProblemCode.UNSUPPORTED_PROTOCOL
        if found.code is ProblemCode.CREDENTIALS:
            self.refusal = found
        known = self.known
        if answer.reason == Reason.RETAIN_NOT_SUPPORTED:  # in a will; what else it does not take, it says later
            self.known = replace(known, retain=False)
        elif answer.reason == Reason.QOS_NOT_SUPPORTED:
            self.known = replace(known, qos=0)
        adapted = self.known != known
        if not adapted and not (unsupported and self._machine.protocol.may_change):  # else the older one comes next
            self._refusals.report(found)
        self._end(lambda now: self._machine.refused(now, unsupported_protocol=unsupported, at_once=adapted))

    def accepted(self, limits: BrokerLimits) -> None:
        """The broker answered yes, and takes so much."""
        self._machine.accept(self._clock())
        self.known = limits
        self.refusal = None

    def lost(self, answer: Answer, unanswered: Sequence[Sent], *, by_broker: bool, answered_any: bool) -> None:
        """The network or the broker ended an accepted connection.

        Args:
            answer: What the broker or paho says of it.
            unanswered: What was sent and is not known to have arrived.
            by_broker: Whether the broker says so, and why.
            answered_any: Whether it answered anything over that connection.
        """
        how = End.OTHER if self._machine.stable(self._clock()) else End.HUNG_UP
        if by_broker:
            how = End.NAMED if answer.reason in ABOUT_A_PACKET else End.OTHER
        explained = self._refusals.ended(how, unanswered, f"hangs up ({answer.name})", answered_any=answered_any)
        self._end(lambda now: self._machine.lost(now, explained=explained))
        if explained:
            return
        remedies, unstable = self._settings.remedies, self._machine.unstable >= UNSTABLE
        if how is End.NAMED and unanswered and not self._machine.gave_up:
            remedies = {answer.reason: problem.SEARCH_REMEDY}
        self._refusals.report(problem.lost(self._settings.url, answer.reason, answer.name, remedies, unstable=unstable))

    def check_answers(self, unanswered: Sequence[Sent], *, answered_any: bool) -> bool:
        """End an accepted connection over which something has not been answered for too long; returns whether it did.

        Args:
            unanswered: What was sent and is not known to have arrived, oldest first.
            answered_any: Whether the broker answered anything over that connection.
        """
        now, patience = self._clock(), self._settings.answer_timeout
        late = [sent for sent in unanswered if sent.item.qos and now - sent.since > patience]
        if not late:
            return False
        words = f"has not answered for {patience:g} s"
        explained = self._refusals.ended(End.SILENT, late, words, answered_any=answered_any)
        if not explained:
            topic = late[0].item.request.topic
            self._refusals.report(problem.reset(self._settings.url, f"has not acknowledged {topic} for {patience:g} s"))
        self._end(lambda now: self._machine.reset(now, explained=explained))
        return True

    def reset(self, reason: str) -> None:
        """We give an accepted connection up, for what the broker does or does not do."""
        self._end(self._machine.reset)
        self._refusals.report(problem.reset(self._settings.url, reason))

    def _end(self, transition: Callable[[float], bool | None]) -> None:
        mqtt5 = self._machine.protocol.mqtt5
        if transition(self._clock()):
            self._log.clear()
        if mqtt5 and not self._machine.protocol.mqtt5:
            logger.info("broker %s does not answer MQTT 5: trying 3.1.1", self._settings.url)
