"""Readers of labelled face pictures: everything becomes one `Faces` table of arrays."""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.labels import FERPLUS_COLUMNS, FERPLUS_NOT_A_FACE

TRAIN, PUBLIC, PRIVATE = 0, 1, 2
SPLITS = {"train": TRAIN, "public": PUBLIC, "private": PRIVATE}
ARRAYS = ("images", "label", "usage", "ferplus_votes", "dup_group")


@dataclass(frozen=True)
class Faces:
    """Labelled grey faces; every array has one row per picture.

    Attributes:
        images: (n, 48, 48) uint8, grey.
        label: (n,) int64, the FER2013 class 0..6.
        votes: (n, 7) float32, share of the FERPlus votes per class; a row sums to 1, or to 0 when
            most annotators chose something outside the seven classes.
        majority: (n,) int64, the class with the most FERPlus votes, or -1 where that is not one of the seven or
            not the only one.
        split: (n,) int64, 0 train, 1 PublicTest, 2 PrivateTest.
    """

    images: NDArray[np.uint8]
    label: NDArray[np.int64]
    votes: NDArray[np.float32]
    majority: NDArray[np.int64]
    split: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.images)

    def where(self, mask: NDArray[np.bool_]) -> Faces:
        """The rows where `mask` (n,) is true."""
        return Faces(self.images[mask], self.label[mask], self.votes[mask], self.majority[mask], self.split[mask])

    def only(self, split: str) -> Faces:
        """The rows of one split: train, public or private."""
        return self.where(self.split == SPLITS[split])

    def truth(self, head: str) -> NDArray[np.int64]:
        """(n,) int64: the class that an output named `fer2013` or `ferplus` should give; -1 is not scored."""
        return {"fer2013": self.label, "ferplus": self.majority}[head]


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
    images, label, usage, raw, group = _arrays(path)
    faces = Faces(images, label.astype(np.int64), vote_shares(raw), vote_majority(raw), usage.astype(np.int64))
    if not clean:
        return faces
    tested = np.unique(group[(usage != TRAIN) & (group >= 0)])
    spoiled = (raw[:, FERPLUS_NOT_A_FACE] >= 5) | np.isin(group, tested)
    return faces.where((usage != TRAIN) | ~spoiled)


def _arrays(path: Path) -> list[NDArray[Any]]:
    """The arrays of the archive in the order of ARRAYS, checked to belong together. Raises ValueError."""
    try:
        with np.load(path) as archive:
            found = {name: archive[name] for name in ARRAYS if name in archive}
    except OSError as error:
        raise ValueError(f"{path}: cannot be read ({error.strerror or error})") from None
    except (ValueError, TypeError, EOFError, zipfile.BadZipFile, zlib.error):
        # numpy takes a file it does not know for a pickle, and has only that to say; a lone array is no context.
        raise ValueError(f"{path}: damaged, or not an .npz archive") from None
    missing = [name for name in ARRAYS if name not in found]
    if missing:
        raise ValueError(f"{path}: the archive has no array named {', '.join(missing)}")
    rows = len(np.atleast_1d(found["images"]))
    for (name, array), row in zip(found.items(), ((48, 48), (), (), (10,), ()), strict=True):
        if array.shape != (rows, *row) or not np.issubdtype(array.dtype, np.integer):
            raise ValueError(f"{path}: array {name} is {array.shape} {array.dtype}, expected {(rows, *row)} integers")
    return list(found.values())


def vote_shares(raw: NDArray[np.uint8]) -> NDArray[np.float32]:
    """FERPlus votes (n, 10) as shares (n, 7) of the seven classes.

    A majority outside the seven (contempt, unknown, not a face) leaves a row of zeros, so that it is
    not trained on as one of them (Barsoum et al. 2016 drop the same rows).
    """
    votes = raw.astype(np.float32)
    seven = votes[:, FERPLUS_COLUMNS]
    outside = np.delete(votes, FERPLUS_COLUMNS, axis=1).max(axis=1) > seven.max(axis=1)
    total = seven.sum(axis=1, keepdims=True)
    shares = np.where((total > 0) & ~outside[:, None], seven / np.maximum(total, 1), 0)
    return shares.astype(np.float32)


def vote_majority(raw: NDArray[np.uint8]) -> NDArray[np.int64]:
    """FERPlus votes (n, 10) as the class 0..6 that most chose: (n,) int64, -1 if outside the seven or not unique."""
    top = raw.max(axis=1, keepdims=True)
    # Unique among all ten: as many votes for "contempt" or "unknown" are no majority either.
    unique = ((raw == top).sum(axis=1) == 1) & (raw[:, FERPLUS_COLUMNS].max(axis=1) == top[:, 0])
    return np.where(unique, raw[:, FERPLUS_COLUMNS].argmax(axis=1), -1).astype(np.int64)
