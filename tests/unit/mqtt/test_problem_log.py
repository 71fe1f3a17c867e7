"""When problems are logged."""

from __future__ import annotations

import logging

import pytest

from edge.mqtt import problem
from edge.mqtt.problem import Problem, ProblemCode
from edge.mqtt.problem_log import MOST_LINES, ProblemLog
from edge.mqtt.reason_codes import Reason

URL = "mqtt://broker:1883"


def test_a_problem_is_logged_once_and_again_after_an_hour(caplog: pytest.LogCaptureFixture) -> None:
    log = ProblemLog(logging.getLogger("edge.test"))
    one, other = (Problem(ProblemCode.UNREACHABLE, text, "do this") for text in "ab")
    for now in (100.0, 101.0, 3699.0):
        log.report(one, now)
    assert caplog.messages == ["a; do this"]
    log.report(one, 3700.0)
    log.report(other, 3701.0)
    log.report(one, 3702.0)  # two that take turns are no news either
    log.clear()
    log.report(one, 3703.0)
    assert caplog.messages == [f"{text}; do this" for text in "aaba"]


def test_problems_that_a_stranger_makes_up_are_few_and_short_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    log = ProblemLog(logging.getLogger("edge.test"))
    for number in range(500):
        log.report(problem.publish_refused(URL, f"room/{number}/{'z' * 20_000}\x1b", Reason.NOT_AUTHORIZED, "x"), 1.0)
    assert len(caplog.messages) == MOST_LINES + 1
    assert max(map(len, caplog.messages)) < 400
    assert "\x1b" not in caplog.text
    log.report(problem.publish_refused(URL, "room/a", Reason.NOT_AUTHORIZED, "x"), 62.0)
    assert "room/a" in caplog.messages[-1]
