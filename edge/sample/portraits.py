"""Portraits: two public-domain faces for the sample input; pictures/origins.json says where they come from."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from edge.errors import CameraError

if TYPE_CHECKING:
    from numpy.typing import NDArray

PICTURES = Path(__file__).parent / "pictures"
DESK = 1.2  # from the centre of a face down to the edge of the desk, in heights of the face
_SHIRTS = ((150, 96, 62), (88, 110, 58), (70, 70, 160), (112, 86, 104), (70, 130, 176), (120, 120, 124), (78, 58, 48))


@dataclass(frozen=True)
class Aside:
    """How a portrait is shown when its head is turned aside."""

    yaw: float
    """Degrees to the right of the image."""
    box: tuple[float, float, float, float]
    """x, y, width, height of the turned face as a detector boxes it, in pixels of the image."""
    crown: float
    """The part of the half width in which the image shows hair or cap above the brow; beyond it `back` stands in."""
    smallest: float
    """Height of `Portrait.face` on a frame of 1280x720 below which a detector misses the turned face, pixels."""
    back: tuple[tuple[int, tuple[int, int, int, int]], ...]
    """What the back of the head looks like from a row of the image down: x, y, width, height of a patch of it."""


@dataclass(frozen=True, eq=False)
class Portrait:
    """One picture of one face, with what is needed to cut the head out of it."""

    name: str
    emotion: str
    image: NDArray[np.uint8]
    """(height, width, 3) uint8 BGR."""
    face: tuple[float, float, float, float]
    """x, y, width, height of the face as a detector boxes it, in pixels of the image."""
    outline: NDArray[np.float32]
    """(points, 2) float32 x, y around hair, ears and neck, in pixels of the image."""
    aside: Aside | None = None
    """None: this head is never turned."""
    box: tuple[float, float, float, float] | None = None
    """As `face`, where a detector boxes a turned head elsewhere; None: `face`."""


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


@dataclass(frozen=True)
class _Source:
    name: str
    emotion: str
    file: str
    shape: tuple[int, int, int]
    face: tuple[float, float, float, float]
    outline: tuple[tuple[int, int], ...]
    aside: Aside


# The face boxes are YuNet's (2023mar), the median over the sizes at which the sample shows the picture,
# from the front and aside; the outlines were read off an enlarged print with a grid.
_SOURCES = (
    _Source(
        name="astronaut",  # NASA, Eileen Collins
        emotion="happy",
        file="astronaut.png",
        shape=(512, 512, 3),
        face=(181.0, 68.0, 89.0, 107.0),
        outline=(
            *((190, 33), (205, 23), (232, 17), (260, 25), (283, 39), (295, 62), (300, 86), (296, 106), (281, 124)),
            *((271, 133), (266, 135), (260, 152), (255, 170), (253, 186), (233, 189), (205, 186), (190, 182)),
            *((187, 160), (183, 140), (181, 131), (173, 124), (168, 116), (158, 100), (155, 70), (161, 57), (175, 46)),
        ),
        aside=Aside(yaw=68.0, box=(228.2, 64.5, 77.0, 105.9), crown=0.6, smallest=48.0, back=((0, (200, 34, 60, 24)),)),
    ),
    _Source(
        name="hopper",  # US Navy, Grace Hopper
        emotion="neutral",
        file="hopper.jpg",
        shape=(600, 512, 3),
        face=(174.0, 116.0, 182.0, 219.0),
        outline=(
            *((174, 83), (182, 69), (200, 52), (217, 44), (223, 34), (240, 26), (262, 25), (284, 30), (299, 44)),
            *((320, 48), (344, 66), (351, 85), (363, 89), (368, 105), (369, 140), (367, 175), (372, 190), (370, 212)),
            *(
                (362, 245),
                (358, 262),
                (355, 284),
                (344, 298),
                (331, 302),
                (327, 325),
                (317, 345),
                (299, 370),
                (270, 395),
            ),
            *(
                (245, 395),
                (221, 370),
                (209, 345),
                (207, 305),
                (199, 294),
                (177, 283),
                (165, 270),
                (162, 245),
                (157, 215),
            ),
            *((156, 192), (158, 165), (154, 130), (158, 101), (166, 90)),
        ),
        aside=Aside(
            yaw=97.0,
            box=(259.5, 119.2, 146.7, 199.3),
            crown=0.88,
            smallest=0.0,
            back=((0, (188, 98, 20, 14)), (150, (343, 276, 12, 16))),  # the cap, then hair
        ),
    ),
)


def read_portraits(folder: Path = PICTURES) -> tuple[Portrait, ...]:
    """Read both portraits.

    Args:
        folder: Where the two pictures lie.

    Raises:
        CameraError: One is missing, or not the picture that its outline was drawn for.
    """
    return tuple(
        Portrait(
            name=source.name,
            emotion=source.emotion,
            image=_read(folder / source.file, source.shape),
            face=source.face,
            outline=np.array(source.outline, np.float32),
            aside=source.aside,
        )
        for source in _SOURCES
    )


def seated(portrait: Portrait, face: float, random: np.random.Generator, turned: Portrait | None = None) -> Sprite:
    """Draw one person from the chest up, a little different every time.

    Args:
        portrait: Whose head.
        face: Height of the face box, pixels.
        random: Decides mirror, tilt, light, tint, blur and shirt.
        turned: The same head turned aside; None: this person never turns.
    """
    again = copy.deepcopy(random)  # both views of a person share all that is left to chance
    light, mask, middle, _ = _drawn(portrait, face, random)
    if turned is None:
        cut, aside = _extent(mask), None
    else:
        other, shape, _, matrix = _drawn(turned, face, again)
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
    portrait: Portrait, face: float, random: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], tuple[int, int], NDArray[np.float64]]:
    """Light, mask, the middle of the face in them, and the matrix from the scaled image to twice their size."""
    fine = 2.0 * face  # drawn at twice the size, then halved: smooth edges at any size
    middle = np.array((round(1.35 * face), round(1.25 * face)), np.float64)
    box = (2 * int(2 * middle[0]), 2 * int(middle[1] + (DESK + 0.1) * face))
    x, y, width, height = portrait.face
    scale = fine / height
    image = cv2.resize(portrait.image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    pivot = ((x + width / 2) * scale, (y + height / 2) * scale)
    matrix = np.array(cv2.getRotationMatrix2D(pivot, random.uniform(-8.0, 8.0), 1.0), np.float64)
    matrix[:, 2] += 2 * middle - pivot
    if random.random() < 0.5:
        matrix[0] = -matrix[0]
        matrix[0, 2] += 4 * middle[0]
    head = cv2.warpAffine(image, matrix, box, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    head = cv2.GaussianBlur(head, (0, 0), random.uniform(0.3, 0.5 + 0.012 * face))
    tint = (random.uniform(0.93, 1.07, 3) * random.uniform(0.85, 1.1)).astype(np.float32)
    colours = head * tint  # and from here on in place: these are the largest arrays of the daemon
    colours += np.float32(random.uniform(-10.0, 10.0))
    np.clip(colours, 0.0, 255.0, out=colours)
    outline = cv2.transform((portrait.outline * scale)[None], matrix)[0]
    feather = _filled(outline, box, 0.02 * fine)

    shade = np.linspace(1.1, 0.8, box[1], dtype=np.float32)[:, None, None]
    shirt = np.array(_SHIRTS[int(random.integers(len(_SHIRTS)))], np.float32) * shade
    half = np.array(((0.2, 0.5), (0.42, 0.56), (0.85, 0.72), (1.05, 0.92), (1.14, 1.4)))
    body = np.concatenate((half, half[::-1] * (-1, 1))) * fine + 2 * middle
    torso = _filled(body, box, 0.012 * fine)
    under = (1.0 - feather) * torso
    small = (box[0] // 2, box[1] // 2)
    colours *= feather
    colours += under * shirt
    light = cv2.resize(colours, small, interpolation=cv2.INTER_AREA)
    mask = cv2.resize(255.0 * (feather + under), small, interpolation=cv2.INTER_AREA)
    return light.astype(np.uint8), mask.astype(np.uint8), (int(middle[0]), int(middle[1])), matrix


def _extent(mask: NDArray[Any]) -> tuple[slice, slice]:
    """The rows and columns in which the mask is not 0; around them there is only memory."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _filled(points: NDArray[Any], size: tuple[int, int], soft: float) -> NDArray[np.float32]:
    """A polygon with soft edges: (height, width, 1) float32, 1 inside and 0 outside."""
    canvas = np.zeros((size[1], size[0]), np.float32)
    cv2.fillPoly(canvas, [np.round(points).astype(np.int32)], (1.0,))
    return np.asarray(cv2.GaussianBlur(canvas, (0, 0), soft), np.float32)[:, :, None]


def _read(path: Path, shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    remedy = "install edge again"
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CameraError(f"the sample input cannot read {path} ({error.strerror})", remedy) from error
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:  # no bytes at all
        image = None
    if image is None or image.shape != shape:  # another picture would need another outline
        raise CameraError(f"{path} is not the picture that it was", remedy)
    return np.asarray(image, np.uint8)
