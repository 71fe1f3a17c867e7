"""Do the models say here what they say everywhere? Started by check.sh, inside its root file system.

What this processor's own kernels find in a photograph is compared with what TFLite's reference kernels find, which are
plain C++ and give the same int8 sums on every machine. The two round differently, so a little apart is allowed.
"""

from __future__ import annotations

import functools
import sys
import time

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.cameras.normalize import to_bgr
from edge.vision import tflite
from edge.vision.emotion_classifier import EmotionClassifier
from edge.vision.face_detector import FaceDetector
from edge.vision.tracker import overlap
from tests.system.arm64.picture import PEOPLE, SMILING, photograph

# On a PC, they are apart by 0.004 in a score and 0.023 in a probability, and boxes overlap 0.95.
MOST_APART = 0.05
LEAST_OVERLAP = 0.85


def main() -> None:
    """Print how far apart they are; exit 1 where that is too far."""
    image = to_bgr(cv2.imdecode(np.frombuffer(photograph(), np.uint8), cv2.IMREAD_COLOR))
    assert image is not None
    interpreter = tflite._interpreter_class()
    boxes, scores = find(image)
    # More than faces that are plainly happy: whatever else the picture shows, in squares.
    squares = np.array([[x, y, 150, 150] for x in range(0, 850, 170) for y in range(0, 510, 170)], np.float32)
    everywhere = np.concatenate([boxes, squares])
    shares, labels = name(image, everywhere)
    happy = np.sum(shares[: len(boxes)].argmax(axis=1) == labels.index("happy"))
    print(f"  {len(boxes)} faces, {happy} of them happy, in {tflite.runtime_version()}")
    reference = sys.modules[interpreter.__module__].OpResolverType.BUILTIN_REF
    tflite._interpreter_class = lambda: functools.partial(interpreter, experimental_op_resolver_type=reference)
    began = time.monotonic()
    true_boxes, true_scores = find(image)
    true_shares, _ = name(image, everywhere)  # of the same boxes: a crop one pixel off is another picture
    print(f"  reference kernels: {len(true_boxes)} faces, {time.monotonic() - began:.0f} s")
    assert len(boxes) == len(true_boxes) == PEOPLE
    assert happy >= SMILING
    overlaps = np.diag(overlap(boxes, true_boxes))
    apart = np.abs(scores - true_scores).max(), np.abs(shares - true_shares).max()
    print(f"  apart by {apart[0]:.3f} in a score, {apart[1]:.3f} in a probability; boxes overlap {overlaps.min():.2f}")
    assert max(apart) <= MOST_APART
    assert overlaps.min() >= LEAST_OVERLAP


def find(image: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Boxes and scores of the faces, from left to right."""
    detector = FaceDetector.load(640)
    faces = detector.detect(image)
    order = np.argsort(faces.boxes[:, 0])
    return faces.boxes[order], faces.scores[order]


def name(image: NDArray[np.uint8], boxes: NDArray[np.float32]) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """The probabilities of each face, and what they are of."""
    classifier = EmotionClassifier.load()
    return classifier.classify(image, boxes), classifier.labels


if __name__ == "__main__":
    main()
