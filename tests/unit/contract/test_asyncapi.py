"""The AsyncAPI document: it is the one in docs, its examples are true, and a real daemon keeps to it.

That it is valid AsyncAPI is checked with the official parser by tests/system/subscribers/check.sh.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from edge.cli.schema import text
from edge.contract.commands import REQUESTS
from edge.contract.examples import EXAMPLES, WINDOW
from edge.contract.payloads import PAYLOADS
from edge.mqtt.command_queue import CommandError, parse
from edge.mqtt.properties import IncomingMessage
from tests.support.asyncapi import DOCUMENT, MESSAGES, fits
from tests.support.paths import PACKAGE, ROOT

CHANNELS: dict[str, Any] = DOCUMENT["channels"]
BINDINGS = {
    operation["channel"]["$ref"].rpartition("/")[2]: operation["bindings"]["mqtt"]
    for operation in DOCUMENT["operations"].values()
}


def test_the_document_in_docs_is_that_of_the_code() -> None:
    assert (ROOT / "docs/schemas/asyncapi.json").read_text() == text(DOCUMENT), "run: edge schema --output docs/schemas"


def test_every_topic_of_the_contract_is_in_it() -> None:
    own = {
        *("availability", "info", "state", "window", "latest", "health", "alerts", "alert/{alert}"),
        *(f"cmd/{name}" for name in REQUESTS),
        "cmd/{command}/response",
    }
    others = {"{discovery}/device/{object}/config", "{discovery}/status"}
    assert {channel["address"] for channel in CHANNELS.values()} == {
        f"{{prefix}}/{{device}}/{name}" for name in own
    } | others
    assert {MESSAGES[name]["payload"].get("$ref") for name in PAYLOADS} == {
        f"#/components/schemas/{model.__name__}" for model in PAYLOADS.values()
    }
    assert BINDINGS["window"]["messageExpiryInterval"]["maximum"] == 24 * 3600
    assert BINDINGS["latest"]["messageExpiryInterval"]["default"] == 30


def test_every_alert_of_the_source_is_in_it() -> None:
    source = "".join(path.read_text() for path in PACKAGE.rglob("*.py"))
    raised = set(re.findall(r'alert\("(\w+)"', source))
    assert raised == set(CHANNELS["alert"]["parameters"]["alert"]["enum"])


def test_examples_are_valid_and_true() -> None:
    for name, model in PAYLOADS.items():
        examples = MESSAGES[name]["examples"]
        assert len(examples) == len(EXAMPLES[model])
        for example in examples:
            assert fits(name, json.dumps(example["payload"]).encode())
            model.model_validate(example["payload"], strict=True)
    assert not fits("window", json.dumps(WINDOW.model_dump(by_alias=True) | {"seq": 0}).encode())
    assert WINDOW.counts is not None
    assert WINDOW.people == {label: round(count / WINDOW.frames, 2) for label, count in WINDOW.counts.items()}
    assert WINDOW.faces.total == sum(WINDOW.counts.values())


@pytest.mark.parametrize(
    "payload", [b"", b"on", b"off", b"{}", b'{"id": 3, "by": "Jane"}', b"5", b"2.5", b"maybe", b"[]"]
)
@pytest.mark.parametrize("name", REQUESTS)
def test_commands_take_what_the_document_allows(name: str, payload: bytes) -> None:
    allowed = any(fits(f"{name}{kind}", payload) for kind in ("Bare", "Request"))
    try:
        parse(name, IncomingMessage("", payload, retained=False, response_topic=None, correlation=None))
    except CommandError:
        assert not allowed
    else:
        assert allowed
