"""Parts of the picture that nobody is to see: polygons, blacked out before anything looks at a frame."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Polygon = Sequence[Sequence[float]]

TOUCH = 1e-6  # pixels: an edge that near to a pixel touches it, so that no rounding leaves one out
SHARE_GRID = 500  # pixels across and down of the picture on which the masked share is measured


class _Block(NamedTuple):
    """A rectangle of the picture, and what is kept of it: 255 for a pixel that stays, 0 for a masked one."""

    rows: slice
    columns: slice
    kept: NDArray[np.uint8]  # (rows, columns, 3)


class Masks:
    """Blacks polygons out. What has to be done is computed once for each size of the picture.

    Args:
        polygons: Points (x, y) in fractions of the upright picture, 0..1.
    """

    def __init__(self, polygons: Sequence[Polygon] = ()) -> None:
        self._polygons = tuple(polygons)
        self._size = (0, 0)
        self._blocks: tuple[_Block, ...] = ()

    def apply(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The picture with every pixel black that a polygon touches.

        Args:
            image: (height, width, 3) uint8, upright; changed in place unless it is read-only or not contiguous.
        """
        if not self._polygons:
            return image
        height, width = image.shape[:2]
        if self._size != (width, height):
            self._blocks = tuple(_blocks(self._polygons, (width, height)))
            self._size = width, height
        if not (image.flags.writeable and image.flags.c_contiguous):
            image = image.copy(order="C")
        for block in self._blocks:
            part = image[block.rows, block.columns]
            cv2.bitwise_and(part, block.kept, dst=part)  # less than half the time of numpy's
        return image

    @property
    def share(self) -> float:
        """How much of the picture is masked, 0..1, rounded up to hundredths."""
        if not self._polygons:
            return 0.0
        masked = covered(self._polygons, (SHARE_GRID, SHARE_GRID))
        return min(1.0, math.ceil(100 * float(masked.mean())) / 100)


def covered(polygons: Sequence[Polygon], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Which pixels of a picture a polygon touches, (height, width) bool; `size` is its width and height in pixels."""
    width, height = size
    masked = np.zeros((height, width), bool)
    for polygon in polygons:
        points: NDArray[np.float64] = np.asarray(polygon, np.float64) * np.array(size, np.float64)
        # Changes from one pixel of a row to the next; their sums along the row say what lies within.
        winding, touched = np.zeros((2, height, width + 2), np.int32)
        for start, end in zip(points, np.roll(points, -1, axis=0), strict=True):
            _wind(winding, start, end)
            _touch(touched, start, end)
        for counts in (winding, touched):
            np.cumsum(counts, axis=1, out=counts)
        within = (winding != 0) | (touched > 0)
        masked |= within[:, :width]
    return masked


def _wind(winding: NDArray[np.int32], start: NDArray[np.float64], end: NDArray[np.float64]) -> None:
    """Count an edge for the pixels whose centre lies to the right of it."""
    (x0, y0), (x1, y1) = sorted((start.tolist(), end.tolist()), key=_down)
    rows = np.arange(max(0, math.ceil(y0 - 0.5)), min(len(winding), math.ceil(y1 - 0.5)))
    if len(rows):
        across = x0 + (rows + 0.5 - y0) * (x1 - x0) / (y1 - y0)
        winding[rows, np.ceil(across - 0.5).astype(int)] += 1 if start[1] < end[1] else -1


def _touch(touched: NDArray[np.int32], start: NDArray[np.float64], end: NDArray[np.float64]) -> None:
    """Count an edge for every pixel that it passes through or touches."""
    (x0, y0), (x1, y1) = sorted((start.tolist(), end.tolist()), key=_down)
    rows = np.arange(max(0, math.floor(y0 - TOUCH)), min(len(touched), math.floor(y1 + TOUCH) + 1))
    if y1 - y0 > TOUCH:
        top, bottom = (x0 + ((rows + side).clip(y0, y1) - y0) * (x1 - x0) / (y1 - y0) for side in (-TOUCH, 1 + TOUCH))
        left, right = np.minimum(top, bottom), np.maximum(top, bottom)
    else:
        left, right = np.full(len(rows), min(x0, x1)), np.full(len(rows), max(x0, x1))
    touched[rows, np.floor(left - TOUCH).clip(0).astype(int)] += 1
    touched[rows, np.floor(right + TOUCH).astype(int) + 1] -= 1


def _down(point: list[float]) -> float:
    return point[1]


def _blocks(polygons: Sequence[Polygon], size: tuple[int, int]) -> Iterator[_Block]:
    """The rectangles around what is masked; polygons whose rectangles meet share one."""
    masked = covered(polygons, size)
    count, _, found, _ = cv2.connectedComponentsWithStats(masked.astype(np.uint8), connectivity=8)
    for left, top, width, height, _ in found[1:count].tolist():
        rows, columns = slice(top, top + height), slice(left, left + width)
        kept = np.where(masked[rows, columns], 0, 255).astype(np.uint8)
        yield _Block(rows, columns, np.repeat(kept[:, :, None], 3, axis=2))
