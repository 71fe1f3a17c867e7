"""A portrait turned aside: the head as a solid with the outline's width, hair behind, seen from another side."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge.sample.portraits import Aside, Portrait

_STEPS = 400  # points on the front half of each row's section, and as many on its back
_BAND = 32  # rows that are turned at a time, for the sake of memory
_BROW = 0.35  # of the height of the face box
_KNOWN = 0.88  # of the half width: beyond it the picture shows a side that it cannot know, and hair stands in
_BLEND = 0.12  # of the half width, over which hair takes the place of the picture


def turned(portrait: Portrait, aside: Aside) -> Portrait:
    """The same head, turned to one side.

    Every row of the head is a closed curve: in front the face with its nose, at the back hair. As a turn about the
    vertical axis moves no point to another row, each row is turned for itself, and of points that come to lie in one
    place the nearest is seen.

    Args:
        portrait: A face seen from the front.
        aside: How far, and what the back of the head looks like.

    Returns:
        The turned head in the same place and at the same scale, with an outline of its own.
    """
    height, width = portrait.image.shape[:2]
    yaw = math.radians(aside.yaw)
    mask = np.zeros((height, width), np.uint8)
    cv2.fillPoly(mask, [np.round(portrait.outline).astype(np.int32)], (255,))
    rows = np.flatnonzero(mask.any(axis=1))
    mask = mask[rows]
    seen = np.zeros((len(rows), width), np.uint8)
    from_x, hair = np.zeros((2, len(rows), width), np.float32)
    for band in (slice(top, top + _BAND) for top in range(0, len(rows), _BAND)):
        _turn(_section(portrait, aside.crown, mask, rows, band), portrait, yaw, (seen[band], from_x[band], hair[band]))

    from_y = np.repeat(rows[:, None], width, axis=1).astype(np.float32)
    face = cv2.remap(portrait.image, from_x, from_y, cv2.INTER_LINEAR)
    share = cv2.GaussianBlur(hair, (0, 0), 0.015 * portrait.face[3])[:, :, None]
    head = (face * (1.0 - share) + _back(aside, portrait, rows) * share).astype(np.uint8)
    image = portrait.image.copy()
    image[rows] = _spread(head, seen)
    outline = _outline(seen, 0.02 * portrait.face[3]) + np.array((0, rows[0]), np.float32)
    return replace(portrait, image=image, outline=outline, box=aside.box)


class _Section(NamedTuple):
    """Points on the closed curves of some rows, all (rows, points) float32."""

    x: NDArray[np.float32]
    """Pixels of the image; also where the image shows this point, or would if the head were no obstacle."""
    z: NDArray[np.float32]
    """Pixels towards the camera."""
    hair: NDArray[np.float32]
    """1 where hair stands in for what the image does not show, 0 where it shows the point."""


def _section(
    portrait: Portrait, crown: float, mask: NDArray[np.uint8], rows: NDArray[np.intp], band: slice
) -> _Section:
    """The curves of the rows in `band`, of a head seen from the front; `mask` holds all its rows."""
    face_x, face_y, face_width, face_height = portrait.face
    left = mask.argmax(axis=1)
    right = mask.shape[1] - 1 - mask[:, ::-1].argmax(axis=1)
    widest = float((right - left).max()) / 2
    middle, half = ((left + right) / 2)[band, None], ((right - left) / 2)[band, None]
    along = ((rows[band] - face_y) / face_height)[:, None]  # 0 at the top of the face box, 1 at the chin
    top = (float(rows[0]) - face_y) / face_height

    # From brow to chin the face is equally deep; above it the head is round, below it there is only the neck.
    dome = np.sqrt(1.0 - np.clip((_BROW - along) / (_BROW - top), 0.0, 1.0) ** 2)
    neck = 1.0 / (1.0 + np.exp(-(along - 1.0) / 0.03))
    front = (0.5 * face_width + 0.35 * widest) * (0.15 + 0.85 * dome) * (1.0 - neck) + 0.55 * half * neck
    behind = np.maximum(0.9 * half, 0.75 * widest * dome) * (1.0 - neck) + 0.7 * half * neck

    across = np.sin(np.linspace(-math.pi / 2, math.pi / 2, _STEPS))[None, :]  # -1 and 1 at the ears
    x = middle + half * across
    nose = np.exp(-(((x - face_x - face_width / 2) / (0.1 * face_width)) ** 2))
    nose *= 0.2 * face_width * np.interp(along, (0.28, 0.55, 0.64), (0.0, 1.0, 0.0))  # bridge, tip, lip
    bulge = np.sqrt(1.0 - np.abs(across) ** 2.2)
    known = np.interp(along, (0.1, 0.35), (crown, _KNOWN))
    rim = np.clip((np.abs(across) - known) / _BLEND, 0.0, 1.0)
    return _Section(
        x=np.concatenate([x, x], axis=1).astype(np.float32),
        z=np.concatenate([front * bulge + nose, -behind * bulge], axis=1).astype(np.float32),
        hair=np.concatenate([rim * (1.0 - neck), np.ones_like(x) * (1.0 - neck)], axis=1).astype(np.float32),
    )


def _turn(
    section: _Section,
    portrait: Portrait,
    yaw: float,
    into: tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32]],
) -> None:
    """Fill in what the rows show afterwards: 255 where anything is seen, its x of the image, its share of hair."""
    seen, from_x, hair = into
    axis = portrait.face[0] + portrait.face[2] / 2
    cos, sin = math.cos(yaw), math.sin(yaw)
    off = section.x - axis
    nearest_last = np.argsort(section.z * cos - off * sin, axis=1)  # what is written last stays
    column = np.rint(axis + off * cos + section.z * sin).clip(0, seen.shape[1] - 1).astype(np.intp)
    column = np.take_along_axis(column, nearest_last, axis=1)
    line = np.arange(len(seen))[:, None]
    seen[line, column] = 255
    from_x[line, column] = np.take_along_axis(section.x, nearest_last, axis=1)
    hair[line, column] = np.take_along_axis(section.hair, nearest_last, axis=1)


def _back(aside: Aside, portrait: Portrait, rows: NDArray[np.intp]) -> NDArray[np.float32]:
    """A surface of hair or cap in strands from top to bottom: (rows, width, 3) float32 BGR."""
    size = portrait.face[3]
    noise = np.random.default_rng(0).standard_normal((len(rows), portrait.image.shape[1])).astype(np.float32)
    strands = np.asarray(cv2.GaussianBlur(noise, (0, 0), sigmaX=0.012 * size, sigmaY=0.12 * size), np.float32)
    strands = strands / strands.std()
    colour, rough = np.zeros((2, len(rows), 1, 3), np.float32)
    for row, (x, y, width, height) in aside.back:
        patch = portrait.image[y : y + height, x : x + width].reshape(-1, 3).astype(np.float32)
        colour[rows >= row] = 0.9 * patch.mean(axis=0)
        rough[rows >= row] = 0.5 * patch.std(axis=0).mean()
    return np.asarray(np.clip(colour + rough * strands[:, :, None], 0.0, 255.0), np.float32)


def _outline(seen: NDArray[np.uint8], smooth: float) -> NDArray[np.float32]:
    """The border of what is seen, without the steps from row to row: (points, 2) float32."""
    soft = cv2.GaussianBlur(seen, (0, 0), smooth)
    contours, _ = cv2.findContours((soft > 127).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return np.asarray(max(contours, key=len)[:, 0], np.float32)


def _spread(head: NDArray[np.uint8], seen: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The head with its outermost colours carried on to the sides, so that its soft edge shows no old background."""
    columns = np.arange(seen.shape[1])[None, :]
    first = seen.argmax(axis=1)[:, None] + 2
    last = seen.shape[1] - 3 - seen[:, ::-1].argmax(axis=1)[:, None]
    nearest = np.clip(columns, first, np.maximum(first, last))
    return np.asarray(np.take_along_axis(head, nearest[:, :, None], axis=1), np.uint8)
