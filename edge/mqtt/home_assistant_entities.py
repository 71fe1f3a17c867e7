"""Home Assistant's MQTT discovery: one message that describes the whole device. Pure."""

from __future__ import annotations

import hashlib
import json
import math
import re
import unicodedata
from typing import Any, get_args

from edge.contract.announced_info import AnnouncedInfo
from edge.contract.channels import SILENCE
from edge.contract.labels import UNKNOWN, adjective
from edge.contract.payloads import Info, State
from edge.contract.topics import Topics, discovery_topic
from edge.mqtt import home_assistant_templates as templates

MODES: tuple[str, ...] = get_args(State.model_fields["mode"].annotation)
SENSING = {mode: "OFF" if mode == "paused" else "ON" for mode in MODES}
COUNTING = {mode: "offline" if mode == "paused" else "online" for mode in MODES}
TROUBLE = {mode: "ON" if mode in ("camera_lost", "throttled") else "OFF" for mode in MODES}
ICONS = {
    "angry": "mdi:emoticon-angry-outline",
    "disgust": "mdi:emoticon-sick-outline",
    "fear": "mdi:emoticon-frown-outline",
    "happy": "mdi:emoticon-happy-outline",
    "neutral": "mdi:emoticon-neutral-outline",
    "sad": "mdi:emoticon-sad-outline",
    "surprise": "mdi:emoticon-excited-outline",
}
PEOPLE = {"unit_of_measurement": "people", "state_class": "measurement", "suggested_display_precision": 1}
DIAGNOSTIC = {"entity_category": "diagnostic"}
PERCENT = {"unit_of_measurement": "%", "state_class": "measurement", "suggested_display_precision": 0}
HASH_DIGITS = 12

Component = dict[str, Any]


def config_topic(discovery_prefix: str, topics: Topics) -> str:
    """Where this device is announced, retained; an empty payload removes it."""
    return discovery_topic(discovery_prefix, identifier(topics.prefix, topics.device))


def identifier(*names: str) -> str:
    """A name for these names of nothing but letters, digits, - and _, and for no other names.

    What is unharmed stays readable: `classroom_room-1`. Everything else is made legal and told apart by a hash; the two
    kinds never meet, because joined names have one `_` less than joined names with a hash.
    """
    if all(re.fullmatch(r"[A-Za-z0-9-]+", name) for name in names):
        return "_".join(names)
    digest = hashlib.sha256("/".join(names).encode()).hexdigest()[:HASH_DIGITS]
    return "_".join([*map(_slug, names), digest])


def discovery(info: Info | AnnouncedInfo, topics: Topics) -> bytes:
    """The message that makes Home Assistant know the device and all its entities.

    Args:
        info: What runs here; without labels there is nothing but the number of faces.
        topics: The device's topics.

    Returns:
        JSON, to be published retained on `config_topic`.
    """
    object_id = identifier(topics.prefix, topics.device)
    components = {**_figures(info, topics), **_control(topics), **_diagnostics(topics)}
    for key, component in components.items():
        if len(component) == 1:
            continue  # one that is to go
        component |= {"unique_id": f"edge_{object_id}_{key}", "qos": 1}
        if component["state_topic"] == topics.latest:
            # A pause is real: what was counted before must not be shown on.
            counting = {"topic": topics.state, "value_template": templates.translated(COUNTING, "mode")}
            component |= {"availability": [{"topic": topics.availability}, counting], "availability_mode": "all"}
        elif component["state_topic"] != topics.availability:
            component["availability_topic"] = topics.availability
    payload = {
        "device": {
            "identifiers": [f"edge_{object_id}"],
            "name": topics.device,
            "manufacturer": "edge",
            "model": "Emotion counter" if info.labels else "Head counter",
            "sw_version": info.version,
        },
        "origin": {"name": "edge", "sw_version": info.version},
        "components": components,
    }
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()


def _figures(info: Info | AnnouncedInfo, topics: Topics) -> dict[str, Component]:
    """What `latest` says about people."""
    # MQTT 3.1.1 has no expiry, and a figure must not stand there when nobody counts any more.
    from_latest = {"state_topic": topics.latest, "expire_after": math.ceil(3 * info.window_seconds)}
    found: dict[str, Component] = {
        "faces": {
            **_sensor("Faces", templates.number("faces", "mean")),
            **PEOPLE,
            **from_latest,
            "icon": "mdi:account-group-outline",
        },
        "suppressed": {
            **_binary("Too few people", templates.withheld()),
            **DIAGNOSTIC,
            **from_latest,
            "json_attributes_topic": topics.latest,
            "json_attributes_template": templates.withheld_attributes(),
            "icon": "mdi:incognito",
        },
    }
    if info.models.pose is not None:
        found["front"] = {
            **_sensor("Turned to the front", templates.facing("front / frames", 2)),
            **PEOPLE,
            **from_latest,
            "icon": "mdi:account-eye-outline",
        }
        found["front_share"] = {
            **_sensor("Front share", templates.facing("100 * front / (front + away)", 1)),
            **PERCENT,
            **from_latest,
            "icon": "mdi:account-eye-outline",
        }
    labels = (*info.labels, UNKNOWN) if info.labels else ()
    for label in labels:
        found[f"emotion_{identifier(label)}"] = {
            **_sensor("Unknown emotion" if label == UNKNOWN else _name(label), templates.number("people", label)),
            **PEOPLE,
            **from_latest,
            "icon": "mdi:account-question-outline" if label == UNKNOWN else ICONS.get(label, "mdi:emoticon-outline"),
        }
    for label in info.labels:
        found[f"share_{identifier(label)}"] = {
            **_sensor(f"{_name(label)} share", templates.share(label)),
            "json_attributes_topic": topics.latest,
            "json_attributes_template": templates.share_attributes(label),
            **PERCENT,
            **from_latest,
            "icon": ICONS.get(label, "mdi:emoticon-outline"),
        }
    # Nothing but the platform takes an entity away: what an earlier model, or the mode before, had announced.
    gone = [f"emotion_{label}" for label in (*ICONS, UNKNOWN) if label not in labels]
    gone += [f"share_{label}" for label in ICONS if label not in labels]
    gone += [key for key in ("front", "front_share") if info.models.pose is None]
    return found | {key: {"platform": "sensor"} for key in gone}


def _control(topics: Topics) -> dict[str, Component]:
    return {
        "sensing": {
            "platform": "switch",
            "name": "Sensing",
            "icon": "mdi:eye-outline",
            "state_topic": topics.state,
            "value_template": templates.translated(SENSING, "mode"),
            "state_on": "ON",
            "state_off": "OFF",
            # The command is `pause`: sensing on is pause off. It is refused when retained.
            "command_topic": topics.command("pause"),
            "payload_on": "off",
            "payload_off": "on",
            "retain": False,
        }
    }


def _diagnostics(topics: Topics) -> dict[str, Component]:
    """How the daemon is doing: `availability`, `state`, `alerts`, `health`."""
    # Where nobody has told the broker that the device is gone, its last temperature must not stand there for good.
    measured = {"state_class": "measurement", "state_topic": topics.health, "expire_after": SILENCE}
    temperature = {"device_class": "temperature", "unit_of_measurement": "°C", "suggested_display_precision": 1}
    memory = {"device_class": "data_size", "unit_of_measurement": "MiB", "suggested_display_precision": 0}
    found: dict[str, Component] = {
        "connectivity": {
            "platform": "binary_sensor",
            "name": "Connection",
            "device_class": "connectivity",
            "state_topic": topics.availability,
            "payload_on": "online",
            "payload_off": "offline",
        },
        "problem": {
            **_binary("Problem", templates.translated(TROUBLE, "mode")),
            "device_class": "problem",
            "state_topic": topics.state,
        },
        "alerts": {
            **_sensor("Alerts", templates.number("number")),
            "state_topic": topics.alerts,
            "state_class": "measurement",
            "json_attributes_topic": topics.alerts,
            "json_attributes_template": templates.json_object(alerts=("alerts",)),
            "icon": "mdi:alert-outline",
        },
        "mode": {
            **_sensor("Mode", templates.translated({mode: mode for mode in MODES}, "mode")),
            "device_class": "enum",
            "options": list(MODES),
            "icon": "mdi:state-machine",
            "state_topic": topics.state,
            "json_attributes_topic": topics.state,
            "json_attributes_template": templates.json_object(reason=("reason",), since=("since",)),
        },
        "fps": {
            **_sensor("Frame rate", templates.number("fps")),
            **measured,
            "unit_of_measurement": "fps",
            "suggested_display_precision": 1,
            "icon": "mdi:filmstrip",
        },
        "temperature": {**_sensor("Temperature", templates.number("temperature_c")), **measured, **temperature},
        "memory": {**_sensor("Memory", templates.number("rss_mb")), **measured, **memory},
        "outbox": {
            **_sensor("Unsent windows", templates.number("outbox_depth")),
            **measured,
            "unit_of_measurement": "windows",
            "icon": "mdi:tray-full",
        },
    }
    return {key: component | DIAGNOSTIC for key, component in found.items()}


def _sensor(name: str, template: str) -> Component:
    return {"platform": "sensor", "name": name, "value_template": template}


def _binary(name: str, template: str) -> Component:
    return {"platform": "binary_sensor", "name": name, "value_template": template}


def _name(label: str) -> str:
    """What people read: `fear` is Afraid."""
    return adjective(label).capitalize()


def _slug(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9-]+", "-", plain).strip("-")
