"""Pictures of a camera that hangs upside down, or looks into a mirror."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge.cameras.camera import CanSkip

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge.cameras.camera import Camera
    from edge.config import schema


@dataclass(frozen=True)
class Orientation:
    """How to flip a picture: left and right, top and bottom, or both, which is half a turn."""

    horizontal: bool = False
    vertical: bool = False

    @classmethod
    def of(cls, camera: schema.CameraConfig) -> Orientation:
        """What the configuration asks for."""
        upside_down = camera.rotation == 180
        return cls(camera.hflip != upside_down, camera.vflip != upside_down)

    def without(self, done: Orientation) -> Orientation:
        """What is left to do where the camera has done a part of it."""
        return Orientation(self.horizontal != done.horizontal, self.vertical != done.vertical)

    @property
    def needed(self) -> bool:
        """Whether there is anything to do."""
        return self.horizontal or self.vertical

    def apply(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The picture turned, (height, width) or (height, width, channels); the very same where nothing is to do."""
        if not self.needed or not image.size:
            return image
        return np.asarray(
            cv2.flip(image, -1 if self.horizontal and self.vertical else int(self.horizontal)), image.dtype
        )


class OrientedCamera:
    """Another camera, with every picture turned.

    Args:
        camera: Where pictures come from.
        orientation: How to flip it.
    """

    def __init__(self, camera: Camera, orientation: Orientation) -> None:
        self.name = camera.name
        self.every_frame = camera.every_frame
        self._camera = camera
        self._orientation = orientation
        if isinstance(camera, CanSkip):
            self.skip = camera.skip

    def start(self) -> None:
        """Open the camera; see Camera."""
        self._camera.start()

    def read(self) -> NDArray[np.uint8] | None:
        """The next frame; see Camera."""
        image = self._camera.read()
        return None if image is None else self._orientation.apply(image)

    def stop(self) -> None:
        """Close the camera; see Camera."""
        self._camera.stop()
