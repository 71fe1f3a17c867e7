"""From one outbox to the broker: each window once, with its identity, and a depth that is true at every moment."""

from __future__ import annotations

import contextlib
import itertools
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.contract.identity import Identity, complete, complete_json, measured_as
from edge.contract.payloads import WindowBody, WindowPayload
from edge.delivery.outbox import Outbox
from edge.delivery.outbox_sender import MOST_LOOKED, OtherDeviceError, OutboxSender
from tests.support.publishing import window

SCHEMA = "edge.window/2"
identities = st.builds(Identity, st.from_regex("[0-9a-f]{8}", fullmatch=True), st.integers(1, 2**63 - 1), st.booleans())


class Broker:
    """Takes what it is sent; its answers come when a test wants them."""

    def __init__(self) -> None:
        self.sent: list[tuple[bytes, str]] = []
        self._ids: Iterator[int] = itertools.count(1)

    def publish(self, payload: bytes, schema: str, _age: float) -> int:
        self.sent.append((payload, schema))
        return next(self._ids)


def opened(path: Path | None, broker: Broker) -> OutboxSender:
    sender = OutboxSender(Outbox(path), broker.publish)
    sender.open()
    return sender


# Identity


@given(identities, st.integers(0, 10**9), st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_a_window_completed_as_text_is_the_one_completed_as_a_model(
    identity: Identity, faces: int, device: str
) -> None:
    body = window(faces).model_copy(update={"device": device})
    text = complete_json(body.to_json().decode(), identity)
    whole = WindowPayload.model_validate_json(text, strict=True)
    assert complete(body, identity) == whole
    assert complete(body, identity).to_json() == text
    assert (whole.epoch, whole.seq, whole.replayed) == identity
    assert {name: getattr(whole, name) for name in WindowBody.model_fields} == dict(body)


def test_a_window_goes_out_as_it_was_stored_with_its_identity() -> None:
    broker = Broker()
    sender = opened(None, broker)
    body = window(3)
    identity = sender.put(body.to_json().decode(), SCHEMA, backlog=False)
    assert identity == (sender.outbox.epoch, 1, False)
    assert sender.send(9, backlog=False) == 1
    assert broker.sent == [(complete(body, identity).to_json(), SCHEMA)]


def test_a_schema_of_a_later_version_goes_out_as_it_was_stored() -> None:
    # As after a return to an earlier version: whoever reads knows what to do with it.
    broker = Broker()
    sender = opened(None, broker)
    sender.put('{"schema":"edge.window/9","news":1}', "edge.window/9", backlog=True)
    sender.send(9, backlog=True)
    ((payload, schema),) = broker.sent
    identity = {"epoch": sender.outbox.epoch, "seq": 1, "replayed": True}
    assert json.loads(payload) == {"schema": "edge.window/9", "news": 1, **identity}
    assert schema == "edge.window/9"


# Depth


@contextlib.contextmanager
def watched(sender: OutboxSender) -> Iterator[list[int]]:
    """Reads the depth before every line of the delivery code, which is when another thread may read it."""
    seen: list[int] = []

    def trace(frame: FrameType, _event: str, _argument: object) -> Any:
        if "/edge/delivery/" not in frame.f_code.co_filename or frame.f_code.co_name == "depth":
            return None
        before = sys.gettrace()
        sys.settrace(None)
        seen.append(sender.depth)
        sys.settrace(before)
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield seen
    finally:
        sys.settrace(before)


def test_the_depth_is_never_below_zero_for_any_thread_that_reads_it(tmp_path: Path) -> None:
    """Health reads it while the publisher deletes rows: below zero, its own schema would refuse it."""
    broker = Broker()
    sender = opened(tmp_path / "o", broker)
    text = window().to_json().decode()
    with watched(sender) as seen:
        for _ in range(4):
            sender.put(text, SCHEMA, backlog=False)
        assert sender.send(20, backlog=False) == 4
        for message_id in range(1, 5):
            assert sender.answered(message_id, accepted=True)
        sender.clean_up()
    assert len(seen) > 50
    assert sorted(set(seen)) == [0, 1, 2, 3, 4]
    assert seen[-1] == 0
    sender.outbox.stop()


steps = st.lists(st.sampled_from(["put", "offline", "send", "answer", "refuse", "clean", "reconnect", "expire"]))


@given(steps)
@settings(deadline=None)
def test_the_depth_is_what_the_broker_does_not_have(steps: list[str]) -> None:
    broker = Broker()
    sender = opened(None, broker)
    waiting: set[int] = set()
    in_flight: dict[int, int] = {}
    for step in steps:
        if step in ("put", "offline"):
            waiting.add(sender.put('{"a":1}', SCHEMA, backlog=step == "offline").seq)
        elif step == "send":
            before = len(broker.sent)
            sender.send(3, backlog=True)
            sender.send(3, backlog=False)
            for number, (payload, _) in enumerate(broker.sent[before:], before + 1):
                in_flight[number] = json.loads(payload)["seq"]
        elif step in ("answer", "refuse") and in_flight:
            number = min(in_flight)
            assert sender.answered(number, accepted=step == "answer")
            seq = in_flight.pop(number)
            if step == "answer":
                waiting.discard(seq)
        elif step == "clean":
            assert sender.clean_up() == 0
        elif step == "reconnect":
            sender.requeue()
            in_flight.clear()
        elif step == "expire":
            sender.expire(-1.0)  # everything is older than that; what is in flight may yet arrive
            waiting &= set(in_flight.values())
        assert sender.depth == len(waiting)
        assert sender.in_flight == len(in_flight)
    sender.outbox.stop()


def test_what_is_damaged_is_dropped_and_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    broker = Broker()
    sender = opened(tmp_path / "o", broker)
    for body in ("{", "[]", '{"from": "an older version"}'):
        sender.put(body, "edge.window/1", backlog=True)
    outbox = sender.outbox
    outbox._db.execute("UPDATE windows SET checksum = NULL")
    assert sender.send(9, backlog=True) == 1
    ((payload, schema),) = broker.sent
    assert json.loads(payload) == {"from": "an older version", "epoch": outbox.epoch, "seq": 3, "replayed": True}
    assert schema == "edge.window/1"
    assert "windows [1, 2] are damaged" in caplog.text
    assert outbox.loss is not None
    assert (outbox.loss.lost, sender.depth) == (2, 1)
    outbox.stop()


def test_what_a_device_of_another_name_measured_stays_and_is_counted_when_it_is_too_old(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broker = Broker()
    sent = broker.publish

    def publish(payload: bytes, schema: str, age: float) -> int:
        device = measured_as(payload)
        if device != "hall":
            raise OtherDeviceError(str(device))
        return sent(payload, schema, age)

    sender = OutboxSender(Outbox(tmp_path / "o"), publish)
    sender.open()
    for device in ("room-9", "room-9", "hall", "room-9"):
        sender.put(window(3).model_copy(update={"device": device}).to_json().decode(), SCHEMA, backlog=True)
    for _ in range(3):
        assert sender.send(2, backlog=True) + sender.send(2, backlog=True) == 1
        sender.requeue()
    assert {measured_as(payload) for payload, _ in broker.sent} == {"hall"}
    assert caplog.text.count("windows of room-9 wait in it") == 1
    assert "or they are dropped after outbox.max_age_hours" in caplog.text
    sender.send(4, backlog=True)
    assert sender.answered(4, accepted=True)
    sender.clean_up()
    assert (sender.depth, sender.outbox.loss) == (3, None)
    assert sender.expire(-1) == 3
    assert sender.outbox.loss is not None
    assert (sender.depth, sender.outbox.loss.lost) == (0, 3)
    sender.outbox.stop()


def test_what_stays_holds_up_nothing_that_comes_after_it() -> None:
    broker = Broker()

    def publish(payload: bytes, schema: str, age: float) -> int:
        if measured_as(payload) != "hall":
            raise OtherDeviceError("room-9")
        return broker.publish(payload, schema, age)

    sender = OutboxSender(Outbox(None), publish)
    sender.open()
    others = window(3).to_json().decode()
    for _ in range(3 * MOST_LOOKED):
        sender.put(others, SCHEMA, backlog=True)
    ours = window(3, "hall").to_json().decode()
    for _ in range(3):
        sender.put(ours, SCHEMA, backlog=True)
    assert [sender.send(2, backlog=True) for _ in range(6)] == [0, 0, 0, 2, 1, 0]
    sender.outbox.stop()


def test_a_call_looks_at_so_many_damaged_windows_and_no_more() -> None:
    sender = opened(None, Broker())
    for _ in range(2 * MOST_LOOKED):
        sender.put(window(3).to_json().decode(), SCHEMA, backlog=True)
    sender.outbox._db.execute("UPDATE windows SET checksum = 1")
    left = []
    for _ in range(2):
        sender.send(20, backlog=True)
        left.append(sender.depth)
    assert left == [MOST_LOOKED, 0]
    sender.outbox.stop()


@pytest.mark.parametrize("payload", [b"", b"{", b"[]", b"null", b"{}", b'{"device": 1}', b"\xff"])
def test_what_names_no_device_is_of_none(payload: bytes) -> None:
    assert measured_as(payload) is None
