"""Is there light enough, and is it sharp? Pure functions of one frame."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.text import Sentence

ACROSS = 320  # pixels that are enough to judge the light
BLACK, WHITE = 12, 245  # grey levels in which nothing is to be seen any more
DARK_MEAN, BRIGHT_MEAN = 55, 205
MUCH = 0.10  # share of the picture that may be lost to black or white
DARK_FACE, BRIGHT_FACE = 33, 225  # grey levels; at a quarter of the light two points are lost (models/README.md)
AGAINST = 0.55  # faces this much darker than the picture stand against the light


@dataclass(frozen=True)
class Light:
    """How light a frame is.

    Args:
        brightness: Mean grey level, 0 to 1.
        under: Share of pixels that are all but black, 0 to 1.
        over: Share of pixels that are all but white, 0 to 1.
        faces: Mean grey level of the middle of each face, 0 to 1; None of one that is hardly in the frame.
        hint: What to do about it; None when it is well.
    """

    brightness: float
    under: float
    over: float
    faces: tuple[float | None, ...]
    hint: Sentence | None

    @property
    def against(self) -> bool:
        """Whether faces stand against the light: most of them are much darker than the picture."""
        known = [face for face in self.faces if face is not None]
        return bool(known) and float(np.median(known)) < AGAINST * self.brightness

    def as_json(self) -> dict[str, Any]:
        """For a page."""
        hint = self.hint.as_json() if self.hint else None
        return {"brightness": self.brightness, "under": self.under, "over": self.over, "hint": hint}


def judge_light(image: NDArray[np.uint8], boxes: NDArray[np.float32]) -> Light:
    """Judge the light of a frame.

    Args:
        image: (height, width, 3) uint8 BGR.
        boxes: (n, 4) float32 faces as x, y, width, height in pixels of the frame.
    """
    scale = min(1.0, ACROSS / image.shape[1])
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    grey = np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), np.uint8)
    parts = [_inside(grey, box * scale) for box in boxes]
    faces = tuple(float(part.mean()) / 255 if part.size else None for part in parts)
    light = Light(float(grey.mean()) / 255, float((grey <= BLACK).mean()), float((grey >= WHITE).mean()), faces, None)
    return replace(light, hint=_hint(light))


def well_lit(level: float | None) -> bool:
    """Whether a face is neither in the dark nor burnt out, by its level in `Light.faces`."""
    return level is not None and DARK_FACE <= 255 * level <= BRIGHT_FACE


def sharpness(image: NDArray[np.uint8]) -> float:
    """How much fine structure a frame has: to compare frames of one scene, whatever their brightness.

    Args:
        image: (height, width, 3) uint8 BGR.

    Returns:
        At least 0; the sharper, the higher. Noise in the dark looks like structure, too.
    """
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    edges = cv2.Laplacian(cv2.GaussianBlur(grey, (3, 3), 0), cv2.CV_16S)
    _, spread = cv2.meanStdDev(edges)
    return 100 * float(spread[0, 0]) / max(1.0, float(grey.mean()))


def _inside(grey: NDArray[np.uint8], box: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The middle of a face, without hair and background."""
    x, y, width, height = box.tolist()
    return grey[round(y + height / 4) : round(y + height * 3 / 4), round(x + width / 4) : round(x + width * 3 / 4)]


def _hint(light: Light) -> Sentence | None:
    mean, under, over = 255 * light.brightness, light.under, light.over
    if light.against:
        return Sentence(
            "Faces are dark against a bright background: turn the camera away from the window, or light the faces."
        )
    if not any(face is not None for face in light.faces) and over > MUCH and mean < BRIGHT_MEAN and under > MUCH:
        return Sentence("There is a bright window in the picture: turn the camera away from it.")
    if mean < DARK_MEAN or under > 0.5:
        return Sentence("Too dark: switch a lamp on, or give the camera more exposure (camera.exposure, camera.gain).")
    if mean > BRIGHT_MEAN or over > 2 * MUCH:
        return Sentence("Too bright: parts of the picture are all white. Turn the camera away from the light.")
    return None
