"""Which pictures of single faces show them turned to the front, as the daemon judges it."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.model_files.cards import SHIPPED
from edge.model_files.pose_rule import PoseRule, read_pose_rule
from edge.vision.face_detector import FaceDetector
from edge.vision.head_pose import evidence

ENLARGED = 3  # a picture of 48 px becomes 144 px, at which the detector finds 96 % of FER2013's faces
WIDTH = 640  # of the detector


def shipped_rule() -> PoseRule:
    """The rule that the daemon uses. Raises ModelError."""
    return read_pose_rule(SHIPPED / "head-pose.json")


def turned_to_front(
    images: NDArray[np.uint8], rule: PoseRule, advance: Callable[[], object] = lambda: None
) -> NDArray[np.bool_]:
    """Judge pictures that each show one face in the middle.

    Args:
        images: (n, height, width) uint8, grey.
        rule: See `edge.vision.head_pose`.
        advance: Called after each picture.

    Returns:
        (n,): True where a face is found that is turned to the front.

    Raises:
        ModelError: The detector cannot be loaded.
    """
    detector = FaceDetector.load(WIDTH)
    height, width = detector.card.input.height, detector.card.input.width
    front = np.zeros(len(images), bool)
    for row, image in enumerate(images):
        rows, columns = (min(limit, ENLARGED * side) for limit, side in zip((height, width), image.shape, strict=True))
        frame = np.full((height, width, 3), int(image.mean()), np.uint8)
        top, left = (height - rows) // 2, (width - columns) // 2
        large = cv2.resize(image, (columns, rows), interpolation=cv2.INTER_CUBIC)
        frame[top : top + rows, left : left + columns] = large[..., None]
        found = detector.detect(frame)
        if len(found.scores):
            centres = found.boxes[:, :2] + found.boxes[:, 2:] / 2
            middle = int(((centres - (width / 2, height / 2)) ** 2).sum(axis=1).argmin())
            front[row] = evidence(found, rule)[middle] > 0
        advance()
    return front
