"""Which camera `camera.source: auto` found first, and whose picture the masks fit: another one is another place."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from edge.config.address_redaction import without_password
from edge.config.camera_source import live
from edge.daemon.state_file import UNREADABLE, StateFile
from edge.errors import EdgeError

if TYPE_CHECKING:
    from pathlib import Path

    from edge.config.schema import Config

logger = logging.getLogger(__name__)


class KnownCameras(StateFile):
    """The file beside the outbox that remembers cameras by name, each from when it is known.

    `first` is the one that `auto` found first, `found` the one that it found for the daemon last, and `accepted` the
    one in use when somebody accepted the masks.

    Args:
        path: Its name.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, "which camera is used", 0o600)

    def load(self) -> dict[str, str]:
        """What is known. Raises EdgeError: it is damaged."""
        try:
            return {key: str(name) for key, name in self.read().items()}
        except FileNotFoundError:
            return {}
        except UNREADABLE:
            raise EdgeError(f"{self.path} cannot be read, so nobody knows which camera was there before") from None

    def update(self, **names: str) -> None:
        """Remember these, too; empty: forget it. Raises EdgeError: it is damaged, or the disk would not take it."""
        before = self.load()
        after = {key: name for key, name in {**before, **names}.items() if name}
        if after != before:
            self.write(after)

    def use(self, source: str) -> None:
        """`auto` has found this for the daemon; masks of which nobody knows the camera are its. Raises as `update`."""
        name = _name(source)
        self.update(found=name, accepted=self.load().get("accepted", name))

    def accept(self, source: str) -> None:
        """The masks fit the picture of this camera; `auto`: of that which the daemon has found. Raises EdgeError."""
        try:
            found = self.load().get("found", "")
        except EdgeError:
            self.clear()
            found = ""
        self.update(accepted=_name(source) or found)

    def problem(self, source: str) -> str:
        """Why masks may not be used with the camera that `auto` has found; empty: they may.

        Args:
            source: That camera; `auto`: what the daemon has found.
        """
        try:
            known = self.load()
        except EdgeError as error:
            return str(error)
        found, accepted = _name(source) or known.get("found"), known.get("accepted")
        if not found or not accepted or _same(found, accepted):
            return ""
        return f"the masks were made for camera {accepted}, and camera.source: auto found {found}"


def other_camera(config: Config, source: str, path: Path) -> str:
    """The camera in use where it is another one than `auto` found first; empty: it is not, or nobody knows.

    `auto` takes the first by name, so a camera that is plugged in for something else may become that of the room.

    Args:
        config: The configuration.
        source: The one in use, where the configuration says `auto`.
        path: The file that remembers the first one, made when `auto` finds it.
    """
    name, cameras, auto = _name(source), KnownCameras(path), config.camera.source == "auto"
    if not name:
        return ""
    try:
        first = cameras.load().get("first", "")
    except EdgeError as error:
        logger.warning("%s: figures count as of another place until you remove the file", error)
        return name
    if first and not _same(name, first):
        if auto:
            logger.warning(
                "camera.source: auto found %s, and at first it was %s: figures count as of another place; unplug what "
                "is not the camera of this room, or name that in camera.source", name, first,
            )  # fmt: skip
        return name
    if auto and not first:
        try:
            cameras.update(first=name)
        except EdgeError as error:
            logger.warning("%s; another camera would not be noticed", error)
    return ""


def _name(source: str) -> str:
    return without_password(source) if live(source) else ""


def _same(one: str, other: str) -> bool:
    """Whether two names are of one device: /dev/video0, usb:0 and links in /dev/v4l."""
    return _device(one) == _device(other)


def _device(name: str) -> str:
    path = name.replace("usb:", "/dev/video") if name.startswith("usb:") else name
    return os.path.realpath(path) if path.startswith("/dev/") else path
