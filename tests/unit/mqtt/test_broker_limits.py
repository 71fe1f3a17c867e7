"""What a CONNACK says, and how long a message is."""

from __future__ import annotations

import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edge.mqtt.broker_limits import NO_LIMITS, BrokerLimits, publish_bytes, read_limits
from edge.mqtt.properties import of_message


def test_what_is_not_said_has_no_limit() -> None:
    assert read_limits(None) == NO_LIMITS
    assert read_limits(Properties(PacketTypes.CONNACK)) == NO_LIMITS  # type: ignore[no-untyped-call]


def test_everything_that_is_said_is_read() -> None:
    connack = Properties(PacketTypes.CONNACK)  # type: ignore[no-untyped-call]
    connack.ReceiveMaximum, connack.MaximumPacketSize, connack.MaximumQoS = 10, 8192, 0
    connack.RetainAvailable, connack.WildcardSubscriptionAvailable = 0, 0
    assert read_limits(connack) == BrokerLimits(10, 8192, 0, retain=False, wildcards=False)


@pytest.mark.parametrize("size", [0, 100, 200, 16_000, 17_000, 2_100_000])
def test_the_length_is_that_of_the_packet(size: int) -> None:
    extra = of_message(b"{" + bytes(size), 60, "edge.window/2", None)
    rest = 2 + len("täglich/x".encode()) + 2 + len(extra.pack()) + size  # type: ignore[no-untyped-call]
    digits = 1 if rest < 128 else 2 if rest < 16384 else 3 if rest < 2097152 else 4
    assert publish_bytes("täglich/x", bytes(size), extra) == 1 + digits + rest
