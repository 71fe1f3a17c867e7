"""What a broker says in its CONNACK that it takes (MQTT 5); under 3.1.1 it says nothing."""

from __future__ import annotations

from dataclasses import dataclass

from paho.mqtt.properties import Properties


@dataclass(frozen=True)
class BrokerLimits:
    """The limits of one broker; those that it does not name are MQTT's own.

    Attributes:
        receive_maximum: QoS 1 messages that may be in flight.
        packet_bytes: Of the largest packet; None: no limit.
        qos: The highest one.
        retain: Whether it keeps retained messages.
        wildcards: Whether it takes subscriptions with `+` and `#`.
        identifiers: Whether it takes identifiers of subscriptions.
    """

    receive_maximum: int = 65535
    packet_bytes: int | None = None
    qos: int = 2
    retain: bool = True
    wildcards: bool = True
    identifiers: bool = True


NO_LIMITS = BrokerLimits()


def read_limits(connack: object) -> BrokerLimits:
    """The limits in the properties of a CONNACK; `BoundedClient` obeys the server's keep-alive."""
    if not isinstance(connack, Properties):
        return NO_LIMITS
    return BrokerLimits(
        getattr(connack, "ReceiveMaximum", 65535),
        getattr(connack, "MaximumPacketSize", None),
        getattr(connack, "MaximumQoS", 2),
        bool(getattr(connack, "RetainAvailable", 1)),
        bool(getattr(connack, "WildcardSubscriptionAvailable", 1)),
        bool(getattr(connack, "SubscriptionIdentifierAvailable", 1)),
    )


def publish_bytes(topic: str, payload: bytes, properties: Properties | None) -> int:
    """The length of a PUBLISH packet of QoS 1, in bytes."""
    packed = len(properties.pack()) if properties is not None else 0  # type: ignore[no-untyped-call]
    rest = 2 + len(topic.encode()) + 2 + packed + len(payload)
    digits = 1 + (rest > 0x7F) + (rest > 0x3FFF) + (rest > 0x1FFFFF)  # MQTT's variable byte integer
    return 1 + digits + rest
