"""Labelled faces of real rooms, matched with what the daemon's detector finds there.

The labels are a JSON file, {"faces": [{"file", "box": [x, y, width, height], "pose", "expression"}, ...]}: `pose` is
front (both eyes visible), away (profile, back of the head, or head so low that an eye is hidden) or none (no face);
`expression` is neutral, happy, or null where one look could not tell. docs/own-room.md says how a school makes one of
its own room.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from edge.cameras.normalize import read_picture
from edge.vision.face_detector import Detections, FaceDetector

LEAST_IOU = 0.5
POSES = ("front", "away", "none")
FORMAT = '{"faces": [{"file", "box": [x, y, width, height], "pose", "expression"}, ...]}'


@dataclass(frozen=True)
class Label:
    """What a person says of one face."""

    file: str
    box: tuple[float, float, float, float]
    pose: str
    expression: str | None


@dataclass(frozen=True)
class Picture:
    """One labelled picture.

    Attributes:
        file: Its name.
        image: (height, width, 3) uint8 BGR.
        found: All faces that the detector finds in it.
        labels: Labels of faces that were found, each with the index of its detection.
        missed: How many labels no detection fits.
    """

    file: str
    image: NDArray[np.uint8]
    found: Detections
    labels: tuple[tuple[Label, int], ...]
    missed: int


def read_labels(path: Path) -> list[Label]:
    """Read a file of labels. Raises ValueError that names the file, the entry and what is wrong."""
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
        entries = content["faces"]
    except OSError as error:
        raise ValueError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, TypeError, KeyError):
        raise ValueError(f"{path}: not a file of labels. Remedy: {FORMAT}") from None
    return [_label(path, number, entry) for number, entry in enumerate(entries)]


def _label(path: Path, number: int, entry: Any) -> Label:  # noqa: ANN401 - whatever stands in the file
    try:
        x, y, width, height = map(float, entry["box"])
        label = Label(str(entry["file"]), (x, y, width, height), str(entry["pose"]), entry.get("expression"))
    except (TypeError, KeyError, ValueError, AttributeError):
        raise ValueError(f"{path}: face {number} has no file, box of four numbers and pose. Remedy: {FORMAT}") from None
    if label.pose not in POSES or not (label.expression is None or isinstance(label.expression, str)):
        raise ValueError(f"{path}: face {number}: pose {label.pose!r}. Remedy: one of {', '.join(POSES)}")
    return label


def read_pictures(labels: list[Label], folder: Path, detector: FaceDetector) -> list[Picture]:
    """Detect the faces of every labelled picture, and find each label's.

    Raises:
        ValueError: A picture is not in the folder, or cannot be decoded.
    """
    files = sorted({label.file for label in labels})
    found = []
    for file in tqdm(files, desc="detect", unit="picture"):
        try:
            image = read_picture(folder / file)
        except OSError as error:
            raise ValueError(f"{folder / file}: cannot be read ({error.strerror})") from None
        if image is None:
            raise ValueError(f"{folder / file}: is not a picture that can be decoded")
        detections = detector.detect(image)
        pairs = [(label, _match(label, detections)) for label in labels if label.file == file]
        matched = tuple((label, index) for label, index in pairs if index is not None)
        found.append(Picture(file, image, detections, matched, len(pairs) - len(matched)))
    return found


def _match(label: Label, found: Detections) -> int | None:
    """The detection that overlaps most, if it does so enough."""
    if not len(found.boxes):
        return None
    x, y, width, height = label.box
    boxes = found.boxes
    across = np.minimum(boxes[:, 0] + boxes[:, 2], x + width) - np.maximum(boxes[:, 0], x)
    down = np.minimum(boxes[:, 1] + boxes[:, 3], y + height) - np.maximum(boxes[:, 1], y)
    both = np.clip(across, 0, None) * np.clip(down, 0, None)
    iou = both / (boxes[:, 2] * boxes[:, 3] + width * height - both)
    best = int(iou.argmax())
    return best if iou[best] >= LEAST_IOU else None
