"""Portraits: two public-domain faces for the sample input; pictures/origins.json says where they come from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge.errors import CameraError

if TYPE_CHECKING:
    from numpy.typing import NDArray

PICTURES = Path(__file__).parent / "pictures"


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
