"""Commands to a running daemon, and the states it tells: what the tests of its behaviour share."""

from __future__ import annotations

import time
from typing import Any

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.support.brokers import Subscriber, wait_for


class Commander:
    """Sends commands and waits for their answers, as a script of a subscriber would."""

    def __init__(self, port: int, subscriber: Subscriber) -> None:
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._subscriber = subscriber

    def send(self, name: str, payload: str = "", *, retain: bool = False, reply: str = "") -> None:
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        if reply:
            properties.ResponseTopic, properties.CorrelationData = reply, b"c0ffee"
        topic = f"classroom/room-1/cmd/{name}"
        self._client.publish(topic, payload, 1, retain, properties).wait_for_publish(5)

    def __call__(self, name: str, payload: str = "", *, retain: bool = False) -> Any:
        before = len(self._subscriber.named("response"))
        self.send(name, payload, retain=retain)
        return self._subscriber.wait("response", before + 1)[-1].json()


def states(subscriber: Subscriber) -> list[str]:
    return [message.json()["mode"] for message in subscriber.named("state")]


def wait_state(subscriber: Subscriber, mode: str, seconds: float = 10) -> Any:
    wait_for(lambda: states(subscriber)[-1:] == [mode], seconds, lambda: f"{mode}, got {states(subscriber)}")
    return subscriber.named("state")[-1].json()


def assert_nothing_measured(subscriber: Subscriber, seconds: float = 2.5) -> None:
    """In a pause, no window comes but the one that it ended, which may come behind its state."""
    known, since = len(subscriber.named("window")), subscriber.named("state")[-1].json()["since"]
    time.sleep(seconds)
    windows = [window.json()["window"] for window in subscriber.named("window")[known:]]
    assert [each for each in windows if each["end"] > since] == []
