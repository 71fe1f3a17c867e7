"""The pipeline: frames in a hurry, slow cameras, pictures of a folder."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from edge.cameras.capture_thread import Frame
from edge.config.schema import CameraConfig, Config, VisionConfig
from edge.contract.payloads import Withheld
from edge.daemon.metrics import Meter
from edge.daemon.pipeline import Pipeline
from edge.timing.clock import TIME_ERROR, SystemClock, Timestamps
from edge.vision.frame_analyzer import AnalysisRules
from edge.vision.rate_controller import SAMPLES, Plan, RateController
from tests.support.scripted_models import Room
from tests.support.slow_board import SlowBoard

EXECUTOR = ThreadPoolExecutor(1, "detect")


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


@pytest.mark.parametrize("detect", [0.95, 0.2])  # one frame a second; five, with faces in turn
def test_the_window_after_a_withheld_one_does_not_tell_how_many_sat_there(detect: float) -> None:
    def sent(few: int) -> list[bytes]:
        observer, _ = observer_of(SlowBoard(detect), vision={"fps": 5})
        texture = np.random.default_rng(2).integers(1, 255, (100, 720, 3), np.uint8)
        bodies = []
        for number in range(60):
            image = texture.copy()
            image[0, 0], image[1, :12] = number, 1
            if number < 30:
                image[1, few:12] = 0
            observer.update_plan(5, number / 5)
            bodies += observer.observe(Frame(image, number / 5))
        bodies += observer.finish(12.0)
        assert [body.withheld is None for body in bodies] == [False] * 6 + [True] * 6
        assert all(body.counts is not None and body.counts["unknown"] == 0 for body in bodies[6:])
        return [body.model_copy(update={"window": None}).to_json() for body in bodies]

    assert sent(1) == sent(2) == sent(3) == sent(4)


def test_what_people_cost_is_known_again_after_the_first_frame_of_a_window() -> None:
    """In a room that is withheld for good, no window begins with a second of more work than there is time for."""
    observer, models = observer_of(SlowBoard(0.2, classify=0.02), privacy={"min_faces": 50}, vision={"fps": 5})
    image = np.random.default_rng(2).integers(1, 255, (100, 720, 3), np.uint8)
    for number in range(50):
        image[0, 0] = number
        observer.update_plan(5, number / 5)
        observer.observe(Frame(image, number / 5))
    frames = Counter(number for number, _ in models.classifier.named)
    assert [frames[number] for number in range(25, 50)] == [12, 3, 3, 3, 3] * 5  # all of them once, then in turn


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


@pytest.mark.parametrize("trusted", [False, True])
def test_windows_say_that_a_trusted_clock_is_set(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, trusted: bool
) -> None:
    monkeypatch.setattr("edge.timing.clock.SYNCHRONISED", tmp_path / "synchronized")
    monkeypatch.setattr("ctypes.CDLL", lambda _name: SimpleNamespace(adjtimex=lambda _buffer: TIME_ERROR))
    observer, _ = observer_of(privacy={"trust_clock": trusted})
    observer.observe(Frame(np.ones((100, 720, 3), np.uint8), 0.5))
    assert [window.quality.clock_synced for window in observer.finish(1.0)] == [trusted]


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
