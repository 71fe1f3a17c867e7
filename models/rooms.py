"""Rooms full of known faces, to measure how well shares are estimated: still ones and filmed ones."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.labels import LABELS

# Dirichlet parameters of the shares that rooms are drawn with, in the order of LABELS.
MIXTURES: dict[str, tuple[float, ...]] = {
    "mostly neutral": (0.32, 0.08, 0.16, 1.44, 0.48, 0.48, 5.04),  # on average 63 % neutral, 18 % happy
    "uniform": (1.0,) * len(LABELS),
}

VIEWS = 16  # how many ways each face is seen in
HOLD = 3  # frames that a face is seen in the same way, because nobody twitches five times a second
FRAMES = 50  # of a filmed window: ten seconds at five frames per second
STEADY = 0.6  # share of the faces that stay for the whole window; the others come and go
MOVED = 0.15  # share of the faces whose expression changes once

ZOOM, SHIFT, TURN = 0.04, 1.2, 3.0  # standard deviations of a view: factor, px, degrees
LIGHT, NOISE = 0.08, 3.0  # factor, grey levels


@dataclass(frozen=True)
class Film:
    """A room of n faces over FRAMES frames.

    Attributes:
        pictures: (n, FRAMES) int64, which picture a face looks like in a frame.
        views: (n, FRAMES) int64, which view of it, 0..VIEWS-1.
        present: (n, FRAMES) bool, whether the face is there; every face is, in one frame at least.
    """

    pictures: NDArray[np.int64]
    views: NDArray[np.int64]
    present: NDArray[np.bool_]


def draw(rng: np.random.Generator, mixture: str, faces: int, truth: NDArray[np.int64]) -> NDArray[np.int64]:
    """The pictures of a room: (faces,) int64 indices into `truth` (m,), which holds every class 0..6.

    The room's shares are drawn first, then a class for each face, then one of its pictures, with replacement.
    """
    shares = rng.dirichlet(MIXTURES[mixture])
    classes = rng.choice(len(LABELS), faces, p=shares)
    picks = np.empty(faces, np.int64)
    for index in np.unique(classes):
        here = classes == index
        picks[here] = rng.choice(np.flatnonzero(truth == index), int(here.sum()))
    return picks


def film(rng: np.random.Generator, mixture: str, faces: int, truth: NDArray[np.int64]) -> Film:
    """A room in which some faces come and go and some change their expression; arguments as for `draw`."""
    both = draw(rng, mixture, 2 * faces, truth)  # before and after a change, of one room's shares
    time = np.arange(FRAMES)
    begin, end = np.sort(rng.integers(0, FRAMES, (2, faces)), axis=0)
    stays = rng.random(faces) < STEADY
    present = stays[:, None] | ((begin[:, None] <= time) & (time <= end[:, None]))
    change = np.where(rng.random(faces) < MOVED, rng.integers(0, FRAMES, faces), FRAMES)
    pictures = np.where(time < change[:, None], both[:faces, None], both[faces:, None])
    views = np.repeat(rng.integers(0, VIEWS, (faces, FRAMES // HOLD + 1)), HOLD, axis=1)[:, :FRAMES]
    return Film(pictures, views, present)


def class_shares(classes: NDArray[np.int64]) -> NDArray[np.float64]:
    """(7,) float64: how often each class 0..6 occurs among `classes` (n,), n >= 1."""
    return np.bincount(classes, minlength=len(LABELS)) / len(classes)


def view(images: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Grey faces (n, height, width) uint8 as another frame might show them: moved, turned, lit a little differently."""
    seen = np.empty_like(images)
    height, width = images.shape[1:]
    for new, image in zip(seen, images, strict=True):
        turned = cv2.getRotationMatrix2D((width / 2, height / 2), rng.normal(0, TURN), rng.normal(1, ZOOM))
        matrix = turned + np.outer(rng.normal(0, SHIFT, 2), (0, 0, 1))
        moved = cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
        lit = moved * rng.normal(1, LIGHT) + rng.normal(0, NOISE, moved.shape)
        new[:] = np.clip(np.round(lit), 0, 255)
    return seen
