"""What follows from how an attempt went; what brokers make of it is in test_connection and tests/integration."""

from __future__ import annotations

import logging

import pytest

from edge.config.broker_url import BrokerUrl
from edge.mqtt.attempt import Answer
from edge.mqtt.backoff import Backoff
from edge.mqtt.broker_limits import NO_LIMITS, BrokerLimits
from edge.mqtt.client_factory import BrokerSettings
from edge.mqtt.connection_state import Event, State, StateMachine
from edge.mqtt.outcomes import UNSTABLE, Outcomes
from edge.mqtt.outgoing import Outgoing, Request, Sent
from edge.mqtt.problem import SEARCH_REMEDY, ProblemCode
from edge.mqtt.problem_log import ProblemLog
from edge.mqtt.protocol import ProtocolChoice
from edge.mqtt.reason_codes import Reason
from edge.mqtt.refusals import Refusals

NOW = 1000.0
SETTINGS = BrokerSettings(BrokerUrl("broker", 1883, tls=False), "test")
WINDOW = Sent(Outgoing(1, Request("publish", "room/window"), b"{}"), NOW, alone=False)
NO_ANSWER = Answer(0x80, "connection lost", failure=True)


class Broker:
    """Attempts at one broker, at a time that stands."""

    def __init__(self) -> None:
        self.now = NOW
        self.machine = StateMachine(ProtocolChoice("auto"), Backoff(), 60.0, 10.0)
        log = ProblemLog(logging.getLogger("edge.test"))
        self.refusals = Refusals(SETTINGS, log, self._clock)
        self.outcomes = Outcomes(SETTINGS, self.machine, self.refusals, log, self._clock)
        self.machine.start(NOW)

    def _clock(self) -> float:
        return self.now

    @property
    def problem(self) -> ProblemCode | None:
        return self.refusals.problem.code if self.refusals.problem else None

    def connect(self) -> None:
        self.machine.begin_attempt(self.now)

    def shake_hands(self) -> None:
        self.connect()
        self.machine.socket_opened(self.now)

    def accept(self, limits: BrokerLimits = NO_LIMITS) -> None:
        self.shake_hands()
        self.outcomes.accepted(limits)


def test_what_takes_too_long_is_named_by_what_was_waited_for() -> None:
    broker = Broker()
    broker.connect()
    broker.outcomes.timed_out()
    assert (broker.machine.state, broker.problem) == (State.WAITING, ProblemCode.CONNECT_TIMEOUT)
    broker.shake_hands()
    broker.outcomes.timed_out()
    assert (broker.machine.state, broker.problem) == (State.WAITING, ProblemCode.HANDSHAKE_TIMEOUT)


@pytest.mark.parametrize(
    ("reason", "known"),
    [
        (Reason.RETAIN_NOT_SUPPORTED, BrokerLimits(retain=False)),
        (Reason.QOS_NOT_SUPPORTED, BrokerLimits(qos=0)),
    ],
)
def test_a_will_that_is_refused_is_sent_otherwise_at_once(reason: Reason, known: BrokerLimits) -> None:
    broker = Broker()
    broker.shake_hands()
    broker.outcomes.refused(Answer(reason, "x", failure=True))
    assert broker.outcomes.known == known
    assert broker.problem is None
    assert broker.machine.due(NOW) is Event.ATTEMPT
    broker.shake_hands()
    broker.outcomes.refused(Answer(reason, "x", failure=True))  # otherwise, and still refused
    assert broker.problem is ProblemCode.REFUSED
    assert broker.machine.due(NOW) is None


def test_a_password_that_is_refused_is_a_refusal_until_the_broker_accepts_us() -> None:
    broker = Broker()
    broker.shake_hands()
    broker.outcomes.refused(Answer(Reason.SERVER_BUSY, "busy", failure=True))
    assert broker.outcomes.refusal is None
    broker.shake_hands()
    broker.outcomes.refused(Answer(Reason.NOT_AUTHORIZED, "no", failure=True))
    assert broker.outcomes.refusal is not None
    broker.accept()
    assert broker.outcomes.refusal is None


def test_several_connections_in_a_row_that_do_not_last_are_told_from_one() -> None:
    broker, codes = Broker(), []
    for _ in range(UNSTABLE):
        broker.accept()
        broker.outcomes.lost(NO_ANSWER, (), by_broker=False, answered_any=False)
        codes.append(broker.problem)
    assert codes == [ProblemCode.LOST] * (UNSTABLE - 1) + [ProblemCode.UNSTABLE]


def test_a_topic_is_looked_for_where_the_broker_says_that_a_packet_was_the_reason() -> None:
    broker = Broker()
    broker.accept()
    why = Answer(Reason.NOT_AUTHORIZED, "no", failure=True)
    broker.outcomes.lost(why, (WINDOW,), by_broker=True, answered_any=True)
    assert broker.refusals.problem is not None
    assert broker.refusals.problem.remedy == SEARCH_REMEDY
    assert list(broker.refusals.suspects) == [WINDOW.item.request]


def test_only_what_asks_for_an_answer_and_has_none_for_too_long_ends_a_connection() -> None:
    broker = Broker()
    unasked = Sent(Outgoing(2, Request("publish", "room/health"), qos=0), NOW, alone=False)
    broker.accept()
    broker.now += SETTINGS.answer_timeout
    assert not broker.outcomes.check_answers((WINDOW, unasked), answered_any=True)
    broker.now += 0.1
    assert not broker.outcomes.check_answers((unasked,), answered_any=True)
    assert broker.machine.accepted
    assert broker.outcomes.check_answers((WINDOW,), answered_any=True)
    assert (broker.machine.state, broker.problem) == (State.WAITING, ProblemCode.RESET)
