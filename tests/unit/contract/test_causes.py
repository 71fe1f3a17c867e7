"""What may be kept of why a room is paused: never a name, whatever people call themselves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.contract import causes
from edge.contract.causes import without_names


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("paused by Mrs Doe", "paused by a person at the device"),
        ("paused by Mrs Doe, over MQTT; the camera is still closing", "paused by somebody over MQTT"),
        ("resumed by Mrs Doe, over MQTT", "resumed by somebody over MQTT"),
        ("paused: masks; paused by Mrs; Doe", "paused: masks; paused by a person at the device"),
        ("paused by somebody (/home/doe/outbox.pause cannot be read)", "paused by somebody"),
        ("paused by the schedule until Mrs Doe resumes", "paused by a person at the device"),
        ("paused by the button in the room where Mrs Doe is", "paused by a person at the device"),
        ("paused by Mrs Doe\nMr Roe", "paused by a person at the device"),
    ],
)  # fmt: skip
def test_a_name_is_not_kept_but_how_it_was_done_is(said: str, kept: str) -> None:
    assert without_names(said) == kept


@pytest.mark.parametrize(
    "cause",
    [*causes.NAMELESS, causes.SOMEBODY, causes.SCHEDULE, "the schedule until 13:00", "the schedule until Mon 08:00"],
)
@pytest.mark.parametrize("did", ["paused", "resumed"])
def test_what_names_nobody_stays(did: str, cause: str) -> None:
    assert without_names(f"{did} by {cause}") == f"{did} by {cause}"


@pytest.mark.parametrize(
    "reason", ["", "the camera is back", "paused: there is a schedule", "usb:0 was unplugged by x"]
)
def test_other_reasons_stay(reason: str) -> None:
    assert without_names(reason) == reason


@given(st.text(max_size=90), st.sampled_from(["", ", over MQTT", "; the camera is still closing"]))
def test_what_is_kept_does_not_depend_on_the_name(name: str, rest: str) -> None:
    once = without_names(f"paused by {name}{rest}")
    assert without_names(once) == once
    assert once.removeprefix("paused by ") in {*causes.NAMELESS, causes.SOMEBODY, causes.SCHEDULE} or "until" in name
