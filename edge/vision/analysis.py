"""One frame in, numbers out: detect, track, classify, count."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge.cameras.capture import Frame
from edge.vision.emotions import MAX_FACES
from edge.vision.faces import Faces
from edge.vision.tracks import Track, Tracker
from edge.windows import UNKNOWN, Observation


class Detector(Protocol):
    """Finds faces; see FaceDetector."""

    def detect(self, image: NDArray[np.uint8]) -> Faces:
        """Boxes and scores, best first."""


class Classifier(Protocol):
    """Names emotions; see EmotionClassifier."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The columns of `classify`."""

    def classify(self, image: NDArray[np.uint8], boxes: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, labels) probabilities for boxes (n, 4)."""


class Analysis:
    """Turns the frames of one camera into observations.

    Args:
        detector: Finds the faces.
        classifier: Names their emotions; None: all are counted as unknown, whatever their size.
        min_face_px: Smaller faces are counted as unknown and not classified; pixels of the frame.
        min_confidence: Smoothed probabilities below this are counted as unknown.
        fps: Frames per second that will be analysed.
        measured: Called with the name of a stage and the seconds it took.
    """

    def __init__(
        self,
        detector: Detector,
        classifier: Classifier | None,
        min_face_px: int,
        min_confidence: float,
        fps: float,
        measured: Callable[[str, float], None] = lambda _stage, _seconds: None,
    ) -> None:
        self._detector = detector
        self._classifier = classifier
        self._min_face_px = min_face_px
        self._min_confidence = min_confidence
        self._measured = measured
        self._fps = fps
        self.forget()

    def forget(self) -> None:
        """Keep nothing of the frames before: no face, no smoothed emotion."""
        self._tracker = Tracker(self._fps)

    def expect(self, fps: float) -> None:
        """Another number of frames per second comes from now on."""
        self._fps = fps
        self._tracker.expect(fps)

    def observe(self, frame: Frame) -> Observation:
        """Analyse one frame."""
        began = time.perf_counter()
        boxes = self._detector.detect(frame.image).boxes[:MAX_FACES]
        detected = time.perf_counter()
        now, missed = self._tracker.update(boxes, frame.time)
        tracked = time.perf_counter()
        self._measured("detect", detected - began)
        self._measured("track", tracked - detected)
        if self._classifier is None:
            return Observation(frame.time, {UNKNOWN: len(now) + len(missed)}, 0)
        large = np.flatnonzero(boxes[:, 3] >= self._min_face_px)
        said = self._classifier.classify(frame.image, boxes[large])
        for index, probabilities in zip(large, said, strict=True):
            now[index].learn(probabilities)
        self._measured("classify", time.perf_counter() - tracked)
        return self._count(now + missed, frame.time, said, self._classifier.labels)

    def _count(
        self, tracks: list[Track], time: float, said: NDArray[np.float32], labels: tuple[str, ...]
    ) -> Observation:
        near = [t.probabilities for t in tracks if t.box[3] >= self._min_face_px and t.probabilities is not None]
        too_small = len(tracks) - len(near)
        shares = np.concatenate(near).reshape(-1, len(labels)) if near else said[:0]
        best = np.where(shares.max(axis=1) >= self._min_confidence, shares.argmax(axis=1), len(labels))
        counts = dict(zip((*labels, UNKNOWN), np.bincount(best, minlength=len(labels) + 1).tolist(), strict=True))
        counts[UNKNOWN] += too_small
        # Shares are estimated from what was said in this frame, unsmoothed: that is what the calibration was measured
        # on, and so nothing of an earlier, perhaps suppressed, window is in it.
        return Observation(time, counts, too_small, said)
