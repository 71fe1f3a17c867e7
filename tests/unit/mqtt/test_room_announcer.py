"""Between the network's thread and what is announced: which connection brought what."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

import pytest

from edge.config.broker_url import BrokerUrl
from edge.contract.channels import Channel
from edge.contract.topics import Topics
from edge.mqtt import announced_rooms, room_announcer
from edge.mqtt.announced_rooms import MAX_ROOMS
from edge.mqtt.client_factory import BrokerSettings
from edge.mqtt.connection import Callbacks
from edge.mqtt.home_assistant_entities import config_topic, discovery
from edge.mqtt.properties import IncomingMessage
from edge.mqtt.room_announcer import RoomAnnouncer
from edge.text import counted
from tests.support.brokers import wait_for
from tests.support.publishing import INFO


class Broker:
    """In place of a connection: keeps what is retained, and brings it when somebody has subscribed."""

    def __init__(self, *rooms: str) -> None:
        each = [Topics("classroom", room) for room in rooms]
        self.kept = [(config_topic("homeassistant", topics), discovery(INFO, topics)) for topics in each]
        self.kept += [(topics.info, INFO.to_json()) for topics in each]
        self.published: list[str] = []
        self.connected = False

    def __call__(self, _settings: BrokerSettings, callbacks: Callbacks) -> Broker:
        self._callbacks = callbacks
        return self

    def accept(self) -> None:
        """In the network's thread."""
        self.connected = True
        self._callbacks.connected()

    def subscribe(self, _topics: Iterable[str]) -> None:
        for topic, payload in self.kept:
            self.send(topic, payload)

    def send(self, topic: str, payload: bytes) -> None:
        self._callbacks.message(IncomingMessage(topic, payload, False, None, None))

    def publish(self, topic: str, payload: bytes, _channel: Channel) -> int:
        self.published.append(topic)
        self.send(topic, payload)
        return 1

    def advance(self) -> None:
        """Nothing is to be done."""

    def check(self) -> None:
        """Nobody is refused."""


@pytest.fixture
def announce(monkeypatch: pytest.MonkeyPatch) -> Callable[[Broker], RoomAnnouncer]:
    """Makes an announcer at a broker, which takes rooms for gone at once that it knows nothing of."""
    monkeypatch.setattr(announced_rooms, "SETTLE", 0.0)
    monkeypatch.setattr(announced_rooms, "GONE", 0.0)

    def start(broker: Broker) -> RoomAnnouncer:
        monkeypatch.setattr(room_announcer, "Connection", broker)
        return RoomAnnouncer(
            BrokerSettings(BrokerUrl("127.0.0.1", 1883, tls=False), "edge-announcer"),
            "classroom",
            ["+"],
            "homeassistant",
        )

    return start


def test_what_comes_while_it_waits_is_of_the_new_connection(announce: Callable[[Broker], RoomAnnouncer]) -> None:
    broker = Broker("room-1", "room-2")
    announcer = announce(broker)
    for _ in range(2):  # a connect, and one after that was lost
        timer = threading.Timer(0.2, broker.accept)
        timer.start()
        announcer.step(1)
        timer.join()
        announcer.step(0)
        announcer.step(0)
        assert announcer.status == "announcing 2 rooms"
        assert broker.published == []  # all of it is there already


def test_what_an_earlier_connection_has_brought_is_forgotten(announce: Callable[[Broker], RoomAnnouncer]) -> None:
    broker = Broker("room-1")
    announcer = announce(broker)
    broker.accept()
    broker.kept = broker.kept[1:]  # meanwhile it has lost what is announced
    broker.accept()
    announcer.step(0)
    assert broker.published == [config_topic("homeassistant", Topics("classroom", "room-1"))]


def test_what_comes_within_a_step_is_looked_at_once(announce: Callable[[Broker], RoomAnnouncer]) -> None:
    """Else one room's password has it, and systemd, do so a thousand times a second."""
    broker = Broker()
    announcer = announce(broker)
    broker.accept()

    def announcing(count: int) -> Callable[[], bool]:
        return lambda: announcer.status == f"announcing {counted(count, 'room')}"

    def send() -> None:
        for number in range(1, 4):
            broker.send(Topics("classroom", f"room-{number}").info, INFO.to_json())
            wait_for(announcing(number), 20)

    sender = threading.Thread(target=send)
    sender.start()
    announcer.step(3)
    sender.join()
    assert announcer.status == "announcing 3 rooms"


def test_a_thousand_rooms_come_at_once(
    announce: Callable[[Broker], RoomAnnouncer], caplog: pytest.LogCaptureFixture
) -> None:
    broker = Broker(*(f"room-{number}" for number in range(MAX_ROOMS)))
    announcer = announce(broker)
    broker.accept()
    for _ in range(3):
        announcer.step(0)
    assert (announcer.status, caplog.text) == (f"announcing {MAX_ROOMS:,} rooms", "")
