"""What is withheld before a window leaves the room. Pure.

No figure that is sent covers a moment with few people in it, so no window can be subtracted from another to find what
was withheld: a moment is in one window, and that is either sent or not.
"""

from __future__ import annotations

import math
from dataclasses import replace

from edge.aggregation.windows import Window
from edge.contract.labels import UNKNOWN
from edge.contract.payloads import MeasuringMode, Withheld

SHORTEST = 0.999  # seconds: a pause or a command may cut a window short, and nobody may look at single frames that way


def withheld(window: Window, min_faces: int, mode: MeasuringMode = "emotions") -> Withheld | None:
    """What may not be said about a window, and why; None: everything may.

    Each group is judged by the faces that it is about: all of them for figures, those near enough for facing, those
    that have been classified for emotions (of the faces turned to the front or, in any pose, of those near enough). The
    fewest in any frame that shows one decide: whoever sat there alone for a moment would else be what is left when the
    windows before and after are subtracted. A moment with nobody is about nobody; a window of such moments is caught by
    the mean. Emotions of a few near faces would tell those who know the room whose they are. Faces that do not move are
    no people's, and count for none of these; nor are they nobody, as somebody asleep may be among them.

    Args:
        window: Not yet rounded.
        min_faces: Fewer people than this are withheld.
        mode: What is measured; what is not is null anyway, and so never withheld.
    """
    if window.seconds < SHORTEST:  # first: a short window must not even tell whether there were few
        return Withheld(what="figures", reason="short")
    few_seen, few_near, few_classified = (
        total / (window.frames or 1) < min_faces or fewest < min_faces
        for total, fewest in zip(window.people, window.fewest, strict=True)
    )
    if few_seen:
        return Withheld(what="figures", reason="few_people")
    if mode != "headcount" and few_near:
        unposed = mode == "emotions" and window.away is None
        return Withheld(what="emotions" if unposed else "facing", reason="few_near")
    if mode == "emotions" and few_classified:
        posed = window.away is not None and window.front_only
        return Withheld(what="emotions", reason="few_front" if posed else "few_near")
    return None


def without_emotions(window: Window) -> Window:
    """The window with nothing but the numbers of faces and of those turned away."""
    return replace(window, counts={UNKNOWN: window.faces}, front_only=True, tally=None)


def without_facing(window: Window) -> Window:
    """The window with nothing but the number of faces."""
    return replace(without_emotions(window), too_small=0, away=None)


def rounded(window: Window, step: int) -> Window:
    """The window with its counts rounded to multiples of `step`.

    The leaves are rounded: each label, and the unknown faces by their reason. `unknown` and the number of faces are
    the sums of their leaves, so that all sums hold. For extremes see `coarse_extremes`.

    Args:
        window: With exact counts.
        step: Face observations, 1 or more; 1 leaves all as it is.
    """
    if step == 1:
        return window

    def near(count: int) -> int:
        return (count + step // 2) // step * step

    counts = {label: near(count) for label, count in window.counts.items()}
    too_small = near(window.too_small)
    away = None if window.away is None else near(window.away)
    counts[UNKNOWN] = too_small + (away or 0 if window.front_only else 0) + near(window.unclear)
    if away is not None:
        away = min(away, sum(counts.values()) - too_small)  # where they are classified, they are no leaf of the sum
    lowest, highest = coarse_extremes(window, sum(counts.values()), step)
    return replace(
        window,
        counts=counts,
        lowest=lowest,
        highest=highest,
        too_small=too_small,
        away=away,
    )


def coarse_extremes(window: Window, faces: int, step: int) -> tuple[int, int]:
    """Bounds of the faces in a frame: no frame had fewer or more, and they tell no more than the rounded counts.

    Groups of as many faces stand for one number: the fewest is the first of its group, the most the last of its own.
    Exact ones would give away what was rounded: frames with 25 faces at least and at most have exactly 25 each. Groups
    are one face larger than `step` per frame, so that `step` observations or more of the sum are left open.

    Args:
        window: With exact extremes.
        faces: Observations as they are sent; their mean lies within the bounds.
        step: What these were rounded to, face observations.
    """
    if not window.frames:
        return 0, 0
    group = math.ceil(step / window.frames) + 1
    mean = faces / window.frames
    fewest, most = min(window.lowest, math.floor(mean)), max(window.highest, math.ceil(mean))
    return fewest // group * group, most // group * group + group - 1
