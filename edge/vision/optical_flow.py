"""Where faces went since the frame before: sparse optical flow (Lucas & Kanade 1981; pyramids: Bouguet 2001)."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

WIDTH = 640  # pixels of the small grey picture that is compared; a face of 24 of 1280 pixels has 12 there
WINDOW = (11, 11)  # pixels around a point that are looked for again
LEVELS = 2  # times that the picture is halved, for what moves far
INNER = 0.7  # part of the box that the points are in: hair and wall move otherwise
POINTS = np.array([(-1, -1), (1, -1), (0, 0), (-1, 1), (1, 1)], np.float32) * (INNER / 2)
LEAST_FOUND = 3  # of the five points


class OpticalFlow:
    """Moves the boxes of one frame to where their faces are in the next; keeps one small grey picture for it."""

    def __init__(self) -> None:
        self._reference: NDArray[np.uint8] | None = None

    @property
    def ready(self) -> bool:
        """Whether there is a picture to start from."""
        return self._reference is not None

    def reset(self) -> None:
        """Keep nothing of the frame before."""
        if self._reference is not None:
            self._reference.fill(0)
        self._reference = None

    def set_reference(self, image: NDArray[np.uint8]) -> None:
        """Keep a small copy of this frame, (height, width, 3) uint8 BGR, for the next call of `track`."""
        self._reference = _small(image)

    def track(
        self, image: NDArray[np.uint8], boxes: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Find the faces of the reference frame in this one, which becomes the reference.

        Args:
            image: (height, width, 3) uint8 BGR, as large as the one before.
            boxes: (n, 4) float32, x, y, width, height in the reference frame.

        Returns:
            Boxes (n, 4), as large as before and inside the frame; and (n,) which of them are to be trusted.
        """
        before, now = self._reference, _small(image)
        self._reference = now
        if before is None or before.shape != now.shape or not len(boxes):
            return boxes, np.zeros(len(boxes), bool)
        height, width = image.shape[:2]
        scale = np.float32(now.shape[1] / width)
        centres = boxes[:, :2] + boxes[:, 2:] / 2
        points = (centres[:, None] + POINTS * boxes[:, None, 2:]).reshape(-1, 1, 2) * scale
        moved, status, _ = cv2.calcOpticalFlowPyrLK(before, now, points, points.copy(), winSize=WINDOW, maxLevel=LEVELS)
        shape = (len(boxes), len(POINTS))
        sure = status.reshape(shape) > 0
        steps = np.where(sure[..., None], (moved - points).reshape(*shape, 2) / scale, np.nan)
        found = sure.sum(axis=1) >= LEAST_FOUND
        step = np.zeros((len(boxes), 2), np.float32)
        step[found] = np.nanmedian(steps[found], axis=1)
        centres += step
        found &= ((centres >= 0) & (centres < (width, height))).all(axis=1)
        tracked = boxes.copy()
        tracked[:, :2] = (boxes[:, :2] + step).clip(0, np.maximum((width, height) - boxes[:, 2:], 0))
        return tracked, found


def _small(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The frame in grey, at most `WIDTH` pixels wide."""
    height, width = image.shape[:2]
    if width > WIDTH:
        size = (WIDTH, max(1, round(height * WIDTH / width)))
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)
