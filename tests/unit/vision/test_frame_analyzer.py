"""Frames in any plan: each counted once, faces named in turn, people followed between two detections."""

from __future__ import annotations

import math
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge.aggregation.windows import Observation
from edge.cameras.capture_thread import Frame
from edge.sample.portraits import read_portraits
from edge.sample.scene import Scene
from edge.vision.face_detector import Detections, FaceDetector
from edge.vision.frame_analyzer import AnalysisRules, FrameAnalyzer
from edge.vision.rate_controller import Plan
from edge.vision.tracker import overlap
from tests.support.paths import SHARED
from tests.support.scripted_models import Room

CLIP = SHARED / "data/clips/classroom.gif"
EXECUTOR = ThreadPoolExecutor(1, "detect")


plans = st.builds(
    lambda fps, part, faces: Plan(fps, fps * part, faces),
    st.floats(0.5, 15),
    st.floats(0.05, 1),
    st.sampled_from([1.0, 2.0, 5.0, 30.0, math.inf]),
)
gaps = st.sampled_from([0.02, 0.1, 0.1, 0.4, 9.0])
steps = st.tuples(st.sets(st.integers(0, 11)), st.none() | plans, st.booleans(), st.booleans(), gaps)


@settings(deadline=None)
@given(st.lists(steps, min_size=1, max_size=30), st.integers(0, 9))
def test_whatever_is_planned_every_frame_is_counted_once(
    frames: list[tuple[set[int], Plan | None, bool, bool, float]], seed: int
) -> None:
    room = Room(seconds=0.001)
    analysis = FrameAnalyzer(room, room, AnalysisRules(24, 0.4), Plan(5, 5), executor=EXECUTOR)
    now, times = 0.0, []
    texture = np.random.default_rng(seed).integers(0, 255, (100, 720, 3), np.uint8)
    seen: list[Observation] = []
    waiting = None
    for index, (people, plan, forget, overlapping, gap) in enumerate(frames):
        now += gap
        times.append(now)
        image = texture.copy()
        image[0, 0], image[1, :12] = index, 0
        image[1, list(people)] = 1
        if plan is not None:
            analysis.set_plan(plan)
        pending = analysis.detect(Frame(image, now), overlap=overlapping)
        if waiting is not None:
            seen.append(analysis.complete(waiting))
        if forget:
            analysis.reset()
        if overlapping:
            waiting = pending
        else:
            seen.append(analysis.complete(pending))
            waiting = None
    if waiting is not None:
        seen.append(analysis.complete(waiting))
    assert [each.time for each in seen] == times
    assert len(set(room.searched)) == len(room.searched)  # none is searched twice
    assert len(set(room.named)) == len(room.named)  # and no face of a frame classified twice
    for each in seen:
        assert sum(each.counts.values()) == each.faces
        assert 0 <= each.too_small <= each.counts["unknown"]
        assert each.probabilities is not None
        assert len(each.probabilities) <= max(each.eligible, 0) <= 12


def test_faces_take_turns_and_none_is_forgotten() -> None:
    room = Room()
    analysis = FrameAnalyzer(room, room, AnalysisRules(24, 0.4), Plan(5, 5, 15))
    image = np.full((100, 720, 3), 7, np.uint8)
    counts = [analysis.analyze(Frame(image, index / 5)).counts for index in range(12)]
    assert [each["unknown"] for each in counts] == [0] * 12
    assert len(room.named) == 12 + 11 * 3  # 15 a second are three in each frame but the first
    assert max(Counter(seat for _, seat in room.named).values()) - 1 <= len(room.named) // 12


def test_a_plan_for_fewer_people_leaves_nobody_out_for_longer_than_a_second() -> None:
    room = Room()
    analysis = FrameAnalyzer(room, room, AnalysisRules(24, 0.4), Plan(5, 5, 1))  # made when one person was there
    image = np.full((100, 720, 3), 7, np.uint8)
    for index in range(11):
        analysis.analyze(Frame(image, index / 5))
    assert len(room.named) == 12 + 10 * 3
    assert set(Counter(seat for _, seat in room.named).values()) == {3, 4}


def test_who_waits_to_be_classified_is_told_apart() -> None:
    room = Room()
    analysis = FrameAnalyzer(room, room, AnalysisRules(24, 0.4), Plan(10, 10, 1))
    image = np.full((100, 720, 3), 7, np.uint8)
    image[1, 2:12] = 0
    assert analysis.analyze(Frame(image, 0.0)).people == (2, 2, 2)
    waiting = [analysis.analyze(Frame(np.full((100, 720, 3), 7, np.uint8), 0.1 + index / 10)) for index in range(8)]
    # Ten came, and two are classified in each frame.
    assert [each.people for each in waiting] == [(12, 12, 12 - left) for left in (8, 6, 4, 2, 0, 0, 0, 0)]
    assert all(each.people and each.people.classified == 12 - each.counts["unknown"] for each in waiting)


def test_nothing_of_the_detections_before_survives_a_reset() -> None:
    """The same frames after it are detected, whoever was lost before it."""

    def searched(before: list[int]) -> list[int]:
        room, texture = Room(), np.random.default_rng(5).integers(1, 255, (100, 720, 3), np.uint8)
        analysis = FrameAnalyzer(room, room, AnalysisRules(24, 0.4), Plan(10, 3))
        for number in range(30):
            image = texture.copy() if number >= 15 or before[number % len(before)] else np.zeros_like(texture)
            image[0, 0], image[1, :12] = number, 1
            if number == 15:
                analysis.reset()
            analysis.analyze(Frame(image, number / 10))
        return [number for number in room.searched if number >= 15]

    assert searched([1]) == searched([1, 0]) == searched([1, 1, 0]) == searched([0, 1, 1, 1])


@pytest.mark.parametrize("detect_fps", [0.1, 0.5, 1.0, 3.0])
def test_who_has_left_is_counted_for_a_second_at_most_though_the_wall_is_tracked(detect_fps: float) -> None:
    room, texture = Room(), np.random.default_rng(6).integers(1, 255, (100, 720, 3), np.uint8)
    analysis = FrameAnalyzer(room, room, AnalysisRules(24, 0.4), Plan(10, detect_fps))
    here = last = 0.0  # when all twelve were detected last, and when more than one was counted last
    for number in range(100):
        image = texture.copy()
        image[0, 0], image[1, :12] = number, 1
        if number >= 40:
            image[1, 1:12] = 0
        seen = analysis.analyze(Frame(image, number / 10))
        if room.searched[-1] == number and number < 40:
            here = number / 10
        if seen.faces > 1:
            last = number / 10
    assert last >= 3.9
    assert last - here <= 1 + 1e-6


@pytest.mark.parametrize("fps", [10, 30])
def test_a_plan_without_a_limit_names_every_face_of_every_frame(fps: int) -> None:
    boxes = np.array([[10 * seat, 0, 40, 40] for seat in range(100)], np.float32)
    asked: list[int] = []

    class Crowd:
        labels = ("happy", "sad")

        def detect(self, _image: NDArray[np.uint8]) -> Detections:
            return Detections(boxes, np.ones(100, np.float32))

        def classify(
            self, _image: NDArray[np.uint8], faces: NDArray[np.float32], rolls: object = None
        ) -> NDArray[np.float32]:
            asked.append(len(faces))
            return np.tile(np.array([0.9, 0.1], np.float32), (len(faces), 1))

    analysis = FrameAnalyzer(Crowd(), Crowd(), AnalysisRules(24, 0.4), Plan(fps, fps))
    for index in range(5):
        analysis.analyze(Frame(np.zeros((48, 1100, 3), np.uint8), index / fps))
    assert asked == [100] * 5


@pytest.mark.parametrize("detect_fps", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("rate", [2.0, 7.5, 15.0])
def test_people_who_sit_keep_their_names_at_every_rate(rate: float, detect_fps: float) -> None:
    """Frames that come more slowly than planned, and a little unevenly."""
    room, random = Room(), np.random.default_rng(3)
    analysis = FrameAnalyzer(room, room, AnalysisRules(24, 0.4), Plan(15, detect_fps, 15))
    image = random.integers(1, 255, (100, 720, 3)).astype(np.uint8)
    image[0, 0] = 0
    unknown = []
    for index in range(round(20 * rate)):
        when = index / rate + random.uniform(0, 0.3 / rate)
        unknown.append(analysis.analyze(Frame(image, when)).counts["unknown"])
    assert not any(unknown[round(2 * rate) :])
    wanted = 20 * min(rate, max(detect_fps, 1))
    assert 0.75 * wanted - 2 <= len(room.searched) <= 1.3 * wanted + 2


class EverywhereTheSame:
    """Finds four faces at the same fractions of every picture, whatever its size."""

    def detect(self, image: NDArray[np.uint8]) -> Detections:
        height, width = image.shape[:2]
        left = np.array([0.1, 0.3, 0.5, 0.7], np.float32) * width
        boxes = np.stack([left, left * 0 + 0.5 * height, left * 0 + 0.1 * width, left * 0 + 0.1 * width], 1)
        return Detections(boxes, np.full(4, 0.9, np.float32), np.zeros((4, 5, 2), np.float32))


@pytest.mark.parametrize("plan", [Plan(5, 5), Plan(5, 2)])
def test_nobody_is_counted_twice_when_the_picture_changes_its_size(plan: Plan) -> None:
    analysis = FrameAnalyzer(EverywhereTheSame(), None, AnalysisRules(24, 0.4), plan)
    texture = np.random.default_rng(3).integers(0, 255, (360, 640, 3), np.uint8)
    sizes = [(640, 360)] * 6 + [(320, 240)] * 6 + [(1280, 720)] * 6
    pictures = [np.asarray(cv2.resize(texture, size), np.uint8) for size in sizes]
    seen = [analysis.analyze(Frame(picture, index / 5)) for index, picture in enumerate(pictures)]
    assert [each.faces for each in seen] == [4] * len(sizes)


@pytest.mark.parametrize("plan", [Plan(10, 3), Plan(10, 0.1)])
def test_nobody_is_counted_who_was_there_before_a_gap(plan: Plan) -> None:
    room = Room()
    analysis = FrameAnalyzer(room, room, AnalysisRules(24, 0.4), plan)
    image = np.random.default_rng(4).integers(1, 255, (100, 720, 3)).astype(np.uint8)
    for index in range(30):
        assert analysis.analyze(Frame(image, index / 10)).faces == 12
    nobody = image.copy()
    nobody[1, :12] = 0
    assert analysis.analyze(Frame(nobody, 4.2)).faces == 0


# Real pictures


@pytest.fixture(scope="module")
def detector() -> FaceDetector:
    return FaceDetector.load(1280)


def recall(frames: list[tuple[NDArray[np.uint8], float]], detector: FaceDetector) -> tuple[float, float]:
    """Of the faces that detection finds in every frame: those found three times a second with tracking in between,
    and those found where faces stay where they were seen last."""
    fps = 1 / (frames[1][1] - frames[0][1])
    analysis = FrameAnalyzer(detector, None, AnalysisRules(24, 0.4), Plan(fps, 3))
    there = found = kept = 0
    still = np.empty((0, 4), np.float32)
    for image, taken in frames:
        truth = detector.detect(image).boxes
        pending = analysis.detect(Frame(image, taken))
        analysis.complete(pending)
        still = still if pending.detection is None else truth
        there += len(truth)
        found += matches(truth, analysis._tracker.boxes())
        kept += matches(truth, still)
    return found / there, kept / there


def matches(truth: NDArray[np.float32], boxes: NDArray[np.float32]) -> int:
    """Faces with a box of their own that overlaps by half."""
    shared, number = overlap(truth, boxes).copy(), 0
    while shared.size and shared.max() >= 0.5:
        row, column = np.unravel_index(shared.argmax(), shared.shape)
        shared[row], shared[:, column] = -1, -1
        number += 1
    return number


def clip(path: Path) -> list[tuple[NDArray[np.uint8], float]]:
    if not path.exists():
        pytest.skip(f"{path} is not here")
    film = cv2.VideoCapture(str(path))
    frames: list[tuple[NDArray[np.uint8], float]] = []
    while (read := film.read())[0]:
        frames.append((np.asarray(read[1], np.uint8), len(frames) / film.get(cv2.CAP_PROP_FPS)))
    return frames


def test_looking_three_times_a_second_is_enough_on_a_film(detector: FaceDetector) -> None:
    assert recall(clip(CLIP), detector)[0] >= 0.97


def test_people_who_walk_are_tracked(detector: FaceDetector) -> None:
    tracked, still = recall(clip(CLIP.with_name("face-demographics-walking.gif")), detector)
    assert tracked >= 0.93
    assert still < 0.75  # so that the clip would show a tracker that does nothing


def test_looking_three_times_a_second_is_enough_in_the_sample_room(detector: FaceDetector) -> None:
    scene = Scene(read_portraits(), faces=40)
    frames = [(scene.render(index / 12), index / 12) for index in range(36)]
    assert recall(frames, detector)[0] >= 0.97
