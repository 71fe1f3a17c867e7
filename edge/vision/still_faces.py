"""Faces that do not move as a living head does: printed ones, and all of a camera that stands still.

They are found by their place alone, not by their track: what a face was smoothed with is forgotten with each window
that is withheld, and a poster would never be recognised. Nothing is kept of a face but where it is, and since when.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

LONG = 600.0  # seconds within which a living head has moved by more than MOVED
MOVED = 0.05  # of the height of the face, its centre or size, smoothed, to either side
SMOOTHING = 5.0  # seconds: noise of the sensor makes boxes jitter, more so of small faces
SETTLING = 10.0  # seconds until it is known where a face is
EVERY = 1.0  # seconds between two looks
FOLLOWED = 1.0  # of its height: a face this near in the next look is the same one
SAME_PLACE = 0.25  # of its height: a face farther from a still one is another, in front of it
LONGEST_GAP = 11.0  # seconds without a frame after which a face that has not been still for long is another one
MISSED = 0.5  # of the time for which it has not moved a face may go unseen: small ones are not found in each frame
KEPT = 604800.0  # seconds for which a still face is remembered: over nights and a weekend in which it is dark
MOST_KEPT = 200  # still faces that are remembered, those seen last
REPORTED = 600.0  # seconds after which `any` is over
AGREEING = 3  # still faces that move alike: the camera does
ALIKE = 0.08  # of its height, by which what moves alike may differ: boxes jitter
JUMP = 0.12  # of a face's height, between two frames; less is smoothed
LONGEST_MISSED = 60.0  # seconds, at most


class StillFaces:
    """Looks once a second where the faces are."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget all of them: the camera shows another picture."""
        self._looked = -math.inf
        self._box = np.empty((0, 3))  # centre and height of each, smoothed; pixels
        self._before = np.empty((0, 3))  # where it was when it moved last
        self._moved = np.empty(0)  # when that was, or when it came; monotonic seconds
        self._seen = np.empty(0)
        self._still = np.empty(0, bool)

    def forget_people(self) -> None:
        """Keep only the still ones: the camera is closed for a while."""
        self._keep(self._still)

    @property
    def any(self) -> bool:
        """Whether a still face has been seen within REPORTED."""
        return bool((self._still & (self._looked - self._seen <= REPORTED)).any())

    def wants(self, time: float) -> bool:
        """Whether `update` has anything to do with a frame of this time."""
        return self._due(time) or bool(self._still.any())

    def update(self, boxes: NDArray[np.float32], time: float) -> NDArray[np.bool_]:
        """Take the faces of a frame.

        Args:
            boxes: (n, 4) float32, x, y, width, height in pixels.
            time: When the frame was taken, monotonic seconds.

        Returns:
            (n,): which of them are still, and so no living person's.
        """
        found = np.stack([boxes[:, 0] + boxes[:, 2] / 2, boxes[:, 1] + boxes[:, 3] / 2, boxes[:, 3]], axis=1)
        found = found.astype(np.float64)
        self._follow_camera(found)
        if self._due(time):
            self._look(found, time)
        still: NDArray[np.bool_] = (_distances(self._box[self._still], found) <= SAME_PLACE).any(axis=0)
        return still

    def _follow_camera(self, found: NDArray[np.float64]) -> None:
        """Move all that is known by as much as most of the still faces have jumped: the camera has been moved."""
        known = self._box[self._still]
        distances = _distances(known, found)
        if min(distances.shape) < AGREEING:
            return
        near = distances.min(axis=1) <= FOLLOWED
        jump = _shared(known[near], found[distances.argmin(axis=1)[near]])
        if np.abs(jump).max() > JUMP * np.median(known[:, 2]):
            self._box[:, :2] += jump
            self._before[:, :2] += jump

    def _due(self, time: float) -> bool:
        return not 0 <= time - self._looked < EVERY

    def _look(self, found: NDArray[np.float64], now: float) -> None:
        gap, self._looked = now - self._looked, now
        if not 0 <= gap <= LONGEST_GAP:
            self._keep(self._still)
            gap = EVERY  # one look after a pause must not outweigh all before
        seen, nearest = self._match(found)
        since = now - self._moved[seen]  # at first all boxes have the same weight
        weight = np.maximum(-math.expm1(-gap / SMOOTHING), gap / (since + gap)) if len(since) else since
        self._box[seen] += weight[:, None] * (found[nearest] - self._box[seen])
        self._seen[seen] = now
        settling = seen & (now - self._moved <= SETTLING)
        self._before[settling] = self._box[settling]
        printed = seen & self._still
        self._before[printed, :2] += _shared(self._before[printed], self._box[printed])
        self._moved[seen & (_moved(self._before, self._box) > MOVED)] = now
        self._still = np.where(seen, now - self._moved >= LONG, self._still)
        unseen = now - self._seen
        missed = unseen <= np.minimum(MISSED * (self._seen - self._moved), LONGEST_MISSED)
        still = np.flatnonzero(self._still & (unseen <= KEPT))
        remembered = np.zeros_like(seen)
        remembered[still[np.argsort(unseen[still], kind="stable")[:MOST_KEPT]]] = True
        self._keep(seen | missed | remembered)
        self._add(np.delete(found, nearest, axis=0), now)

    def _match(self, found: NDArray[np.float64]) -> tuple[NDArray[np.bool_], NDArray[np.intp]]:
        """Which faces, (k,), are seen again; and for each of these, which one of those found it is."""
        distances = _distances(self._box, found)
        if not distances.size:
            return np.zeros(len(self._box), bool), np.empty(0, np.intp)
        nearest, distance = distances.argmin(axis=1), distances.min(axis=1)
        near = np.flatnonzero(distance <= np.where(self._still, SAME_PLACE, FOLLOWED))
        order = near[np.argsort(-distance[near], kind="stable")]
        owner = np.full(len(found), -1)
        owner[nearest[order]] = order  # of several the last: the nearest one
        seen = owner[nearest] == np.arange(len(nearest))
        return seen, nearest[seen]

    def _keep(self, which: NDArray[np.bool_]) -> None:
        self._box, self._before = self._box[which], self._before[which]
        self._moved, self._seen, self._still = self._moved[which], self._seen[which], self._still[which]

    def _add(self, new: NDArray[np.float64], now: float) -> None:
        times = np.full(len(new), now)
        self._box, self._before = np.concatenate([self._box, new]), np.concatenate([self._before, new])
        self._moved, self._seen = np.concatenate([self._moved, times]), np.concatenate([self._seen, times])
        self._still = np.concatenate([self._still, np.zeros(len(new), bool)])


def _moved(before: NDArray[np.float64], now: NDArray[np.float64]) -> NDArray[np.float64]:
    """By how much of its height each face, (..., 3), has moved or changed its size."""
    moved: NDArray[np.float64] = np.abs(now - before).max(axis=-1) / np.maximum(before[..., 2], 1.0)
    return moved


def _shared(before: NDArray[np.float64], now: NDArray[np.float64]) -> NDArray[np.float64]:
    """By how much most of k faces, (k, 3), have moved alike, (2,) pixels; 0 where they have not, or are few."""
    if len(before) >= AGREEING:
        moved = (now - before)[:, :2]
        shift: NDArray[np.float64] = np.median(moved, axis=0)
        alike = np.abs(moved - shift).max(axis=1) <= ALIKE * before[:, 2]
        if alike.sum() >= max(AGREEING, len(before) / 2):
            return shift
    return np.zeros(2)


def _distances(known: NDArray[np.float64], found: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same of each of k known faces, (k, 3), to each of n found, (n, 3): (k, n)."""
    return _moved(known[:, None], found[None])
