"""The publisher and brokers or networks that misbehave; the retained set; what else travels with a message."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge.config.broker_url import BrokerUrl
from edge.contract.channels import Lifetimes
from edge.contract.payloads import Alert
from edge.delivery.outbox import Outbox
from edge.delivery.publisher import Publisher
from edge.mqtt.backoff import Backoff
from edge.mqtt.client_factory import BrokerSettings, explain
from edge.mqtt.connection import Connection
from edge.mqtt.connection_state import ConnectionState, State
from edge.mqtt.problem import disconnected
from edge.mqtt.properties import IncomingMessage
from tests.support.brokers import Broker, Message, Subscriber, free_port, wait_for
from tests.support.faults import PUBACK, Proxy
from tests.support.publishing import INFO, STATE, TOPICS, Start, window

ALERT = Alert(problem="p", remedy="r", since="2026-10-04T08:15:00.000Z").to_json()


@pytest.fixture
def proxy() -> Iterator[Callable[..., Proxy]]:
    """Starts proxies."""
    started: list[Proxy] = []

    def start(target: int, **options: Any) -> Proxy:
        started.append(Proxy(target, **options))
        return started[-1]

    yield start
    for one in started:
        one.stop()


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


# Waiting between attempts


@given(st.randoms(use_true_random=False), st.integers(2, 40))
def test_waits_double_up_to_a_minute_and_differ(random: Any, count: int) -> None:
    attempts = Backoff(mqtt5=True, uniform=random.uniform)
    waits = [attempts.next_delay() for _ in range(count)]
    assert 0 <= waits[0] <= 2
    for number, wait in enumerate(waits[1:], 1):
        longest = min(60, 2 * 2**number)
        assert longest / 2 <= wait <= longest
    attempts.disconnected(60)
    assert attempts.next_delay() <= 2


def test_forty_rooms_do_not_come_back_in_the_same_second() -> None:
    rooms = [Backoff(mqtt5=True) for _ in range(40)]
    for _ in range(5):
        waits = sorted(room.next_delay() for room in rooms)
        assert waits[-1] - waits[0] > 0.8
        assert max(sum(start <= wait < start + 0.1 for wait in waits) for start in waits) < 20


def test_a_broker_that_drops_every_connection_is_not_hammered() -> None:
    attempts = Backoff(mqtt5=True, uniform=max)
    waits = []
    for _ in range(4):
        attempts.disconnected(2.0)
        waits.append(attempts.next_delay())
    assert waits == [2, 4, 8, 16]


def test_the_protocol_is_changed_when_the_broker_does_not_know_it() -> None:
    attempts = Backoff(mqtt5=True)
    attempts.timed_out()
    assert attempts.next_delay() == 0
    assert not attempts.protocol5
    attempts.disconnected(3600)
    assert attempts.protocol5


# Brokers and networks that misbehave


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
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("edge.delivery.publisher.ANSWER_SECONDS", 2.0)
    subscriber = subscribe(broker)
    way = proxy(broker, swallow=PUBACK)
    publisher = publish(way.port)
    assert publisher.connection.wait_connected(5)
    for faces in range(30):
        publisher.publish_window(window(faces))
    wait_for(lambda: len(way.accepted) >= 3, 25)  # what was late already, too
    assert publisher.depth == 30
    assert "has not acknowledged a window for 2 s; connecting anew" in caplog.text
    way.swallow = None
    wait_for(lambda: publisher.depth == 0, 30)
    assert_complete(subscriber.named("window"), 30)
    assert [m.json()["replayed"] for m in subscriber.named("window") if m.json()["seq"] == 1][:2] == [False, True]
    # The old connection ended without a goodbye, and yet nobody was told that we are gone.
    assert {message.payload for message in subscriber.named("availability")} == {b"online"}


def test_a_connection_that_only_looks_alive_is_given_up(
    broker: int, publish: Start, proxy: Callable[..., Proxy], subscribe: Callable[..., Subscriber],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("edge.delivery.publisher.ANSWER_SECONDS", 2.0)
    subscriber = subscribe(broker)
    way = proxy(broker)
    publisher = publish(way.port)
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
    start_broker: Callable[..., Broker], publish: Start, caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    caplog.set_level(logging.INFO)
    monkeypatch.setattr("edge.mqtt.connection_state.ANSWER_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        mute.settimeout(15)
        port = int(mute.getsockname()[1])
        publisher = publish(port)
        publisher.publish_window(window())
        callers = [mute.accept()[0] for _ in range(3)]
        assert [caller.recv(100)[8] for caller in callers] == [5, 4, 5]
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


def test_two_clients_of_one_name_are_explained_where_the_broker_says_so() -> None:
    settings = BrokerSettings(BrokerUrl("127.0.0.1", 1, tls=False), "x")
    taken_over = ReasonCode(PacketTypes.DISCONNECT, "Session taken over")  # Mosquitto 2.0 says nothing, newer ones do
    assert "give every device its own device.name" in str(disconnected(settings, taken_over, 1))


def test_a_name_that_is_not_found_is_told_from_a_broker_that_is_off() -> None:
    assert "name is not found" in explain(socket.gaierror(-2, "Name or service not known"))
    assert explain(ConnectionRefusedError()) == "nothing listens there"


# The retained set


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
    assert [message.name for message in subscriber.messages] == ["info", "state", "camera", "config", "availability"]
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
    wait_for(lambda: publisher.connection.connected, 15)
    late = subscribe(broker)
    late.wait("availability")
    assert late.named("thing") == []


def test_alerts_of_an_earlier_run_are_removed(
    broker: int, publish: Start, subscribe: Callable[..., Subscriber]
) -> None:
    first = publish(broker)
    assert first.connection.wait_connected(5)
    for name in ("camera", "config"):
        first.announce(TOPICS.alert(name), ALERT)
    subscribe(broker).wait("config")
    first.stop()
    second = publish(broker)
    second.announce(TOPICS.alert("config"), ALERT)
    assert second.connection.wait_connected(5)

    def names() -> list[str]:
        late = subscribe(broker)
        late.wait("availability")
        return sorted(message.name for message in late.messages if "alert" in message.topic)

    wait_for(lambda: names() == ["config"], 5)


# Messages from others, and what else travels with ours


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


@pytest.fixture
def talker(broker: int) -> Iterator[Talker]:
    """Hears everything at the plain Mosquitto."""
    one = Talker(broker, "#")
    yield one
    one._client.disconnect()
    one._client.loop_stop()


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


@pytest.mark.parametrize("topic", ["", "a/+", "#", "a\0b", "x" * 257])
def test_a_topic_that_cannot_be_answered_to_is_none(topic: str) -> None:
    from edge.mqtt.properties import incoming  # noqa: PLC0415

    message = paho.MQTTMessage(1, b"t")
    message.properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    message.properties.ResponseTopic = topic
    found = incoming(message)
    assert found is not None
    assert found.response_topic is None


def test_commands_reach_us_under_mqtt_3_too(broker: int, talker: Talker, listener: Listener) -> None:
    publisher, heard = listener(broker, mqtt5=False)
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
        names[message.topic] = (schema.get("schema"), getattr(extra, "ContentType", None))
    json = "application/json"
    assert names == {
        TOPICS.info: ("edge.info/1", json), TOPICS.state: ("edge.state/1", json),
        TOPICS.window: ("edge.window/2", json), TOPICS.latest: ("edge.window/2", json),
        TOPICS.alert("camera"): ("edge.alert/1", json), TOPICS.availability: (None, None),
        "homeassistant/device/x/config": (None, json),
    }  # fmt: skip


@pytest.mark.parametrize(("remind", "lines"), [(3600.0, 1), (0.0, 3)])
def test_a_broker_that_stays_away_is_logged_now_and_then(
    remind: float, lines: int, caplog: pytest.LogCaptureFixture
) -> None:
    settings = BrokerSettings(BrokerUrl.parse(f"mqtt://127.0.0.1:{free_port()}"), "test")
    at_once = ConnectionState(Backoff(mqtt5=True, uniform=lambda _least, _most: 0.0))
    connection = Connection(settings, None, state=at_once, remind=remind)
    connection.start()
    for _ in range(3):
        wait_for(lambda: connection.state is State.WAITING, 10, "an attempt that failed")
        connection.run_timers()
    wait_for(lambda: connection.state is State.WAITING, 10, "an attempt that failed")
    connection.stop()
    assert min(caplog.text.count("nothing listens there"), lines) == lines
    assert remind == 0 or caplog.text.count("nothing listens there") == 1
