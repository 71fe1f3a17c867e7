"""Sprites: people from the chest up, each a little different, cut out of the portraits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge.sample.portraits import Portrait

DESK = 1.2  # from the centre of a face down to the edge of the desk, in heights of the face
_SHIRTS = ((150, 96, 62), (88, 110, 58), (70, 70, 160), (112, 86, 104), (70, 130, 176), (120, 120, 124), (78, 58, 48))


@dataclass(frozen=True, eq=False)
class Patch:
    """The part of a sprite that looks different when the head is turned aside."""

    corner: tuple[int, int]
    """x, y of the patch's top left, pixels of the sprite."""
    light: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    """Both as in `Sprite`, but only the patch."""
    size: tuple[float, float]
    """Width and height of the turned face's box, pixels."""
    shift: tuple[float, float]
    """From the middle of the front face's box to the middle of this one, pixels."""


@dataclass(frozen=True, eq=False)
class Sprite:
    """One person at the final size, ready to be blended into a frame."""

    emotion: str
    size: tuple[float, float]
    """Width and height of the face box, pixels."""
    centre: tuple[int, int]
    """x, y of the middle of the face box, pixels of the sprite."""
    light: NDArray[np.uint8]
    """(height, width, 3) uint8 BGR, already multiplied by the mask."""
    mask: NDArray[np.uint8]
    """(height, width) uint8, 255 where the person hides the room."""
    aside: Patch | None = None
    """None: this person never turns."""


@dataclass(frozen=True, eq=False)
class Chance:
    """What differs from one person to the next."""

    tilt: float
    """Degrees, counterclockwise."""
    mirrored: bool
    blur: float
    """Standard deviation in pixels of twice the final size."""
    tint: NDArray[np.float32]
    """(3,) float32 factors of blue, green and red."""
    brightness: float
    """Levels of 255 more."""
    shirt: tuple[int, int, int]
    """Its colour, BGR."""

    @classmethod
    def of(cls, face: float, random: np.random.Generator) -> Chance:
        """Draw lots for a person whose face box is so high, pixels."""
        return cls(
            tilt=random.uniform(-8.0, 8.0),
            mirrored=random.random() < 0.5,
            blur=random.uniform(0.3, 0.5 + 0.012 * face),
            tint=(random.uniform(0.93, 1.07, 3) * random.uniform(0.85, 1.1)).astype(np.float32),
            brightness=random.uniform(-10.0, 10.0),
            shirt=_SHIRTS[int(random.integers(len(_SHIRTS)))],
        )


def seated(portrait: Portrait, face: float, chance: Chance, turned: Portrait | None = None) -> Sprite:
    """Draw one person from the chest up: some 10 ms.

    Args:
        portrait: Whose head.
        face: Height of the face box, pixels.
        chance: What else is this person's own; both views share it.
        turned: The same head turned aside; None: this person never turns.
    """
    light, mask, middle, _ = _drawn(portrait, face, chance)
    if turned is None:
        cut, aside = _extent(mask), None
    else:
        other, shape, _, matrix = _drawn(turned, face, chance)
        cut = _extent(np.maximum(mask, shape))
        differs = _extent(((light != other).any(axis=2) | (mask != shape))[cut])
        aside = _patch(turned, face, matrix, differs, other[cut][differs], shape[cut][differs])
    return Sprite(
        emotion=portrait.emotion,
        size=(face * portrait.face[2] / portrait.face[3], face),
        centre=(middle[0] - cut[1].start, middle[1] - cut[0].start),
        light=light[cut].copy(),
        mask=mask[cut].copy(),
        aside=aside,
    )


def _patch(
    turned: Portrait,
    face: float,
    matrix: NDArray[np.float64],
    place: tuple[slice, slice],
    light: NDArray[np.uint8],
    mask: NDArray[np.uint8],
) -> Patch:
    """What `place` shows when the head is turned; `matrix` (2, 3) leads from the scaled image to twice the sprite."""
    x, y, width, height = turned.face
    box_x, box_y, box_width, box_height = turned.box or turned.face
    scale = face / height
    off = np.array((box_x + box_width / 2 - x - width / 2, box_y + box_height / 2 - y - height / 2))
    shift = matrix[:, :2] @ off * scale
    return Patch(
        corner=(place[1].start, place[0].start),
        light=light.copy(),
        mask=mask.copy(),
        size=(box_width * scale, box_height * scale),
        shift=(float(shift[0]), float(shift[1])),
    )


def _drawn(
    portrait: Portrait, face: float, chance: Chance
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], tuple[int, int], NDArray[np.float64]]:
    """Light, mask, the middle of the face in them, and the matrix from the scaled image to twice their size."""
    fine = 2.0 * face  # drawn at twice the size, then halved: smooth edges at any size
    middle = np.array((round(1.35 * face), round(1.25 * face)), np.float64)
    box = (2 * int(2 * middle[0]), 2 * int(middle[1] + (DESK + 0.1) * face))
    x, y, width, height = portrait.face
    scale = fine / height
    image = cv2.resize(portrait.image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    pivot = ((x + width / 2) * scale, (y + height / 2) * scale)
    matrix = np.array(cv2.getRotationMatrix2D(pivot, chance.tilt, 1.0), np.float64)
    matrix[:, 2] += 2 * middle - pivot
    if chance.mirrored:
        matrix[0] = -matrix[0]
        matrix[0, 2] += 4 * middle[0]
    head = cv2.warpAffine(image, matrix, box, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    head = cv2.GaussianBlur(head, (0, 0), chance.blur)
    # From here on in place: these are the largest arrays of the daemon. Whole rows at a time: NumPy is slow with arrays
    # whose last axis is three colours.
    rows = np.multiply(head.reshape(box[1], -1), np.tile(chance.tint, box[0]))
    rows += np.float32(chance.brightness)
    colours = np.clip(rows, 0.0, 255.0, out=rows).reshape(head.shape)
    outline = cv2.transform((portrait.outline * scale)[None], matrix)[0]
    feather = _filled(outline, box, 0.02 * fine)

    shade = np.linspace(1.1, 0.8, box[1], dtype=np.float32)[:, None]
    shirt = np.array(chance.shirt, np.float32) * shade
    half = np.array(((0.2, 0.5), (0.42, 0.56), (0.85, 0.72), (1.05, 0.92), (1.14, 1.4)))
    body = np.concatenate((half, half[::-1] * (-1, 1))) * fine + 2 * middle
    torso = _filled(body, box, 0.012 * fine)
    under = (1.0 - feather) * torso
    small = (box[0] // 2, box[1] // 2)
    for colour in range(3):
        plane = colours[:, :, colour]
        plane *= feather
        plane += under * shirt[:, colour, None]
    light = cv2.resize(colours, small, interpolation=cv2.INTER_AREA)
    mask = cv2.resize(255.0 * (feather + under), small, interpolation=cv2.INTER_AREA)
    return light.astype(np.uint8), mask.astype(np.uint8), (int(middle[0]), int(middle[1])), matrix


def _extent(mask: NDArray[Any]) -> tuple[slice, slice]:
    """The rows and columns in which the mask is not 0; around them there is only memory."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _filled(points: NDArray[Any], size: tuple[int, int], soft: float) -> NDArray[np.float32]:
    """A polygon with soft edges: (height, width) float32, 1 inside and 0 outside."""
    canvas = np.zeros((size[1], size[0]), np.float32)
    cv2.fillPoly(canvas, [np.round(points).astype(np.int32)], (1.0,))
    return np.asarray(cv2.GaussianBlur(canvas, (0, 0), soft), np.float32)
