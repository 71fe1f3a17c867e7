"""One frame in, what the page shows of it out: faces with emotion and size, light, sharpness, distances."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from edge.contract.labels import UNKNOWN
from edge.vision.emotion_classifier import MAX_FACES
from edge.vision.naming import Namer
from edge.vision.tracker import Track, Tracker, update_poses
from edge.web.setup.distance import advice, lenses
from edge.web.setup.quality import judge_light, sharpness

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge.cameras.capture_thread import Frame
    from edge.config.schema import VisionConfig
    from edge.vision.model_set import ModelSet

SIZES = (48, 96)  # further steps of the table by size, in pixels, above vision.min_face_px
COUNTED_PX = 24  # of smaller faces hardly more than half are found
SHOWN_ACROSS = 1280  # a browser is sent no more pixels across than that
QUALITY = 82  # of the JPEG
FPS = 10.0


class PreviewAnalyzer:
    """Sees what the daemon sees, by the same models and the same limits, and describes it face by face.

    Args:
        models: Detector and classifier.
        vision: The limits.
    """

    def __init__(self, models: ModelSet, vision: VisionConfig) -> None:
        self._models = models
        self._vision = vision
        self._namer = Namer(models.labels, models.thresholds, vision.min_confidence)
        self.reset()

    def reset(self) -> None:
        """Keep nothing of the frames before."""
        self._tracker = Tracker(FPS)

    def describe(self, frame: Frame) -> dict[str, Any]:
        """Everything the page shows of a frame beside the picture itself; ready for JSON."""
        image, classifier = frame.image, self._models.classifier
        found = self._models.detector.detect(image).first(MAX_FACES)
        boxes = found.boxes
        tracks, _ = self._tracker.update(boxes, frame.time)
        front_only = self._vision.pose == "front"
        update_poses(tracks, found, self._models.pose, front_only=front_only)
        limit, what_for = COUNTED_PX, "to be found reliably"
        if classifier is not None:
            limit, what_for = self._vision.min_face_px, "for an emotion"
            front = np.array([track.front or not front_only for track in tracks], bool)
            chosen = np.flatnonzero((boxes[:, 3] >= limit) & front)
            rolls = np.array([tracks[index].roll for index in chosen], np.float32)
            for index, row in zip(chosen, classifier.classify(image, boxes[chosen], rolls), strict=True):
                tracks[index].update_probabilities(row, frame.time)
        heights = [float(height) for height in boxes[:, 3]]
        height, width = image.shape[:2]
        return {
            "size": [width, height],
            "faces": [
                {"box": [round(float(value), 1) for value in box], **self._emotion(box, track)}
                for box, track in zip(boxes, tracks, strict=True)
            ],
            "sizes": by_size(heights, limit),
            "light": asdict(judge_light(image, boxes)),
            "sharpness": sharpness(image),
            "advice": advice(heights, limit, what_for),
            "lenses": [asdict(lens) for lens in lenses(heights, width, limit)],
        }

    def _emotion(self, box: NDArray[np.float32], track: Track) -> dict[str, Any]:
        small = bool(box[3] < self._vision.min_face_px)
        if self._models.pose is None:
            return {"small": False}
        said: dict[str, Any] = {"small": small}
        if not small:
            said["front"] = track.front
        probabilities = track.probabilities
        if small or probabilities is None:
            return said
        names = (*self._models.labels, UNKNOWN)
        label = names[int(self._namer.name(probabilities[None])[0])]
        return {**said, "emotion": label, "confidence": round(float(probabilities.max()), 3)}


def by_size(heights: list[float], min_face_px: int) -> list[dict[str, Any]]:
    """How many faces there are from one height to the next, pixels; the first row is too small for an emotion."""
    steps = [0, min_face_px, *(step for step in SIZES if step > min_face_px)]
    found = Counter(max(step for step in steps if step <= height) for height in heights)
    ends = [*steps[1:], None]
    return [{"from": step, "to": end, "faces": found[step]} for step, end in zip(steps, ends, strict=True)]


def as_jpeg(image: NDArray[np.uint8]) -> bytes:
    """The picture for the browser. Nothing else in `edge` that runs beside a camera can make one."""
    height, width = image.shape[:2]
    if width > SHOWN_ACROSS:
        size = (SHOWN_ACROSS, max(1, round(height * SHOWN_ACROSS / width)))
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return data.tobytes()
