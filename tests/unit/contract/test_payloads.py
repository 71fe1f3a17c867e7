"""Payloads on the wire."""

from __future__ import annotations

import json

from tests.support.publishing import window


def test_payloads_on_the_wire_are_compact_json() -> None:
    text = window().to_json()
    assert json.loads(text)["schema"] == "edge.window/2"
    assert b": " not in text
