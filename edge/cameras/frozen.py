"""Whether a live camera sends the very same picture again and again, as some do when their sensor has stopped."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

LONGEST = 60.0  # seconds of one and the same picture that are believed; every sensor has noise
ROWS = 16  # every so many are compared


class FrozenPicture:
    """Compares each frame with the one before; keeps a checksum, never a picture."""

    def __init__(self) -> None:
        self._checksum: int | None = None
        self._since = 0.0

    def update(self, image: NDArray[np.uint8], now: float) -> bool:
        """Take a frame, (height, width, 3) uint8, at `now` monotonic seconds; returns whether the camera is frozen."""
        checksum = zlib.crc32(np.ascontiguousarray(image[::ROWS]).data, image.shape[0])
        if checksum != self._checksum:
            self._checksum, self._since = checksum, now
        return now - self._since >= LONGEST

    def reset(self) -> None:
        """The camera was closed."""
        self._checksum = None
