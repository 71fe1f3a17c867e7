"""A PUBLISH packet as it came: topic, payload and, of its MQTT 5 properties, where to answer and why it was sent.

Read here, not by paho: a stranger chooses the properties of a message. paho hangs up at a character that MQTT forbids
in them, and the broker then sends the same message again, for ever; of thousands of properties it makes ever longer
lists. And it takes several times as long, which whoever records a district feels.
"""

from __future__ import annotations

from typing import NamedTuple

MOST = 2048  # bytes of properties that are looked at; no request needs more
RETAIN, QOS = 0x01, 0x06  # flags of the first byte
EXPIRY, RESPONSE_TOPIC, CORRELATION = 2, 8, 9
NUMBERS = {1: 1, EXPIRY: 4, 35: 2}
"""Bytes of the properties that are numbers: payload format, expiry, topic alias."""
SUBSCRIPTION, USER = 11, 38
TEXTS = {3: 1, RESPONSE_TOPIC: 1, CORRELATION: 1, USER: 2}
"""How many texts or blocks of bytes, each after its length, the others have."""


class Publish(NamedTuple):
    """A message in the bytes that came; of two properties of one kind the first counts."""

    topic: bytes
    payload: bytes
    message_id: int
    qos: int
    retained: bool
    response_topic: bytes | None
    correlation: bytes | None
    subscriptions: tuple[int, ...] = ()  # the identifiers of those by which it comes


def read_publish(first: int, packet: bytes | bytearray, *, mqtt5: bool) -> Publish:
    """Read a packet.

    Args:
        first: Its first byte, with the flags.
        packet: All of it behind its fixed header.
        mqtt5: Whether it has properties.

    Raises:
        ValueError: It ends before its own lengths say so, or has a quality of service that nobody asks for.
    """
    qos = (first & QOS) >> 1
    topic_end = 2 + int.from_bytes(packet[:2], "big")
    at = topic_end + (2 if qos else 0)
    if qos > 1 or at > len(packet):
        raise ValueError("no packet that can be read")
    message_id = int.from_bytes(packet[topic_end:at], "big")
    response: bytes | None = None
    correlation: bytes | None = None
    subscriptions: tuple[int, ...] = ()
    if mqtt5:
        length, at = _variable(packet, at)
        end = at + length
        if length < 0 or end > len(packet):
            raise ValueError("its properties end behind it")
        if 0 < length <= MOST:
            response, correlation, subscriptions = _known(packet[at:end])
        at = end
    return Publish(
        bytes(packet[2:topic_end]), bytes(packet[at:]), message_id, qos, bool(first & RETAIN),
        response, correlation, subscriptions,
    )  # fmt: skip


def _variable(data: bytes | bytearray, at: int) -> tuple[int, int]:
    """A number of one to four bytes, and where it ends; -1 if it is none."""
    value = 0
    for place, byte in enumerate(data[at : at + 4]):
        value |= (byte & 127) << 7 * place
        if byte < 128:
            return value, at + place + 1
    return -1, at


def _known(properties: bytes | bytearray) -> tuple[bytes | None, bytes | None, tuple[int, ...]]:
    """Response topic, correlation data and subscriptions among some properties, as far as these can be read."""
    found: dict[int, bytes] = {}
    subscriptions: list[int] = []
    at = 0
    while at < len(properties):
        kind = properties[at]
        at += 1
        start = at + 2
        if kind in NUMBERS:
            at += NUMBERS[kind]
        elif kind == SUBSCRIPTION:
            value, at = _variable(properties, at)
            if value < 0:
                break
            subscriptions.append(value)
        elif kind in TEXTS:
            for _ in range(TEXTS[kind]):
                at += 2 + int.from_bytes(properties[at : at + 2], "big")
        else:
            break
        if kind in (RESPONSE_TOPIC, CORRELATION) and start <= at <= len(properties):
            found.setdefault(kind, bytes(properties[start:at]))
    return found.get(RESPONSE_TOPIC), found.get(CORRELATION), tuple(subscriptions)
