"""Brokers with limits and forbidden topics: what they take arrives, the rest is named once, and nothing is lost."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from edge.config.broker_url import BrokerUrl
from edge.contract.channels import Lifetimes
from edge.delivery.outbox import Outbox
from edge.delivery.publisher import Publisher
from edge.mqtt.client_factory import BrokerSettings
from tests.support.brokers import wait_for
from tests.support.publishing import INFO, STATE, TOPICS, Start, window
from tests.support.strict_broker import MQTT5, Rules, StrictBroker

DISCOVERY = "homeassistant/device/classroom_room-9/config"
Strict = Callable[[Rules], StrictBroker]
Manner = Literal["ack", "disconnect", "close", "silent"]


@pytest.fixture
def strict() -> Iterator[Strict]:
    """Starts strict brokers."""
    started: list[StrictBroker] = []

    def start(rules: Rules) -> StrictBroker:
        started.append(StrictBroker(rules))
        return started[-1]

    yield start
    for broker in started:
        broker.__exit__()


def sequence(broker: StrictBroker) -> set[int]:
    """Numbers of the windows that it took."""
    found = set()
    for message in broker.named("/window"):
        text = message.payload.decode()
        found.add(int(text.split('"seq":')[1].split(",")[0].strip(" }")))
    return found


def put(publisher: Publisher, count: int) -> None:
    """Give it windows."""
    for faces in range(count):
        publisher.publish_window(window(faces))


def named(caplog: pytest.LogCaptureFixture, words: str) -> int:
    """Warnings with these words."""
    return sum(words in message for message in caplog.messages)


@pytest.mark.parametrize("limit", [1, 3, 10])
def test_never_more_is_in_flight_than_the_broker_takes(strict: Strict, publish: Start, limit: int) -> None:
    broker = strict(Rules(receive_maximum=limit, ack_delay=0.02))
    publisher = publish(broker.port)
    publisher.announce(DISCOVERY, b"{}")
    put(publisher, 60)
    wait_for(lambda: publisher.depth == 0, 30)
    assert sequence(broker) == set(range(1, 61))
    assert broker.most_in_flight <= limit
    assert broker.ends == []
    assert len(broker.levels) == 1
    assert broker.named("/config")


def test_a_slow_broker_with_a_small_limit_is_not_taken_for_dead(strict: Strict, publish: Start) -> None:
    broker = strict(Rules(receive_maximum=1, ack_delay=0.3))
    publisher = publish(broker.port, answer_timeout=1.0)
    put(publisher, 10)
    wait_for(lambda: publisher.depth == 0, 30)
    assert len(broker.levels) == 1


@pytest.mark.parametrize("size", [1000, 8192])
def test_what_is_too_large_is_named_and_windows_flow(
    strict: Strict, publish: Start, caplog: pytest.LogCaptureFixture, size: int
) -> None:
    broker = strict(Rules(packet_bytes=size))
    publisher = publish(broker.port)
    for _ in range(3):
        publisher.announce(DISCOVERY, bytes(size))
    put(publisher, 5)
    wait_for(lambda: publisher.depth == 0, 10)
    assert sequence(broker) == {1, 2, 3, 4, 5}
    assert broker.ends == []
    assert named(caplog, f"takes {size} bytes at most, and a message on {DISCOVERY} has ") == 1
    assert named(caplog, "raise the broker's maximum packet size") == 1


def test_a_window_that_is_too_large_stays_and_blocks_none_that_is_not(
    strict: Strict, publish: Start, caplog: pytest.LogCaptureFixture
) -> None:
    broker = strict(Rules(packet_bytes=900))
    publisher = publish(broker.port)
    assert publisher.connection.wait_connected(5)
    large = window().model_copy(update={"model": window().model.model_copy(update={"faces": "f" * 900})})
    for one in (window(1), large, window(2), large, window(3)):
        publisher.publish_window(one)
    wait_for(lambda: sequence(broker) == {1, 3, 5}, 10)
    wait_for(lambda: publisher.depth == 2, 5)
    assert named(caplog, f"a message on {TOPICS.window} has") == 1
    broker.rules = Rules()
    broker.cut()
    wait_for(lambda: sequence(broker) == {1, 2, 3, 4, 5}, 15)
    wait_for(lambda: publisher.depth == 0, 5)


def test_a_broker_that_takes_only_qos_0_gets_that_and_no_window_counts_as_sent_before_it_arrived(
    strict: Strict, publish: Start, caplog: pytest.LogCaptureFixture
) -> None:
    broker = strict(Rules(qos=0))
    publisher = publish(broker.port)
    put(publisher, 40)
    wait_for(lambda: publisher.depth == 0, 10)
    assert sequence(broker) == set(range(1, 41))
    assert {message.qos for message in broker.published} == {0}
    assert broker.ends == []
    assert named(caplog, "takes only QoS 0") == 1
    assert named(caplog, "refuses") == 0  # its refusal of the will was obeyed at once


def test_a_broker_that_retains_nothing_gets_everything_unretained(
    strict: Strict, publish: Start, caplog: pytest.LogCaptureFixture
) -> None:
    broker = strict(Rules(retain=False))
    publisher = publish(broker.port)
    put(publisher, 2)
    wait_for(lambda: publisher.depth == 0, 10)
    assert not any(message.retain for message in broker.published)
    assert broker.named("/availability")[0].payload == b"online"
    assert broker.ends == []
    assert named(caplog, "keeps no retained messages") == 1


def test_the_keep_alive_of_the_broker_is_kept(strict: Strict, publish: Start) -> None:
    broker = strict(Rules(keep_alive=3))
    publisher = publish(broker.port, keepalive=60)
    assert publisher.connection.wait_connected(5)
    time.sleep(7)
    assert publisher.connection.connected
    assert broker.ends == []


def test_a_broker_without_wildcards_is_asked_by_name(tmp_path: Path, strict: Strict) -> None:
    broker = strict(Rules(wildcards=False))
    settings = BrokerSettings(BrokerUrl("127.0.0.1", broker.port, tls=False), "edge-room-9")
    publisher = Publisher(
        settings, TOPICS, Outbox(tmp_path / "o"), Lifetimes(9, 9, 9), listen=[TOPICS.commands, "homeassistant/status"]
    )
    publisher.start(INFO, STATE)
    put(publisher, 2)
    wait_for(lambda: publisher.depth == 0, 10)
    publisher.stop()
    assert not [end for end in broker.ends if end]
    assert {TOPICS.command("pause"), "homeassistant/status"} <= set(broker.filters)


@pytest.mark.parametrize("manner", ["ack", "disconnect", "close", "silent"])
@pytest.mark.parametrize("level", [5, 4])
def test_a_forbidden_topic_is_named_once_and_everything_else_goes_on(
    strict: Strict, publish: Start, caplog: pytest.LogCaptureFixture, manner: Manner, level: int
) -> None:
    if manner == "ack" and level != MQTT5:
        pytest.skip("MQTT 3.1.1 has no word for it")
    broker = strict(Rules(forbidden=("homeassistant",), manner=manner))
    publisher = publish(broker.port, protocol="5" if level == MQTT5 else "3.1.1", answer_timeout=1.0)
    publisher.announce(DISCOVERY, b"{}")
    put(publisher, 5)
    wait_for(lambda: named(caplog, DISCOVERY) == 1, 20)
    put(publisher, 5)
    wait_for(lambda: publisher.depth == 0, 20)
    assert sequence(broker) == set(range(1, 11))
    assert broker.named("/availability")[-1].payload == b"online"
    offered, connections = len(broker.offered), len(broker.levels)
    time.sleep(3)  # a few of the time-outs
    assert len(broker.levels) == connections
    assert len(broker.offered) == offered
    assert named(caplog, DISCOVERY) == 1
    assert named(caplog, "check the user's rights there") == 1
    assert named(caplog, "another client") == 0
    publisher.check()


@pytest.mark.parametrize("manner", ["ack", "disconnect", "close", "silent"])
def test_forbidden_windows_stay_and_everything_else_goes_on(
    strict: Strict, publish: Start, caplog: pytest.LogCaptureFixture, manner: Manner
) -> None:
    broker = strict(Rules(forbidden=(TOPICS.window,), manner=manner))
    publisher = publish(broker.port, answer_timeout=1.0)
    assert publisher.connection.wait_connected(5)
    put(publisher, 30)
    wait_for(lambda: named(caplog, TOPICS.window) == 1, 20)
    wait_for(lambda: publisher.connection.connected, 5)
    publisher.announce(TOPICS.state, b'{"mode": "paused"}')
    wait_for(lambda: broker.named("/state")[-1].payload == b'{"mode": "paused"}', 5)
    wait_for(lambda: publisher.depth == 30, 5)
    wait_for(lambda: named(caplog, "windows wait in the outbox until the broker takes them") == 1, 5)
    assert named(caplog, TOPICS.window) == 1
    publisher.check()
    broker.rules = Rules()
    publisher.connection.try_again()  # as after a reload
    if manner != "ack":  # else it is offered again by itself, after half a minute
        wait_for(lambda: publisher.depth == 0, 10)
        assert sequence(broker) == set(range(1, 31))


def test_two_forbidden_topics_and_a_forbidden_subscription_are_all_found(
    tmp_path: Path, strict: Strict, caplog: pytest.LogCaptureFixture
) -> None:
    forbidden = (TOPICS.info, DISCOVERY, "homeassistant/status")
    broker = strict(Rules(forbidden=forbidden, manner="disconnect"))
    settings = BrokerSettings(BrokerUrl("127.0.0.1", broker.port, tls=False), "edge-room-9")
    publisher = Publisher(settings, TOPICS, Outbox(tmp_path / "o"), Lifetimes(9, 9, 9), listen=forbidden[2:])
    publisher.start(INFO, STATE)
    publisher.announce(DISCOVERY, b"{}")
    put(publisher, 3)
    wait_for(lambda: publisher.depth == 0, 30)
    assert all(named(caplog, topic) == 1 for topic in forbidden)
    assert broker.named("/availability")[-1].payload == b"online"
    publisher.stop()


def test_a_refused_removal_is_not_taken_for_done(strict: Strict, publish: Start) -> None:
    broker = strict(Rules(forbidden=(TOPICS.alert("camera"),)))
    publisher = publish(broker.port)
    assert publisher.connection.wait_connected(5)
    publisher.announce(TOPICS.alert("camera"), b"")
    wait_for(lambda: bool(broker.offered), 5)
    broker.rules = replace(broker.rules, forbidden=())
    broker.cut()
    wait_for(lambda: bool(broker.named("/camera")), 10)


def test_where_the_goodbye_is_not_taken_the_will_has_to_say_it(strict: Strict, publish: Start) -> None:
    broker = strict(Rules(receive_maximum=1))
    publisher = publish(broker.port)
    assert publisher.connection.wait_connected(5)
    wait_for(lambda: len(broker.named("/availability")) == 1, 5)
    broker.rules = replace(broker.rules, ack_delay=30)
    publisher.publish_window(window())
    wait_for(lambda: bool(broker.named("/latest")), 5)
    publisher.stop()
    assert len(broker.named("/availability")) == 1
    assert 0 not in broker.ends  # no DISCONNECT came, after which a broker forgets the will


def test_a_broker_that_closes_on_mqtt_5_is_reached_at_once_after_an_outage(
    strict: Strict, publish: Start, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.mqtt.connection_state.STABLE", 0.5)
    broker = strict(Rules(level=4))
    publisher = publish(broker.port)
    assert publisher.connection.wait_connected(20)
    assert broker.levels == [5, 5, 5, 4]
    assert named(caplog, "If the broker speaks only MQTT 3.1.1, set mqtt.protocol") == 1
    time.sleep(1)
    broker.cut()
    wait_for(lambda: len(broker.levels) > 4, 5)
    assert publisher.connection.wait_connected(5)
    assert broker.levels == [5, 5, 5, 4, 4]


def test_a_fixed_protocol_is_the_only_one_that_is_tried(strict: Strict, publish: Start) -> None:
    broker = strict(Rules(level=4))
    assert publish(broker.port, protocol="3.1.1").connection.wait_connected(5)
    assert broker.levels == [4]
