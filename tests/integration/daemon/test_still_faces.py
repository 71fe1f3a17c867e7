"""Faces that never move, with the real models and a clock that is wound forward by hand: posters, frozen cameras."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.bench.measure import FootageClock
from edge.cameras.capture_thread import Frame
from edge.config.schema import Config
from edge.contract.payloads import WindowBody, Withheld
from edge.daemon.metrics import Meter
from edge.daemon.pipeline import Pipeline
from edge.sample.camera import SampleCamera
from edge.sample.scene import Scene
from edge.timing.clock import Timestamps
from edge.vision.model_set import ModelChoice, ModelSet
from edge.vision.still_faces import LONG, StillFaces

Image = NDArray[np.uint8]
SECONDS = 20.0  # of a window
FEW = Withheld(what="figures", reason="few_people")


class Room:
    """A pipeline, and the time in it."""

    def __init__(self) -> None:
        settings = {"fps": 1, "detect_width": 640, "min_face_px": 12, "cpu_budget": 1}
        config = Config.model_validate({"mode": "headcount", "vision": settings, "window": {"seconds": SECONDS}})
        self.clock, self.still = FootageClock(), StillFaces()
        self._random = np.random.default_rng(1)
        self._noise = self._random.integers(-3, 4, 1280 * 720 * 3, np.int16)
        self._pipeline = Pipeline(
            config, ModelSet.load(ModelChoice.of(config)), Meter(0.0), Timestamps(self.clock), 0.0, still=self.still
        )  # fmt: skip

    def show(self, image_at: Callable[[float], Image], seconds: float) -> list[WindowBody]:
        """A frame a second with the noise of a sensor; returns the windows."""
        windows = []
        for _ in range(round(seconds)):
            self.clock.now += 1
            image = image_at(self.clock.now)
            noise = np.roll(self._noise, self._random.integers(self._noise.size))  # drawing it anew takes long
            noisy = cv2.add(image, noise.reshape(image.shape), dtype=cv2.CV_8U)
            windows += self._pipeline.observe(Frame(np.asarray(noisy, np.uint8), self.clock.now - 0.5))
            windows += self._pipeline.due(self.clock.now)
        return windows


@pytest.fixture
def room() -> Room:
    return Room()


def scene(faces: int) -> Scene:
    camera = SampleCamera(faces=faces)
    camera.start()
    assert camera.scene is not None
    return camera.scene


def test_one_pupil_in_front_of_a_poster_of_six_is_withheld(room: Room) -> None:
    poster = scene(6).render(0.0)
    first = room.show(lambda _now: poster, SECONDS)
    assert [(round(window.faces.mean or 0), window.withheld) for window in first] == [(6, None)]  # nobody knows yet
    room.show(lambda _now: poster, LONG + SECONDS)
    assert room.still.any
    # And so it stays: each of these windows is withheld, and what tracks know is forgotten with it.
    assert {window.withheld for window in room.show(lambda _now: poster, 5 * SECONDS)} == {FEW}
    pupil = cv2.resize(scene(1).render(0.0), None, fx=0.5, fy=0.5)[:240, :240]

    def with_pupil(now: float) -> Image:
        image, across = poster.copy(), 900 + round(20 * np.sin(now))
        image[20:260, across : across + 240] = pupil
        return image

    assert {window.withheld for window in room.show(with_pupil, 3 * SECONDS)} == {FEW}
    assert room.still.any


def test_a_camera_that_hangs_publishes_nobody_though_its_clock_goes_on(room: Room) -> None:
    lively = scene(12)
    assert {window.withheld for window in room.show(lively.render, 3 * SECONDS)} == {None}
    assert not room.still.any
    hung = lively.render(room.clock.now)

    def with_clock(now: float) -> Image:
        return np.asarray(cv2.putText(hung.copy(), f"{now:08.1f}", (20, 60), 0, 1.5, (255, 255, 255), 3), np.uint8)

    before = room.show(with_clock, LONG - 2 * SECONDS)
    assert {window.withheld for window in before} == {None}
    room.show(with_clock, 6 * SECONDS)
    assert room.still.any
    assert {window.withheld for window in room.show(with_clock, 3 * SECONDS)} == {FEW}
    room.show(lively.render, 5 * SECONDS)  # somebody has restarted it
    assert not room.still.any
    again = room.show(lively.render, 3 * SECONDS)
    assert {window.withheld for window in again} == {None}
    assert again[-1].faces.mean is not None
