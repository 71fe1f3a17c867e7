"""How often the shipped models are right on labelled pictures of rooms: the figures of models/README.md, as counts.

Faces of one picture are alike, so the truth lies in a wider range than these intervals say.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Proportion(NamedTuple):
    """So many of so many."""

    part: int
    whole: int

    @property
    def share(self) -> float:
        """0 to 1."""
        return self.part / self.whole

    @property
    def low(self) -> float:
        """Where its 95 % interval begins."""
        return interval(self.part, self.whole)[0]

    @property
    def high(self) -> float:
        """Where it ends."""
        return interval(self.part, self.whole)[1]


class Range(NamedTuple):
    """A figure, and between which values it lies."""

    mean: float
    low: float
    high: float


ENLARGED = 1.25
"""The pictures were 1024 pixels wide: what holds of faces that have to be enlarged more was not measured."""
SIZES = (10, 24, 48, 96)
"""Heights of faces from which the entries of `FOUND` hold, in pixels of a 1280x720 picture."""

# "The face detector": 157 classroom-like pictures of WIDER FACE's validation set; by vision.detect_width.
FOUND: Mapping[int, Sequence[Proportion]] = {
    640: (Proportion(175, 1345), Proportion(705, 964), Proportion(579, 648), Proportion(124, 133)),
    1280: (Proportion(719, 1345), Proportion(809, 964), Proportion(605, 648), Proportion(123, 133)),
    1920: (Proportion(840, 1345), Proportion(838, 964), Proportion(600, 648), Proportion(125, 133)),
}
"""Faces that are found, of those of a size."""
FACES: Mapping[int, Proportion] = {
    640: Proportion(1583, 1736),
    1280: Proportion(2256, 2469),
    1920: Proportion(2403, 2651),
}
"""Boxes that are faces, of all that are found."""

# "Real rooms": 29 pictures; vision.pose: front, min_confidence: 0.3, the shipped emotion model.
FRONT_KEPT = Proportion(98, 112)
"""Faces turned to the front that are taken for it."""
AWAY_TAKEN = Proportion(5, 66)
"""Faces turned away that are taken for turned to the front."""
RIGHT = Proportion(60, 61)
"""Expressions that are right, of those named that people call neutral or happy."""
WRONG_STRONG = Proportion(0, 61)
"""Of the same those wrongly called angry, disgusted, afraid, sad or surprised."""


def interval(part: int, whole: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a proportion (1927); 0 to 1 without anything."""
    if not whole:
        return 0.0, 1.0
    z, share = 1.959964, part / whole
    middle = (share + z * z / (2 * whole)) / (1 + z * z / whole)
    half = z / (1 + z * z / whole) * math.sqrt(share * (1 - share) / whole + z * z / (4 * whole * whole))
    return max(0.0, middle - half), min(1.0, middle + half)


def size_class(height_px: float, picture: tuple[int, int]) -> int:
    """Which of `SIZES` a face belongs to; the smallest of all to the first, for which nothing better was measured.

    Args:
        height_px: Of the face, pixels.
        picture: Width and height of the picture, pixels.
    """
    height = height_px * min(1280 / picture[0], 720 / picture[1], ENLARGED)
    return max(sum(height >= size for size in SIZES) - 1, 0)


def missed(found: Sequence[float], detect_width: int) -> Range | None:
    """Share of the faces in a room that are not found, 0 to 1; None where none is found.

    Args:
        found: How many are, by `size_class`; numbers or means.
        detect_width: `vision.detect_width`.
    """
    total = sum(found)
    if not total:
        return None
    rates = FOUND[detect_width]

    def lost(recall: Sequence[float]) -> float:
        return 1 - total / sum(count / rate for count, rate in zip(found, recall, strict=True))

    mean, high, low = (lost([getattr(rate, kind) for rate in rates]) for kind in ("share", "low", "high"))
    return Range(mean, low, high)
