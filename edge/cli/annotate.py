"""Draws what `edge image` found into a copy of the picture, readable in a crowd too. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np

from edge.contract.labels import LABELS, UNKNOWN, adjective, reading_order
from edge.reporting.palette import LIGHT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]


def _blue_green_red(colour: str) -> tuple[int, int, int]:
    red, green, blue = bytes.fromhex(colour[1:])
    return blue, green, red


COLOURS = {label: _blue_green_red(LIGHT[label]) for label in (*LABELS, UNKNOWN)}
"""Per label."""
FONT = cv2.FONT_HERSHEY_SIMPLEX
PAD = 3  # pixels around a word
BAR = 30  # pixels of the line with the total, above the picture


class Area(NamedTuple):
    """A rectangle in pixels: left, top, right, bottom."""

    left: int
    top: int
    right: int
    bottom: int

    def shared(self, other: Area) -> int:
        """Pixels that both cover."""
        across = min(self.right, other.right) - max(self.left, other.left)
        down = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(0, across) * max(0, down)


def word(face: Mapping[str, Any]) -> str:
    """What is said of a face, in a word or two."""
    if face.get("too_small"):
        return "too small"
    if face.get("pose") == "away" and face.get("emotion", UNKNOWN) == UNKNOWN:
        return "away"
    if "emotion" in face:
        return "unclear" if face["emotion"] == UNKNOWN else adjective(face["emotion"])
    return str(face.get("pose", "face"))


def total(faces: Sequence[Mapping[str, Any]]) -> str:
    """All faces of a picture in one line."""
    parts = [f"{len(faces)} face{'' if len(faces) == 1 else 's'}"]
    poses = Counter(face["pose"] for face in faces if "pose" in face)
    if poses:
        words = (("front", "turned to the front"), ("away", "turned away"), ("unknown", "too small"))
        parts.append(", ".join(f"{poses[pose]} {text}" for pose, text in words if poses[pose]))
    emotions = Counter(face["emotion"] for face in faces if face.get("emotion", UNKNOWN) != UNKNOWN)
    if emotions:
        parts.append(", ".join(f"{emotions[label]} {adjective(label)}" for label in reading_order(emotions)))
    return "; ".join(parts)


def annotate(image: Picture, faces: Sequence[Mapping[str, Any]]) -> Picture:
    """A copy with a line for the total above it, and a box and a word per face.

    Words stand beside the boxes, where they cover no face and no other word as far as there is room, and never beyond
    the edge of the picture.

    Args:
        image: (height, width, 3) uint8 BGR.
        faces: As `edge image --json` prints them.
    """
    copy = np.asarray(cv2.copyMakeBorder(image, BAR, 0, 0, 0, cv2.BORDER_CONSTANT, value=(255, 255, 255)), np.uint8)
    height, width = copy.shape[:2]
    line = max(1, width // 640)
    boxes = [_area(face["box"]) for face in faces]
    for face, box in zip(faces, boxes, strict=True):
        cv2.rectangle(copy, (box.left, box.top), (box.right, box.bottom), _colour(face), line, cv2.LINE_AA)
    taken: list[Area] = []
    for face, box in zip(faces, boxes, strict=True):
        text = word(face)
        scale = max(0.32, min(0.7, (box.right - box.left) / 110))
        (across, up), _ = cv2.getTextSize(text, FONT, scale, 1)
        place = _place(box, (across + 2 * PAD, up + 2 * PAD), (width, height), [*taken, *boxes])
        taken.append(place)
        cv2.rectangle(copy, (place.left, place.top), (place.right, place.bottom), _colour(face), cv2.FILLED)
        where = (place.left + PAD, place.bottom - PAD)
        cv2.putText(copy, text, where, FONT, scale, (0, 0, 0), 1, cv2.LINE_AA)
    _write_total(copy, total(faces))
    return copy


def _place(box: Area, size: tuple[int, int], picture: tuple[int, int], taken: Iterable[Area]) -> Area:
    """Where a word covers least: above, below, right or left of its box, or along its upper edge."""
    across, down = size
    corners = (
        (box.left, box.top - down - 1), (box.left, box.bottom + 1), (box.right + 1, box.top),
        (box.left - across - 1, box.top), (box.left, box.top),
    )  # fmt: skip
    occupied = list(taken)
    best, least = None, 0
    for left, top in corners:
        x = min(max(left, 0), max(picture[0] - across, 0))
        y = min(max(top, BAR), max(picture[1] - down, BAR))
        place = Area(x, y, x + across, y + down)
        covered = sum(place.shared(other) for other in occupied)
        if best is None or covered < least:
            best, least = place, covered
    assert best is not None  # noqa: S101 - there are five corners
    return best


def _area(box: Sequence[float]) -> Area:
    x, y, width, height = (round(value) for value in box)
    return Area(x, y + BAR, x + width, y + height + BAR)


def _colour(face: Mapping[str, Any]) -> tuple[int, int, int]:
    return COLOURS.get(face.get("emotion", ""), (255, 255, 255))


def _write_total(copy: Picture, text: str) -> None:
    """The total in the line above, smaller where it would not fit."""
    (across, _), _ = cv2.getTextSize(text, FONT, 0.6, 1)
    scale = min(0.6, 0.6 * (copy.shape[1] - 2 * PAD) / max(across, 1))
    cv2.putText(copy, text, (PAD, BAR - 9), FONT, scale, (0, 0, 0), 1, cv2.LINE_AA)
