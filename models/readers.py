"""Folders of pictures and FER2013's CSV files as plain arrays; models.data says what of them is used."""

# ruff: noqa: PLC0415 - OpenCV and tqdm are imported where they are used: the .npz of models.data needs neither.
from __future__ import annotations

import contextlib
import csv
import hashlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from edge.files.bounded_read import open_regular, read_file
from models.labels import LABELS

SIZE = 48  # px, the side of every face
TRAIN, PUBLIC, PRIVATE = range(3)
SPLIT_NAMES = {
    "train": TRAIN, "training": TRAIN,
    "validation": PUBLIC, "valid": PUBLIC, "val": PUBLIC, "public": PUBLIC, "publictest": PUBLIC,
    "test": PRIVATE, "testing": PRIVATE, "private": PRIVATE, "privatetest": PRIVATE,
}  # fmt: skip
SYNONYMS = {
    "angry": ("anger",), "disgust": ("disgusted",), "fear": ("fearful", "afraid", "scared"),
    "happy": ("happiness", "joy"), "sad": ("sadness",), "surprise": ("surprised", "suprise"), "neutral": (),
}  # fmt: skip
CLASS_NAMES = {name: index for index, label in enumerate(LABELS) for name in (label, *SYNONYMS[label])}
OUTSIDE = {"contempt", "unknown", "none", "other", "uncertain", "not-a-face", "noface", "nf"}
SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".pgm", ".ppm"}
VOTES = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt", "unknown", "nf")
VOTES_FILE = "fer2013new.csv"  # FERPlus's own name for its votes
MAX_PICTURE = 100_000_000  # bytes
LONGEST_LINE = 1_000_000
EXPECTED = f"Remedy: name it after a class ({', '.join(LABELS)}) or a split (train, validation, test), or move it away"


@dataclass(frozen=True)
class Rows:
    """Pictures as they were found; every array has one row per picture.

    Attributes:
        images: (n, 48, 48) uint8, grey.
        label: (n,) int64, the FER2013 class 0..6.
        split: (n,) int64, TRAIN, PUBLIC or PRIVATE.
        votes: (n, 10) uint8, FERPlus votes in the order of VOTES; all 0 when there are none.
        group: (n,) int64, the number of a group of twins; -1 for a picture that is known to have none.
    """

    images: NDArray[np.uint8]
    label: NDArray[np.int64]
    split: NDArray[np.int64]
    votes: NDArray[np.uint8]
    group: NDArray[np.int64]


def read_folder(folder: Path, split: int | None = None) -> Rows:
    """Read pictures in folders named after their class, within folders named after their split if there are any.

    Any size and colour becomes grey 48x48. Without split folders, a hash of the file's name makes 80 % of the pictures
    TRAIN, 10 % PUBLIC, 10 % PRIVATE; without a validation folder beside train, a tenth of train becomes PUBLIC, so that
    the test folder is not what a network is chosen by. What cannot be read is left out, and reported on stderr.

    Args:
        folder: The folder, or one that holds nothing else than it.
        split: What a folder without split folders is taken for as a whole, instead.

    Raises:
        ValueError: A folder's name is not known, or there is no readable picture; names the folder.
        ImportError: OpenCV is not installed.
    """
    found = list(_pictures(_unwrapped(folder), split))
    images = np.empty((len(found), SIZE, SIZE), np.uint8)
    lost = []
    with _bar(len(found), f"read {folder.name}", "picture") as bar:
        for row, (path, _, _) in enumerate(found):
            picture = read_picture(path)
            if picture is None:
                lost.append(row)
            else:
                images[row] = picture
            bar.update()
    if len(lost) == len(found):
        raise ValueError(f"{folder}: no readable picture in it. Remedy: give the folder that holds train/angry/*.jpg")
    if lost:
        _tell(f"{folder}: {len(lost)} of {len(found)} pictures cannot be read and are left out, as {found[lost[0]][0]}")
    kept = np.setdiff1d(np.arange(len(found)), lost)
    labels, splits = (np.array([entry[column] for entry in found], np.int64)[kept] for column in (1, 2))
    return _rows(images[kept], labels, splits)


def read_csv(path: Path, votes: Path | None = None, split: int | None = None) -> Rows:
    """Read `fer2013.csv` (columns emotion, pixels, Usage) with the FERPlus votes, if there are any.

    Args:
        path: The file. Without a column Usage, a hash of the pixels splits it as `read_folder` does.
        votes: `fer2013new.csv` with the votes for the same rows. Without it, one beside `path` is used if there is one.
        split: What a file without Usage is taken for as a whole, instead.

    Raises:
        ValueError: A file cannot be read, a row is malformed, or the two do not belong together; names file and line.
    """
    if votes is None and (beside := path.with_name(VOTES_FILE)).is_file() and beside != path:
        _tell(f"{path}: with the FERPlus votes of {beside}")
        votes = beside
    pixels, labels, splits = [], [], []
    for line, (emotion, levels, usage) in _table(path, ("emotion", "pixels"), "usage"):
        pixels.append(_levels(path, line, levels))
        labels.append(_number(path, line, "emotion", emotion, len(LABELS) - 1))
        if usage is not None:
            splits.append(_usage(path, line, usage))
        else:
            splits.append(_drawn(pixels[-1]) if split is None else split)
    if not pixels:
        raise ValueError(f"{path}: no rows below the header. Remedy: download the file again")
    images = np.frombuffer(b"".join(pixels), np.uint8).reshape(-1, SIZE, SIZE)
    raw = _read_votes(votes, path, splits) if votes else None
    return _rows(images, np.array(labels, np.int64), np.array(splits, np.int64), raw)


def _rows(
    images: NDArray[np.uint8],
    label: NDArray[np.int64],
    split: NDArray[np.int64],
    votes: NDArray[np.uint8] | None = None,
) -> Rows:
    """Rows whose groups are the pictures with the very same pixels."""
    seen: dict[bytes, int] = {}
    group = [seen.setdefault(hashlib.blake2b(image.tobytes()).digest(), len(seen)) for image in images]
    raw = np.zeros((len(images), len(VOTES)), np.uint8) if votes is None else votes
    return Rows(images, label, split, raw, np.array(group, np.int64))


# Folders


def _pictures(top: Path, split: int | None) -> Iterator[tuple[Path, int, int]]:
    """Path, class and split of every file that is a picture by its name."""
    parts = {part: SPLIT_NAMES.get(_plain(part)) for part in _folders(top)}
    if all(found is None for found in parts.values()):
        for path, label in _labelled(top):
            yield path, label, _drawn(os.fsencode(path.name)) if split is None else split
        return
    carve = PUBLIC not in parts.values()
    for part, found in parts.items():
        if found is None:
            raise ValueError(f"{part}: not a split. {EXPECTED}")
        for path, label in _labelled(part):
            held = carve and found == TRAIN and _drawn(os.fsencode(path.name)) == PUBLIC
            yield path, label, PUBLIC if held else found


def _labelled(folder: Path) -> Iterator[tuple[Path, int]]:
    for part in _folders(folder):
        label = CLASS_NAMES.get(_plain(part))
        paths = sorted(path for path in part.rglob("*") if path.suffix.lower() in SUFFIXES and path.name[0] not in "._")
        if label is not None:
            yield from ((path, label) for path in paths)
        elif _plain(part) in OUTSIDE:
            _tell(f"{part}: {len(paths)} pictures left out, outside the seven classes")
        else:
            raise ValueError(f"{part}: not a class. {EXPECTED}")


def _unwrapped(folder: Path) -> Path:
    """`folder`, or the first one below it that is not alone (archives often hold one folder, and that another)."""
    inside = _folders(folder)
    while len(inside) == 1 and _plain(inside[0]) not in {*SPLIT_NAMES, *CLASS_NAMES, *OUTSIDE}:
        folder, inside = inside[0], _folders(inside[0])
    if not inside:
        raise ValueError(f"{folder}: no folders in it. Remedy: give the folder that holds train/angry/*.jpg")
    return folder


def _folders(folder: Path) -> list[Path]:
    try:
        return sorted(part for part in folder.iterdir() if part.is_dir() and part.name[0] not in "._")
    except OSError as error:
        raise ValueError(f"{folder}: cannot be read ({error.strerror or error})") from None


def _plain(folder: Path) -> str:
    return folder.name.strip().lower().replace("_", "-")


def _drawn(key: bytes) -> int:
    """TRAIN, PUBLIC or PRIVATE, 8 to 1 to 1, always the same for the same key."""
    return {0: PUBLIC, 1: PRIVATE}.get(hashlib.blake2b(key).digest()[0] % 10, TRAIN)


def read_picture(path: Path) -> NDArray[np.uint8] | None:
    """The picture as (48, 48) uint8 grey, or None when it cannot be read. Raises ImportError."""
    try:
        import cv2
    except ImportError:
        raise ImportError("pictures need OpenCV. Remedy: pip install opencv-python-headless") from None
    try:
        grey = cv2.imdecode(np.frombuffer(read_file(path, MAX_PICTURE), np.uint8), cv2.IMREAD_GRAYSCALE)
    except (OSError, cv2.error):
        return None
    if grey is None:  # OpenCV returns that or raises, as the damage may be
        return None
    shrink = cv2.INTER_AREA if grey.size > SIZE * SIZE else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(grey, (SIZE, SIZE), interpolation=shrink), np.uint8)


# CSV


def _table(path: Path, columns: tuple[str, ...], extra: str) -> Iterator[tuple[int, list[Any]]]:
    """Number and values of each line of a CSV file: those of `columns`, then that of `extra`, None without it."""
    with contextlib.ExitStack() as stack:
        try:
            file = stack.enter_context(os.fdopen(open_regular(path), "rb"))
        except OSError as error:
            raise ValueError(f"{path}: cannot be read ({error.strerror or error})") from None
        bar = stack.enter_context(_bar(path.stat().st_size, f"read {path.name}", "B"))
        table = csv.reader(_lines(file, bar))
        try:
            header = [name.strip().lower() for name in next(table, [])]
            missing = [name for name in columns if name not in header]
            if missing:
                remedy = f"Remedy: give fer2013.csv as the data and {VOTES_FILE} as the votes"
                raise ValueError(f"{path}: line 1: no column {', '.join(missing)}. {remedy}")
            places = [header.index(name) for name in columns]
            for row in table:
                if row and len(row) != len(header):
                    raise _fault(path, table.line_num, f"{len(row)} columns, the header has {len(header)}")
                if row:
                    yield (
                        table.line_num,
                        [*(row[i] for i in places), row[header.index(extra)] if extra in header else None],
                    )
        except csv.Error as error:
            raise _fault(path, table.line_num, str(error)) from None


def _lines(file: BinaryIO, bar: Any) -> Iterator[str]:  # noqa: ANN401 - tqdm has no types
    while line := file.readline(LONGEST_LINE):  # csv refuses what is much shorter
        bar.update(len(line))
        yield line.decode("utf-8-sig", errors="replace")  # what is no text fails as a value, with its line


def _levels(path: Path, line: int, text: str) -> bytes:
    try:
        levels = bytes(map(int, text.split()))
    except ValueError:
        raise _fault(path, line, f"pixels {text[:20]!r}... are not all numbers 0 to 255") from None
    if len(levels) != SIZE * SIZE:
        raise _fault(path, line, f"{len(levels)} pixels, expected {SIZE * SIZE} (48x48)")
    return levels


def _number(path: Path, line: int, name: str, text: str, most: int) -> int:
    if text.strip().isdecimal() and int(text) <= most:
        return int(text)
    raise _fault(path, line, f"{name} {text[:20]!r} is not a number 0 to {most}")


def _usage(path: Path, line: int, text: str) -> int:
    if (found := SPLIT_NAMES.get(text.strip().lower())) is None:
        raise _fault(path, line, f"Usage {text[:20]!r} is not Training, PublicTest or PrivateTest")
    return found


def _read_votes(path: Path, faces: Path, splits: list[int]) -> NDArray[np.uint8]:
    """(n, 10) uint8: the votes for the rows of `faces`, whose splits have to be the same row by row."""
    votes = []
    remedy = f"Remedy: give {VOTES_FILE} for this very {faces.name}, both whole and in their first order"
    for line, (*counts, usage) in _table(path, VOTES, "usage"):
        votes.append([_number(path, line, name, text, 255) for name, text in zip(VOTES, counts, strict=True)])
        if usage is not None and len(votes) <= len(splits) and _usage(path, line, usage) != splits[len(votes) - 1]:
            raise ValueError(f"{path}: line {line}: Usage {usage[:20]!r} is not that of the picture. {remedy}")
    if len(votes) != len(splits):
        raise ValueError(f"{path}: {len(votes)} rows of votes for the {len(splits)} pictures of {faces.name}. {remedy}")
    return np.array(votes, np.uint8)


def _fault(path: Path, line: int, what: str) -> ValueError:
    return ValueError(f"{path}: line {line}: {what}. Remedy: mend or remove that line, or download the file again")


def _tell(text: str) -> None:
    print(text, file=sys.stderr)


def _bar(total: int, name: str, unit: str) -> Any:  # noqa: ANN401 - tqdm has no types
    """A progress bar on a terminal, nothing elsewhere."""
    from tqdm import tqdm

    return tqdm(total=total, desc=name, unit=unit, unit_scale=unit == "B", disable=None)
