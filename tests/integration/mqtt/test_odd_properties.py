"""MQTT 5 properties that a stranger chose cost a reader nothing, and never its connection."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edge.config.broker_url import BrokerUrl
from edge.mqtt.client_factory import BrokerSettings
from edge.mqtt.subscription import Subscription
from tests.support.brokers import wait_for

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


def test_a_program_with_paho_gets_all_under_mqtt_3(broker: int) -> None:
    """As docs/subscribe.md advises, and also in the session that it had with MQTT 5, in which such a message waits."""
    ended, received = threading.Event(), []

    def reader(protocol: MQTTProtocolVersion) -> paho.Client:
        client = paho.Client(
            CallbackAPIVersion.VERSION2, "own-program", reconnect_on_failure=False, protocol=protocol,
            clean_session=None if protocol == MQTTProtocolVersion.MQTTv5 else False,
        )  # fmt: skip
        client.on_connect = lambda client, *_: client.subscribe("classroom/+/window", 1)
        client.on_message = lambda _client, _data, message: received.append(bytes(message.payload))
        client.on_disconnect = lambda *_: ended.set()
        return client

    expiry = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    expiry.SessionExpiryInterval = 3600
    with_5 = reader(MQTTProtocolVersion.MQTTv5)
    with_5.connect("127.0.0.1", broker, clean_start=False, properties=expiry)
    with_5.loop_start()
    sender = paho.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    sender.connect("127.0.0.1", broker)
    sender.loop_start()

    def reaches_it() -> bool:
        sender.publish("classroom/room-1/window", b"first", 1).wait_for_publish(10)
        return b"first" in received

    wait_for(reaches_it, 20, "the first window")
    sender.publish(TOPIC, b"poisoned", 1, properties=_with_users(("x", "\ufeff"))).wait_for_publish(10)
    assert ended.wait(20), "with MQTT 5 paho ends its connection for it: if no more, the pages need not say so"
    with_5.loop_stop()
    sender.publish("classroom/room-1/window", b"waits", 1).wait_for_publish(10)
    with_3 = reader(MQTTProtocolVersion.MQTTv311)
    with_3.connect("127.0.0.1", broker)
    with_3.loop_start()
    wait_for(lambda: {b"poisoned", b"waits"} <= set(received), 20, lambda: f"what waited: {received}")
    for client in (with_3, sender):
        client.disconnect()
        client.loop_stop()
