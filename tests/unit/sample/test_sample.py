"""The sample input: the portraits, the scene made of them and its truth, and the pace of the camera."""

from __future__ import annotations

import hashlib
import itertools
import json
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from edge.errors import CameraError
from edge.sample.camera import SampleCamera
from edge.sample.portraits import PICTURES, Portrait, read_portraits
from edge.sample.scene import Person, Scene
from edge.vision.face_detector import FaceDetector

if TYPE_CHECKING:
    from pathlib import Path

    from edge.cameras.camera import Camera

TEN_MINUTES = [0.5 * tick for tick in range(1200)]


@pytest.fixture(scope="session")
def portraits() -> tuple[Portrait, ...]:
    return read_portraits()


@pytest.fixture(scope="session")
def drawn() -> tuple[Portrait, ...]:
    """Two heads of plain colour, so that a pixel tells whose it is."""
    outline = np.array(((20, 5), (80, 5), (80, 95), (20, 95)), np.float32)
    return tuple(
        Portrait(emotion, emotion, np.full((100, 100, 3), colour, np.uint8), (30.0, 20.0, 40.0, 50.0), outline)
        for emotion, colour in (("happy", 240), ("neutral", 20))
    )


def iou(one: Person, other: Person) -> float:
    (ax, ay, aw, ah), (bx, by, bw, bh) = one.box, other.box
    width = max(0.0, min(ax + aw, bx + bw) - max(ax, bx))
    height = max(0.0, min(ay + ah, by + bh) - max(ay, by))
    return width * height / (aw * ah + bw * bh - width * height)


@pytest.mark.parametrize("size", [(1280, 720), (1920, 1080), (640, 480)])
def test_frames_have_the_size_asked_for_and_are_the_callers_own(
    drawn: tuple[Portrait, ...], size: tuple[int, int]
) -> None:
    scene = Scene(drawn, size=size, faces=10)
    first, second = scene.render(3.0), scene.render(3.0)
    assert first.shape == (size[1], size[0], 3)
    assert first.dtype == np.uint8
    first[:] = 0
    assert np.array_equal(second, scene.render(3.0))


def test_the_same_seed_gives_the_same_scene_in_any_order(drawn: tuple[Portrait, ...]) -> None:
    times = [0.0, 7.3, 61.0, 299.9, 300.1, 5000.0]
    forwards = Scene(drawn, seed=4)
    backwards = Scene(drawn, seed=4)
    seen = {t: (forwards.truth(t), forwards.render(t)) for t in times}
    for t in reversed(times):
        truth, frame = seen[t]
        assert backwards.truth(t) == truth
        assert np.array_equal(backwards.render(t), frame)


def test_another_seed_gives_another_scene(drawn: tuple[Portrait, ...]) -> None:
    assert Scene(drawn, faces=9, seed=1).truth(0.0) != Scene(drawn, faces=9, seed=2).truth(0.0)


@pytest.mark.parametrize("faces", [None, 1, 25, 40, 46, 100])
def test_faces_are_whole_apart_and_of_a_size_worth_detecting(drawn: tuple[Portrait, ...], faces: int | None) -> None:
    scene = Scene(drawn, faces=faces)
    for t in TEN_MINUTES[::40]:
        people = scene.truth(t)
        for person in people:
            x, y, width, height = person.box
            assert x >= 0
            assert y >= 0
            assert x + width <= 1280
            assert y + height <= 720
            assert 24 <= height <= 96
            assert person.emotion in {"happy", "neutral"}
        assert all(iou(one, other) < 0.1 for one, other in itertools.combinations(people, 2))


def test_small_and_large_faces_are_on_the_same_frame(drawn: tuple[Portrait, ...]) -> None:
    heights = [person.box[3] for person in Scene(drawn, faces=40).truth(0.0)]
    assert min(heights) < 32
    assert max(heights) > 80


def test_a_varying_class_goes_from_6_to_40(drawn: tuple[Portrait, ...]) -> None:
    scene = Scene(drawn)
    counts = [len(scene.truth(t)) for t in TEN_MINUTES]
    assert min(counts) == 6
    assert max(counts) == 40
    assert max(abs(b - a) for a, b in itertools.pairwise(counts)) <= 3  # slowly


@pytest.mark.parametrize("faces", [1, 6, 25, 50, 100])
def test_a_fixed_class_has_its_number_but_for_the_moment_of_a_change(drawn: tuple[Portrait, ...], faces: int) -> None:
    scene = Scene(drawn, faces=faces)
    counts = [len(scene.truth(t)) for t in TEN_MINUTES]
    assert set(counts) == {faces - 1, faces}
    assert counts.count(faces) > 0.7 * len(counts)
    assert counts[0] == faces


@pytest.mark.parametrize("faces", [0, -1, 101])
def test_an_impossible_number_of_faces_is_refused(drawn: tuple[Portrait, ...], faces: int) -> None:
    with pytest.raises(ValueError, match="1 to 100"):
        Scene(drawn, faces=faces)


def test_the_truth_is_what_the_frame_shows(drawn: tuple[Portrait, ...]) -> None:
    scene = Scene(drawn, faces=30)
    for t in (0.0, 40.0, 200.0):
        frame = scene.render(t)
        for person in scene.truth(t):
            x, y, width, height = person.box
            level = frame[round(y + height / 2), round(x + width / 2)].mean()
            assert level > 110 if person.emotion == "happy" else level < 75


def test_people_sway_a_little(drawn: tuple[Portrait, ...]) -> None:
    scene = Scene(drawn, faces=1)
    places = np.array([person.box[:2] for t in np.arange(4.0, 7.0, 0.1) for person in scene.truth(float(t))])
    assert 1 <= np.ptp(places[:, 0]) <= 20
    assert np.ptp(places[:, 1]) <= 8


def test_the_light_changes(drawn: tuple[Portrait, ...]) -> None:
    scene = Scene(drawn, faces=1)
    levels = [float(scene.render(t).mean()) for t in TEN_MINUTES[::6]]
    assert max(levels) > 1.4 * min(levels)
    assert max(abs(b - a) for a, b in itertools.pairwise(levels)) > 20  # somebody uses the switch


def test_the_portraits_are_the_two_we_know(portraits: tuple[Portrait, ...]) -> None:
    assert [(portrait.name, portrait.emotion) for portrait in portraits] == [
        ("astronaut", "happy"),
        ("hopper", "neutral"),
    ]
    for portrait in portraits:
        height, width, _ = portrait.image.shape
        x, y, w, h = portrait.face
        assert 0 <= x < x + w <= width
        assert 0 <= y < y + h <= height
        assert portrait.outline.min() >= 0
        assert (portrait.outline.max(axis=0) <= (width, height)).all()


def test_reading_the_portraits_prints_nothing(
    portraits: tuple[Portrait, ...], capfd: pytest.CaptureFixture[str]
) -> None:
    read_portraits()  # libpng would complain about a colour profile
    assert capfd.readouterr() == ("", "")


def test_the_pictures_are_those_whose_origin_is_written_beside_them() -> None:
    origins = json.loads((PICTURES / "origins.json").read_text())
    pictures = {path.name: path for path in PICTURES.iterdir() if path.suffix in {".png", ".jpg"}}
    assert sorted(origins) == sorted(pictures)
    for name, origin in origins.items():
        assert origin["sha256"] == hashlib.sha256(pictures[name].read_bytes()).hexdigest()
        assert origin["licence"] == "public domain"
        assert len(origin["source_sha256"]) == 64
        assert origin["source"]


def test_a_missing_picture_is_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(CameraError) as caught:
        read_portraits(tmp_path)
    assert f"{tmp_path}/astronaut.png" in caught.value.problem
    assert "install edge again" in caught.value.remedy


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n123", b"no picture", None])
def test_a_broken_picture_is_an_error_with_the_same_remedy(tmp_path: Path, content: bytes | None) -> None:
    other = cv2.imencode(".png", np.zeros((8, 8, 3), np.uint8))[1].tobytes()
    (tmp_path / "astronaut.png").write_bytes(other if content is None else content)
    with pytest.raises(CameraError, match=r"not the picture that it was.*install edge again"):
        read_portraits(tmp_path)


def test_the_detector_finds_every_face_of_the_room(portraits: tuple[Portrait, ...]) -> None:
    detector = FaceDetector.load()
    scene = Scene(portraits, faces=25)
    found = [Person((x, y, width, height), "") for x, y, width, height in detector.detect(scene.render(0.0)).boxes]
    truth = scene.truth(0.0)
    assert len(truth) == 25
    assert len(found) == 25
    assert all(any(iou(person, other) > 0.5 for other in found) for person in truth)


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def test_the_camera_keeps_its_pace_and_skips_when_the_reader_is_slow(portraits: tuple[Portrait, ...]) -> None:
    clock = Clock()
    sample = SampleCamera(faces=6, size=(640, 360), fps=10.0, clock=clock, sleep=clock.sleep)
    camera: Camera = sample
    camera.start()
    shown = []
    for _ in range(4):
        camera.read()
        shown.append(sample.elapsed())
    assert shown == pytest.approx([0.0, 0.1, 0.2, 0.3])
    clock.now += 5.0
    frame = camera.read()
    assert sample.elapsed() == pytest.approx(5.3)
    assert sample.scene is not None
    assert frame is not None
    assert np.array_equal(frame, sample.scene.render(sample.elapsed()))
    camera.read()
    camera.read()
    assert sample.elapsed() == pytest.approx(5.4)  # no burst of late frames
    assert max(clock.slept) <= 0.1 + 1e-9


def test_a_stopped_camera_has_no_frames(portraits: tuple[Portrait, ...]) -> None:
    camera = SampleCamera(faces=6, size=(640, 360))
    with pytest.raises(CameraError, match="not started"):
        camera.read()
    camera.start()
    assert camera.read() is not None
    camera.stop()
    camera.stop()
    assert camera.read() is None
    camera.start()
    assert camera.read() is not None
