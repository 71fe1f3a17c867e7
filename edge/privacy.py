"""What is held back before a window leaves the room. Pure."""

from __future__ import annotations

import math
from dataclasses import replace

from edge.windows import Window


def is_suppressed(window: Window, min_faces: int) -> bool:
    """Whether a window shows so few people that its figures would be about a person.

    The mean decides, not the highest: five people in a single frame must not uncover one person in
    the other ninety-nine.
    """
    return window.mean < min_faces


def rounded(window: Window, step: int) -> Window:
    """The window with its counts rounded to multiples of `step`; their sum stays the number of faces."""
    if step == 1:
        return window

    def near(count: int) -> int:
        return (count + step // 2) // step * step

    counts = {label: near(count) for label, count in window.counts.items()}
    # Exact extremes and too-small counts beside rounded counts would give away what was rounded.
    mean = sum(counts.values()) / window.frames if window.frames else 0.0
    return replace(
        window,
        counts=counts,
        lowest=math.floor(min(window.lowest, mean) / step) * step,
        highest=math.ceil(max(window.highest, mean) / step) * step,
        too_small=min(near(window.too_small), counts["unknown"]),
    )
