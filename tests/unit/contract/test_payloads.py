"""Payloads on the wire."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from edge.contract.examples import EXAMPLES
from edge.contract.payloads import Payload
from tests.support.publishing import window


def test_payloads_on_the_wire_are_compact_json() -> None:
    text = window().to_json()
    assert json.loads(text)["schema"] == "edge.window/2"
    assert b": " not in text


def with_each_float(content: Any, number: float) -> Iterator[Any]:
    """The content once for each floating-point number in it, which is replaced."""
    if isinstance(content, float):
        yield number
    elif isinstance(content, dict):
        yield from ({**content, key: one} for key, each in content.items() for one in with_each_float(each, number))


@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan])
@pytest.mark.parametrize("kind", [kind for kind in EXAMPLES if issubclass(kind, Payload)])
def test_no_payload_has_a_number_that_json_does_not_have(kind: type[Payload], number: float) -> None:
    for example in EXAMPLES[kind].values():
        assert isinstance(example, Payload)
        kind.model_validate_json(example.to_json())
        for changed in with_each_float(example.model_dump(by_alias=True), number):
            with pytest.raises(ValidationError):
                kind.model_validate_json(json.dumps(changed))
