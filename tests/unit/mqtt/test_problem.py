"""Problems of a connection: decided by code, each with a remedy, logged once and again after an hour."""

from __future__ import annotations

import logging
import socket

import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from edge.config.broker_url import BrokerUrl
from edge.errors import EdgeError, RefusedError
from edge.mqtt import problem
from edge.mqtt.client_factory import BrokerSettings
from edge.mqtt.problem import Problem, ProblemCode, ProblemReporter

SETTINGS = BrokerSettings(BrokerUrl("room", 1883, tls=False), "x", username="edge", password="hidden")


def code(value: int, packet: int = PacketTypes.CONNACK) -> ReasonCode:
    return ReasonCode(packet, identifier=value)


@pytest.mark.parametrize("value", [134, 135, 138, 140])
def test_credentials_are_recognised_by_reason_code(value: int) -> None:
    found = problem.refused(SETTINGS, code(value))
    assert found.code is ProblemCode.CREDENTIALS
    assert "check mqtt.username" in found.remedy
    assert isinstance(found.error(), RefusedError)
    assert "hidden" not in str(found)


def test_every_problem_names_a_remedy() -> None:
    found = [
        *(problem.unreachable(SETTINGS, error) for error in (ConnectionRefusedError(), socket.gaierror(-2, "?"), None)),
        problem.timed_out(SETTINGS, reached=True), problem.timed_out(SETTINGS, reached=False),
        problem.closed_in_handshake(SETTINGS), problem.refused(SETTINGS, code(136)),
        problem.disconnected(SETTINGS, None), problem.reset(SETTINGS, "is slow"),
        problem.subscription_refused(SETTINGS, code(135, PacketTypes.SUBACK)),
    ]  # fmt: skip
    assert all(one.text and one.remedy for one in found)


def test_a_refused_subscription_is_reported_with_the_reason_and_a_remedy() -> None:
    found = problem.subscription_refused(SETTINGS, code(135, PacketTypes.SUBACK))
    assert found.code is ProblemCode.SUBSCRIPTION_REFUSED
    assert str(found) == (
        "broker mqtt://room:1883 refuses the subscription: Not authorized; check the broker's access list"
    )
    assert isinstance(found.error(), EdgeError)


def test_connections_that_do_not_last_are_explained_unless_the_broker_says_why() -> None:
    lost = code(128, PacketTypes.DISCONNECT)
    assert "again and again" not in str(problem.disconnected(SETTINGS, lost, 2))
    assert "again and again" in str(problem.disconnected(SETTINGS, lost, 3))
    assert "again and again" not in str(problem.disconnected(SETTINGS, code(142, PacketTypes.DISCONNECT), 3))


def test_a_problem_is_logged_once_again_after_an_hour_and_anew_after_a_connection_that_lasted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    now = [0.0]
    reporter = ProblemReporter(logging.getLogger("edge.test"), clock=lambda: now[0])
    first = Problem(ProblemCode.UNREACHABLE, "first", "a")
    second = Problem(ProblemCode.RESET, "second", "b")

    def lines() -> int:
        return len(caplog.records)

    for found in (first, second, first, second):  # two that alternate are logged once each, too
        reporter.report(found)
    assert lines() == 2
    now[0] = 3599.0
    reporter.report(first)
    assert lines() == 2
    now[0] = 3600.0
    reporter.report(first)
    assert lines() == 3
    reporter.clear()
    assert not reporter.current
    reporter.report(first)
    assert lines() == 3
    assert reporter.current == first
    reporter.forget_logged()
    reporter.report(first)
    assert lines() == 4
