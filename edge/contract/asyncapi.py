"""The MQTT contract as one AsyncAPI 3 document: from the topics, the payload models and the commands. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic.json_schema import models_json_schema

from edge.contract import channels
from edge.contract.alerts import ALERTS
from edge.contract.channels import MAX_PACKET, MAX_RESPONSE_TOPIC, SESSION_EXPIRY, WILL_DELAY, Channel, Lifetimes
from edge.contract.commands import MAX_BYTES, REQUESTS, IntervalRequest, PauseRequest
from edge.contract.examples import EXAMPLES
from edge.contract.payloads import PAYLOADS
from edge.contract.topics import Topics, birth_topic, discovery_topic

JSON = dict[str, Any]

BINDING = "0.2.0"  # of MQTT
TOPICS = Topics("{prefix}", "{device}")
PARAMETERS: dict[str, JSON] = {
    "prefix": {"default": "classroom", "description": "`device.prefix` of the configuration"},
    "device": {"examples": ["room-204"], "description": "`device.name` of the configuration"},
    "alert": {"enum": list(ALERTS), "description": "what has the problem"},
    "command": {"enum": list(REQUESTS), "description": "the command that is answered"},
    "discovery": {"default": "homeassistant", "description": "`homeassistant.prefix` of the configuration"},
    "object": {"examples": ["classroom_room-204"], "description": "prefix and device, without special characters"},
}
DESCRIPTION = (
    "What a room publishes and what it can be asked, seen from the device: it sends windows and receives commands. "
    "docs/subscribe.md says it in words. The room is `{device}` of the topic, for which alone a broker vouches: "
    "readers leave out a payload that says another `device`. Lifetimes (messageExpiryInterval) are those of the "
    "configuration as shipped; under MQTT 3.1.1 there are none, and `latest` is not retained."
)
COMMANDS = {
    "pause": "Close the camera until somebody resumes; survives a restart.",
    "resume": "Open the camera again, unless the schedule or `privacy.allow_remote_resume` is against it.",
    "interval": "Windows of so many seconds, 1 to 3600, until the next reload or restart.",
    "reload": "Read the configuration again; when it has errors, nothing changes.",
    "health": "Send a `health` message now.",
}
SCHEMAS = {
    "window": channels.WINDOW.schema,
    "state": channels.STATE.schema,
    "info": channels.INFO.schema,
    "health": channels.HEALTH.schema,
    "alert": channels.ALERT.schema,
    "alerts": channels.ALERTS.schema,
    "answer": channels.ANSWER.schema,
}
"""What each message says its schema is: in MQTT 5 a user property."""
BARE: dict[str, JSON] = {
    name: {"enum": ["on", "off", ""]}
    if model is PauseRequest
    else {"pattern": r"^\d{1,9}(\.\d{1,9})?$"}
    if model is IntervalRequest
    else {"const": ""}
    for name, model in REQUESTS.items()
}
"""What a command may be instead of a JSON object."""


@dataclass(frozen=True)
class _Topic:
    """One topic, and what the device does there."""

    name: str
    address: str
    channel: Channel
    summary: str
    messages: tuple[str, ...] = ()
    """By default the one of its own name."""
    sent: bool = True
    answered: bool = False


def document(lifetimes: Lifetimes) -> JSON:
    """The AsyncAPI 3.0 document, ready for `json.dumps`.

    Args:
        lifetimes: How long messages are of use, under the configuration as shipped.
    """
    topics = [*_sent(), *_received()]
    expiries: dict[str, JSON] = {
        "window": {"maximum": round(lifetimes.window), "description": "what is left of `outbox.max_age_hours`"},
        "latest": {"default": round(lifetimes.latest), "description": "three window lengths"},
        "health": {"default": round(lifetimes.health), "description": "three times `health.seconds`"},
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "edge: the mood of a room, in numbers",
            "version": "2",
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {"broker": _server()},
        "channels": {topic.name: _channel(topic) for topic in topics},
        "operations": dict(_operation(topic, expiries) for topic in topics),
        "components": {"messages": _messages(), "schemas": _schemas()},
    }


def _sent() -> list[_Topic]:
    return [
        _Topic("availability", TOPICS.availability, channels.AVAILABILITY,
               "Whether the daemon is there; `offline` is its will."),
        _Topic("info", TOPICS.info, channels.INFO, "What is running here, and who answers for it."),
        _Topic("state", TOPICS.state, channels.STATE, "What it is doing, why, and since when."),
        _Topic("window", TOPICS.window, channels.WINDOW,
               "Every window, in order; after an outage the backlog in between (`replayed`)."),
        _Topic("latest", TOPICS.latest, channels.LATEST, "The newest window only, for live displays.", ("window",)),
        _Topic("health", TOPICS.health, channels.HEALTH, "How the daemon and its board are doing."),
        _Topic("alert", TOPICS.alert("{alert}"), channels.ALERT, "A problem and its remedy, until it is over.",
               ("alert", "alertOver")),
        _Topic("alerts", TOPICS.alerts, channels.ALERTS, "All alerts that are in force."),
        _Topic("answer", TOPICS.response("{command}"), channels.ANSWER, "The answer to a command, unless the command "
               "named a response topic of its own (MQTT 5); its correlation data come back with it."),
        _Topic("discovery", discovery_topic("{discovery}", "{object}"), channels.DISCOVERY, "What makes Home Assistant "
               "know the device and all its entities. See docs/home-assistant.md."),
    ]  # fmt: skip


def _received() -> list[_Topic]:
    commands = [
        _Topic(
            f"cmd{name.capitalize()}", TOPICS.command(name), channels.COMMAND, summary,
            (f"{name}Request", f"{name}Bare"), sent=False, answered=True,
        )
        for name, summary in COMMANDS.items()
    ]  # fmt: skip
    birth = "Home Assistant is there again: the device announces itself."
    return [*commands, _Topic("homeAssistant", birth_topic("{discovery}"), channels.BIRTH, birth, sent=False)]


def _server() -> JSON:
    mqtt = {
        "clientId": f"edge-{TOPICS.prefix}-{TOPICS.device}",
        "cleanSession": False,
        "sessionExpiryInterval": SESSION_EXPIRY,
        "maximumPacketSize": MAX_PACKET,
        "lastWill": {"topic": TOPICS.availability, "qos": 1, "message": "offline", "retain": True},
        "bindingVersion": BINDING,
    }
    return {
        "host": "127.0.0.1:1883",
        "protocol": "mqtt",
        "protocolVersion": "5",
        "description": "The embedded broker, or any other, with TLS, user and password if required. "
        f"The will is sent {WILL_DELAY} seconds after the device has vanished.",
        "bindings": {"mqtt": mqtt},
    }


def _channel(topic: _Topic) -> JSON:
    names = re.findall(r"\{(\w+)\}", topic.address)
    return {
        "address": topic.address,
        "summary": topic.summary,
        "parameters": {name: PARAMETERS[name] for name in names},
        "messages": {name: _ref("components", "messages", name) for name in topic.messages or (topic.name,)},
    }


def _operation(topic: _Topic, expiries: Mapping[str, JSON]) -> tuple[str, JSON]:
    """Its name and itself."""
    action = "send" if topic.sent else "receive"
    mqtt: JSON = {"qos": topic.channel.qos, "retain": topic.channel.retain, "bindingVersion": BINDING}
    if topic.channel.lifetime is not None:
        mqtt["messageExpiryInterval"] = {"type": "integer", "minimum": 1, **expiries[topic.channel.lifetime]}
    operation: JSON = {
        "action": action,
        "channel": _ref("channels", topic.name),
        "messages": [_ref("channels", topic.name, "messages", name) for name in topic.messages or (topic.name,)],
        "bindings": {"mqtt": mqtt},
    }
    if topic.answered:
        answer = {"channel": _ref("channels", "answer"), "messages": [_ref("channels", "answer", "messages", "answer")]}
        operation["reply"] = answer
    return f"{action}{topic.name[0].upper()}{topic.name[1:]}", operation


def _messages() -> JSON:
    messages = {
        "availability": _text("Whether the daemon is there.", {"enum": ["online", "offline"]}),
        "alertOver": _text("The problem is over.", {"const": ""}),
        "homeAssistant": _text("Home Assistant has started.", {"enum": ["online", "offline"]}),
        "discovery": {
            "summary": "A device-based discovery payload, as Home Assistant's MQTT integration reads it.",
            "payload": {"type": "object", "required": ["device", "origin", "components"]},
        },
    }
    for name, model in PAYLOADS.items():
        headers = {"type": "object", "properties": {"schema": {"type": "string", "const": SCHEMAS[name]}}}
        messages[name] = {
            "summary": model.__doc__,
            "contentType": "application/json",
            "headers": headers,
            "payload": _ref("components", "schemas", model.__name__),
            "examples": [
                {"name": each, "headers": {"schema": SCHEMAS[name]}, "payload": payload.model_dump(by_alias=True)}
                for each, payload in EXAMPLES[model].items()
            ],
        }
    where = {
        "responseTopic": {"type": "string", "maxLength": MAX_RESPONSE_TOPIC},
        "correlationData": {"type": "string"},
        "bindingVersion": BINDING,
    }
    for name, request in REQUESTS.items():
        messages[f"{name}Bare"] = {**_text("The same in a word.", BARE[name]), "bindings": {"mqtt": where}}
        messages[f"{name}Request"] = {
            "summary": f"At most {MAX_BYTES} bytes; `id` comes back in the answer, `by` is shown in `state`.",
            "payload": _ref("components", "schemas", request.__name__),
            "bindings": {"mqtt": where},
        }
    return messages


def _text(summary: str, payload: JSON) -> JSON:
    return {"summary": summary, "contentType": "text/plain", "payload": {"type": "string", **payload}}


def _schemas() -> JSON:
    models = [*PAYLOADS.values(), *REQUESTS.values()]
    _, found = models_json_schema(
        [(model, "validation") for model in models], ref_template="#/components/schemas/{model}"
    )
    schemas: JSON = found["$defs"]
    return schemas


def _ref(*path: str) -> JSON:
    return {"$ref": "/".join(("#", *path))}
