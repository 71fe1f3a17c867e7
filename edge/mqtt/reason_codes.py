"""The reason codes of MQTT 5, and what some have in common."""

from __future__ import annotations

from enum import IntEnum


class Reason(IntEnum):
    """The reason codes of MQTT 5 that we act on; paho translates those of 3.1.1 to the same."""

    MALFORMED_PACKET = 0x81
    PROTOCOL_ERROR = 0x82
    IMPLEMENTATION_SPECIFIC_ERROR = 0x83
    UNSUPPORTED_PROTOCOL_VERSION = 0x84
    CLIENT_IDENTIFIER_NOT_VALID = 0x85
    BAD_USER_NAME_OR_PASSWORD = 0x86
    NOT_AUTHORIZED = 0x87
    SERVER_UNAVAILABLE = 0x88
    SERVER_BUSY = 0x89
    BANNED = 0x8A
    BAD_AUTHENTICATION_METHOD = 0x8C
    SESSION_TAKEN_OVER = 0x8E
    TOPIC_FILTER_INVALID = 0x8F
    TOPIC_NAME_INVALID = 0x90
    PACKET_TOO_LARGE = 0x95
    QUOTA_EXCEEDED = 0x97
    PAYLOAD_FORMAT_INVALID = 0x99
    RETAIN_NOT_SUPPORTED = 0x9A
    QOS_NOT_SUPPORTED = 0x9B
    USE_ANOTHER_SERVER = 0x9C
    SERVER_MOVED = 0x9D
    SHARED_SUBSCRIPTION_NOT_SUPPORTED = 0x9E
    SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED = 0xA1
    WILDCARD_SUBSCRIPTION_NOT_SUPPORTED = 0xA2


CREDENTIALS = frozenset(
    {Reason.BAD_USER_NAME_OR_PASSWORD, Reason.NOT_AUTHORIZED, Reason.BANNED, Reason.BAD_AUTHENTICATION_METHOD}
)
"""Reasons for which a broker does not take us as who we say we are: only a person can change that."""
ABOUT_A_PACKET = frozenset(
    {
        Reason.MALFORMED_PACKET, Reason.PROTOCOL_ERROR, Reason.IMPLEMENTATION_SPECIFIC_ERROR, Reason.NOT_AUTHORIZED,
        Reason.TOPIC_FILTER_INVALID, Reason.TOPIC_NAME_INVALID, Reason.PACKET_TOO_LARGE, Reason.QUOTA_EXCEEDED,
        Reason.PAYLOAD_FORMAT_INVALID, Reason.RETAIN_NOT_SUPPORTED, Reason.QOS_NOT_SUPPORTED,
        Reason.SHARED_SUBSCRIPTION_NOT_SUPPORTED, Reason.SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED,
        Reason.WILDCARD_SUBSCRIPTION_NOT_SUPPORTED,
    }
)  # fmt: skip
"""Reasons for which a broker ends a connection because of what it was just sent."""
