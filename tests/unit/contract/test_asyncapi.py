"""The AsyncAPI document: it is the one in docs, its examples are true, and a real daemon keeps to it.

That it is valid AsyncAPI is checked with the official parser by tests/system/subscribers/check.sh.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
from collections.abc import Callable
from typing import Any

import jsonschema
import pytest
from paho.mqtt import publish as paho

from edge.cli.schema import schema, text
from edge.contract.commands import REQUESTS
from edge.contract.examples import EXAMPLES, WINDOW
from edge.contract.payloads import PAYLOADS
from edge.mqtt.commands import CommandError, parse
from edge.mqtt.properties import IncomingMessage
from tests.support.brokers import Message, Subscriber, wait_for
from tests.support.paths import ROOT

DOCUMENT = schema("asyncapi")
CHANNELS: dict[str, Any] = DOCUMENT["channels"]
MESSAGES: dict[str, Any] = DOCUMENT["components"]["messages"]
BINDINGS = {
    operation["channel"]["$ref"].rpartition("/")[2]: operation["bindings"]["mqtt"]
    for operation in DOCUMENT["operations"].values()
}

Edge = Callable[..., "subprocess.Popen[str]"]
Subscribe = Callable[..., Subscriber]


def names_in(references: Any) -> list[str]:
    return [reference["$ref"].rpartition("/")[2] for reference in references]


def fits(name: str, payload: bytes) -> bool:
    """Whether a message of the document allows this payload."""
    message = MESSAGES[name]
    try:
        value = payload.decode() if message.get("contentType") == "text/plain" else json.loads(payload)
        jsonschema.validate(value, {"components": DOCUMENT["components"], "allOf": [message["payload"]]})
    except (ValueError, jsonschema.ValidationError):
        return False
    return True


def channel_of(message: Message) -> str:
    """The one channel to which a topic belongs."""
    found = [
        name
        for name, channel in CHANNELS.items()
        if re.fullmatch(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(channel["address"])), message.topic)
    ]
    assert len(found) == 1, message.topic
    return found[0]


def test_the_document_in_docs_is_that_of_the_code() -> None:
    assert (ROOT / "docs/schemas/asyncapi.json").read_text() == text(DOCUMENT), "run: edge schema --output docs/schemas"


def test_the_command_prints_it(edge: Edge) -> None:
    out, err = edge("schema", "asyncapi").communicate(timeout=30)
    assert (json.loads(out), err) == (DOCUMENT, "")


def test_every_topic_of_the_contract_is_in_it() -> None:
    own = {
        *("availability", "info", "state", "window", "latest", "health", "alert/{alert}"),
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
    source = "".join(path.read_text() for path in (ROOT / "edge").rglob("*.py"))
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


def test_a_daemon_keeps_to_it(broker: int, edge: Edge, subscribe: Subscribe, pictures: str) -> None:
    subscriber = subscribe(broker, "#")
    settings = (
        f"mqtt.broker=mqtt://127.0.0.1:{broker}", f"camera.source={pictures}", "camera.loop=true", "mode=headcount",
        "window.seconds=1", "health.seconds=1",
    )  # fmt: skip
    process = edge("run", *(word for setting in settings for word in ("--set", setting)))
    subscriber.wait("window", 2, seconds=40)
    for count, (name, payload) in enumerate(
        {"health": b"", "interval": b"2", "reload": b"{}", "pause": b"on"}.items(), 1
    ):
        paho.single(f"classroom/room-1/cmd/{name}", payload, qos=1, port=broker)
        subscriber.wait("response", count)
    retained = {message.topic for message in subscribe_late(subscribe, broker)}
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == 0
    seen = set()
    for message in subscriber.messages:
        name = channel_of(message)
        assert any(fits(each, message.payload) for each in names_in(CHANNELS[name]["messages"].values())), message
        bindings = BINDINGS[name]
        assert message.qos == bindings["qos"]
        assert (message.expiry is not None) == ("messageExpiryInterval" in bindings)
        if not bindings["retain"]:
            assert message.topic not in retained
        elif "messageExpiryInterval" not in bindings:  # what has expired is retained no more
            assert message.topic in retained
        seen.add(name)
    assert seen >= {"availability", "info", "state", "window", "latest", "health", "answer", "discovery", "cmdPause"}


def subscribe_late(subscribe: Subscribe, broker: int) -> list[Message]:
    """What somebody finds who comes later."""
    late = subscribe(broker, "#")
    wait_for(lambda: {"availability", "info", "state", "config"} <= {message.name for message in late.messages}, 20)
    return [message for message in late.messages if message.retain]
