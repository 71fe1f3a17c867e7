"""The AsyncAPI document against a daemon and the command that prints it."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from collections.abc import Callable
from typing import Any

from paho.mqtt import publish as paho

from tests.support.asyncapi import DOCUMENT, fits
from tests.support.brokers import Message, Subscriber, wait_for

CHANNELS: dict[str, Any] = DOCUMENT["channels"]
BINDINGS = {
    operation["channel"]["$ref"].rpartition("/")[2]: operation["bindings"]["mqtt"]
    for operation in DOCUMENT["operations"].values()
}

Edge = Callable[..., "subprocess.Popen[str]"]
Subscribe = Callable[..., Subscriber]


def names_in(references: Any) -> list[str]:
    return [reference["$ref"].rpartition("/")[2] for reference in references]


def channel_of(message: Message) -> str:
    """The one channel to which a topic belongs."""
    found = [
        name
        for name, channel in CHANNELS.items()
        if re.fullmatch(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(channel["address"])), message.topic)
    ]
    assert len(found) == 1, message.topic
    return found[0]


def test_the_command_prints_it(edge: Edge) -> None:
    out, err = edge("schema", "asyncapi").communicate(timeout=30)
    assert (json.loads(out), err) == (DOCUMENT, "")


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
