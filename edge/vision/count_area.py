"""Which faces lie in the count area: a polygon in the upright picture, judged by the centre of the box."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Polygon = Sequence[Sequence[float]]


def inside(boxes: NDArray[np.float32], polygon: Polygon | None, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Whether the centre of each box lies in a polygon; either may be said of one on its very edge.

    Args:
        boxes: (n, 4) x, y, width, height in pixels.
        polygon: Points (x, y) in fractions of the picture; None: the whole picture.
        size: Width and height of the picture in pixels.

    Returns:
        (n,) bool.
    """
    if polygon is None or not len(boxes):
        return np.ones(len(boxes), bool)
    centres = (boxes[:, :2] + boxes[:, 2:] / 2).astype(float)
    start = np.asarray(polygon, float) * size
    step = np.roll(start, -1, axis=0) - start
    x, y = (centres[:, None] - start).transpose(2, 0, 1)  # (n, edges): from the start of each edge to each centre
    side = step[:, 0] * y - step[:, 1] * x  # 0: on the line of the edge
    starts_above = y >= 0
    ends_above = np.roll(starts_above, -1, axis=1)  # the end of an edge is the start of the next, to the last bit
    # A ray to one side is crossed by as many edges downwards as upwards, unless it begins inside.
    down = (starts_above & ~ends_above & (side > 0)).sum(axis=1)
    up = (~starts_above & ends_above & (side < 0)).sum(axis=1)
    found: NDArray[np.bool_] = down != up
    return found
