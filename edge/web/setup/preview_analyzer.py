"""One frame in, what the page shows of it out: faces with emotion and size, light, sharpness, distances."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from edge.contract.labels import UNKNOWN
from edge.vision.count_area import inside
from edge.vision.emotion_classifier import MAX_FACES
from edge.vision.head_pose import side
from edge.vision.naming import Namer
from edge.vision.tracker import Track, Tracker, update_poses
from edge.web.setup.better_place import better_place
from edge.web.setup.distance import advice, lenses
from edge.web.setup.frame_facts import FaceFacts, FrameFacts
from edge.web.setup.quality import judge_light, sharpness, well_lit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from edge.cameras.capture_thread import Frame
    from edge.config.schema import VisionConfig
    from edge.vision.face_detector import Detections
    from edge.vision.model_set import ModelSet

SIZES = (48, 96)  # further steps of the table by size, in pixels, above vision.min_face_px
COUNTED_PX = 24  # of smaller faces hardly more than half are found
SHOWN_ACROSS = 1280  # a browser is sent no more pixels across than that
QUALITY = 82  # of the JPEG
FPS = 10.0
REMEMBERED = 20  # frames, from which a better place is told


class PreviewAnalyzer:
    """Sees what the daemon sees, by the same models and the same limits, and describes it face by face.

    Args:
        models: Detector and classifier.
        vision: The limits.
        masked: How much of the picture is masked, 0..1.
    """

    def __init__(self, models: ModelSet, vision: VisionConfig, masked: float = 0.0) -> None:
        self._models = models
        self._vision = vision
        self._masked = masked
        self._namer = Namer(models.labels, models.thresholds, vision.min_confidence)
        self.reset()

    def reset(self) -> None:
        """Keep nothing of the frames before."""
        self._tracker = Tracker(FPS)
        self._recent: deque[FrameFacts] = deque(maxlen=REMEMBERED)

    @property
    def facts(self) -> FrameFacts | None:
        """What is known about the faces of the newest frame; None before the first."""
        return self._recent[-1] if self._recent else None

    def describe(self, frame: Frame) -> dict[str, Any]:
        """Everything the page shows of a frame beside the picture itself; ready for JSON."""
        image, classifier = frame.image, self._models.classifier
        found = self._models.detector.detect(image).first(MAX_FACES)
        boxes = found.boxes
        tracks, _ = self._tracker.update(boxes, frame.time)
        front_only = self._vision.pose == "front"
        update_poses(tracks, found, self._models.pose, front_only=front_only)
        limit = COUNTED_PX if classifier is None else self._vision.min_face_px
        if classifier is not None:
            front = np.array([track.front or not front_only for track in tracks], bool)
            chosen = np.flatnonzero((boxes[:, 3] >= limit) & front)
            rolls = np.array([tracks[index].roll for index in chosen], np.float32)
            for index, row in zip(chosen, classifier.classify(image, boxes[chosen], rolls), strict=True):
                tracks[index].update_probabilities(row, frame.time)
        height, width = image.shape[:2]
        light, sharp = judge_light(image, boxes), sharpness(image)
        size = (width, height)
        faces = self._faces(found, tracks, light.faces, limit, size)
        facts = FrameFacts(frame.time, size, faces, light.against, sharp)
        self._recent.append(facts)
        heights = [face.box[3] for face in facts.counted]
        place = better_place(self._recent)
        return {
            "size": [width, height],
            "orientation": frame.orientation,
            "labels": list(self._models.labels),
            "directed": self._models.pose is not None,
            "faces": [
                {
                    "box": [round(value, 1) for value in face.box],
                    "inside": face.inside,
                    **self._emotion(face, track),
                }
                for face, track in zip(facts.faces, tracks, strict=True)
            ],
            "front": len(facts.front),
            "judged": len(facts.judged),
            "masked": self._masked,
            "sizes": by_size(heights, limit),
            "light": light.as_json(),
            "sharpness": sharp,
            "advice": advice(heights, limit, emotions=classifier is not None).as_json(),
            "better_place": place.as_json() if place else None,
            "lenses": [asdict(lens) for lens in lenses(heights, width, limit)],
        }

    def _faces(
        self,
        found: Detections,
        tracks: list[Track],
        levels: Sequence[float | None],
        limit: int,
        size: tuple[int, int],
    ) -> tuple[FaceFacts, ...]:
        sides = np.zeros(len(tracks)) if found.landmarks is None else side(found.landmarks)
        counted = inside(found.boxes, self._vision.count_area, size)
        return tuple(
            FaceFacts(
                box=(float(box[0]), float(box[1]), float(box[2]), float(box[3])),
                large=bool(box[3] >= limit),
                front=track.front if self._models.pose is not None and box[3] >= self._vision.min_face_px else None,
                side=float(turned),
                lit=well_lit(level),
                inside=bool(within),
            )
            for box, track, turned, level, within in zip(found.boxes, tracks, sides, levels, counted, strict=True)
        )

    def _emotion(self, face: FaceFacts, track: Track) -> dict[str, Any]:
        if self._models.pose is None:
            return {"small": False}
        if face.front is None:
            return {"small": True}
        said: dict[str, Any] = {"small": False, "front": face.front}
        probabilities = track.probabilities
        if probabilities is None:
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
