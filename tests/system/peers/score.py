"""How many of the true faces were found: those of 10 px and more, at an overlap of one half."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge.vision.tracker import overlap

IOU = 0.5
SMALLEST, LARGE = 10.0, 24.0  # pixels high
IGNORED = 0.3  # overlap with a face that does not count, from which a box is neither right nor wrong


class Truth(NamedTuple):
    """Boxes (n, 4) as x, y, width, height, and which of them count."""

    boxes: NDArray[np.float32]
    counts: NDArray[np.bool_]


@dataclass(frozen=True)
class Score:
    """Sums over pictures: faces found, boxes that are none, faces of 24 px and more, and how many of those found."""

    hits: int = 0
    wrong: int = 0
    large: int = 0
    large_hits: int = 0

    def __add__(self, other: Score) -> Score:
        return Score(
            self.hits + other.hits, self.wrong + other.wrong,
            self.large + other.large, self.large_hits + other.large_hits,
        )  # fmt: skip

    @property
    def recall(self) -> float:
        """Share of the faces of 24 px and more."""
        return self.large_hits / max(self.large, 1)

    @property
    def precision(self) -> float:
        """Share of the boxes that are faces."""
        return self.hits / max(self.hits + self.wrong, 1)


def shown(described: dict[str, Any], scale: float) -> Truth:
    """The truth about one picture of truth.json, as the picture was scaled."""
    faces = described["faces"]
    boxes = np.array([face["box"] for face in faces], np.float32).reshape(-1, 4) * np.float32(scale)
    valid = np.array([not face["invalid"] for face in faces], bool)
    return Truth(boxes, valid & (boxes[:, 3] >= SMALLEST) & (boxes[:, 2] > 0))


def score(faces: NDArray[np.float64], truth: Truth) -> Score:
    """Match boxes (n, 5) with their scores to the truth, the surest first; each face can be found once."""
    boxes = faces[np.argsort(-faces[:, 4], kind="stable"), :4].astype(np.float32)
    shares = overlap(boxes, truth.boxes)
    taken = np.zeros(len(truth.boxes), bool)
    hits = wrong = 0
    for row in shares:
        free = np.flatnonzero(truth.counts & ~taken & (row >= IOU))
        if len(free):
            taken[free[row[free].argmax()]] = True
            hits += 1
        elif not np.any(~truth.counts & (row >= IGNORED)):
            wrong += 1
    large = truth.counts & (truth.boxes[:, 3] >= LARGE)
    return Score(hits, wrong, int(large.sum()), int((large & taken).sum()))
