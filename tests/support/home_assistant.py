"""The entities that Home Assistant makes of the discovery payload, with templates rendered by Jinja as it does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest

from edge.contract.examples import INFO
from edge.contract.labels import LABELS
from edge.contract.payloads import WindowPayload
from edge.contract.topics import Topics
from edge.mqtt.home_assistant_entities import discovery

TOPICS = Topics("classroom", "room-204")


def components(labels: tuple[str, ...] = LABELS) -> dict[str, dict[str, Any]]:
    payload = json.loads(discovery(INFO.model_copy(update={"labels": list(labels)}), TOPICS))
    found: dict[str, dict[str, Any]] = payload["components"]
    return found


COMPONENTS = components()


def rendered(template: str, **variables: Any) -> str:
    """As Home Assistant renders it; without `value_json` where the message was empty."""
    text: str = _compiled(template).render(**variables).strip()
    return text


@cache
def _compiled(template: str) -> Any:
    environment = pytest.importorskip("jinja2.sandbox").ImmutableSandboxedEnvironment()
    environment.filters["to_json"] = json.dumps
    return environment.from_string(template)


def state(key: str, window: WindowPayload, known: Mapping[str, dict[str, Any]] = COMPONENTS) -> str:
    return rendered(known[key]["value_template"], value_json=json.loads(window.to_json()))


def attributes(key: str, window: WindowPayload, known: Mapping[str, dict[str, Any]] = COMPONENTS) -> Any:
    template = known[key]["json_attributes_template"]
    return json.loads(rendered(template, value_json=json.loads(window.to_json())))
