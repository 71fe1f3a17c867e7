"""What is wrong with a connection: code, sentence, remedy; and when it is logged."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

from paho.mqtt.reasoncodes import ReasonCode

from edge.errors import EdgeError, RefusedError
from edge.mqtt.client_factory import BrokerSettings, explain_parts

REMIND = 3600.0  # seconds after which a problem that lasts is logged again
MANY_SHORT_CONNECTIONS = 3  # in a row
UNSUPPORTED_PROTOCOL = 132  # MQTT 5, 2.4; paho gives the codes of 3.1.1 the same numbers
CREDENTIALS = frozenset({134, 135, 138, 140})  # user or password, not authorized, banned, authentication method
CREDENTIALS_REMEDY = "check mqtt.username, mqtt.password_file and the broker's access list"
# The broker's reason code for why it refuses or ends a connection, and what to do about it.
REMEDIES: Mapping[int, str] = {
    **dict.fromkeys(CREDENTIALS, CREDENTIALS_REMEDY),
    UNSUPPORTED_PROTOCOL: "the broker must speak MQTT 5 or 3.1.1",
    133: "the broker does not take this device.prefix and device.name as client id",
    142: "another client uses the same id: give every device its own device.name",
    149: "the broker must take messages of 4 KB",
    154: "the broker must keep retained messages",
    155: "the broker must serve QoS 1",
    156: "set mqtt.broker to the other one",
    157: "set mqtt.broker to its new address",
}
RETRY = "trying again"
NOT_MQTT = "is it an MQTT port, and not a TLS one?"


class ProblemCode(Enum):
    """What kind of problem it is."""

    UNREACHABLE = "unreachable"
    TIMED_OUT = "timed out"  # nothing answers the handshake
    CLOSED_IN_HANDSHAKE = "closed in handshake"
    CREDENTIALS = "credentials"  # refused for a reason that only a person can change
    REFUSED = "refused"  # for another reason
    DISCONNECTED = "disconnected"
    RESET = "reset"  # by us
    SUBSCRIPTION_REFUSED = "subscription refused"
    CONFIGURATION = "configuration"  # files that were there at the start


@dataclass(frozen=True)
class Problem:
    """One problem, for a person and for a program."""

    code: ProblemCode
    text: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.text}; {self.remedy}"

    def error(self) -> EdgeError:
        """The same as an error that ends a command; a busy broker, too, refuses, but needs no change by a person."""
        kind = RefusedError if self.code is ProblemCode.CREDENTIALS else EdgeError
        return kind(self.text, self.remedy)


def unreachable(settings: BrokerSettings, error: BaseException | None) -> Problem:
    """Name, TCP or TLS failed."""
    text, remedy = explain_parts(error)
    text = f"broker {settings.url} cannot be reached: {text}"
    return Problem(ProblemCode.UNREACHABLE, text, remedy or "check mqtt.broker, and that the broker is running")


def timed_out(settings: BrokerSettings, *, reached: bool) -> Problem:
    """No answer within the deadline; `reached`: something took the connection."""
    return Problem(
        ProblemCode.TIMED_OUT, f"broker {settings.url} does not answer", NOT_MQTT if reached else "check the network"
    )


def closed_in_handshake(settings: BrokerSettings) -> Problem:
    """The connection was closed before the broker answered."""
    return Problem(ProblemCode.CLOSED_IN_HANDSHAKE, f"broker {settings.url} hangs up", NOT_MQTT)


def refused(settings: BrokerSettings, reason: ReasonCode, remedies: Mapping[int, str] = REMEDIES) -> Problem:
    """The broker answered, and said no."""
    who = f"user {settings.username!r}" if settings.username else "a client without user name"
    code = ProblemCode.CREDENTIALS if reason.value in CREDENTIALS else ProblemCode.REFUSED
    text = f"broker {settings.url} refuses {who}: {reason}"
    return Problem(code, text, remedies.get(reason.value, RETRY))


def disconnected(
    settings: BrokerSettings,
    reason: ReasonCode | None,
    short_connections: int = 0,
    remedies: Mapping[int, str] = REMEDIES,
) -> Problem:
    """A connection that the broker had accepted has ended.

    Args:
        settings: Where and as whom.
        reason: The broker's, or paho's.
        short_connections: How many in a row did not last.
        remedies: By reason code.
    """
    remedy = remedies.get(reason.value) if reason is not None else None
    if remedy is None and short_connections >= MANY_SHORT_CONNECTIONS:
        remedy = "it does so again and again; does another client use the same id, or a proxy give up early?"
    text = f"lost the broker {settings.url} ({reason or 'connection lost'})"
    return Problem(ProblemCode.DISCONNECTED, text, remedy or RETRY)


def reset(settings: BrokerSettings, reason: str) -> Problem:
    """We gave the connection up; `reason` is what the broker does or does not do."""
    return Problem(ProblemCode.RESET, f"broker {settings.url} {reason}", "connecting anew")


def subscription_refused(settings: BrokerSettings, reason: ReasonCode) -> Problem:
    """The broker will not send what was subscribed to."""
    text = f"broker {settings.url} refuses the subscription: {reason}"
    return Problem(ProblemCode.SUBSCRIPTION_REFUSED, text, "check the broker's access list")


class ProblemReporter:
    """Keeps the current problem, and logs each once, and again after an hour.

    Args:
        logger: Where.
        remind: Seconds after which a problem that lasts is logged again.
        clock: Monotonic seconds.
    """

    def __init__(
        self, logger: logging.Logger, remind: float = REMIND, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._logger = logger
        self._remind = remind
        self._clock = clock
        self._logged: dict[Problem, float] = {}
        self.current: Problem | None = None
        """The last problem since the broker accepted us."""

    def report(self, problem: Problem) -> None:
        """Something is wrong."""
        now = self._clock()
        last = self._logged.get(problem)
        if last is None or now - last >= self._remind:  # not at every attempt of a long night
            self._logger.warning("%s", problem)
            self._logged[problem] = now
        self.current = problem

    def clear(self) -> None:
        """The broker accepted us."""
        self.current = None

    def forget_logged(self) -> None:
        """A connection lasted: whatever happens now is new."""
        self._logged.clear()
