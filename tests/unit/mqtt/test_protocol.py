"""Which protocol is spoken next."""

from __future__ import annotations

import pytest

from edge.config.broker_url import Protocol
from edge.mqtt.protocol import UNANSWERED_HANDSHAKES, ProtocolChoice


def silent(choice: ProtocolChoice) -> None:
    """Until the other protocol is spoken."""
    before = choice.mqtt5
    for _ in range(UNANSWERED_HANDSHAKES):
        if choice.mqtt5 is before:
            choice.unanswered()


def test_the_protocol_is_changed_when_the_broker_does_not_know_it() -> None:
    choice = ProtocolChoice()
    assert choice.unsupported() is True  # the older one at once
    assert not choice.mqtt5
    assert choice.unsupported() is False  # both were tried: now it waits
    assert choice.mqtt5


def test_a_broker_has_to_leave_three_handshakes_in_a_row_without_an_answer() -> None:
    choice = ProtocolChoice()
    assert [choice.unanswered() for _ in range(2)] == [False, False]
    choice.accepted()
    assert [choice.unanswered() for _ in range(3)] == [False, False, True]
    assert not choice.mqtt5
    assert choice.unanswered() is False  # the older one is asked once, and MQTT 5 three times again
    assert [choice.mqtt5, choice.unanswered(), choice.mqtt5] == [True, False, True]


def test_a_command_falls_back_at_once() -> None:
    choice = ProtocolChoice(unanswered_handshakes=1)
    assert choice.unanswered() is True
    assert choice.unanswered() is False


def test_a_broker_that_has_refused_mqtt_5_is_asked_for_the_older_one_first() -> None:
    choice = ProtocolChoice()
    choice.unsupported()
    choice.accepted()
    choice.reset()
    assert not choice.mqtt5
    assert [choice.unanswered() for _ in range(3)] == [False, False, True]  # perhaps another broker: the other one
    assert choice.mqtt5
    assert choice.unanswered() is False  # once is enough for the one that never worked
    assert not choice.mqtt5
    choice.unsupported()
    choice.accepted()  # in MQTT 5: it is another broker
    choice.reset()
    assert choice.mqtt5


def test_a_broker_that_was_silent_is_asked_for_mqtt_5_at_every_later_connection() -> None:
    """A busy one is, and whoever is on the way can keep an answer back."""
    choice = ProtocolChoice()
    silent(choice)
    choice.accepted()  # in 3.1.1
    choice.reset()
    assert choice.mqtt5
    assert choice.unanswered() is True  # as long as MQTT 5 has never worked, the one that has is tried at once
    choice.accepted()
    choice.reset()
    assert choice.mqtt5
    choice.accepted()
    choice.reset()
    assert [choice.unanswered() for _ in range(3)] == [False, False, True]


def test_a_broker_that_has_spoken_mqtt_5_is_not_left_in_the_older_one() -> None:
    choice = ProtocolChoice()
    choice.accepted()
    choice.unsupported()
    choice.accepted()  # in 3.1.1
    choice.reset()
    assert choice.mqtt5


def test_until_something_has_worked_mqtt_5_is_tried_first() -> None:
    choice = ProtocolChoice()
    choice.unsupported()
    choice.reset()
    assert choice.mqtt5


@pytest.mark.parametrize(("protocol", "mqtt5"), [("5", True), ("3.1.1", False)])
def test_a_fixed_protocol_never_changes(protocol: Protocol, mqtt5: bool) -> None:  # noqa: FBT001 - a parameter
    choice = ProtocolChoice(protocol, unanswered_handshakes=1)
    assert [choice.unsupported(), choice.unanswered()] == [False] * 2
    choice.accepted()
    choice.reset()
    assert choice.mqtt5 is mqtt5
