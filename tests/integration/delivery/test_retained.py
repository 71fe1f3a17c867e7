"""The retained set: what a broker that forgot everything is told again, and what is removed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from edge.contract.alerts import ALERTS
from edge.contract.payloads import Alert
from tests.support.brokers import Broker, Subscriber, wait_for
from tests.support.faults import Proxy
from tests.support.publishing import TOPICS, Start
from tests.support.strict_broker import Rules, StrictBroker

ALERT = Alert(problem="p", remedy="r", since="2026-10-04T08:15:00.000Z").to_json()


def test_everything_is_there_again_after_the_broker_forgot_it(
    start_broker: Callable[..., Broker], publish: Start, subscribe: Callable[..., Subscriber]
) -> None:
    broker = start_broker()
    publisher = publish(broker.port)
    assert publisher.connection.wait_connected(5)
    publisher.announce(TOPICS.alert("camera"), ALERT)
    publisher.announce(TOPICS.state, b'{"mode": "paused"}')
    publisher.announce("homeassistant/device/room-9/config", b"{}")
    publisher.announce(TOPICS.alert("gone"), ALERT)
    publisher.announce(TOPICS.alert("gone"), b"")
    wait_for(lambda: TOPICS.alert("gone") not in publisher._retained._payloads, 5)
    broker.process.kill()
    broker.process.wait()
    start_broker(port=broker.port)
    subscriber = subscribe(broker.port, "#")
    subscriber.wait("availability")
    names = [message.name for message in subscriber.messages]
    assert names == ["info", "state", "alerts", "camera", "config", "availability"]
    assert [each["id"] for each in subscriber.named("alerts")[0].json()["alerts"]] == ["camera"]
    late = subscribe(broker.port, "#")
    late.wait("availability")
    assert all(message.retain for message in late.messages)
    assert late.named("state")[0].json() == {"mode": "paused"}


def test_what_was_removed_without_a_connection_is_removed_after_the_next(
    broker: int, publish: Start, proxy: Callable[..., Proxy], subscribe: Callable[..., Subscriber]
) -> None:
    topic = "classroom/room-9/thing"
    way = proxy(broker)
    publisher = publish(way.port)
    assert publisher.connection.wait_connected(5)
    publisher.announce(topic, ALERT)
    subscribe(broker).wait("thing")
    way.refusing = True
    way.cut()
    wait_for(lambda: not publisher.connection.connected, 5)
    publisher.announce(topic, b"")
    assert subscribe(broker).wait("thing")[0].retain
    way.refusing = False

    def removed() -> bool:
        late = subscribe(broker)
        late.wait("availability")
        return late.named("thing") == []

    wait_for(removed, 15)  # it is on its way as soon as there is a connection


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_alerts_of_an_earlier_run_are_removed(
    protocol: str, broker: int, publish: Start, subscribe: Callable[..., Subscriber]
) -> None:
    first = publish(broker, protocol=protocol)
    assert first.connection.wait_connected(5)
    for name in ("camera", "config"):
        first.announce(TOPICS.alert(name), ALERT)
    subscribe(broker).wait("config")
    first.stop()
    second = publish(broker, protocol=protocol)
    second.announce(TOPICS.alert("config"), ALERT)
    assert second.connection.wait_connected(5)

    def names() -> list[str]:
        late = subscribe(broker)
        late.wait("availability")
        return sorted(message.name for message in late.messages if "/alert/" in message.topic)

    wait_for(lambda: names() == ["config"], 5)


def test_every_connect_clears_the_alerts_that_are_not_in_force_without_hearing_them(publish: Start) -> None:
    with StrictBroker(Rules()) as broker:  # which forwards nothing, as one where nobody may hear what it says itself
        publisher = publish(broker.port)
        publisher.announce(TOPICS.alert("camera"), ALERT)
        wait_for(lambda: len(broker.named("/availability")) == 1, 10)
        broker.published.clear()
        broker.cut()  # a broker that was restarted may know what had been cleared
        wait_for(lambda: len(broker.named("/availability")) == 1, 10)
        alerts = {name: [message.payload for message in broker.named(f"/alert/{name}")] for name in ALERTS}
        assert alerts == {name: [ALERT if name == "camera" else b""] for name in ALERTS}
        assert all(message.retain for message in broker.named("/alert/disk"))
        assert not broker.filters
        publisher.stop()
