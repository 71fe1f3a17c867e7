"""What devices say about themselves, read from messages that nobody vouches for."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.contract.examples import ALERT, HEALTH, INFO
from edge.contract.machine_messages import MachineAlert, MachineHealth, MachineInfo, read_machine_message
from edge.contract.payloads import Payload

ROOM = "classroom/room-204"


def changed(payload: Payload, **changes: object) -> bytes:
    return json.dumps({**payload.model_dump(mode="json", by_alias=True), **changes}).encode()


def test_what_the_contract_says_is_read() -> None:
    info = read_machine_message("classroom", f"{ROOM}/info", INFO.to_json()).content
    assert isinstance(info, MachineInfo)
    assert (info.version, info.window_seconds) == ("0.1.0", 10.0)
    health = read_machine_message("classroom", f"{ROOM}/health", HEALTH.to_json()).content
    assert isinstance(health, MachineHealth)
    assert (health.fps, health.outbox_depth, health.throttled_bits) == (2.8, 0, 0)
    device, kind, name, alert = read_machine_message("classroom", f"{ROOM}/alert/camera", ALERT.to_json())
    assert (device, kind, name) == ("room-204", "alert", "camera")
    assert isinstance(alert, MachineAlert)
    assert alert.remedy == "check the cable of the camera"


def test_nothing_about_people_is_kept() -> None:
    health = read_machine_message("classroom", f"{ROOM}/health", HEALTH.to_json()).content
    assert "faces_per_frame" in HEALTH.model_dump()
    assert health is not None
    assert "faces_per_frame" not in health.model_dump()
    assert "stages_ms" not in health.model_dump()


@pytest.mark.parametrize(("kind", "payload"), [("info", INFO), ("health", HEALTH), ("alert/disk", ALERT)])
def test_a_newer_device_may_say_more(kind: str, payload: Payload) -> None:
    assert read_machine_message("classroom", f"{ROOM}/{kind}", changed(payload, later={"x": 1})).content is not None
    assert read_machine_message("classroom", f"{ROOM}/{kind}", b"").content is None


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("health", changed(HEALTH, fps=1e400)),
        ("health", changed(HEALTH, temperature_c="hot")),
        ("health", changed(HEALTH, throttled_bits=2**40)),
        ("health", changed(HEALTH, outbox_depth=-1)),
        ("health", changed(HEALTH, time="2026-99-99T08:15:12.410Z")),
        ("health", changed(HEALTH, junk="x" * 9000)),
        ("info", changed(INFO, window_seconds=0)),
        ("info", changed(INFO, version="x" * 2001)),
        ("info", changed(INFO, junk="x" * 17_000)),
        ("alert/disk", changed(ALERT, since="2026-02-30T08:15:12.410Z")),
        ("alert/disk", changed(ALERT, problem=3)),
        ("alert/disk", changed(ALERT, problem="x" * 2001)),
        ("alert/\x1b[2J", ALERT.to_json()),
        ("alert/a/b", ALERT.to_json()),
        ("alert", ALERT.to_json()),
        ("health/more", HEALTH.to_json()),
        ("window", HEALTH.to_json()),
    ],
)
def test_what_cannot_be_true_is_refused(kind: str, payload: bytes) -> None:
    with pytest.raises(ValueError, match=r"^"):
        read_machine_message("classroom", f"{ROOM}/{kind}", payload)


@settings(max_examples=100, deadline=None)
@given(topic=st.text(max_size=60), payload=st.binary(max_size=200))
def test_no_message_does_harm(topic: str, payload: bytes) -> None:
    try:
        message = read_machine_message("classroom", f"{ROOM}/{topic}", payload)
    except ValueError:
        return
    assert message.content is None or payload
