"""Which part of the room is looked at and by which limits, without saying which: others make another series."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from edge.daemon.state_file import UNREADABLE, StateFile
from edge.errors import EdgeError

if TYPE_CHECKING:
    from edge.config.schema import Config

KEY_BYTES = 16
LIMITS = {
    "camera": ("width", "height"),  # faces are measured in pixels of the camera
    "vision": ("min_face_px", "min_confidence", "emotions_output"),
}
"""Which faces are named, and as what, as far as neither the window nor its models say so."""
NOT_KEPT = secrets.token_bytes(KEY_BYTES)  # for this run, where none can be kept

logger = logging.getLogger(__name__)


def place_digest(config: Config, path: Path, camera: str = "") -> str | None:
    """What changes with masks, count area, limits of faces and another camera; None: all of it is as shipped.

    There are so few rectangles that a digest without a key would tell where they are: whoever has it tries them all.

    Args:
        config: The configuration.
        path: Where the key is, made at the first call that needs it.
        camera: Another one than was there at first; see `edge.daemon.known_cameras`.

    Returns:
        Eight hexadecimal digits.
    """
    masks, area = config.camera.masks, config.vision.count_area
    seen: list[object] = [masks, area, camera] if camera else [masks, area]
    if limits := _unlike_shipped(config):
        seen.append(limits)
    if not any(seen):
        return None
    return hmac.new(_key(path), json.dumps(seen).encode(), hashlib.sha256).hexdigest()[:8]


def _unlike_shipped(config: Config) -> dict[str, object]:
    """The limits that are not as shipped. Only those: what was measured before a limit was known stays comparable."""
    found: dict[str, object] = {}
    for name, keys in LIMITS.items():
        section = getattr(config, name)
        shipped = type(section)()
        for key in keys:
            if (value := getattr(section, key)) != getattr(shipped, key):
                found[f"{name}.{key}"] = value
    return found


def _key(path: Path) -> bytes:
    kept = StateFile(path, "the key of place", 0o600)
    try:
        return bytes.fromhex(kept.read()["key"])
    except FileNotFoundError:
        pass
    except UNREADABLE:
        logger.warning(
            "%s cannot be read: another one is made, and figures from before count as of another place", path
        )
    made = secrets.token_bytes(KEY_BYTES)
    try:
        kept.write({"key": made.hex()})
    except EdgeError as error:
        logger.warning("%s; until it can be, each start begins another series of figures", error)
        return NOT_KEPT
    return made
