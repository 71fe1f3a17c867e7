"""What is wrong with a connection: a code for programs, a sentence and a remedy for people."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from edge.contract.topics import is_home_assistant_topic
from edge.errors import CredentialsError, EdgeError, RefusedError
from edge.mqtt.outgoing import Request
from edge.mqtt.reason_codes import CREDENTIALS, Reason
from edge.text import printable

LONGEST_TOPIC = 200  # characters of a topic in a text: commands come below any name
REACH_REMEDY = "check mqtt.broker, and that the broker is running"
PORT_REMEDY = "is it an MQTT port, and not a TLS one?"
REFUSAL_REMEDY = "check mqtt.username, mqtt.password_file and the user's rights at the broker"
ACCESS_REMEDY = "check the user's rights there"
ANNOUNCE_REMEDY = (
    "where `edge announce` announces all rooms, set homeassistant.discovery: false; "
    "otherwise check the user's rights there"
)
SEARCH_REMEDY = "looking for the topic that it does not take"
PACKET_REMEDY = "raise the broker's maximum packet size (Mosquitto: max_packet_size)"
OLD_REMEDY = "is it an MQTT port? If the broker speaks only MQTT 3.1.1, set mqtt.protocol to that"
BROKER_LOG_REMEDY = "the broker's log says more"
TLS_FILES_REMEDY = "check mqtt.ca_file, mqtt.certificate_file and mqtt.key_file"
SERVER_CERTIFICATE_REMEDY = "write the host in mqtt.broker as the certificate has it"


class ProblemCode(Enum):
    """What is wrong, for programs."""

    NAME_NOT_FOUND = "name_not_found"
    UNREACHABLE = "unreachable"  # nothing listens there, no route, the network is down
    CONNECT_TIMEOUT = "connect_timeout"
    CERTIFICATE = "certificate"
    TLS = "tls"
    TLS_FILES = "tls_files"
    HANDSHAKE_TIMEOUT = "handshake_timeout"  # something listens, and does not answer CONNECT
    HANDSHAKE_CLOSED = "handshake_closed"  # something listens, and closes the connection instead of answering
    UNSUPPORTED_PROTOCOL = "unsupported_protocol"
    CREDENTIALS = "credentials"  # refused for a reason that only a person can change
    REFUSED = "refused"  # for another reason
    LOST = "lost"
    UNSTABLE = "unstable"  # lost again and again, soon after every connect
    RESET = "reset"  # ended by us
    SUBSCRIPTION_REFUSED = "subscription_refused"
    PUBLISH_REFUSED = "publish_refused"
    LEFT_OUT = "left_out"  # a topic on which the broker hangs up or falls silent
    TOO_LARGE = "too_large"
    LIMITED = "limited"  # the broker cannot do something that we would use


NOT_MQTT = (ProblemCode.HANDSHAKE_TIMEOUT, ProblemCode.HANDSHAKE_CLOSED, ProblemCode.UNSUPPORTED_PROTOCOL)
"""Something listens there, and does not understand the protocol."""
RIGHTS = (ProblemCode.CREDENTIALS, ProblemCode.SUBSCRIPTION_REFUSED, ProblemCode.PUBLISH_REFUSED)
"""The broker answered no, and only a person can change that."""


# Why a broker refuses or ends a connection, and what to do about it.
REMEDIES: Mapping[int, str] = MappingProxyType(
    {
        **dict.fromkeys(CREDENTIALS, REFUSAL_REMEDY),
        Reason.CLIENT_IDENTIFIER_NOT_VALID: (
            "the broker does not take this device.prefix and device.name as client id: choose others"
        ),
        Reason.SESSION_TAKEN_OVER: "another client uses the same id: give every device its own device.name",
        Reason.USE_ANOTHER_SERVER: "set mqtt.broker to the other one",
        Reason.SERVER_MOVED: "set mqtt.broker to its new address",
        Reason.UNSUPPORTED_PROTOCOL_VERSION: "the broker must speak MQTT 5 or 3.1.1",
        Reason.RETAIN_NOT_SUPPORTED: "the broker must keep retained messages",
        Reason.QOS_NOT_SUPPORTED: "the broker must serve QoS 1",
        Reason.PACKET_TOO_LARGE: PACKET_REMEDY,
        Reason.QUOTA_EXCEEDED: "raise the broker's limits",
    }
)


@dataclass(frozen=True)
class Problem:
    """What is wrong, and what to do about it."""

    code: ProblemCode
    text: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.text}; {self.remedy}"

    def to_error(self) -> EdgeError:
        """The same as an exception: RefusedError where only a person can change it (a busy broker needs none)."""
        if self.code is ProblemCode.CREDENTIALS:
            return CredentialsError(self.text, self.remedy)
        kind = RefusedError if self.code in RIGHTS else EdgeError
        return kind(self.text, self.remedy)


def connect_failed(url: object, error: BaseException | None, nothing_listens: str = REACH_REMEDY) -> Problem:
    """Name, TCP or TLS failed; `nothing_listens`: what to do where the connection is refused."""
    code, text, remedy = _explain(error)
    if isinstance(error, ConnectionRefusedError):
        remedy = nothing_listens
    return Problem(code, f"broker {url} cannot be reached: {text}", remedy)


def connect_timed_out(url: object) -> Problem:
    """Name, TCP and TLS took too long."""
    return Problem(ProblemCode.CONNECT_TIMEOUT, f"broker {url} does not answer", REACH_REMEDY)


def handshake_timed_out(url: object) -> Problem:
    """No answer to CONNECT."""
    return Problem(ProblemCode.HANDSHAKE_TIMEOUT, f"broker {url} does not answer", PORT_REMEDY)


def handshake_closed(url: object, *, mqtt5: bool = False) -> Problem:
    """Closed instead of an answer to CONNECT, in that version of MQTT."""
    return Problem(ProblemCode.HANDSHAKE_CLOSED, f"broker {url} hangs up", OLD_REMEDY if mqtt5 else PORT_REMEDY)


def refused(url: object, username: str | None, reason: int, name: str, remedies: Mapping[int, str]) -> Problem:
    """The broker answered no.

    Args:
        url: The broker's.
        username: As whom we came.
        reason: The reason code.
        name: What MQTT calls it.
        remedies: What is to be done about some reasons, where that is not what a device would do.
    """
    who = f"user {username!r}" if username else "a client without user name"
    code = ProblemCode.CREDENTIALS if reason in CREDENTIALS else ProblemCode.REFUSED
    if reason == Reason.UNSUPPORTED_PROTOCOL_VERSION:
        code = ProblemCode.UNSUPPORTED_PROTOCOL
    return Problem(code, f"broker {url} refuses {who}: {name}", {**REMEDIES, **remedies}.get(reason, BROKER_LOG_REMEDY))


def lost(url: object, reason: int, name: str, remedies: Mapping[int, str], *, unstable: bool) -> Problem:
    """An accepted connection ended; `unstable`: as several before it did, soon after the connect."""
    text = f"lost the broker {url} ({name})"
    known = {**REMEDIES, **remedies}.get(reason)
    if known is None and unstable:
        again = "it does so again and again; does another client use the same id, or a proxy give up early?"
        return Problem(ProblemCode.UNSTABLE, text, again)
    return Problem(ProblemCode.LOST, text, known or "trying again")


def reset(url: object, reason: str) -> Problem:
    """We ended the connection, because of what the broker does or does not do."""
    return Problem(ProblemCode.RESET, f"broker {url} {reason}", "connecting anew")


def subscription_refused(url: object, topic: str, reason: int, name: str) -> Problem:
    """The broker does not send what was asked for."""
    text = f"broker {url} refuses the subscription to {_shown(topic)}: {name}"
    return Problem(ProblemCode.SUBSCRIPTION_REFUSED, text, _right_remedy(reason, topic))


def publish_refused(url: object, topic: str, reason: int, name: str) -> Problem:
    """The broker threw a message away."""
    text = f"broker {url} refuses messages on {_shown(topic)}: {name}"
    return Problem(ProblemCode.PUBLISH_REFUSED, text, _right_remedy(reason, topic))


def left_out(url: object, request: Request, reason: str) -> Problem:
    """The broker hangs up or falls silent because of one topic; `reason`: what it does."""
    what = "messages on" if request.action == "publish" else "the subscription to"
    text = f"broker {url} {reason} after {what} {_shown(request.topic)}: not sent, everything else goes on"
    return Problem(ProblemCode.LEFT_OUT, text, ACCESS_REMEDY)


def too_large(url: object, topic: str, size: int, limit: int) -> Problem:
    """The broker takes no packet of that many bytes."""
    text = f"broker {url} takes {limit} bytes at most, and a message on {_shown(topic)} has {size}: not sent"
    return Problem(ProblemCode.TOO_LARGE, text, PACKET_REMEDY)


def no_retain(url: object) -> Problem:
    """The broker keeps no retained messages."""
    text = f"broker {url} keeps no retained messages: who subscribes later sees only what comes after"
    return Problem(ProblemCode.LIMITED, text, "allow retained messages at the broker")


def no_acknowledgement(url: object) -> Problem:
    """The broker knows only QoS 0."""
    text = f"broker {url} takes only QoS 0: subscribers may miss windows"
    return Problem(ProblemCode.LIMITED, text, "allow QoS 1 at the broker")


def no_wildcards(url: object, topic: str) -> Problem:
    """The broker takes no such subscription."""
    text = f"broker {url} takes no wildcards: the subscription to {_shown(topic)} is left out"
    return Problem(ProblemCode.SUBSCRIPTION_REFUSED, text, "allow wildcard subscriptions at the broker")


def tls_files(files: str, error: OSError) -> Problem:
    """The TLS files of the configuration cannot be used."""
    return Problem(ProblemCode.TLS_FILES, f"TLS files cannot be used ({files}: {_reason(error)})", TLS_FILES_REMEDY)


def _shown(topic: str) -> str:
    return printable(topic, LONGEST_TOPIC)


def _right_remedy(reason: int, topic: str) -> str:
    if reason in CREDENTIALS:
        return ANNOUNCE_REMEDY if is_home_assistant_topic(topic) else ACCESS_REMEDY
    return REMEDIES.get(reason, BROKER_LOG_REMEDY)


def _explain(error: BaseException | None) -> tuple[ProblemCode, str, str]:
    """Why a connection could not be made: code, words and remedy."""
    if isinstance(error, ssl.SSLCertVerificationError):
        text = f"its certificate is not trusted ({error.verify_message})"
        return ProblemCode.CERTIFICATE, text, _certificate_remedy(error)
    if isinstance(error, ssl.SSLError):
        return ProblemCode.TLS, f"TLS failed ({_reason(error)})", "is it an mqtts port?"
    if isinstance(error, socket.gaierror):
        # The resolver says "try again" where it cannot be reached, and "not known" where the name is wrong.
        text = f"its name is not found ({error.strerror})"
        return ProblemCode.NAME_NOT_FOUND, text, "check mqtt.broker, and the network's name server"
    if isinstance(error, ConnectionRefusedError):
        return ProblemCode.UNREACHABLE, "nothing listens there", REACH_REMEDY
    if isinstance(error, TimeoutError):
        return ProblemCode.CONNECT_TIMEOUT, "no answer", REACH_REMEDY
    return ProblemCode.UNREACHABLE, _reason(error), REACH_REMEDY


def _reason(error: BaseException | None) -> str:
    # OpenSSL's own word, where there is one; else the system's.
    return getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)


def _certificate_remedy(error: ssl.SSLCertVerificationError) -> str:
    # The numbers are OpenSSL's: not yet valid, expired, another host name, another IP address.
    return {
        9: "is this machine's clock right?",
        10: "renew it, or set this machine's clock",
        62: SERVER_CERTIFICATE_REMEDY,
        64: SERVER_CERTIFICATE_REMEDY,
    }.get(error.verify_code, "set mqtt.ca_file")
