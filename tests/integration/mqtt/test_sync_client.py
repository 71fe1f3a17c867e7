"""What `edge check` and `edge unregister` connect with, at real brokers and at listeners that are none."""

from __future__ import annotations

import itertools
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.config.broker_url import BrokerUrl
from edge.config.schema import Config
from edge.daemon.broker_check import rooms_at
from edge.errors import EdgeError
from edge.mqtt.client_factory import BrokerSettings
from edge.mqtt.problem import ProblemCode
from edge.mqtt.sync_client import SyncClient
from tests.support.brokers import Broker, Subscriber, free_port
from tests.support.scripted_broker import (
    ACCEPT_5,
    CLOSE,
    LEVEL_5,
    LEVEL_311,
    MUTE,
    UNSUPPORTED_311,
    ScriptedBroker,
    refuse_5,
)  # fmt: skip


def client(port: int, host: str = "127.0.0.1", name: str = "test") -> SyncClient:
    return SyncClient(BrokerSettings(BrokerUrl(host, port, tls=False), name))


def problem_of(port: int, host: str = "127.0.0.1") -> tuple[ProblemCode, str]:
    one = client(port, host)
    try:
        assert not one.connect()
        assert one.problem is not None
        assert one.problem.remedy
        return one.problem.code, str(one.problem)
    finally:
        one.stop()


def test_a_round_trip(broker: int, subscribe: Callable[..., Subscriber]) -> None:
    one = client(broker)
    try:
        assert one.connect()
        assert one.protocol5
        assert one.problem is None
        one.subscribe(["classroom/a", "classroom/b"])
        assert one.publish([("classroom/a", b"1"), ("classroom/b", b"2")], retain=True) == {}
        found = itertools.islice(one.messages(5), 2)
        assert {(each.topic, each.payload) for each in found} == {("classroom/a", b"1"), ("classroom/b", b"2")}
        assert list(one.messages(0.1)) == []
    finally:
        one.stop()
    late = subscribe(broker)
    assert late.wait("b")[0].retain


def test_nobody_waits_longer_than_is_wanted_for_a_silent_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        one, asked = client(silent.getsockname()[1]), itertools.count()
        try:
            assert not one.connect(lambda: next(asked) < 3)
        finally:
            one.stop()
    assert next(asked) == 4


def test_who_is_never_silent_holds_nobody_up(broker: int) -> None:
    one, noisy, ended = client(broker), client(broker, name="noisy"), threading.Event()
    assert noisy.connect()

    def talk() -> None:
        while not ended.wait(0.05):
            noisy.publish([("classroom/noisy/availability", b"online")])

    talking = threading.Thread(target=talk)
    talking.start()
    try:
        assert one.connect()
        one.subscribe(["classroom/+/availability"])
        began = time.monotonic()
        assert len(list(one.messages(1.0, 2.0))) > 10
        assert time.monotonic() - began < 5
        assert rooms_at(Config.model_validate({"mqtt": {"broker": f"mqtt://127.0.0.1:{broker}"}})) == {"noisy"}
    finally:
        ended.set()
        talking.join()
        one.stop()
        noisy.stop()


def test_nobody_listens() -> None:
    code, text = problem_of(free_port())
    assert code is ProblemCode.UNREACHABLE
    assert "nothing listens there; check mqtt.broker, and that the broker is running" in text


def test_no_such_name() -> None:
    code, text = problem_of(1883, "no-such-host.invalid")
    assert code is ProblemCode.NAME_NOT_FOUND
    assert "check mqtt.broker, and the network's name server" in text


@pytest.mark.parametrize(
    ("answer", "code"), [(MUTE, ProblemCode.HANDSHAKE_TIMEOUT), (CLOSE, ProblemCode.HANDSHAKE_CLOSED)]
)
def test_something_that_is_no_broker(answer: bytes | None, code: ProblemCode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.mqtt.sync_client.ANSWER_SECONDS", 1.0)
    with ScriptedBroker({LEVEL_5: answer, LEVEL_311: answer}) as listener:
        found, text = problem_of(listener.port)
        assert listener.levels == [5, 4]
    assert found is code
    assert "is it an MQTT port, and not a TLS one?" in text


@pytest.mark.parametrize("answer", [UNSUPPORTED_311, refuse_5(0x84), CLOSE, MUTE])
def test_a_broker_that_knows_only_the_older_protocol(
    broker: int, answer: bytes | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.mqtt.sync_client.ANSWER_SECONDS", 1.0)
    with ScriptedBroker({LEVEL_5: answer}, port=broker) as old:
        one = client(old.port)
        try:
            assert one.connect()
            assert not one.protocol5
            one.subscribe(["t"])
            assert one.publish([("t", b"x")]) == {}
            found = next(one.messages(5), None)
            assert found is not None
            assert found.payload == b"x"
        finally:
            one.stop()
        assert old.levels == [5, 4]


def test_refused_for_what_only_a_person_can_change(start_broker: Callable[..., Broker]) -> None:
    code, text = problem_of(start_broker("allow_anonymous false").port)
    assert code is ProblemCode.CREDENTIALS
    assert "refuses a client without user name" in text
    assert "check mqtt.username, mqtt.password_file and the user's rights at the broker" in text


def test_refused_for_another_reason() -> None:
    with ScriptedBroker({LEVEL_5: refuse_5(0x89)}) as busy:
        code, text = problem_of(busy.port)
        assert busy.levels == [5]  # it knows the protocol
    assert code is ProblemCode.REFUSED
    assert "Server busy" in text


def test_what_the_broker_throws_away_is_named(start_broker: Callable[..., Broker], tmp_path: Path) -> None:
    (tmp_path / "acl").write_text("topic readwrite good\n")
    (tmp_path / "acl").chmod(0o644)
    one = client(start_broker(f"acl_file {tmp_path}/acl").port)
    try:
        assert one.connect()
        refused = one.publish([("good", b"1"), ("bad", b"2")])
    finally:
        one.stop()
    assert list(refused) == ["bad"]
    assert str(refused["bad"]).endswith("refuses messages on bad: Not authorized; check the user's rights there")


def test_a_broker_that_stops_answering(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.mqtt.sync_client.ANSWER_SECONDS", 1.0)
    with ScriptedBroker({LEVEL_5: ACCEPT_5}) as listener:
        one = client(listener.port)
        try:
            assert one.connect()
            with pytest.raises(EdgeError, match="has not answered a message in 1 s: the broker's log says more"):
                one.publish([("t", b"x")])
            listener.cut()
            with pytest.raises(EdgeError, match=r"lost the broker .* \(connection lost\)|has not answered"):
                one.publish([("t", b"x")])
        finally:
            one.stop()
