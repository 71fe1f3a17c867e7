"""What `edge announce` publishes of what it hears, and when."""

from __future__ import annotations

import json

import pytest

from edge.contract.topics import Topics
from edge.mqtt import announced_rooms
from edge.mqtt.announced_rooms import AT_ONCE, GONE, MAX_ROOMS, REST, SETTLE, AnnouncedRooms, digest
from edge.mqtt.home_assistant_entities import discovery
from tests.support.publishing import INFO


class Broker:
    """A broker that keeps what is published, a clock, and the part at test between them."""

    def __init__(self, prefix: str = "classroom", *, all_rooms: bool = True) -> None:
        self.now = 100.0
        self.kept: dict[str, bytes] = {}
        self.rooms = AnnouncedRooms(prefix, "homeassistant", all_rooms=all_rooms, clock=lambda: self.now)
        self.connect()

    def connect(self) -> None:
        self.rooms.connected()
        for topic, payload in self.kept.items():
            self.rooms.hear_announcement(topic, digest(payload))

    def say(self, room: str, payload: bytes | None = None, prefix: str = "classroom") -> None:
        self.rooms.hear_room(f"{prefix}/{room}/info", INFO.to_json() if payload is None else payload)

    def publish(self, after: float = 0.0) -> list[str]:
        """What is due then is published, and comes back; returns the topics."""
        self.now += after
        sent = []
        for topic, payload in sorted(self.rooms.due()):
            self.rooms.published(topic)
            self.rooms.hear_announcement(topic, digest(payload))
            self.kept[topic] = payload
            sent.append(topic)
        self.kept = {topic: payload for topic, payload in self.kept.items() if payload}
        return sent


def config(room: str) -> str:
    return f"homeassistant/device/classroom_{room}/config"


def test_a_room_is_announced_as_it_would_announce_itself() -> None:
    broker = Broker()
    broker.say("room-1")
    assert broker.publish() == []  # what the broker keeps has not come yet
    assert broker.publish(SETTLE) == [config("room-1")]
    topics = Topics("classroom", "room-1")
    assert json.loads(broker.kept[config("room-1")]) == json.loads(discovery(INFO, topics))
    assert broker.publish(REST) == []
    assert broker.rooms.rooms == 1


def test_what_is_there_already_is_not_sent_again() -> None:
    broker = Broker()
    broker.say("room-1")
    broker.publish(SETTLE)
    broker.connect()
    broker.say("room-1")
    assert broker.publish(REST) == []


def test_a_change_waits_until_home_assistant_had_a_rest() -> None:
    broker = Broker()
    broker.say("room-1")
    broker.publish(SETTLE)
    for seconds in range(1, 50):
        broker.say("room-1", INFO.model_copy(update={"window_seconds": float(seconds)}).to_json())
        assert broker.publish(1) == []
    assert broker.publish(REST) == [config("room-1")]
    assert b'"expire_after":147' in broker.kept[config("room-1")]


def test_a_room_that_is_gone_is_removed() -> None:
    broker = Broker()
    broker.say("room-1")
    broker.publish(SETTLE)
    broker.say("room-1", b"")
    assert broker.publish(REST) == [config("room-1")]
    assert (broker.kept, broker.rooms.rooms) == ({}, 0)
    assert broker.publish(REST) == []


def test_a_room_that_is_switched_off_stays_where_the_broker_has_lost_what_it_said() -> None:
    broker = Broker()
    for room in ("room-1", "room-2"):
        broker.say(room)
    broker.publish(SETTLE)
    broker.kept.clear()
    broker.connect()
    broker.say("room-1")
    assert broker.publish(REST) == [config("room-1"), config("room-2")]
    assert broker.publish(GONE) == []


def test_a_room_that_went_while_nobody_listened_is_removed_by_the_next_start() -> None:
    broker = Broker()
    broker.kept = dict.fromkeys([config("room-1"), config("room-2")], b"of an earlier start")
    broker.connect()
    broker.say("room-1")
    broker.publish(SETTLE)
    assert broker.publish(GONE - SETTLE - 1) == []
    assert broker.publish(1) == [config("room-2")]


def test_who_hears_of_no_room_removes_none() -> None:
    """As where the broker does not let us read what rooms say: an access list tells nobody so."""
    broker = Broker()
    broker.kept = {config("room-1"): b"of an earlier start"}
    broker.connect()
    assert broker.publish(GONE) == []


def test_rooms_that_are_too_many_are_left_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(announced_rooms, "MAX_ROOMS", 1)
    broker = Broker()
    broker.kept = {config("room-2"): b"of an earlier start"}
    broker.connect()
    for room in ("room-1", "room-2"):
        broker.say(room)
    assert broker.publish(GONE) == [config("room-1")]


def test_what_somebody_else_has_announced_is_replaced_or_removed() -> None:
    broker = Broker()
    others = ["homeassistant/device/heating/config", "homeassistant/device/school_room-1/config"]
    broker.kept = dict.fromkeys([config("room-1"), config("room-9"), *others], b"forged")
    broker.connect()
    broker.say("room-1")
    assert broker.publish(SETTLE) == [config("room-1")]
    assert broker.publish(GONE) == [config("room-9")]
    assert set(broker.kept) == {config("room-1"), *others}
    assert broker.kept[config("room-1")] != b"forged"


def test_with_named_rooms_or_a_prefix_that_is_hashed_those_of_others_stay() -> None:
    for broker in (Broker(all_rooms=False), Broker("Süd")):
        broker.kept = dict.fromkeys([config("room-9"), "homeassistant/device/Sud_room-9/config"], b"of others")
        broker.connect()
        assert broker.publish(GONE) == []


def test_what_is_not_valid_changes_nothing() -> None:
    broker = Broker()
    broker.say("room-1")
    broker.publish(SETTLE)
    for payload in (b"{}", b"x", INFO.to_json().replace(b"0.", b"{{", 1)):
        broker.say("room-1", payload)
    broker.rooms.hear_room("classroom/a/b/info", INFO.to_json())
    assert broker.publish(REST) == []
    assert broker.rooms.invalid == 4


def test_made_up_rooms_are_bounded_and_come_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(announced_rooms, "MAX_ROOMS", 50)
    broker = Broker()
    for number in range(60):
        broker.say(f"room-{number}")
    assert (broker.rooms.rooms, broker.rooms.full) == (50, True)
    assert len(broker.publish(SETTLE)) == AT_ONCE
    for _ in range(5):
        broker.publish()
    assert len(broker.kept) == 50
    assert MAX_ROOMS > 50


def test_a_name_that_is_no_topic_of_home_assistant_is_made_one() -> None:
    broker = Broker()
    broker.say("Raum {{ 1 }} ü")
    (topic,) = broker.publish(SETTLE)
    assert topic.startswith("homeassistant/device/classroom_Raum-1-u_")
