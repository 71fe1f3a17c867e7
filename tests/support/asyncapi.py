"""The AsyncAPI document of docs."""

from __future__ import annotations

import json
from typing import Any

import jsonschema

from edge.cli.schema import schema

DOCUMENT = schema("asyncapi")
MESSAGES: dict[str, Any] = DOCUMENT["components"]["messages"]


def fits(name: str, payload: bytes) -> bool:
    """Whether a message of the document allows this payload."""
    message = MESSAGES[name]
    try:
        value = payload.decode() if message.get("contentType") == "text/plain" else json.loads(payload)
        jsonschema.validate(value, {"components": DOCUMENT["components"], "allOf": [message["payload"]]})
    except (ValueError, jsonschema.ValidationError):
        return False
    return True
