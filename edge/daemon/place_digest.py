"""Which part of the room is looked at, without saying which: another one makes another series of figures."""

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
NOT_KEPT = secrets.token_bytes(KEY_BYTES)  # for this run, where none can be kept

logger = logging.getLogger(__name__)


def place_digest(config: Config, path: Path, camera: str = "") -> str | None:
    """What changes with masks, count area and another camera; None: there are none.

    There are so few rectangles that a digest without a key would tell where they are: whoever has it tries them all.

    Args:
        config: The configuration.
        path: Where the key is, made at the first call that needs it.
        camera: Another one than was there at first; see `edge.daemon.known_cameras`.

    Returns:
        Eight hexadecimal digits.
    """
    masks, area = config.camera.masks, config.vision.count_area
    seen = [masks, area, camera] if camera else [masks, area]
    if not any(seen):
        return None
    return hmac.new(_key(path), json.dumps(seen).encode(), hashlib.sha256).hexdigest()[:8]


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
