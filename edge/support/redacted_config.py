"""The configuration as others may see it: what is a number or one of a few words stays, every other text is hidden."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from edge.support.redaction import HIDDEN

if TYPE_CHECKING:
    from edge.config.schema import Config

# Texts that tell nothing secret, and that a question can hardly be answered without. Whatever is new is hidden.
SHOWN = {
    "device.name",
    "device.prefix",
    "mode",
    "mqtt.protocol",
    "vision.pose",
    "vision.emotions_output",
    "privacy.time_zone",
    "privacy.schedule",
    "homeassistant.prefix",
}


def redacted(config: Config) -> dict[str, Any]:
    """Every key, dotted, with the value in force or what may be said of it."""
    found: dict[str, Any] = {}
    for section, values in config.model_dump(mode="json", by_alias=True).items():
        if isinstance(values, dict):
            found |= {f"{section}.{key}": _shown(f"{section}.{key}", value) for key, value in values.items()}
        else:
            found[section] = _shown(section, values)
    return found


def _shown(key: str, value: Any) -> Any:  # noqa: ANN401 - whatever a configuration holds
    if value is None or isinstance(value, (bool, int, float)) or key in SHOWN:
        return value
    if key == "camera.masks":
        return f"{len(value)} polygons"
    if key == "vision.count_area":
        return "a polygon"
    if key in ("camera.source", "mqtt.broker"):
        return address_kind(value)
    if isinstance(value, str):
        return "(set)" if value else "(empty)"
    return f"({len(value)} entries)"


def address_kind(source: str) -> str:
    """What kind of camera or broker an address names, without the address itself."""
    if network := re.match(r"([a-z]+)://", source):
        port = re.search(r":(\d{1,5})(?:[/?#]|$)", source[network.end() :].rpartition("@")[2])
        return f"{network[0]}{HIDDEN}{f':{port[1]}' if port else ''}"
    kind, _, rest = source.partition(":")
    if kind in ("file", "images") or (kind == "gstreamer" and not re.fullmatch(r"csi(:\d)?", rest)):
        return f"{kind}:{HIDDEN}"
    return source
