"""The publisher and brokers or networks that misbehave; the retained set; what else travels with a message."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.brokers import Broker, Message, Subscriber, free_port, wait_for
from tests.support.faults import PUBACK, Proxy
from tests.support.publishing import Start, window


def figures(message: Message) -> dict[str, Any]:
    """A window without the one key in which a repeat may differ."""
    return {key: value for key, value in message.json().items() if key != "replayed"}


def assert_complete(messages: list[Message], count: int) -> None:
    """Every window is there, and every repeat is a true one."""
    first: dict[int, dict[str, Any]] = {}
    for message in messages:
        seq = message.json()["seq"]
        assert first.setdefault(seq, figures(message)) == figures(message)
    assert sorted(first) == list(range(1, count + 1))


def test_a_broker_that_drops_every_connection_after_two_seconds_loses_nothing(
    broker: int, publish: Start, proxy: Callable[..., Proxy], subscribe: Callable[..., Subscriber],
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    caplog.set_level(logging.INFO)
    subscriber = subscribe(broker)
    way = proxy(broker, cut_after=2)
    publisher = publish(way.port)
    for faces in range(60):
        publisher.publish_window(window(faces))
        time.sleep(0.15)
    wait_for(lambda: len(way.accepted) >= 4, 40)
    way.cut_after = None
    wait_for(lambda: publisher.depth == 0, 60)
    assert_complete(subscriber.named("window"), 60)
    assert "lost the broker" in caplog.text
    assert "again and again" in caplog.text
    publisher.check()


def test_a_broker_that_never_acknowledges_gets_a_new_connection(
    broker: int, publish: Start, proxy: Callable[..., Proxy], subscribe: Callable[..., Subscriber],
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    subscriber = subscribe(broker)
    way = proxy(broker, swallow=PUBACK)
    publisher = publish(way.port, answer_timeout=2)
    assert publisher.connection.wait_connected(5)
    for faces in range(30):
        publisher.publish_window(window(faces))
    wait_for(lambda: len(way.accepted) >= 3, 25)  # what was late already, too
    assert publisher.depth == 30
    assert "has not acknowledged classroom/room-9/info for 2 s; connecting anew" in caplog.text
    way.swallow = None
    wait_for(lambda: publisher.depth == 0, 30)
    assert_complete(subscriber.named("window"), 30)
    assert [m.json()["replayed"] for m in subscriber.named("window") if m.json()["seq"] == 1][:2] == [False, True]
    # The old connection ended without a goodbye, and yet nobody was told that we are gone.
    assert {message.payload for message in subscriber.named("availability")} == {b"online"}


def test_a_connection_that_only_looks_alive_is_given_up(
    broker: int, publish: Start, proxy: Callable[..., Proxy], subscribe: Callable[..., Subscriber],
) -> None:  # fmt: skip
    subscriber = subscribe(broker)
    way = proxy(broker)
    publisher = publish(way.port, answer_timeout=2)
    publisher.publish_window(window(1))
    subscriber.wait("window")
    wait_for(lambda: publisher.depth == 0, 5)
    way.freeze()
    publisher.publish_window(window(2))
    messages = subscriber.wait("window", 2, 15)
    assert (messages[1].json()["seq"], messages[1].json()["replayed"]) == (2, True)
    wait_for(lambda: publisher.depth == 0, 5)
    assert_complete(messages, 2)


def test_something_that_listens_and_never_answers_is_tried_in_both_protocols(
    start_broker: Callable[..., Broker], publish: Start, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        mute.settimeout(15)
        port = int(mute.getsockname()[1])
        publisher = publish(port, handshake_timeout=0.5)
        publisher.publish_window(window())
        callers = [mute.accept()[0] for _ in range(4)]
        assert [caller.recv(100)[8] for caller in callers] == [5, 5, 5, 4]
    assert "does not answer; is it an MQTT port, and not a TLS one?" in caplog.text
    start_broker(port=port)
    wait_for(lambda: publisher.depth == 0, 30)


def test_an_idle_connection_that_only_looks_alive_is_given_up(
    broker: int, publish: Start, proxy: Callable[..., Proxy]
) -> None:
    way = proxy(broker)
    publisher = publish(way.port, keepalive=1)
    assert publisher.connection.wait_connected(5)
    way.freeze()
    wait_for(lambda: len(way.accepted) == 2, 10)
    assert publisher.connection.wait_connected(5)


def test_late_windows_come_slowly_and_fresh_ones_overtake_them(
    start_broker: Callable[..., Broker], publish: Start, subscribe: Callable[..., Subscriber]
) -> None:
    port = free_port()
    publisher = publish(port)
    for faces in range(300):
        publisher.publish_window(window(faces))
    wait_for(lambda: publisher._store.depth == 300, 20)
    start_broker(port=port)
    subscriber = subscribe(port)
    subscriber.wait("window", 50)
    began = time.monotonic()
    publisher.publish_window(window(300))
    wait_for(lambda: any(m.json()["seq"] == 301 for m in subscriber.named("window")), 1)
    assert len(subscriber.named("window")) < 150
    messages = subscriber.wait("window", 301, 20)
    assert 250 / 60 < time.monotonic() - began < 10
    late = [message.json()["seq"] for message in messages if message.json()["replayed"]]
    assert late == list(range(1, 301))
