"""Readers of labelled face pictures: everything becomes one `Faces` table of arrays."""

from __future__ import annotations

import os
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.files.bounded_read import open_regular
from models.labels import FERPLUS_COLUMNS, FERPLUS_NOT_A_FACE
from models.readers import PRIVATE, PUBLIC, TRAIN, Rows, read_csv, read_folder

__all__ = [
    "KINDS",
    "PRIVATE",
    "PUBLIC",
    "SPLITS",
    "TRAIN",
    "Faces",
    "absolute_majority",
    "read_faces",
    "read_npz",
    "read_rows",
    "vote_majority",
    "vote_shares",
]

SPLITS = {"train": TRAIN, "public": PUBLIC, "private": PRIVATE}
KINDS = "FER2013 as .npz, fer2013.csv, or a folder (train/angry/*.jpg, ...)"  # for the help of commands
ARRAYS = ("images", "label", "usage", "ferplus_votes", "dup_group")
PACKED = {"webp", "webp_sizes"}  # what models.pack writes in the place of `images`


@dataclass(frozen=True)
class Faces:
    """Labelled grey faces; every array has one row per picture.

    Attributes:
        images: (n, 48, 48) uint8, grey.
        label: (n,) int64, the FER2013 class 0..6.
        votes: (n, 7) float32, share of the FERPlus votes per class; a row sums to 1, or to 0 when
            most annotators chose something outside the seven classes, or there are no votes.
        majority: (n,) int64, the class with the most FERPlus votes, or -1 where that is not one of the seven or
            not the only one.
        absolute: (n,) int64, the class of more than half of the FERPlus votes, or -1; see `absolute_majority`.
        split: (n,) int64, 0 train, 1 PublicTest, 2 PrivateTest.
    """

    images: NDArray[np.uint8]
    label: NDArray[np.int64]
    votes: NDArray[np.float32]
    majority: NDArray[np.int64]
    absolute: NDArray[np.int64]
    split: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.images)

    def where(self, mask: NDArray[np.bool_]) -> Faces:
        """The rows where `mask` (n,) is true."""
        return Faces(**{name: column[mask] for name, column in vars(self).items()})

    def only(self, split: str) -> Faces:
        """The rows of one split: train, public or private."""
        return self.where(self.split == SPLITS[split])

    def truth(self, head: str) -> NDArray[np.int64]:
        """(n,) int64: the class that an output named `fer2013` or `ferplus` should give; -1 is not scored."""
        return {"fer2013": self.label, "ferplus": self.majority}[head]


def read_faces(path: Path, *, votes: Path | None = None, clean: bool = True, split: str | None = None) -> Faces:
    """Read labelled faces, whatever they come in.

    Args:
        path: One of an .npz (see `read_npz`), the original `fer2013.csv`, or a folder of pictures in folders named
            after their class, within train, validation and test or without these (see `models.readers`).
        votes: FERPlus's `fer2013new.csv`, for `fer2013.csv` only; without it, the one beside that file, if any.
            Where there are no votes at all, `Faces.votes` is all 0 and `Faces.majority` all -1.
        clean: Leave out what would flatter or spoil a result: training pictures that half of the FERPlus annotators
            call "not a face", and training pictures with a twin in a test split. Test splits are never touched.
        split: What data that do not say it are taken for as a whole: train, public or private. Without it, a hash
            makes 80 % of them train, 10 % public, 10 % private, always the same.

    Raises:
        ValueError: It cannot be read; one line that names file, line, value and remedy.
        ImportError: The pictures of a folder need OpenCV, which is not installed.
    """
    if split is not None and split not in SPLITS:
        raise ValueError(f"no split is named {split!r}. Remedy: one of {', '.join(SPLITS)}")
    whole = None if split is None else SPLITS[split]
    if path.suffix.lower() == ".csv" and not path.is_dir():
        return _faces(read_csv(path, votes, whole), clean=clean)
    if votes is not None:
        raise ValueError(f"{votes}: votes go with fer2013.csv only. Remedy: leave them out for {path}")
    if path.is_dir():
        return _faces(read_folder(path, whole), clean=clean)
    if path.suffix.lower() == ".npz":
        return read_npz(path, clean=clean)
    if not path.exists():
        raise ValueError(f"{path}: cannot be read (No such file or directory)")
    raise ValueError(f"{path}: unknown kind of data. Remedy: unpack it if it is an archive; give {KINDS}")


def read_npz(path: Path, *, clean: bool = True) -> Faces:
    """Read FER2013 with FERPlus votes from one .npz (images, label, usage, ferplus_votes, dup_group).

    What models.pack wrote has `webp` and `webp_sizes` in the place of `images`.

    Args:
        path: The file; its twins include near-identical pictures.
        clean: As in `read_faces`.

    Raises:
        ValueError: The file is not such an archive; the text says what is missing.
    """
    return _faces(_rows(path), clean=clean)


def _rows(path: Path) -> Rows:
    images, label, usage, raw, group = _arrays(path)
    return Rows(images, label.astype(np.int64), usage.astype(np.int64), raw, group)


def read_rows(path: Path) -> Rows:
    """The rows of an .npz as they stand there, but for those that `clean` leaves out. Raises as `read_npz`."""
    rows = _rows(path)
    usable = _usable(rows)
    return Rows(*(column[usable] for column in vars(rows).values()))


def _faces(rows: Rows, *, clean: bool) -> Faces:
    faces = Faces(
        rows.images, rows.label, vote_shares(rows.votes), vote_majority(rows.votes), absolute_majority(rows.votes),
        rows.split,
    )  # fmt: skip
    return faces.where(_usable(rows)) if clean else faces


def _usable(rows: Rows) -> NDArray[np.bool_]:
    """Which rows would not flatter or spoil a result: (n,)."""
    tested = np.unique(rows.group[(rows.split != TRAIN) & (rows.group >= 0)])
    spoiled = (rows.votes[:, FERPLUS_NOT_A_FACE] >= 5) | np.isin(rows.group, tested)
    return (rows.split != TRAIN) | ~spoiled


def _arrays(path: Path) -> list[NDArray[Any]]:
    """The arrays of the archive in the order of ARRAYS, checked to belong together. Raises ValueError."""
    try:
        with os.fdopen(open_regular(path), "rb") as file, np.load(file) as archive:
            found = {name: archive[name] for name in ARRAYS if name in archive}
            if "images" not in found and set(archive) >= PACKED:
                found = {"images": unpacked(archive["webp"], archive["webp_sizes"]), **found}
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


def unpacked(webp: NDArray[np.uint8], sizes: NDArray[np.int64]) -> NDArray[np.uint8]:
    """The grey pictures in WebP files: (n, 48, 48) uint8.

    Args:
        webp: The bytes of all files, one after the other.
        sizes: How many each has.

    Raises:
        ValueError: They are no such files.
        ImportError: OpenCV is not installed.
    """
    import cv2  # noqa: PLC0415 - no other .npz needs it

    if webp.dtype != np.uint8 or sizes.ndim != 1 or not len(sizes) or sizes.min() < 1 or sizes.sum() != webp.size:
        raise ValueError("the sizes of the packed pictures do not fit their bytes")
    files = np.split(webp.ravel(), np.cumsum(sizes)[:-1])
    found = [cv2.imdecode(file, cv2.IMREAD_GRAYSCALE) for file in files]
    columns = [column for column in found if column is not None and column.shape[1] == 48 and not len(column) % 48]
    if len(columns) < len(found):
        raise ValueError("the packed pictures are damaged")
    return np.concatenate(columns).reshape(-1, 48, 48).astype(np.uint8, copy=False)


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


def absolute_majority(raw: NDArray[np.uint8]) -> NDArray[np.int64]:
    """FERPlus votes (n, 10) as the class 0..6 that more than half chose: (n,) int64, -1 if outside the seven or none.

    Single votes are dropped before that. The protocol of Barsoum et al. (2016, arXiv:1608.01041) and of most papers
    since: it leaves out the pictures that people see in more than two ways, so it is easier than `vote_majority`.
    """
    votes = np.where(raw == 1, 0, raw).astype(np.int64)
    seven = votes[:, FERPLUS_COLUMNS]
    return np.where(2 * seven.max(axis=1) > votes.sum(axis=1), seven.argmax(axis=1), -1)
