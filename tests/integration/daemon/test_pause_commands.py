"""A pause over MQTT: never behind a flood, and never one that the broker retains."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest
from paho.mqtt import client as paho
from paho.mqtt import publish
from paho.mqtt.enums import CallbackAPIVersion

from tests.support.brokers import Subscriber, wait_for
from tests.support.daemon import Edge, end, run_sample

Subscribe = Callable[..., Subscriber]


def modes(subscriber: Subscriber) -> list[str]:
    return [message.json()["mode"] for message in subscriber.named("state")]


def answers(subscriber: Subscriber, name: str) -> list[str]:
    found = [message for message in subscriber.messages if message.topic.endswith(f"cmd/{name}/response")]
    return [json.loads(message.payload)["status"] for message in found]


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_retained_command_is_refused_and_clearing_it_is_none(
    broker: int, edge: Edge, subscribe: Subscribe, protocol: str
) -> None:
    subscriber = subscribe(broker, "#")
    process = run_sample(edge, broker, "mode=headcount", f"mqtt.protocol={protocol}")
    subscriber.wait("window", 1, seconds=30)
    topic = "classroom/room-1/cmd/pause"
    publish.single(topic, "on", 1, retain=True, port=broker)
    wait_for(lambda: answers(subscriber, "pause") == ["error"], 10)

    def pause_and_resume() -> None:
        publish.single(topic, "", 1, port=broker)
        wait_for(lambda: modes(subscriber)[-1] == "paused", 10)
        publish.single("classroom/room-1/cmd/resume", "", 1, port=broker)
        wait_for(lambda: modes(subscriber)[-1] == "running", 10)

    assert set(modes(subscriber)) == {"running"}
    pause_and_resume()  # while it is retained: an empty message does not clear it
    wait_for(lambda: answers(subscriber, "pause") == ["error", "ok"], 5)
    changes = len(modes(subscriber))
    publish.single(topic, b"", 1, retain=True, port=broker)
    time.sleep(1.5)
    assert answers(subscriber, "pause") == ["error", "ok"]
    assert len(modes(subscriber)) == changes
    pause_and_resume()
    wait_for(lambda: answers(subscriber, "pause") == ["error", "ok", "ok"], 5)
    assert end(process)[2].count("Traceback") == 0


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_every_pause_in_a_flood_is_served(broker: int, edge: Edge, subscribe: Subscribe, protocol: str) -> None:
    subscriber = subscribe(broker, "classroom/room-1/#")
    process = run_sample(edge, broker, "mode=headcount", f"mqtt.protocol={protocol}")
    subscriber.wait("window", 1, seconds=30)
    flood = paho.Client(CallbackAPIVersion.VERSION2)
    flood.connect("127.0.0.1", broker)
    flood.loop_start()
    waits = []
    for number in range(10):
        for _ in range(300):
            flood.publish("classroom/room-1/cmd/health", b"", 0)
        sent = time.monotonic()
        flood.publish("classroom/room-1/cmd/pause", json.dumps({"id": number}), 1)
        wait_for(lambda number=number: len(answers(subscriber, "pause")) > number, 10)  # type: ignore[misc]
        waits.append(time.monotonic() - sent)
    flood.loop_stop()
    flood.disconnect()
    assert answers(subscriber, "pause") == ["ok"] * 10
    assert max(waits) < 3
    assert modes(subscriber)[-1] == "paused"
    assert end(process)[2].count("Traceback") == 0
