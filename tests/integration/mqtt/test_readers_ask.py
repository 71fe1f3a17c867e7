"""Readers at a broker that sends nothing retained to subscriptions with wildcards, as RabbitMQ."""

from __future__ import annotations

import time

from edge.config.broker_url import BrokerUrl
from edge.mqtt.client_factory import BrokerSettings
from edge.mqtt.retained_topics import RetainedTopics
from edge.mqtt.subscription import RETAINED, Subscription, topics_of
from edge.recording.recordable import RETAINED as RECORDED
from edge.recording.session import Session
from tests.support.brokers import wait_for
from tests.support.strict_broker import Rules, StrictBroker

WILD = [f"classroom/+/{name}" for name in topics_of("+")]


def settings(broker: StrictBroker) -> BrokerSettings:
    """How to reach it."""
    return BrokerSettings(BrokerUrl("127.0.0.1", broker.port, tls=False), "reader")


def test_a_subscription_asks_for_a_device_that_it_knows_by_its_windows_alone() -> None:
    with StrictBroker(Rules()) as broker:
        subscription = Subscription(settings(broker), "classroom", ["+"])
        subscription.start()
        wait_for(lambda: broker.filters == WILD, 5)
        broker.push("classroom/room-2/state", b"{}", retained=True)
        for _ in range(2):
            broker.push("classroom/room-1/window", b"{}")
            broker.push("classroom/room-2/window", b"{}")
        wait_for(lambda: len(broker.filters) > len(WILD), 5)
        received = list(subscription.poll(0.5))
        subscription.stop()
    assert len(received) == 5
    assert broker.filters[len(WILD) :] == [f"classroom/room-1/{name}" for name in RETAINED]


def test_devices_that_were_named_are_subscribed_to_by_name_at_once() -> None:
    with StrictBroker(Rules()) as broker:
        subscription = Subscription(settings(broker), "classroom", ["room-1"])
        subscription.start()
        names = [f"classroom/room-1/{name}" for name in topics_of("room-1")]
        assert not any(set("+#") & set(name) for name in names)  # brokers without wildcards take these
        wait_for(lambda: broker.filters == names, 5)
        broker.push("classroom/room-1/window", b"{}")
        assert len(list(subscription.poll(0.5))) == 1
        subscription.stop()
    assert broker.filters == names


def test_a_room_that_makes_up_alerts_drowns_in_them_alone() -> None:
    with StrictBroker(Rules()) as broker:
        subscription = Subscription(settings(broker), "classroom", ["+"])
        subscription.start()
        wait_for(lambda: broker.filters == WILD, 5)
        for number in range(3000):
            broker.push(f"classroom/room-1/alert/made-up-{number}", b"{}")
        for payload in (b"first", b"last"):
            broker.push("classroom/room-1/alert/disk", payload)
        broker.push("classroom/room-2/window", b"{}")
        received: list[tuple[str, bytes]] = []
        deadline = time.monotonic() + 20
        while ("classroom/room-1/alert/disk", b"last") not in received and time.monotonic() < deadline:
            received += subscription.poll(0.5)
        received += subscription.poll(0.5)
        subscription.stop()
    assert ("classroom/room-1/alert/disk", b"last") in received
    assert ("classroom/room-2/window", b"{}") in received
    assert subscription.lost == 3000 - sum("made-up" in topic for topic, _ in received)


def test_a_recorder_asks_too() -> None:
    with StrictBroker(Rules()) as broker:
        session = Session(settings(broker), ["classroom/+/window"], retained=RetainedTopics("classroom", RECORDED))
        session.start()
        wait_for(lambda: broker.filters == ["classroom/+/window"], 5)
        broker.push("classroom/room-1/window", b"{}")
        wait_for(lambda: len(broker.filters) == 1 + len(RECORDED), 5)
        session.stop()
    assert broker.filters[1:] == [f"classroom/room-1/{name}" for name in RECORDED]
