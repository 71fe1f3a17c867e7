"""Problems: a code for programs, a sentence and a remedy for people."""

from __future__ import annotations

import socket
import ssl

import pytest

from edge.contract.topics import birth_topic, discovery_topic
from edge.errors import CredentialsError, EdgeError
from edge.mqtt import problem
from edge.mqtt.problem import ProblemCode
from edge.mqtt.reason_codes import Reason

URL = "mqtt://broker:1883"


def unverified(code: int) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = code, "reason"
    return error


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (socket.gaierror(-2, "Name or service not known"), ProblemCode.NAME_NOT_FOUND, "check mqtt.broker"),
        (
            ConnectionRefusedError(111, "refused"),
            ProblemCode.UNREACHABLE,
            "nothing listens there; check mqtt.broker",
        ),
        (OSError(113, "No route to host"), ProblemCode.UNREACHABLE, "No route to host; check mqtt.broker"),
        (TimeoutError(), ProblemCode.CONNECT_TIMEOUT, "no answer; check mqtt.broker"),
        (unverified(18), ProblemCode.CERTIFICATE, "set mqtt.ca_file"),
        (unverified(9), ProblemCode.CERTIFICATE, "clock right?"),
        (unverified(62), ProblemCode.CERTIFICATE, "write the host in mqtt.broker as the certificate has it"),
        (ssl.SSLError(1, "wrong version number"), ProblemCode.TLS, "is it an mqtts port?"),
    ],
)
def test_why_a_broker_cannot_be_reached(error: OSError, code: ProblemCode, words: str) -> None:
    found = problem.connect_failed(URL, error)
    assert found.code is code
    assert str(found).startswith(f"broker {URL} cannot be reached: ")
    assert words in str(found)


def test_a_name_that_is_not_found_is_told_from_a_broker_that_is_off() -> None:
    assert "name is not found" in problem.connect_failed(URL, socket.gaierror(-2, "Name or service not known")).text
    off = problem.connect_failed(URL, ConnectionRefusedError())
    assert off.text == f"broker {URL} cannot be reached: nothing listens there"


@pytest.mark.parametrize(
    ("reason", "code", "error"),
    [
        (Reason.BAD_USER_NAME_OR_PASSWORD, ProblemCode.CREDENTIALS, CredentialsError),
        (Reason.NOT_AUTHORIZED, ProblemCode.CREDENTIALS, CredentialsError),
        (Reason.BANNED, ProblemCode.CREDENTIALS, CredentialsError),
        (Reason.UNSUPPORTED_PROTOCOL_VERSION, ProblemCode.UNSUPPORTED_PROTOCOL, EdgeError),
        (Reason.CLIENT_IDENTIFIER_NOT_VALID, ProblemCode.REFUSED, EdgeError),
        (Reason.SERVER_BUSY, ProblemCode.REFUSED, EdgeError),
    ],
)
def test_refusals_go_by_the_reason_code(reason: Reason, code: ProblemCode, error: type[EdgeError]) -> None:
    found = problem.refused(URL, "u", reason, "in another language", {})
    assert found.code is code
    assert found.text == f"broker {URL} refuses user 'u': in another language"
    assert type(found.to_error()) is error


def test_two_clients_of_one_name_are_explained_where_the_broker_says_so() -> None:
    """Mosquitto 2.0 says nothing, newer ones do."""
    taken = problem.lost(URL, Reason.SESSION_TAKEN_OVER, "x", {}, unstable=True)
    assert "give every device its own device.name" in str(taken)
    recorder = problem.lost(URL, Reason.SESSION_TAKEN_OVER, "x", {Reason.SESSION_TAKEN_OVER: "another"}, unstable=False)
    assert recorder.remedy == "another"


def test_a_connection_that_is_lost_again_and_again_says_so() -> None:
    assert problem.lost(URL, 0x80, "x", {}, unstable=False).code is ProblemCode.LOST
    again = problem.lost(URL, 0x80, "x", {}, unstable=True)
    assert again.code is ProblemCode.UNSTABLE
    assert "again and again" in again.remedy


def test_what_the_broker_throws_away_has_the_remedy_of_its_reason() -> None:
    assert problem.publish_refused(URL, "t", Reason.NOT_AUTHORIZED, "x").remedy == "check the user's rights there"
    announced = discovery_topic("homeassistant", "classroom_room-1")
    assert "edge announce" in problem.publish_refused(URL, announced, Reason.NOT_AUTHORIZED, "x").remedy
    assert problem.publish_refused(URL, announced, Reason.QUOTA_EXCEEDED, "x").remedy == "raise the broker's limits"
    assert problem.publish_refused(URL, "t", Reason.QUOTA_EXCEEDED, "x").remedy == "raise the broker's limits"
    assert problem.subscription_refused(URL, "t", 0x8F, "x").remedy == "the broker's log says more"
    birth = problem.subscription_refused(URL, birth_topic("homeassistant"), Reason.NOT_AUTHORIZED, "x")
    assert "homeassistant.discovery: false" in birth.remedy
    for each in ("homeassistant/device/+/config", "classroom/room-1/cmd/+"):
        assert (
            problem.subscription_refused(URL, each, Reason.NOT_AUTHORIZED, "x").remedy
            == "check the user's rights there"
        )
