"""Of a message's properties only those remain that this program uses, and paho can always read what does."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edge.mqtt.publish_packet import MOST, with_known_properties

TEXT = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0\ufeff"), max_size=20)


def packet(topic: bytes, mid: bytes, properties: bytes, payload: bytes) -> bytes:
    length = bytearray()
    rest = len(properties)
    while True:
        rest, low = divmod(rest, 128)
        length.append(low | 128 if rest else low)
        if not rest:
            break
    return len(topic).to_bytes(2, "big") + topic + mid + bytes(length) + properties + payload


def parts(data: bytes | bytearray, qos: int) -> tuple[bytes, bytes, Properties, bytes]:
    """As paho reads it."""
    at = 2 + int.from_bytes(data[:2], "big")
    mid = bytes(data[at : at + (2 if qos else 0)])
    found = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    _, used = found.unpack(bytes(data[at + len(mid) :]))  # type: ignore[no-untyped-call]
    return bytes(data[2:at]), mid, found, bytes(data[at + len(mid) + used :])


def text(kind: int, content: bytes) -> bytes:
    return bytes((kind,)) + len(content).to_bytes(2, "big") + content


@given(
    topic=TEXT,
    qos=st.sampled_from([0, 1]),
    payload=st.binary(max_size=50),
    users=st.lists(st.tuples(TEXT, TEXT), max_size=5),
    response=st.none() | TEXT,
    correlation=st.none() | st.binary(max_size=20),
    number=st.none() | st.integers(1, 268_435_455),
)
def test_where_to_answer_is_kept_and_all_else_is_as_it_was(
    topic: str, qos: int, payload: bytes, users: list[tuple[str, str]], response: str | None, correlation: bytes | None,
    number: int | None,
) -> None:  # fmt: skip
    sent = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    if users:
        sent.UserProperty = users
    sent.ContentType = "application/json"
    for name, value in (
        ("ResponseTopic", response), ("CorrelationData", correlation), ("MessageExpiryInterval", number),
        ("SubscriptionIdentifier", number),
    ):  # fmt: skip
        if value is not None:
            setattr(sent, name, value)
    mid = b"\x12\x34" if qos else b""
    packed = sent.pack()  # type: ignore[no-untyped-call]
    whole = len(topic.encode()).to_bytes(2, "big") + topic.encode() + mid + packed + payload
    found_topic, found_mid, found, rest = parts(with_known_properties(whole, qos), qos)
    assert (found_topic, found_mid, rest) == (topic.encode(), mid, payload)
    assert getattr(found, "ResponseTopic", None) == response
    assert getattr(found, "CorrelationData", None) == correlation
    assert getattr(found, "MessageExpiryInterval", None) == number
    assert not any(hasattr(found, name) for name in ("UserProperty", "ContentType", "SubscriptionIdentifier"))


@pytest.mark.parametrize(
    "properties",
    {
        "a forbidden character": text(38, "\ufeff".encode()) + text(0, b"")[1:],
        "the same in the answer's address": text(8, "a\ufeffb".encode()),
        "no UTF-8 there": text(8, b"\xff\xfe"),
        "an address twice": text(8, b"here") + text(8, b"there"),
        "an unknown kind": text(8, b"here") + b"\x7f\x00",
        "a length beyond the end": b"\x26\xff\xff",
        "a number cut off": b"\x02\x00",
        "no number": b"\x0b\xff\xff\xff\xff\xff",
        "too many": text(38, b"")[:3] * 2000,
    }.values(),
)
def test_paho_reads_whatever_came(properties: bytes) -> None:
    _, _, _, payload = parts(with_known_properties(packet(b"a/b", b"\0\1", properties, b"online"), 1), 1)
    assert payload == b"online"


@given(st.binary(max_size=40), st.sampled_from([0, 1]))
def test_no_bytes_are_too_odd(data: bytes, qos: int) -> None:
    assert len(with_known_properties(data, qos)) <= len(data)


def test_many_properties_cost_no_more_than_few() -> None:
    def seconds(properties: bytes) -> float:
        data = packet(b"classroom/room-9/state", b"\0\1", properties, b"online")
        best = 1.0
        for _ in range(5):
            began = time.perf_counter()
            with_known_properties(data, 1)
            best = min(best, time.perf_counter() - began)
        return best

    many = seconds(b"\x26\0\0\0\0" * 50_000)
    assert many < seconds(b"\x26\0\0\0\0" * (MOST // 5)) + 0.001
