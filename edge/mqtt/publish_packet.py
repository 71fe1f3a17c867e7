"""What is kept of a message's MQTT 5 properties before paho reads them: where to answer, when it expires.

A stranger chooses the properties of a message. paho hangs up at a character that MQTT forbids in them, and the broker
then sends the same message again, for ever; of thousands of properties it makes ever longer lists.
"""

from __future__ import annotations

MOST = 2048  # bytes of properties that are looked at; no request needs more
EXPIRY, RESPONSE_TOPIC, CORRELATION = 2, 8, 9
KEPT = frozenset({EXPIRY, RESPONSE_TOPIC, CORRELATION})
NUMBERS = {1: 1, EXPIRY: 4, 35: 2}
"""Bytes of the properties that are numbers: payload format, expiry, topic alias."""
SUBSCRIPTION, USER = 11, 38
TEXTS = {3: 1, RESPONSE_TOPIC: 1, CORRELATION: 1, USER: 2}
"""How many texts or blocks of bytes, each after its length, the others have."""


def with_known_properties(packet: bytes | bytearray, qos: int) -> bytes | bytearray:
    """The same PUBLISH packet without properties that this program does not use.

    Args:
        packet: All of an MQTT 5 packet behind its fixed header.
        qos: Its quality of service: 0 has no message id.

    Returns:
        What is to be parsed; a packet without properties, or whose lengths cannot be right, as it was.
    """
    at = 2 + int.from_bytes(packet[:2], "big") + (2 if qos else 0)
    length, begin = _variable(packet, at)
    end = begin + length
    if not 0 < length <= len(packet) - begin:
        return packet
    kept = _known(packet[begin:end]) if length <= MOST else b""
    return b"".join((packet[:at], _as_variable(len(kept)), kept, packet[end:]))


def _variable(data: bytes | bytearray, at: int) -> tuple[int, int]:
    """A number of one to four bytes, and where it ends; -1 if it is none."""
    value = 0
    for place, byte in enumerate(data[at : at + 4]):
        value |= (byte & 127) << 7 * place
        if byte < 128:
            return value, at + place + 1
    return -1, at


def _as_variable(value: int) -> bytes:
    return bytes((value,)) if value < 128 else bytes((value & 127 | 128, value >> 7))  # up to MOST


def _known(properties: bytes | bytearray) -> bytes:
    kept: dict[int, bytes] = {}
    at = 0
    while at < len(properties):
        start, kind = at, properties[at]
        at += 1
        if kind in NUMBERS:
            at += NUMBERS[kind]
        elif kind == SUBSCRIPTION:
            value, at = _variable(properties, at)
            if value < 0:
                break
        elif kind in TEXTS:
            for _ in range(TEXTS[kind]):
                at += 2 + int.from_bytes(properties[at : at + 2], "big")
        else:
            break
        if at <= len(properties) and kind in KEPT and (kind != RESPONSE_TOPIC or _plain(properties[start + 3 : at])):
            kept.setdefault(kind, bytes(properties[start:at]))  # paho hangs up at a second one
    return b"".join(kept.values())


def _plain(text: bytes | bytearray) -> bool:
    """Whether paho takes it: UTF-8 without what MQTT forbids."""
    try:
        return not {"\0", "\ufeff"} & set(text.decode())
    except UnicodeDecodeError:
        return False
