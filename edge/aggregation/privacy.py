"""What is held back before a window leaves the room. Pure.

No figure that is sent covers a moment with few people in it, so no window can be subtracted from another to find what
was held back: a moment is in one window, and that is either sent or not.
"""

from __future__ import annotations

import math
from dataclasses import replace

from edge.aggregation.windows import UNKNOWN, Window

SHORTEST = 0.999  # seconds: a pause or a command may cut a window short, and nobody may look at single frames that way


def is_suppressed(window: Window, min_faces: int) -> bool:
    """Whether nothing may be said about a window's people, because it shows too few of them, or too short.

    The fewest decide: whoever sat there alone for a moment would else be what is left when the windows before and
    after are subtracted. A moment with nobody is about nobody; a window of such moments is told by the mean.
    """
    return window.mean < min_faces or 0 < window.fewest < min_faces or window.seconds < SHORTEST


def hides_emotions(window: Window, min_faces: int) -> bool:
    """Whether so few were near enough for their emotions that those who know the room would know whose they are."""
    return 0 < window.fewest_near < min_faces


def without_emotions(window: Window) -> Window:
    """The window with every face counted as unknown."""
    return replace(window, counts={**dict.fromkeys(window.counts, 0), UNKNOWN: window.faces}, tally=None)


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
        too_small=min(near(window.too_small), counts[UNKNOWN]),
    )
