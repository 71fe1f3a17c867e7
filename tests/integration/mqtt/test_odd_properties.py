"""MQTT 5 properties that a stranger chose cost a reader nothing, and never its connection."""

from __future__ import annotations

import time
from collections.abc import Callable

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edge.config.broker_url import BrokerUrl
from edge.mqtt.client_factory import BrokerSettings
from edge.mqtt.subscription import Subscription

TOPIC = "classroom/room-9/window"


def _received(subscription: Subscription, enough: Callable[[list[bytes]], bool], seconds: float) -> list[bytes]:
    found: list[bytes] = []
    until = time.monotonic() + seconds
    while not enough(found) and time.monotonic() < until:
        found += [payload for _, payload in subscription.poll(0.2)]
    return found


def _with_users(*users: tuple[str, str]) -> Properties:
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    properties.UserProperty = list(users)
    return properties


def test_a_forbidden_character_and_thousands_of_properties_hold_up_nobody(broker: int) -> None:
    sender = paho.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    sender.connect("127.0.0.1", broker)
    sender.loop_start()
    sender.publish(TOPIC, b"poisoned", 1, retain=True, properties=_with_users(("x", "\ufeff"))).wait_for_publish(10)
    subscription = Subscription(
        BrokerSettings(BrokerUrl.parse(f"mqtt://127.0.0.1:{broker}"), "reader"), "classroom", ["+"]
    )
    subscription.start()
    try:
        assert _received(subscription, lambda found: b"poisoned" in found, 20) == [b"poisoned"]
        many = _with_users(*[("", "")] * 5000)
        for _ in range(50):  # each took paho an eighth of a second
            sender.publish(TOPIC, b"slow", 1, properties=many)
        sender.publish(TOPIC, b"last", 1).wait_for_publish(20)
        began = time.monotonic()
        assert _received(subscription, lambda found: b"last" in found, 20).count(b"slow") == 50
        assert time.monotonic() - began < 2
    finally:
        subscription.stop()
        sender.disconnect()
        sender.loop_stop()
