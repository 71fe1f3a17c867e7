"""One frame in, numbers out: detect or follow, track, classify, count."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge.aggregation.windows import Observation
from edge.cameras.capture_thread import Frame
from edge.contract.labels import UNKNOWN
from edge.vision.emotion_classifier import MAX_FACES
from edge.vision.face_detector import Detections
from edge.vision.optical_flow import OpticalFlow
from edge.vision.rate_controller import Plan
from edge.vision.tracker import MAX_AGE, Track, Tracker

# For all that ever look: its one thread starts when a frame is first searched beside the classification of another.
_BESIDE = ThreadPoolExecutor(1, "detect")


class Detector(Protocol):
    """Finds faces; see FaceDetector."""

    def detect(self, image: NDArray[np.uint8]) -> Detections:
        """Boxes and scores, best first."""


class Classifier(Protocol):
    """Names emotions; see EmotionClassifier."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The columns of `classify`."""

    def classify(self, image: NDArray[np.uint8], boxes: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, labels) probabilities for boxes (n, 4)."""


@dataclass(frozen=True)
class PendingFrame:
    """A frame on its way: where its faces are, as boxes (n, 4) and the seconds it took, is known or will be.

    None: they are not looked for, but followed from the frame before.
    """

    frame: Frame
    found: Future[tuple[NDArray[np.float32], float]] | tuple[NDArray[np.float32], float] | None


class FrameAnalyzer:
    """Turns the frames of one camera into observations.

    Args:
        detector: Finds the faces.
        classifier: Names their emotions; None: all are counted as unknown, whatever their size.
        min_face_px: Smaller faces are counted as unknown and not classified; pixels of the frame.
        min_confidence: Smoothed probabilities below this are counted as unknown.
        plan: What there is time for.
        measured: Called with the name of a stage, the seconds it took, and how many faces there were to it.
    """

    def __init__(
        self,
        detector: Detector,
        classifier: Classifier | None,
        min_face_px: int,
        min_confidence: float,
        plan: Plan,
        measured: Callable[[str, float, int], None] = lambda _stage, _seconds, _faces: None,
    ) -> None:
        self._detector = detector
        self._classifier = classifier
        self._min_face_px = min_face_px
        self._min_confidence = min_confidence
        self._measured = measured
        self._plan = plan
        self._follower = OpticalFlow()
        self._searching = Lock()  # the detector does one thing at a time
        self._due = 1.0  # detections that the plan owes; below 0 when a lost face had one made early
        self._lost = False  # a face that was followed
        self._looked = self._counted = -math.inf  # when the newest frame was taken that was looked at, and counted
        self.reset()

    def reset(self) -> None:
        """Keep nothing of the frames before: no face, no smoothed emotion, no picture."""
        self._tracker = Tracker(self._plan.detections)
        self._follower.reset()

    def expect(self, plan: Plan) -> None:
        """Work to another plan from now on."""
        self._plan = plan
        self._tracker.expect(plan.detections)

    def observe(self, frame: Frame) -> Observation:
        """Analyse one frame."""
        return self.count(self.detect(frame))

    def detect(self, frame: Frame, *, beside: bool = False) -> PendingFrame:
        """Look for the faces of a frame, if the plan says so, or a face was lost.

        Args:
            frame: Newer than all before.
            beside: In a thread of its own, so that `count` can go on with the frame before.
        """
        gap, self._looked = frame.time - self._looked, frame.time
        # By time, not by frame: they may come more slowly than they were planned for.
        self._due = min(self._due + self._plan.detections * gap, 2.0)
        early = self._lost and self._due >= 0
        if self._plan.follows and gap <= MAX_AGE and self._due < 1 and not early:
            return PendingFrame(frame, None)
        self._due -= 1
        self._lost = False
        if beside:
            return PendingFrame(frame, _BESIDE.submit(self._detect, frame))
        return PendingFrame(frame, self._detect(frame))

    def count(self, look: PendingFrame) -> Observation:
        """Track, classify and count the faces of a frame; frames come in the order in which they were looked at."""
        frame, found = look.frame, look.found
        if found is None and not self._follower.ready:  # forgotten meanwhile
            found = self._detect(frame)
        if found is None:
            now, missed, boxes = self._follow(frame)
        else:
            boxes, seconds = found.result() if isinstance(found, Future) else found
            self._measured("detect", seconds, len(boxes))
            began = time.perf_counter()
            now, missed = self._tracker.update(boxes, frame.time)
            if self._plan.follows:
                self._follower.remember(frame.image)
            else:
                self._follower.reset()
            self._measured("track", time.perf_counter() - began, len(boxes))
        if self._classifier is None:
            return Observation(frame.time, {UNKNOWN: len(now) + len(missed)}, 0)
        began = time.perf_counter()
        large = np.flatnonzero(boxes[:, 3] >= self._min_face_px)
        near, turns = len(large), self._turns(frame.time)
        if near > turns:  # those first that have waited longest; all of them one after the other
            waiting = np.argsort([now[index].named for index in large], kind="stable")
            large = np.sort(large[waiting[:turns]])
        said = self._classifier.classify(frame.image, boxes[large])
        for index, probabilities in zip(large, said, strict=True):
            now[index].learn(probabilities, frame.time)
        self._measured("classify", time.perf_counter() - began, len(large))
        return self._count(now + missed, frame.time, said, near, self._classifier.labels)

    def _turns(self, now: float) -> int:
        """How many faces may be classified in a frame."""
        gap, self._counted = now - self._counted, now
        return math.ceil(min(self._plan.faces, MAX_FACES) * min(max(gap, 0.0), 1.0) - 1e-3)

    def _detect(self, frame: Frame) -> tuple[NDArray[np.float32], float]:
        with self._searching:
            began = time.perf_counter()
            boxes = self._detector.detect(frame.image).boxes[:MAX_FACES]
            return boxes, time.perf_counter() - began

    def _follow(self, frame: Frame) -> tuple[list[Track], list[Track], NDArray[np.float32]]:
        began = time.perf_counter()
        boxes, kept = self._follower.follow(frame.image, self._tracker.boxes())
        now, missed = self._tracker.follow(boxes, kept, frame.time)
        self._lost = self._lost or not kept.all()
        self._measured("follow", time.perf_counter() - began, len(boxes))
        return now, missed, boxes[kept]

    def _count(
        self, tracks: list[Track], time: float, said: NDArray[np.float32], near: int, labels: tuple[str, ...]
    ) -> Observation:
        large = [track.probabilities for track in tracks if track.box[3] >= self._min_face_px]
        named = [probabilities for probabilities in large if probabilities is not None]
        shares = np.concatenate(named).reshape(-1, len(labels)) if named else said[:0]
        best = np.where(shares.max(axis=1) >= self._min_confidence, shares.argmax(axis=1), len(labels))
        counts = dict(zip((*labels, UNKNOWN), np.bincount(best, minlength=len(labels) + 1).tolist(), strict=True))
        counts[UNKNOWN] += len(tracks) - len(named)
        # Shares are estimated from what was said in this frame, unsmoothed: that is what the calibration was measured
        # on, and so nothing of an earlier, perhaps suppressed, window is in it.
        return Observation(time, counts, len(tracks) - len(large), said, near)
