"""Which protocol is spoken next."""

from __future__ import annotations

import pytest

from edge.mqtt.protocol import ProtocolChoice


@pytest.mark.parametrize("event", ["handshake_timed_out", "unsupported"])
def test_the_protocol_is_changed_when_the_broker_does_not_know_it(event: str) -> None:
    choice = ProtocolChoice(mqtt5=True)
    assert getattr(choice, event)() is True  # the older one at once
    assert not choice.mqtt5
    assert getattr(choice, event)() is False  # both were tried: now it waits
    assert choice.mqtt5


def test_a_broker_that_closes_has_to_do_so_three_times_in_a_row() -> None:
    choice = ProtocolChoice(mqtt5=True)
    assert [choice.handshake_closed() for _ in range(2)] == [False, False]
    choice.answered()
    assert [choice.handshake_closed() for _ in range(3)] == [False, False, True]
    assert not choice.mqtt5


def test_a_command_falls_back_at_the_first_close() -> None:
    choice = ProtocolChoice(mqtt5=True, closed_handshakes=1)
    assert choice.handshake_closed() is True
    assert choice.handshake_closed() is False


def test_after_a_stable_connection_the_preferred_protocol_is_tried_first() -> None:
    choice = ProtocolChoice(mqtt5=True)
    choice.unsupported()
    choice.reset()
    assert choice.mqtt5


def test_a_broker_that_is_known_to_be_old_never_gets_mqtt_5() -> None:
    choice = ProtocolChoice(mqtt5=False)
    assert choice.unsupported() is False
    choice.reset()
    assert not choice.mqtt5
