"""Readers of labelled face pictures: everything becomes one `Faces` table of arrays."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.labels import FERPLUS_COLUMNS, FERPLUS_NOT_A_FACE

TRAIN, PUBLIC, PRIVATE = 0, 1, 2
SPLITS = {"train": TRAIN, "public": PUBLIC, "private": PRIVATE}


@dataclass(frozen=True)
class Faces:
    """Labelled grey faces; every array has one row per picture.

    Attributes:
        images: (n, 48, 48) uint8, grey.
        label: (n,) int64, the FER2013 class 0..6.
        votes: (n, 7) float32, share of the FERPlus votes per class; a row sums to 1, or to 0 when
            no annotator chose one of the seven classes.
        split: (n,) int64, 0 train, 1 PublicTest, 2 PrivateTest.
    """

    images: NDArray[np.uint8]
    label: NDArray[np.int64]
    votes: NDArray[np.float32]
    split: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.images)

    def where(self, mask: NDArray[np.bool_]) -> Faces:
        """The rows where `mask` (n,) is true."""
        return Faces(self.images[mask], self.label[mask], self.votes[mask], self.split[mask])

    def only(self, split: str) -> Faces:
        """The rows of one split: train, public or private."""
        return self.where(self.split == SPLITS[split])

    def majority(self) -> NDArray[np.int64]:
        """(n,) int64: the FERPlus majority class, or -1 where it is not one of the seven or not unique."""
        top = self.votes.max(axis=1, keepdims=True)
        unique = (self.votes == top).sum(axis=1) == 1
        return np.where(unique & (top[:, 0] > 0), self.votes.argmax(axis=1), -1).astype(np.int64)


def read_npz(path: Path, *, clean: bool = True) -> Faces:
    """Read FER2013 with FERPlus votes from one .npz (images, label, usage, ferplus_votes, dup_group).

    Args:
        path: The file.
        clean: Leave out what would flatter or spoil a result: training pictures that half of the
            FERPlus annotators call "not a face", and training pictures with a (near-)identical twin
            in a test split. Test splits are never touched.

    Raises:
        ValueError: The file is not such an archive; the text says what is missing.
    """
    try:
        with np.load(path) as archive:
            wanted = ("images", "label", "usage", "ferplus_votes", "dup_group")
            missing = [name for name in wanted if name not in archive]
            if missing:
                raise ValueError(f"{path}: the archive has no array named {', '.join(missing)}")
            images, label, usage, raw, group = (archive[name] for name in wanted)
    except OSError as error:
        raise ValueError(f"{path}: cannot be read ({error})") from error

    faces = Faces(images, label.astype(np.int64), vote_shares(raw), usage.astype(np.int64))
    if not clean:
        return faces
    tested = np.unique(group[(usage != TRAIN) & (group >= 0)])
    spoiled = (raw[:, FERPLUS_NOT_A_FACE] >= 5) | np.isin(group, tested)
    return faces.where((usage != TRAIN) | ~spoiled)


def vote_shares(raw: NDArray[np.uint8]) -> NDArray[np.float32]:
    """FERPlus votes (n, 10) as shares (n, 7) of the seven classes.

    A majority outside the seven (contempt, unknown, not a face) leaves a row of zeros, so that it is
    neither trained on nor scored as one of them (Barsoum et al. 2016 drop the same rows).
    """
    votes = raw.astype(np.float32)
    seven = votes[:, FERPLUS_COLUMNS]
    outside = np.delete(votes, FERPLUS_COLUMNS, axis=1).max(axis=1) > seven.max(axis=1)
    total = seven.sum(axis=1, keepdims=True)
    shares: NDArray[np.float32] = np.where(
        (total > 0) & ~outside[:, None], seven / np.maximum(total, 1), 0
    ).astype(np.float32)
    return shares
