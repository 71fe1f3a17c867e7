"""A PUBLISH packet is read as paho reads it, and whatever a stranger writes into its properties costs nothing."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edge.mqtt.properties import incoming
from edge.mqtt.publish_packet import MOST, Publish, read_publish

TEXT = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0\ufeff"), max_size=20)
QOS_1 = 0x32


def packet(topic: bytes, mid: bytes, properties: bytes, payload: bytes) -> bytes:
    length = bytearray()
    rest = len(properties)
    while True:
        rest, low = divmod(rest, 128)
        length.append(low | 128 if rest else low)
        if not rest:
            break
    return len(topic).to_bytes(2, "big") + topic + mid + bytes(length) + properties + payload


def text(kind: int, content: bytes) -> bytes:
    return bytes((kind,)) + len(content).to_bytes(2, "big") + content


@given(
    topic=TEXT,
    first=st.sampled_from([0x30, 0x31, 0x32, 0x33]),
    payload=st.binary(max_size=50),
    users=st.lists(st.tuples(TEXT, TEXT), max_size=5),
    response=st.none() | TEXT,
    correlation=st.none() | st.binary(max_size=20),
    number=st.none() | st.integers(1, 268_435_455),
)
def test_what_paho_packs_is_read(
    topic: str, first: int, payload: bytes, users: list[tuple[str, str]], response: str | None,
    correlation: bytes | None, number: int | None,
) -> None:  # fmt: skip
    sent = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    if users:
        sent.UserProperty = users
    sent.ContentType = "application/json"
    for name, value in (
        ("ResponseTopic", response), ("CorrelationData", correlation), ("MessageExpiryInterval", number),
        ("SubscriptionIdentifier", number), ("TopicAlias", number and number % 65535 + 1),
    ):  # fmt: skip
        if value is not None:
            setattr(sent, name, value)
    qos, retained = first >> 1 & 1, bool(first & 1)
    mid = b"\x12\x34" if qos else b""
    packed = sent.pack()  # type: ignore[no-untyped-call]
    head = len(topic.encode()).to_bytes(2, "big") + topic.encode() + mid
    number_of_it = 0x1234 if qos else 0
    assert read_publish(first, bytearray(head + packed + payload), mqtt5=True) == Publish(
        topic.encode(), payload, number_of_it, qos, retained,
        None if response is None else response.encode(), correlation, () if number is None else (number,),
    )  # fmt: skip
    assert read_publish(first, bytearray(head + payload), mqtt5=False) == Publish(
        topic.encode(), payload, number_of_it, qos, retained, None, None
    )


@pytest.mark.parametrize(
    ("properties", "response"),
    {
        "a forbidden character": (text(38, "\ufeff".encode()) + text(0, b"")[1:], None),
        "an address twice": (text(8, b"here") + text(8, b"there"), b"here"),
        "an unknown kind": (text(8, b"here") + b"\x7f\x00" + text(9, b"x"), b"here"),
        "a length beyond the end": (b"\x08\xff\xffa", None),
        "a number cut off": (b"\x02\x00", None),
        "no number": (b"\x0b\xff\xff\xff\xff\xff", None),
        "too many": (text(8, b"here") + text(38, b"")[:3] * 2000, None),
    }.values(),
)
def test_the_message_is_read_whatever_its_properties(properties: bytes, response: bytes | None) -> None:
    found = read_publish(QOS_1, packet(b"a/b", b"\0\1", properties, b"online"), mqtt5=True)
    assert found == Publish(b"a/b", b"online", 1, 1, False, response, None)


def test_a_message_may_come_by_several_subscriptions() -> None:
    found = read_publish(QOS_1, packet(b"a/b", b"\0\1", b"\x0b\x07\x0b\xff\xff\xff\x7f", b""), mqtt5=True)
    assert found.subscriptions == (7, 268_435_455)


@given(st.binary(max_size=40), st.integers(0x30, 0x3F), st.booleans())
def test_bytes_of_any_kind_are_read_or_refused(data: bytes, first: int, mqtt5: bool) -> None:  # noqa: FBT001
    try:
        found = read_publish(first, data, mqtt5=mqtt5)
    except ValueError:
        return
    assert found.qos < 2
    assert found.topic + found.payload in data or len(found.topic) + len(found.payload) < len(data)


@pytest.mark.parametrize(
    ("first", "data"),
    [
        (QOS_1, b"\0\5abc"),
        (QOS_1, b"\0\3abc\0"),
        (QOS_1, b"\0\1a\0\1\x05\x26"),
        (QOS_1, b"\0\1a\0\1\xff\xff\xff\xff"),
        (0x34, packet(b"a", b"\0\1", b"", b"x")),
    ],
    ids=["topic cut off", "id cut off", "properties cut off", "no length", "qos 2"],
)
def test_a_packet_that_is_none_is_refused(first: int, data: bytes) -> None:
    with pytest.raises(ValueError, match=r"read|behind"):
        read_publish(first, data, mqtt5=True)


@pytest.mark.parametrize("topic", [b"", b"a/+", b"#", b"a\0b", b"x" * 257, b"\xff\xfe", "a\ufeffb".encode()])
def test_a_topic_that_cannot_be_answered_to_is_none(topic: bytes) -> None:
    found = incoming(Publish(b"t", b"", 1, 1, False, topic, None))
    assert found is not None
    assert found.response_topic is None


def test_many_properties_cost_no_more_than_few() -> None:
    def seconds(properties: bytes) -> float:
        data = packet(b"classroom/room-9/state", b"\0\1", properties, b"online")
        best = 1.0
        for _ in range(5):
            began = time.perf_counter()
            read_publish(QOS_1, data, mqtt5=True)
            best = min(best, time.perf_counter() - began)
        return best

    many = seconds(b"\x26\0\0\0\0" * 50_000)
    assert many < seconds(b"\x26\0\0\0\0" * (MOST // 5)) + 0.001
