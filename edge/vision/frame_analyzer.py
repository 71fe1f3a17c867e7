"""One frame in, numbers out: detect or track by optical flow, classify, count."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from edge.aggregation.windows import Observation, People
from edge.cameras.capture_thread import Frame
from edge.contract.labels import UNKNOWN
from edge.model_files.pose_rule import PoseRule
from edge.vision.count_area import Polygon, inside
from edge.vision.emotion_classifier import MAX_FACES
from edge.vision.face_detector import NOBODY, Detections
from edge.vision.naming import Namer
from edge.vision.optical_flow import OpticalFlow
from edge.vision.rate_controller import Plan
from edge.vision.still_faces import StillFaces
from edge.vision.tracker import MAX_AGE, Track, Tracker, update_poses


class Detector(Protocol):
    """What another face detector has to offer; see FaceDetector."""

    def detect(self, image: NDArray[np.uint8]) -> Detections:
        """Boxes and scores, best first."""


class Classifier(Protocol):
    """What another emotion classifier has to offer; see EmotionClassifier."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The columns of `classify`."""

    def classify(
        self, image: NDArray[np.uint8], boxes: NDArray[np.float32], rolls: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        """(n, labels) probabilities for boxes (n, 4) of heads tilted by `rolls` (n,) radians."""


@dataclass(frozen=True)
class AnalysisRules:
    """What is said of a face, and what is not.

    Attributes:
        min_face_px: Smaller faces are counted as unknown, and neither judged nor classified; pixels of the frame.
        min_confidence: Least probability with which any emotion is named, 0..1.
        thresholds: Least probability of each strong word; see `edge.vision.naming`.
        pose: The rule for head poses; None: they are not measured.
        front_only: Only faces turned to the front are classified; False: those in any pose.
        count_area: A polygon, fractions of the picture: nothing is said of a face whose centre lies outside; None: of
            all something is.
    """

    min_face_px: int
    min_confidence: float
    thresholds: Mapping[str, float] = field(default_factory=dict)
    pose: PoseRule | None = None
    front_only: bool = True
    count_area: Polygon | None = None


class Found(NamedTuple):
    """What detection has found in a frame.

    Attributes:
        faces: Those that are counted.
        outside: (n, 4) float32: boxes of those outside the count area.
        seconds: How long it took.
    """

    faces: Detections
    outside: NDArray[np.float32]
    seconds: float


@dataclass(frozen=True)
class PendingFrame:
    """A frame whose faces are not counted yet.

    Attributes:
        frame: The frame.
        detection: Its faces, now or in the future; None: they are not detected but tracked from the frame before.
    """

    frame: Frame
    detection: Future[Found] | Found | None


class FrameAnalyzer:
    """Turns the frames of one camera into observations.

    Args:
        detector: Finds the faces.
        classifier: Names their emotions; None: all are counted as unknown, whatever their size.
        rules: What is said of a face, and what is not.
        plan: What there is time for.
        on_stage: Called with the name of a stage, the seconds it took, and how many faces there were to it.
        executor: Where detection runs that overlaps with classification; None: the two always take turns.
        still: Knows which faces do not move, and outlives `reset`, for they are nobody's; None: all may be people's.
    """

    def __init__(
        self,
        detector: Detector,
        classifier: Classifier | None,
        rules: AnalysisRules,
        plan: Plan,
        on_stage: Callable[[str, float, int], None] = lambda _stage, _seconds, _faces: None,
        executor: Executor | None = None,
        still: StillFaces | None = None,
    ) -> None:
        self._detector = detector
        self._classifier = classifier
        self._rules = rules
        self._namer = Namer(classifier.labels, rules.thresholds, rules.min_confidence) if classifier else None
        self._on_stage = on_stage
        self._executor = executor
        self._still = still
        self._plan = plan
        self._flow = OpticalFlow()
        self._detector_lock = Lock()  # the detector does one thing at a time
        self._shape: tuple[int, ...] = ()  # of the newest frame that was completed
        self._last_given = -math.inf  # when the newest frame was taken that `detect` was given; monotonic seconds
        self._last_completed = -math.inf  # and of those that `complete` was given
        self.reset()

    def reset(self) -> None:
        """Keep nothing of the frames before: no face, no smoothed emotion, no picture, nor when faces were detected."""
        self._due = 0.0  # detections that the plan owes; below 0 when a lost face had one made early
        self._lost = False  # a tracked face was lost
        self._last_detected = -math.inf  # when the newest frame was taken in which faces were; monotonic seconds
        self._tracker = Tracker(self._plan.detections)
        self._flow.reset()

    def set_plan(self, plan: Plan) -> None:
        """Work to another plan from now on."""
        self._plan = plan
        self._tracker.set_rate(plan.detections)

    def analyze(self, frame: Frame) -> Observation:
        """Analyse one frame."""
        return self.complete(self.detect(frame))

    def detect(self, frame: Frame, *, overlap: bool = False) -> PendingFrame:
        """Detect the faces of a frame, if the plan says so, a face was lost, or none were detected for a second.

        Args:
            frame: Newer than all before.
            overlap: In the executor, if there is one, so that `complete` can go on with the frame before.
        """
        gap, self._last_given = frame.time - self._last_given, frame.time
        # By time, not by frame: they may come more slowly than they were planned for.
        self._due = min(self._due + self._plan.detections * gap, 2.0)
        early = self._lost and self._due >= 0
        recent = frame.time - self._last_detected < MAX_AGE  # else optical flow would keep who has left
        if self._plan.uses_flow and recent and self._due < 1 and not early:
            return PendingFrame(frame, None)
        self._due -= 1
        self._lost = False
        if overlap and self._executor is not None:
            return PendingFrame(frame, self._executor.submit(self._detect, frame))
        return PendingFrame(frame, self._detect(frame))

    def complete(self, pending: PendingFrame) -> Observation:
        """Track, classify and count the faces of a frame; frames come in the order of the calls of `detect`."""
        frame, detection = pending.frame, pending.detection
        if frame.image.shape != self._shape:  # a face of the old size lies elsewhere in the new one
            if self._still is not None and self._shape:
                self._still.reset()
            self._shape = frame.image.shape
            self.reset()
        if detection is None and not self._flow.ready:  # reset meanwhile
            detection = self._detect(frame)
        if detection is None:
            tracks, missed, boxes = self._track(frame)
        else:
            found, outside, seconds = detection.result() if isinstance(detection, Future) else detection
            self._last_detected = frame.time
            boxes = found.boxes
            self._on_stage("detect", seconds, len(boxes))
            began = time.perf_counter()
            tracks, missed = self._tracker.update(boxes, frame.time, outside)
            update_poses(tracks, found, self._rules.pose, front_only=self._rules.front_only)
            if self._plan.uses_flow:
                self._flow.set_reference(frame.image)
            else:
                self._flow.reset()
            self._on_stage("track", time.perf_counter() - began, len(boxes))
        if self._classifier is None:
            return self._count(tracks + missed, frame.time)
        began = time.perf_counter()
        chosen = np.flatnonzero([self._eligible(track) for track in tracks])
        eligible, limit = len(chosen), self._classification_limit(frame.time, len(chosen))
        known = any(tracks[index].probabilities is not None for index in chosen)
        # Those first that have waited longest, all of them one after the other. Where none has an emotion yet all are
        # classified at once: else the first few would stand for the room.
        if eligible > limit and known:
            waiting = np.argsort([tracks[index].last_classified for index in chosen], kind="stable")
            chosen = np.sort(chosen[waiting[:limit]])
        rolls = np.array([tracks[index].roll for index in chosen], np.float32)
        probabilities = self._classifier.classify(frame.image, boxes[chosen], rolls)
        for index, row in zip(chosen, probabilities, strict=True):
            tracks[index].update_probabilities(row, frame.time)
        self._on_stage("classify", time.perf_counter() - began, len(chosen))
        observation = self._count(tracks + missed, frame.time)
        # Shares are estimated from the probabilities of this frame, unsmoothed: that is what the calibration was
        # measured on, and so nothing of an earlier, perhaps withheld, window is in it.
        return replace(observation, probabilities=probabilities, eligible=eligible)

    def _classification_limit(self, now: float, eligible: int) -> int:
        """How many faces may be classified in a frame: a share of the plan's second, and no more than fit a batch.

        The plan is of a second ago. Each face of this frame has its turn once a second all the same.
        """
        gap, self._last_completed = now - self._last_completed, now
        if math.isinf(self._plan.faces):
            return MAX_FACES
        return min(MAX_FACES, math.ceil(max(self._plan.faces, eligible) * min(max(gap, 0.0), 1.0) - 1e-3))

    def _detect(self, frame: Frame) -> Found:
        with self._detector_lock:
            began = time.perf_counter()
            found, outside = self._detector.detect(frame.image), NOBODY.boxes
            if self._rules.count_area is not None:
                counted = self._inside(found.boxes, frame)
                found, outside = found.only(counted), found.boxes[~counted]
            return Found(found.first(MAX_FACES), outside, time.perf_counter() - began)

    def _inside(self, boxes: NDArray[np.float32], frame: Frame) -> NDArray[np.bool_]:
        return inside(boxes, self._rules.count_area, (frame.image.shape[1], frame.image.shape[0]))

    def _near(self, track: Track) -> bool:
        return bool(track.box[3] >= self._rules.min_face_px)

    def _eligible(self, track: Track) -> bool:
        """Whether a face may be classified."""
        return self._near(track) and (track.front or not self._rules.front_only)

    def _track(self, frame: Frame) -> tuple[list[Track], list[Track], NDArray[np.float32]]:
        began = time.perf_counter()
        boxes, found = self._flow.track(frame.image, self._tracker.boxes())
        counted = self._inside(boxes, frame)
        tracks, missed = self._tracker.move(boxes, found, frame.time, counted)
        self._lost = self._lost or not found.all()
        self._on_stage("follow", time.perf_counter() - began, len(boxes))
        return tracks, missed, boxes[found & counted]

    def _count(self, tracks: list[Track], time: float) -> Observation:
        """What is known about all faces of a frame, those included that were missed in it."""
        labels = self._classifier.labels if self._classifier else ()
        near = [track for track in tracks if self._near(track)]
        away = sum(not track.front for track in near) if self._rules.pose is not None else None
        counts = dict.fromkeys((*labels, UNKNOWN), 0)
        counts[UNKNOWN] = len(tracks)
        classified = [track.probabilities for track in near if track.probabilities is not None]
        if self._namer is not None and classified:
            names = self._namer.name(np.concatenate(classified).reshape(-1, len(labels)))
            named = np.bincount(names, minlength=len(labels) + 1).tolist()[:-1]
            counts.update(zip(labels, named, strict=True))
            counts[UNKNOWN] -= sum(named)
        moving, still = self._apart(tracks, time)
        people, others = self._numbers(moving), self._numbers(still)
        return Observation(time, counts, len(tracks) - len(near), away=away, people=people, still=others)

    def _apart(self, tracks: list[Track], time: float) -> tuple[list[Track], list[Track]]:
        """Faces that move, and those that do not."""
        if self._still is None or not self._still.wants(time):
            return tracks, []
        boxes = np.concatenate([track.box for track in tracks] or [np.empty(0, np.float32)]).reshape(-1, 4)
        parts: tuple[list[Track], list[Track]] = [], []
        for track, is_still in zip(tracks, self._still.update(boxes, time), strict=True):
            parts[int(is_still)].append(track)
        return parts

    def _numbers(self, tracks: list[Track]) -> People:
        near = [track for track in tracks if self._near(track)]
        any_pose = not self._rules.front_only
        classified = [track for track in near if track.probabilities is not None and (any_pose or track.front)]
        return People(len(tracks), len(near), len(classified))
