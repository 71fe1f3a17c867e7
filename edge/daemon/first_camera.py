"""Which camera `camera.source: auto` found first: figures of another one are of another place."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from edge.config.schema import live, without_password
from edge.daemon.state_file import UNREADABLE, StateFile
from edge.errors import EdgeError

if TYPE_CHECKING:
    from pathlib import Path

    from edge.config.schema import Config

logger = logging.getLogger(__name__)


def other_camera(config: Config, source: str, path: Path) -> str:
    """The camera in use where it is another one than `auto` found first; empty: it is not, or nobody knows.

    `auto` takes the first by name, so a camera that is plugged in for something else may become that of the room.

    Args:
        config: The configuration.
        source: The one in use, where the configuration says `auto`.
        path: The file that remembers the first one, made when `auto` finds it.
    """
    if not live(source):
        return ""
    kept = StateFile(path, "the camera that camera.source: auto found", 0o600)
    auto, source = config.camera.source == "auto", without_password(source)
    try:
        first = str(kept.read()["first"])
    except UNREADABLE as error:
        if not isinstance(error, FileNotFoundError):
            logger.warning("%s cannot be read: the camera of now counts as the first", path)
        if auto:
            _keep(kept, source)
        return ""
    if source == first:
        return ""
    if auto:
        logger.warning(
            "camera.source: auto found %s, and at first it was %s: figures count as of another place; unplug what is "
            "not the camera of this room, or name that in camera.source",
            source, first,
        )  # fmt: skip
    return source


def _keep(kept: StateFile, source: str) -> None:
    try:
        kept.write({"first": source})
    except EdgeError as error:
        logger.warning("%s; another camera would not be noticed", error)
