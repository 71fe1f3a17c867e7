"""Pictures of a camera that hangs upside down or on its side, or looks into a mirror."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge.cameras.camera import CanSkip, Marked, Timed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge.cameras.camera import Camera
    from edge.config import schema


@dataclass(frozen=True)
class Orientation:
    """How to turn a picture: a quarter clockwise first, then left and right, top and bottom, or both (half a turn)."""

    horizontal: bool = False
    vertical: bool = False
    quarter: bool = False

    @classmethod
    def of(cls, camera: schema.CameraConfig) -> Orientation:
        """What the configuration asks for."""
        turn = cls.turned(camera.rotation)
        return cls(camera.hflip != turn.horizontal, camera.vflip != turn.vertical, turn.quarter)

    @classmethod
    def turned(cls, degrees: int) -> Orientation:
        """A turn clockwise by 0, 90, 180 or 270 degrees."""
        return cls(degrees >= 180, degrees >= 180, degrees in (90, 270))

    @property
    def before_quarter(self) -> Orientation:
        """The flips as a camera has to do them, which cannot turn by a quarter and comes before it."""
        return Orientation(self.vertical, self.horizontal) if self.quarter else self

    def without(self, done: Orientation) -> Orientation:
        """What is left to do where the camera has done `done`, which has no quarter."""
        if self.quarter:  # what the camera flipped before the quarter lies the other way round after it
            done = Orientation(done.vertical, done.horizontal)
        return Orientation(self.horizontal != done.horizontal, self.vertical != done.vertical, self.quarter)

    @property
    def needed(self) -> bool:
        """Whether there is anything to do."""
        return self.horizontal or self.vertical or self.quarter

    def apply(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The picture turned, (height, width) or (height, width, channels); the very same where nothing is to do."""
        if not self.needed or not image.size:
            return image
        if self.quarter and self.horizontal and self.vertical:
            return np.asarray(cv2.rotate(image, cv2.ROTATE_90_COUNTERCLOCKWISE), image.dtype)
        if self.quarter:
            image = np.asarray(cv2.rotate(image, cv2.ROTATE_90_CLOCKWISE), image.dtype)
        if not self.horizontal and not self.vertical:
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
        if isinstance(camera, Marked):
            self.orientation = camera.orientation
        if isinstance(camera, Timed):
            self.due = camera.due

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
