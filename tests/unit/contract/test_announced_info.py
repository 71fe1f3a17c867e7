"""What is taken of a room's `info` for Home Assistant, and what is not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from edge.contract.announced_info import read_announced_info
from edge.contract.machine_messages import MAX_INFO
from tests.support.publishing import INFO

TOPIC = "classroom/room-9/info"
TEMPLATE = "{% for a in range(99999) %}{% endfor %}"


def info(**changes: Any) -> bytes:
    return json.dumps({**INFO.model_dump(mode="json", by_alias=True), **changes}).encode()


def test_a_room_is_named_by_its_topic_and_unknown_labels_are_left_out() -> None:
    labels = ["happy", TEMPLATE, "unknown", "angry", "happy"]
    device, found = read_announced_info("classroom", TOPIC, info(device="room-1", labels=labels, newer=TEMPLATE))
    assert found is not None
    assert (device, found.labels) == ("room-9", ("angry", "happy"))
    assert TEMPLATE not in repr(found)


def test_an_empty_one_says_that_the_room_is_gone() -> None:
    assert read_announced_info("classroom", TOPIC, b"") == ("room-9", None)


@pytest.mark.parametrize(
    "payload",
    [
        b"{}", b"[]", b"x", b"[" * MAX_INFO, info(labels=None), info(labels=["x" * MAX_INFO]), info(version=TEMPLATE),
        info(version=""), info(version="1\n"), info(version="1" * 65), info(window_seconds=0), info(window_seconds="5"),
        info(window_seconds=1e300), info(models={"pose": 1}), info(models=None),
    ],
)  # fmt: skip
def test_what_is_not_valid_is_refused(payload: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        read_announced_info("classroom", TOPIC, payload)


@pytest.mark.parametrize("topic", ["classroom/room-9/state", "x/room-9/info", "classroom/info", "classroom/a/b/info"])
def test_other_topics_are_refused(topic: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        read_announced_info("classroom", topic, info())
