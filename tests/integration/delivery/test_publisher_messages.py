"""What travels with a message: commands with where to answer, schema and type."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edge.config.broker_url import BrokerUrl
from edge.contract.channels import Lifetimes
from edge.contract.payloads import Alert
from edge.delivery.outbox import Outbox
from edge.delivery.publisher import Publisher
from edge.mqtt.client_factory import BrokerSettings
from edge.mqtt.properties import IncomingMessage
from tests.support.brokers import Broker, wait_for
from tests.support.publishing import INFO, STATE, TOPICS, window

ALERT = Alert(problem="p", remedy="r", since="2026-10-04T08:15:00.000Z").to_json()


class Talker:
    """A client that sees and sends MQTT 5 properties."""

    def __init__(self, port: int, topic: str) -> None:
        self.messages: list[paho.MQTTMessage] = []
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self._client.on_message = lambda _c, _d, message: self.messages.append(message)
        subscribed: list[bool] = []
        self._client.on_subscribe = lambda *_: subscribed.append(True)
        self._client.on_connect = lambda client, *_: client.subscribe(topic, 1)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        wait_for(lambda: bool(subscribed), 5)

    def named(self, topic: str) -> list[paho.MQTTMessage]:
        return [message for message in self.messages if message.topic == topic]

    def wait_online(self) -> None:
        """`online` comes last: behind it everything was subscribed to."""
        wait_for(lambda: any(message.payload == b"online" for message in self.messages), 10)

    def say(self, topic: str, payload: bytes, *, retain: bool = False, **extra: Any) -> None:
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        for name, value in extra.items():
            setattr(properties, name, value)
        self._client.publish(topic, payload, 1, retain, properties).wait_for_publish(5)

    def stop(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def talker(broker: int) -> Iterator[Talker]:
    """Hears everything at the plain Mosquitto."""
    one = Talker(broker, "#")
    yield one
    one.stop()


Listener = Callable[..., tuple[Publisher, list[IncomingMessage]]]


@pytest.fixture
def listener(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listener]:
    """Starts publishers that listen to commands."""
    started: list[Publisher] = []

    def start(
        port: int, on_message: Callable[[IncomingMessage], None] | None = None, **settings: Any
    ) -> tuple[Publisher, list[IncomingMessage]]:
        heard: list[IncomingMessage] = []
        publisher = Publisher(
            BrokerSettings(BrokerUrl("127.0.0.1", port, tls=False), "edge-room-9", **settings), TOPICS,
            Outbox(tmp_path_factory.mktemp("o") / "o"), Lifetimes(60, 3, 3),
            on_message=on_message or heard.append, listen=[TOPICS.commands],
        )  # fmt: skip
        started.append(publisher)
        publisher.start(INFO, STATE)
        assert publisher.connection.wait_connected(5)
        return publisher, heard

    yield start
    for publisher in started:
        publisher.stop()


def test_commands_come_with_what_they_say_about_their_answer(broker: int, talker: Talker, listener: Listener) -> None:
    publisher, heard = listener(broker)
    talker.wait_online()
    topic = TOPICS.command("pause")
    talker.say(topic, b"1")
    talker.say(topic, b"2", ResponseTopic="my/answers", CorrelationData=b"\0\1")
    talker.say(topic, b"3", retain=True)
    talker.say(topic, b"4", ResponseTopic="x" * 257)
    wait_for(lambda: len(heard) == 4, 5)
    assert heard[0] == IncomingMessage(topic, b"1", retained=False, response_topic=None, correlation=None)
    assert heard[1] == IncomingMessage(topic, b"2", retained=False, response_topic="my/answers", correlation=b"\0\1")
    assert heard[2].retained
    assert heard[3].response_topic is None
    publisher.send("my/answers", b'{"status": "ok"}', b"\0\1")
    wait_for(lambda: bool(talker.named("my/answers")), 5)
    answer = talker.named("my/answers")[0]
    assert (answer.payload, answer.qos, answer.retain) == (b'{"status": "ok"}', 1, False)
    extra: Any = answer.properties
    assert (extra.CorrelationData, extra.ContentType) == (b"\0\1", "application/json")
    assert extra.UserProperty == [("schema", "edge.answer/1")]


def test_commands_reach_us_under_mqtt_3_too(broker: int, talker: Talker, listener: Listener) -> None:
    publisher, heard = listener(broker, protocol="3.1.1")
    talker.wait_online()
    talker.say(TOPICS.command("pause"), b"on", ResponseTopic="my/answers")
    wait_for(lambda: bool(heard), 5)
    assert heard == [
        IncomingMessage(TOPICS.command("pause"), b"on", retained=False, response_topic=None, correlation=None)
    ]
    publisher.send("my/answers", b"{}", b"x")
    wait_for(lambda: bool(talker.named("my/answers")), 5)


def test_commands_reach_us_after_the_broker_forgot_us(start_broker: Callable[..., Broker], listener: Listener) -> None:
    broker = start_broker()
    publisher, heard = listener(broker.port)
    broker.process.kill()
    broker.process.wait()
    wait_for(lambda: not publisher.connection.connected, 5)
    start_broker(port=broker.port)
    wait_for(lambda: publisher.connection.connected, 15)
    other = Talker(broker.port, "#")
    other.wait_online()
    other.say(TOPICS.command("pause"), b"on")
    wait_for(lambda: bool(heard), 5)


def test_a_message_that_cannot_be_handled_does_not_end_the_connection(
    broker: int, talker: Talker, listener: Listener, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[bytes] = []

    def handle(incoming: IncomingMessage) -> None:
        heard.append(incoming.payload)
        raise KeyError

    publisher, _ = listener(broker, handle)
    talker.wait_online()
    talker.say(TOPICS.command("pause"), b"1")
    talker.say(TOPICS.command("pause"), b"2")
    wait_for(lambda: heard == [b"1", b"2"], 5)
    publisher.publish_window(window())
    wait_for(lambda: bool(talker.named(TOPICS.window)), 5)
    assert "could not be handled" in caplog.text


def test_messages_name_their_schema_and_type(broker: int, talker: Talker, listener: Listener) -> None:
    publisher, _ = listener(broker)
    publisher.publish_window(window())
    publisher.announce(TOPICS.alert("camera"), ALERT)
    publisher.announce("homeassistant/device/x/config", b'{"a": 1}')
    wait_for(lambda: bool(talker.named(TOPICS.window) and talker.named("homeassistant/device/x/config")), 5)
    names = {}
    for message in talker.messages:
        extra = message.properties
        assert extra is not None
        schema = dict(getattr(extra, "UserProperty", []))
        if message.payload:
            names[message.topic] = (schema.get("schema"), getattr(extra, "ContentType", None))
    json = "application/json"
    assert names == {
        TOPICS.info: ("edge.info/1", json), TOPICS.state: ("edge.state/1", json),
        TOPICS.window: ("edge.window/2", json), TOPICS.latest: ("edge.window/2", json),
        TOPICS.alert("camera"): ("edge.alert/1", json), TOPICS.alerts: ("edge.alerts/1", json),
        TOPICS.availability: (None, None),
        "homeassistant/device/x/config": (None, json),
    }  # fmt: skip
