"""Which protocol is spoken next."""

from __future__ import annotations

import pytest

from edge.config.broker_url import Protocol
from edge.mqtt.protocol import ProtocolChoice


@pytest.mark.parametrize("event", ["handshake_timed_out", "unsupported"])
def test_the_protocol_is_changed_when_the_broker_does_not_know_it(event: str) -> None:
    choice = ProtocolChoice()
    assert getattr(choice, event)() is True  # the older one at once
    assert not choice.mqtt5
    assert getattr(choice, event)() is False  # both were tried: now it waits
    assert choice.mqtt5


def test_a_broker_that_closes_has_to_do_so_three_times_in_a_row() -> None:
    choice = ProtocolChoice()
    assert [choice.handshake_closed() for _ in range(2)] == [False, False]
    choice.accepted()
    assert [choice.handshake_closed() for _ in range(3)] == [False, False, True]
    assert not choice.mqtt5


def test_a_command_falls_back_at_the_first_close() -> None:
    choice = ProtocolChoice(closed_handshakes=1)
    assert choice.handshake_closed() is True
    assert choice.handshake_closed() is False


def test_what_has_worked_is_tried_first() -> None:
    choice = ProtocolChoice()
    choice.unsupported()
    choice.accepted()
    choice.reset()
    assert not choice.mqtt5
    assert choice.handshake_timed_out() is True  # perhaps another broker: the other one at once
    assert choice.mqtt5
    assert choice.handshake_closed() is False  # once is enough for the one that never worked
    assert not choice.mqtt5


def test_a_broker_that_has_spoken_mqtt_5_is_not_left_in_the_older_one() -> None:
    choice = ProtocolChoice()
    choice.accepted()
    choice.handshake_timed_out()
    choice.accepted()  # in 3.1.1
    choice.reset()
    assert choice.mqtt5


def test_silence_once_does_not_mean_that_the_broker_does_not_know_mqtt_5() -> None:
    choice = ProtocolChoice()
    for after in (True, True, False):  # three times it does
        assert choice.handshake_timed_out() is True  # it is busy
        choice.accepted()  # in 3.1.1
        choice.reset()
        assert choice.mqtt5 is after


def test_silence_before_mqtt_5_worked_does_not_count() -> None:
    choice = ProtocolChoice()
    for _ in range(5):
        choice.handshake_timed_out()
        choice.accepted()
        choice.reset()
        assert choice.mqtt5
        choice.accepted()


def test_until_something_has_worked_mqtt_5_is_tried_first() -> None:
    choice = ProtocolChoice()
    choice.unsupported()
    choice.reset()
    assert choice.mqtt5


@pytest.mark.parametrize(("protocol", "mqtt5"), [("5", True), ("3.1.1", False)])
def test_a_fixed_protocol_never_changes(protocol: Protocol, mqtt5: bool) -> None:  # noqa: FBT001 - a parameter
    choice = ProtocolChoice(protocol, closed_handshakes=1)
    assert [choice.unsupported(), choice.handshake_closed(), choice.handshake_timed_out()] == [False] * 3
    choice.accepted()
    choice.reset()
    assert choice.mqtt5 is mqtt5
