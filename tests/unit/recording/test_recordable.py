"""What is recorded of a message."""

from __future__ import annotations

import json

from edge.contract.payloads import State, WindowPayload
from edge.recording.recordable import examine
from edge.recording.session import Delivery
from edge.recording.window_row import LONGEST_NAME
from tests.support.lessons import MONDAY, message, state


def recorded(kind: str, content: object) -> object:
    found = examine("classroom", Delivery(f"classroom/room-1/{kind}", json.dumps(content).encode(), 1, 1, 1))
    assert found is not None
    return found.content


def test_names_and_reasons_are_kept_as_text_that_can_be_shown() -> None:
    models = {"faces": "f\n=1+1\x18\0\u202e", "emotions": "e" * 2 * LONGEST_NAME}
    window = recorded("window", {**message(1, MONDAY), "model": models})
    assert isinstance(window, WindowPayload)
    assert (window.model.faces, window.model.emotions) == ("f?=1+1???", "e" * LONGEST_NAME)
    said = recorded("state", state("paused", MONDAY, "a\n=1+1" + LONGEST_NAME * "b"))
    assert isinstance(said, State)
    assert said.reason == ("a?=1+1" + LONGEST_NAME * "b")[:LONGEST_NAME]


def test_others_are_kept_as_they_are() -> None:
    sent = message(1, MONDAY)
    window = recorded("window", sent)
    assert isinstance(window, WindowPayload)
    assert window.model.model_dump() == {"pose": None, **sent["model"]}
