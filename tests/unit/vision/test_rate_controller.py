"""What there is time for: the plan, and what is counted whatever it says."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge.aggregation.windows import Observation
from edge.cameras.capture_thread import Frame
from edge.config.schema import CameraConfig, Config, VisionConfig
from edge.contract.payloads import Withheld
from edge.daemon.metrics import Meter
from edge.daemon.pipeline import Pipeline
from edge.sample.portraits import read_portraits
from edge.sample.scene import Scene
from edge.timing.clock import SystemClock, Timestamps
from edge.vision.face_detector import Detections, FaceDetector
from edge.vision.frame_analyzer import AnalysisRules, FrameAnalyzer
from edge.vision.rate_controller import SAMPLES, SLOWEST, Plan, RateController
from edge.vision.tracker import overlap
from tests.support.paths import SHARED

CLIP = SHARED / "data/clips/classroom.gif"
EXECUTOR = ThreadPoolExecutor(1, "detect")
COSTS = {"detect": 0.2, "follow": 0.02, "track": 0.001, "classify": 0.003}  # seconds, as on a slow board


def pace(
    faces: int = 50, budget: float = 1.0, processors: int = 1, detect_fps: float = 3, costs: dict[str, float] = COSTS
) -> RateController:
    found = RateController(budget, processors, detect_fps)
    for stage, seconds in [*costs.items()] * SAMPLES:
        found.record_stage(stage, seconds)
    found.record_faces(faces)
    return found


def seconds(plan: Plan, faces: int, costs: dict[str, float] = COSTS) -> float:
    """What a plan costs in a second."""
    each = plan.fps * costs["track"] + min(plan.fps * faces, plan.faces) * costs["classify"]
    return plan.detections * costs["detect"] + (plan.fps - plan.detections) * costs["follow"] + each


# The rule


def test_nothing_is_left_out_where_there_is_time() -> None:
    assert pace(faces=10, costs={**COSTS, "detect": 0.05}).plan(5) == Plan(5, 5)
    assert RateController(0.05, 1, 3).plan(5) == Plan(5, 5)  # nothing is known yet


def test_detection_gives_way_first_then_classification_then_the_rate() -> None:
    searched = pace(faces=10).plan(5)
    assert searched.fps == 5
    assert 3 <= searched.detections < 5
    assert searched.faces == math.inf
    in_turn = pace(faces=30).plan(5)
    assert (in_turn.fps, in_turn.detections) == (5, 3)
    assert 30 <= in_turn.faces < 30 * 5
    slower = pace(faces=100).plan(5)
    assert SLOWEST < slower.fps < 5
    assert slower.faces == 100  # each of them once a second


@given(
    faces=st.integers(0, 100),
    wanted=st.floats(0.1, 30),
    budget=st.floats(0.05, 1),
    processors=st.integers(1, 8),
    costs=st.fixed_dictionaries({name: st.floats(1e-5, 0.5) for name in COSTS}),
)
def test_every_plan_is_within_the_limits_or_as_slow_as_it_gets(
    faces: int, wanted: float, budget: float, processors: int, costs: dict[str, float]
) -> None:
    plan = pace(faces, budget, processors, costs=costs).plan(wanted)
    assert 0 < plan.detections <= plan.fps <= wanted
    assert plan.faces >= 1
    assert plan.fps >= min(SLOWEST, wanted)
    if plan.fps > min(SLOWEST, wanted):
        assert seconds(plan, faces, costs) <= budget * processors + 1e-9
        assert plan.faces >= faces


@pytest.mark.parametrize(("budget", "processors"), [(0.5, 1), (0.1, 2), (0.1, 4)])
def test_a_budget_is_kept_though_capturing_and_a_busy_machine_are_in_nobodys_books(
    budget: float, processors: int
) -> None:
    """A machine that is simulated: stages take twice as long by the clock, and the camera takes a tenth of a core."""
    by_the_clock = {name: 2 * each for name, each in COSTS.items()}
    planner, used, rates = pace(40, budget, processors, costs=by_the_clock), 0.0, []
    for _ in range(120):
        planner.record_cpu_time(used)
        plan = planner.plan(10)
        took = seconds(plan, 40)
        planner.record_stage("other", 2 * took, 0)
        used += took + 0.1 * budget * processors
        rates.append(took + 0.1 * budget * processors)
    assert rates[-1] == pytest.approx(budget * processors, rel=0.15)
    assert max(abs(a - b) for a, b in pairwise(rates[60:])) < 0.05 * budget * processors


def test_hours_without_a_camera_teach_nothing() -> None:
    planner, used = pace(10, costs={**COSTS, "detect": 0.05}), 0.0
    for second in range(4000):
        if not 20 < second < 3980:
            planner.record_stage("other", 0.3, 0)
            used += 0.3
        used += 0.02  # MQTT, the disk, and a camera that is tried again
        planner.record_cpu_time(used)
        assert planner.plan(5) == Plan(5, 5)


def test_nobody_is_tracked_where_detecting_is_cheaper() -> None:
    plan = pace(faces=60, costs={"detect": 0.02, "follow": 0.03, "classify": 0.01}).plan(5)
    assert plan.detections == plan.fps


def test_two_processors_do_two_things_at_once() -> None:
    one, two = pace(faces=40).plan(5), pace(faces=40, processors=2).plan(5)
    assert one.detections == 3
    assert two.detections == pytest.approx(4.5, abs=0.01)
    assert not pace(budget=0.5, processors=2).overlaps


# What is counted


@dataclass
class Room:
    """A detector and a classifier that remember what they were shown; the frame itself says who is in it."""

    labels: tuple[str, ...] = ("happy", "sad")
    searched: list[int] = field(default_factory=list)
    named: list[tuple[int, int]] = field(default_factory=list)
    seconds: float = 0.0
    busy: threading.Lock = field(default_factory=threading.Lock)

    def detect(self, image: NDArray[np.uint8]) -> Detections:
        assert self.busy.acquire(blocking=False), "an interpreter does one thing at a time"
        time.sleep(self.seconds)
        self.busy.release()
        self.searched.append(int(image[0, 0, 0]))
        boxes = np.array([[60 * seat, 20, 40, 40] for seat in range(12) if image[1, seat, 0]], np.float32)
        return Detections(boxes.reshape(-1, 4), np.ones(len(boxes), np.float32))

    def classify(
        self, image: NDArray[np.uint8], boxes: NDArray[np.float32], rolls: object = None
    ) -> NDArray[np.float32]:
        self.named += [(int(image[0, 0, 0]), round(x / 60)) for x in boxes[:, 0].tolist()]
        return np.tile(np.array([0.9, 0.1], np.float32), (len(boxes), 1))


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
    analysis = FrameAnalyzer(
        room, room, AnalysisRules(24, 0.4), Plan(5, 5, 10)
    )  # a second: two in each frame but the first
    image = np.full((100, 720, 3), 7, np.uint8)
    counts = [analysis.analyze(Frame(image, index / 5)).counts for index in range(12)]
    assert [each["unknown"] for each in counts[:3]] == [2, 0, 0]
    assert len(room.named) == 10 + 11 * 2
    assert max(Counter(seat for _, seat in room.named).values()) - 1 <= len(room.named) // 12


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
    wanted = 20 * min(rate, detect_fps)
    assert 0.75 * wanted - 2 <= len(room.searched) <= 1.3 * wanted + 2


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


# The observer


class Films:
    """Both models of a configuration, made of Room."""

    def __init__(self) -> None:
        room = Room()
        self.detector: Any = room
        self.classifier: Any = room
        self.labels = room.labels
        self.estimator = None
        self.pose = None

    def rules(self, vision: VisionConfig) -> AnalysisRules:
        return AnalysisRules(vision.min_face_px, vision.min_confidence)


class Overlapping(RateController):
    """Two processors, and a plan that does not change."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(1.0, 2, plan.detections)
        self._fixed = plan
        for _ in range(SAMPLES):
            self.record_stage("detect", 0.01)
        assert self.overlaps

    def plan(self, fps: float) -> Plan:
        return self._fixed if fps == self._fixed.fps else super().plan(fps)


def test_a_late_frame_is_counted_before_its_window_is_closed() -> None:
    config = Config.model_validate({"window": {"seconds": 1}, "privacy": {"min_faces": 1}})
    models = Films()
    card = type("Card", (), {"identity": "x@1"})()
    models.detector.card = card
    clock = SystemClock()
    rate = Overlapping(Plan(5, 5))
    observer = Pipeline(config, models, Meter(0.0), Timestamps(clock), 0.0, EXECUTOR, rate)  # type: ignore[arg-type]
    image = np.ones((100, 720, 3), np.uint8)
    windows = []
    for index in range(30):
        windows += observer.observe(Frame(image, index / 10), late=index % 3 > 0)
    windows += observer.finish(3.0)
    assert [window.frames for window in windows] == [10, 10, 10]
    assert [window.faces.mean for window in windows] == [12, 12, 12]


def observer_of(rate: RateController | None = None, **config: Any) -> tuple[Pipeline, Films]:
    models: Any = Films()
    models.detector.card = type("Card", (), {"identity": "x@1"})()
    settings = Config.model_validate({"window": {"seconds": 1}, **config})
    return Pipeline(settings, models, Meter(0.0), Timestamps(SystemClock()), 0.0, EXECUTOR, rate), models


def test_suppressed_windows_and_late_frames_leave_the_detector_to_one_thread() -> None:
    observer, models = observer_of(Overlapping(Plan(10, 4)), privacy={"min_faces": 50}, vision={"fps": 10})
    models.detector.seconds = 0.01
    observer.update_plan(10, 1.0)
    image = np.ones((100, 720, 3), np.uint8)
    windows = []
    for index in range(100):
        windows += observer.observe(Frame(image, index / 10), late=index % 7 > 0)
    windows += observer.finish(10.0)
    assert sum(window.frames for window in windows) == 100
    assert {window.withheld for window in windows} == {Withheld(what="figures", reason="few_people")}


def test_a_camera_slower_than_wanted_is_searched_in_every_frame() -> None:
    rate = RateController(0.9, 1, 3)
    observer, models = observer_of(rate, vision={"fps": 30})
    image = np.ones((100, 720, 3), np.uint8)
    for index in range(100):  # 5 frames a second, 0.1 s of a processor for each: not enough for 30
        observer.update_plan(30, index / 5)
        observer.observe(Frame(image, index / 5))
        for _ in range(20):
            rate.record_stage("detect", 0.1)
            rate.record_stage("follow", 0.02)
    assert observer.fps == 30
    assert len(models.detector.searched) == 100


def test_pictures_of_a_folder_are_not_tracked_into_each_other() -> None:
    config = Config.model_validate({"camera": {"source": "images:/nowhere"}, "vision": {"fps": 5}})
    rate = RateController.of(config, processors=1)
    for _ in range(20):
        rate.record_stage("detect", 0.2)
        rate.record_stage("follow", 0.01)
    plan = rate.plan(5)
    assert plan.fps < 5
    assert not plan.uses_flow
    film = RateController.of(config.model_copy(update={"camera": CameraConfig(source="file:clip.mp4")}), processors=1)
    for _ in range(20):
        film.record_stage("detect", 0.2)
        film.record_stage("follow", 0.01)
    assert film.plan(5).uses_flow
