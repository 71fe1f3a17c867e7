"""The count area: who is outside is not counted, tracked or classified, from the very frame in which they leave."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge.aggregation.windows import Observation
from edge.cameras.capture_thread import Frame
from edge.cameras.masks import covered
from edge.vision.count_area import inside
from edge.vision.frame_analyzer import AnalysisRules, FrameAnalyzer
from edge.vision.rate_controller import Plan
from tests.support.scripted_models import Room

HALF = ((0, 0), (0.5, 0), (0.5, 1), (0, 1))  # seats 0 to 5 of the scripted room
RING = [
    (0.1, 0.1),
    (0.9, 0.1),
    (0.9, 0.9),
    (0.1, 0.9),
    (0.1, 0.1),
    (0.3, 0.3),
    (0.3, 0.7),
    (0.7, 0.7),
    (0.7, 0.3),
    (0.3, 0.3),
]


def box_at(x: float, y: float) -> NDArray[np.float32]:
    return np.array([[x - 10, y - 20, 20, 40]], np.float32)


@given(st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_the_centre_of_the_box_decides(x: float, y: float) -> None:
    within = inside(box_at(1280 * x, 720 * y), RING, (1280, 720)).tolist()
    near = min(abs(value - line) for value in (x, y) for line in (0.1, 0.3, 0.7, 0.9)) < 0.002
    wanted = max(abs(x - 0.5), abs(y - 0.5)) <= 0.4 and max(abs(x - 0.5), abs(y - 0.5)) >= 0.2
    assert near or within == [wanted]


def test_it_means_the_same_as_a_mask_of_the_same_polygon() -> None:
    polygon = [(0.2, 0.1), (0.9, 0.3), (0.5, 0.5), (0.8, 0.95), (0.1, 0.7)]
    size = (80, 60)
    centres = np.stack(np.meshgrid(np.arange(80) + 0.5, np.arange(60) + 0.5), axis=-1).reshape(-1, 2)
    boxes = np.concatenate([centres - 1, np.full_like(centres, 2)], axis=1).astype(np.float32)
    within = inside(boxes, polygon, size).reshape(60, 80)
    masked = covered([polygon], size)
    assert within.any()
    assert not (within & ~masked).any()
    assert (masked & ~within).sum() < 300  # the pixels along its edges


def test_corners_named_twice_and_no_polygon_at_all() -> None:
    for polygon in (HALF, (*HALF, HALF[0]), (*HALF, HALF[-1], HALF[0]), HALF[::-1], HALF * 2):
        assert inside(box_at(49, 30), polygon, (100, 100)).all()
        assert not inside(box_at(51, 30), polygon, (100, 100)).any()
    assert inside(np.empty((0, 4), np.float32), HALF, (100, 100)).shape == (0,)
    assert inside(box_at(-5, 999), None, (100, 100)).all()


TEXTURE = np.random.default_rng(1).integers(0, 255, (100, 720, 3), np.uint8)


def look(analyzer: FrameAnalyzer, number: int, seats: set[int], shift: int = 0) -> Observation:
    image = np.roll(TEXTURE, shift, axis=1)
    image[0, 0], image[1, :12] = number, 0
    image[1, list(seats)] = 1
    return analyzer.analyze(Frame(image, number * 0.1))


def test_who_is_outside_is_in_no_figure_and_is_not_classified() -> None:
    room = Room()
    analyzer = FrameAnalyzer(room, room, AnalysisRules(24, 0.4, count_area=HALF), Plan(10, 10))
    seen = [look(analyzer, number, {0, 3, 7, 11}) for number in range(5)]
    assert [each.faces for each in seen] == [2] * 5
    assert [each.eligible for each in seen] == [2] * 5
    assert [sum(each.counts.values()) for each in seen] == [2] * 5
    assert {seat for _, seat in room.named} == {0, 3}
    everybody = FrameAnalyzer(room, room, AnalysisRules(24, 0.4), Plan(10, 10))
    assert look(everybody, 9, {0, 3, 7, 11}).faces == 4


class Walk:
    """A detector that sees one face, at the place that the frame says."""

    def __init__(self) -> None:
        self.room = Room()

    def detect(self, image: NDArray[np.uint8]) -> object:
        found = self.room.detect(image)
        x = 2 * int(image[0, 1, 0])
        return found._replace(boxes=np.array([[x, 20, 40, 40]], np.float32), scores=np.ones(1, np.float32))


def test_who_walks_out_is_counted_no_longer_and_who_is_missed_still_is() -> None:
    walk = Walk()
    analyzer = FrameAnalyzer(walk, None, AnalysisRules(24, 0.4, count_area=HALF), Plan(10, 10))  # type: ignore[arg-type]

    def step(number: int, x: int) -> int:
        image = TEXTURE.copy()
        image[0, 0], image[0, 1] = number, x // 2
        return analyzer.analyze(Frame(image, number * 0.1)).faces

    # The centre is 20 pixels right of x, the border at 360: a step overlaps the face before by two thirds.
    assert [step(number, x) for number, x in enumerate((310, 322, 334, 346, 358))] == [1, 1, 1, 0, 0]
    assert step(5, 330) == 1  # and back
    room = Room()
    steady = FrameAnalyzer(room, None, AnalysisRules(24, 0.4, count_area=HALF), Plan(10, 10))
    assert [look(steady, number, {2}).faces for number in range(3)] == [1, 1, 1]
    assert look(steady, 3, {9}).faces == 1  # a face elsewhere outside says nothing about the one that was missed


def test_who_is_carried_out_by_optical_flow_is_counted_no_longer() -> None:
    room = Room()
    analyzer = FrameAnalyzer(room, None, AnalysisRules(24, 0.4, count_area=HALF), Plan(10, 1))
    counted = [look(analyzer, number, {5}, shift=8 * number).faces for number in range(10)]
    assert room.searched == [0]  # in the others it was tracked: from 320 in steps of 8 pixels, beyond 360 at last
    assert counted[:6] == [1] * 6
    assert counted[-2:] == [0, 0]


@pytest.mark.parametrize("outside", [True, False])
def test_faces_outside_take_no_place_of_those_inside(outside: bool) -> None:  # noqa: FBT001
    class Crowd(Room):
        def detect(self, image: NDArray[np.uint8]) -> object:  # type: ignore[override]
            found = super().detect(image)
            boxes = np.array([[500, 20, 40, 40]] * 200 * outside + [[10, 20, 40, 40]], np.float32)
            return found._replace(boxes=boxes, scores=np.ones(len(boxes), np.float32))

    room = Crowd()
    analyzer = FrameAnalyzer(room, room, AnalysisRules(24, 0.4, count_area=HALF), Plan(10, 10))  # type: ignore[arg-type]
    assert look(analyzer, 0, {0}).faces == 1
