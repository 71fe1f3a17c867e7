"""The publisher against a real Mosquitto: contract, order, outages, the will."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.contract.topics import Topics
from edge.delivery.outbox import Outbox
from edge.delivery.publisher import Publisher
from tests.support.brokers import Broker, Subscriber, free_port, wait_for
from tests.support.paths import ROOT
from tests.support.publishing import Start, window


def test_windows_arrive_once_in_order_and_leave_the_outbox(
    broker: int, publish: Start, subscribe: Callable[..., Subscriber]
) -> None:
    subscriber = subscribe(broker)
    publisher = publish(broker)
    assert publisher.connection.wait_connected(5)
    for faces in range(50):
        publisher.publish_window(window(faces))
    messages = subscriber.wait("window", 50)
    assert [message.json()["seq"] for message in messages] == list(range(1, 51))
    assert [message.json()["faces"]["total"] for message in messages] == list(range(50))
    assert all((message.qos, message.retain) == (1, False) for message in messages)
    assert all(3590 <= (message.expiry or 0) <= 3600 for message in messages)
    wait_for(lambda: publisher.depth == 0, 5)


def test_online_comes_last_and_offline_at_the_end(
    broker: int, publish: Start, subscribe: Callable[..., Subscriber]
) -> None:
    subscriber = subscribe(broker)
    publisher = publish(broker)
    subscriber.wait("availability")
    assert [message.name for message in subscriber.messages] == ["info", "state", "alerts", "availability"]
    assert subscriber.messages[-1].payload == b"online"
    publisher.stop()
    assert subscriber.wait("availability", 2)[-1].payload == b"offline"
    late = subscribe(broker)
    late.wait("availability")
    assert late.named("availability")[0].retain
    assert {message.name for message in late.messages} == {"info", "state", "alerts", "availability"}


def test_latest_is_retained_and_expires(broker: int, publish: Start, subscribe: Callable[..., Subscriber]) -> None:
    publisher = publish(broker)
    assert publisher.connection.wait_connected(5)
    publisher.publish_window(window(3))
    subscribe(broker).wait("latest")
    latest = subscribe(broker, "classroom/+/latest").wait("latest")[0]
    assert latest.retain
    assert 1 <= (latest.expiry or 0) <= 3
    time.sleep(3.2)
    assert subscribe(broker, "classroom/+/latest").messages == []


def test_latest_is_not_retained_where_nothing_expires(
    broker: int, publish: Start, subscribe: Callable[..., Subscriber]
) -> None:
    subscriber = subscribe(broker)
    publisher = publish(broker, protocol="3.1.1")
    assert publisher.connection.wait_connected(5)
    assert not publisher.connection.protocol5
    publisher.publish_window(window())
    subscriber.wait("window")
    assert subscriber.wait("latest")[0].json()["seq"] == 1
    late = subscribe(broker)
    late.wait("availability")
    assert {message.name for message in late.messages} == {"info", "state", "alerts", "availability"}


def test_windows_wait_for_the_broker_and_say_so(
    start_broker: Callable[..., Broker], publish: Start, subscribe: Callable[..., Subscriber]
) -> None:
    port = free_port()
    publisher = publish(port)
    for faces in range(3):
        publisher.publish_window(window(faces))
    wait_for(lambda: publisher.depth == 3, 5)
    start_broker(port=port)
    subscriber = subscribe(port)
    messages = subscriber.wait("window", 3)
    assert [(m.json()["seq"], m.json()["replayed"]) for m in messages] == [(1, True), (2, True), (3, True)]
    publisher.publish_window(window())
    assert subscriber.wait("window", 4)[3].json()["replayed"] is False


def test_what_was_in_flight_goes_out_again_as_replayed(
    start_broker: Callable[..., Broker], publish: Start, subscribe: Callable[..., Subscriber]
) -> None:
    broker = start_broker()
    publisher = publish(broker.port)
    assert publisher.connection.wait_connected(5)
    broker.process.send_signal(signal.SIGSTOP)  # it takes bytes, and acknowledges nothing
    publisher.publish_window(window(3))
    wait_for(lambda: publisher._store.in_flight > 0, 5)
    broker.process.kill()
    broker.process.wait()
    start_broker(port=broker.port)
    subscriber = subscribe(broker.port)
    messages = subscriber.wait("window")
    assert (messages[0].json()["seq"], messages[0].json()["replayed"]) == (1, True)
    wait_for(lambda: publisher.depth == 0, 5)
    assert subscriber.named("latest") == []
    assert [message.payload for message in subscriber.named("availability")][-1] == b"online"


def test_windows_survive_a_restart_with_their_identity(
    start_broker: Callable[..., Broker], publish: Start, subscribe: Callable[..., Subscriber]
) -> None:
    port = free_port()
    first = publish(port)
    first.publish_window(window(4))
    wait_for(lambda: first.depth == 1, 5)
    first.stop()
    start_broker(port=port)
    subscriber = subscribe(port)
    second = publish(port)
    second.publish_window(window(5))
    messages = [message.json() for message in subscriber.wait("window", 2)]
    assert [(m["seq"], m["faces"]["total"]) for m in messages] == [(1, 4), (2, 5)]
    assert messages[0]["epoch"] == messages[1]["epoch"]


def test_what_waits_for_a_device_that_gets_another_name_is_sent_under_the_one_it_was_measured_under(
    start_broker: Callable[..., Broker],
    opened: Callable[..., Publisher],
    subscribe: Callable[..., Subscriber],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    port = free_port()
    before = opened(port, Outbox(tmp_path / "o"))
    for faces in range(3):
        before.publish_window(window(faces))
    wait_for(lambda: before.depth == 3, 20)
    before.stop()
    start_broker(port=port)
    subscriber = subscribe(port, "classroom/+/window")
    renamed = opened(port, Outbox(tmp_path / "o"), Topics("classroom", "hall"))
    renamed.publish_window(window(8).model_copy(update={"device": "hall"}))
    assert subscriber.wait("window")[0].topic == "classroom/hall/window"
    wait_for(lambda: renamed.depth == 3, 20)
    wait_for(lambda: "windows of room-9 wait in it" in caplog.text, 20)
    renamed.publish_window(window(9).model_copy(update={"device": "hall"}))
    subscriber.wait("window", 2)
    wait_for(lambda: renamed.depth == 3, 20)
    renamed.stop()
    again = opened(port, Outbox(tmp_path / "o"))
    messages = subscriber.wait("window", 5)
    assert [(each.topic, each.json()["device"], each.json()["seq"]) for each in messages] == [
        *(("classroom/hall/window", "hall", seq) for seq in (4, 5)),
        *(("classroom/room-9/window", "room-9", seq) for seq in (1, 2, 3)),
    ]
    wait_for(lambda: again.depth == 0, 20)


def test_the_will_says_offline_after_a_while(
    start_broker: Callable[..., Broker], tmp_path: Path, subscribe: Callable[..., Subscriber]
) -> None:
    port = start_broker().port
    script = (
        "import time; from pathlib import Path; from edge.mqtt.client_factory import BrokerSettings; "
        "from edge.delivery.outbox import Outbox; from edge.delivery.publisher import Publisher; "
        "from edge.contract.channels import Lifetimes; "
        "from edge.config.broker_url import BrokerUrl; from tests.support.publishing import INFO, STATE, TOPICS; "
        f"p = Publisher(BrokerSettings(BrokerUrl('127.0.0.1', {port}, False), 'x'), TOPICS, "
        f"Outbox(Path({str(tmp_path)!r}) / 'w.sqlite'), Lifetimes(9, 9, 9)); p.start(INFO, STATE); time.sleep(60)"
    )
    subscriber = subscribe(port)
    child = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT)
    subscriber.wait("availability")
    child.kill()
    child.wait()
    killed = time.monotonic()
    assert subscriber.wait("availability", 2)[1].payload == b"offline"
    assert 8 < time.monotonic() - killed < 14
