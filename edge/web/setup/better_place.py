"""What a better place for the camera would be, from the faces of the last frames. Pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from edge.text import Sentence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge.web.setup.frame_facts import FaceFacts, FrameFacts

EDGE = 1.0  # pixels from the edge of the picture at which a face is cut: the detector cuts boxes there
CUT = 0.1  # share of the faces
SMALL = 0.2  # share of the faces
UNEVEN = 3.0  # times that the near faces are larger than the far ones
AWAY = 0.5  # share of the faces whose direction is known
ONE_SIDE = 0.7  # share of those turned away
ASIDE = 0.25  # of `head_pose.side`: nearer to 0 lies nothing but the scatter of the landmarks
FEWEST_AWAY = 2.0  # faces a frame: one neighbour who chats is no reason to move a camera

CUT_BY = {
    "left": Sentence(
        "The left edge of the picture cuts faces: turn the camera to the left, or choose a place farther back."
    ),
    "right": Sentence(
        "The right edge of the picture cuts faces: turn the camera to the right, or choose a place farther back."
    ),
    "top": Sentence("The upper edge of the picture cuts faces: tilt the camera up, or choose a place farther back."),
    "bottom": Sentence(
        "The lower edge of the picture cuts faces: tilt the camera down, or choose a place farther back."
    ),
}


def better_place(frames: Sequence[FrameFacts]) -> Sentence | None:
    """The one change of place that would help most; None where none is known.

    Args:
        frames: The last seconds: of a single frame chance would decide.
    """
    faces = [face for frame in frames for face in frame.counted]
    if not faces:
        return None
    if 2 * sum(frame.against for frame in frames) > len(frames):
        return Sentence(
            "The light comes from behind the people: a place at the wall with the windows, from which the camera "
            "looks into the room, sees their faces lit."
        )
    return _cut(frames, len(faces)) or _uneven(faces) or _turned(frames)


def _cut(frames: Sequence[FrameFacts], count: int) -> Sentence | None:
    edges: Counter[str] = Counter()
    for frame in frames:
        width, height = frame.size
        for face in frame.counted:
            x, y, across, high = face.box
            touched = {
                "left": x <= EDGE,
                "right": x + across >= width - EDGE,
                "top": y <= EDGE,
                "bottom": y + high >= height - EDGE,
            }
            edges.update(edge for edge, cut in touched.items() if cut)
    if not edges:
        return None
    edge, cut = edges.most_common(1)[0]
    return CUT_BY[edge] if cut >= max(CUT * count, len(frames)) else None


def _uneven(faces: list[FaceFacts]) -> Sentence | None:
    heights = [face.box[3] for face in faces]
    far, near = np.percentile(heights, [10, 90])
    small = sum(not face.large for face in faces)
    if small < SMALL * len(faces) or near < UNEVEN * far:
        return None
    return Sentence(
        "The nearest faces are {times} times as large as the farthest: a place higher up, or in the middle of a long "
        "wall, brings the far ones nearer.",
        {"times": round(float(near / far), 1)},
    )


def _turned(frames: Sequence[FrameFacts]) -> Sentence | None:
    judged = [face for frame in frames for face in frame.judged]
    away = [face for face in judged if not face.front]
    if len(away) < max(AWAY * len(judged), FEWEST_AWAY * len(frames)):
        return None
    left, right = (sum(face.side * sign > ASIDE for face in away) for sign in (-1, 1))
    if left >= ONE_SIDE * len(away):
        return Sentence(
            "Most faces look past the camera, to the left of the picture: a place farther to the left sees them from "
            "the front."
        )
    if right >= ONE_SIDE * len(away):
        return Sentence(
            "Most faces look past the camera, to the right of the picture: a place farther to the right sees them "
            "from the front."
        )
    return Sentence(
        "Most faces are turned away: choose a place beside what people look at, such as the board or the speaker."
    )
