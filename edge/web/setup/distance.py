"""Lens and distance: from the size of faces in pixels to metres, and what to change when they are too small. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from edge.text import Sentence

FACE_M = 0.22
"""Height of a face, as boxes frame it, in metres. People differ by a tenth, and so do the distances."""

LENSES = (120, 102, 80, 66, 50, 40, 30)
"""Horizontal fields of view to choose from, in degrees; Raspberry Pi's Camera Module 3 has 66, or 102 as Wide."""


@dataclass(frozen=True)
class Lens:
    """What is true if the camera has this lens.

    Args:
        degrees: Its horizontal field of view.
        reach: Metres up to which a face is large enough.
        nearest: Metres to the largest face in the picture; None without faces.
        farthest: Metres to the smallest one.
        narrower: Degrees of the widest lens with which the smallest face is large enough, None if this one will do.
    """

    degrees: int
    reach: float
    nearest: float | None
    farthest: float | None
    narrower: int | None


def metres(height_px: float, width_px: int, degrees: float) -> float:
    """How far a face is away that is `height_px` high in a picture `width_px` wide."""
    return FACE_M * width_px / (2 * height_px * math.tan(math.radians(degrees) / 2))


def lenses(heights: Sequence[float], width_px: int, min_face_px: int) -> list[Lens]:
    """Every lens to choose from, for the faces of a frame.

    Args:
        heights: Heights of the faces, pixels.
        width_px: Width of the frame, pixels.
        min_face_px: The least height that is large enough.
    """
    found = []
    for degrees in LENSES:
        narrower = None
        if heights and min(heights) < min_face_px:
            wanted = math.tan(math.radians(degrees) / 2) * min(heights) / min_face_px
            narrower = math.floor(2 * math.degrees(math.atan(wanted)))
        found.append(
            Lens(
                degrees,
                metres(min_face_px, width_px, degrees),
                metres(max(heights), width_px, degrees) if heights else None,
                metres(min(heights), width_px, degrees) if heights else None,
                narrower,
            )
        )
    return found


def advice(heights: Sequence[float], min_face_px: int, *, emotions: bool) -> Sentence:
    """What holds for any lens: whether the faces are large enough for an emotion, or else to be found."""
    if not heights:
        return Sentence("No face is seen. Ask somebody to sit in the farthest seat and to look towards the camera.")
    small = sum(height < min_face_px for height in heights)
    spare = min(heights) / min_face_px
    if small:
        # Rounded up: "1 times nearer" would be where it is, and who does as told must be near enough.
        values = {"small": small, "count": len(heights), "times": math.ceil(10 / spare - 1e-9) / 10}
        if emotions:
            return Sentence(
                "Faces too small for an emotion: {small} of {count}. "
                "Move the camera {times} times nearer to the farthest, or use a narrower lens.",
                values,
            )
        return Sentence(
            "Faces too small to be found reliably: {small} of {count}. "
            "Move the camera {times} times nearer to the farthest, or use a narrower lens.",
            values,
        )
    if spare >= 2:
        return Sentence(
            "All faces are large enough, the smallest {times} times over. A wider lens shows more.",
            {"times": round(spare, 1)},
        )
    return Sentence("All faces are large enough.")
