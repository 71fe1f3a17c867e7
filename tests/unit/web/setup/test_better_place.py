"""What a better place would be, for rooms that are drawn face by face."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from edge.vision.head_pose import side
from edge.web.setup.better_place import better_place
from edge.web.setup.frame_facts import FaceFacts, FrameFacts

WIDTH, HEIGHT = 1280, 720


def face(
    x: float = 600,
    y: float = 300,
    height: float = 40,
    *,
    front: bool | None = True,
    side: float = 0,
    inside: bool = True,
) -> FaceFacts:
    return FaceFacts((x, y, height * 0.8, height), height >= 24, front, side, lit=True, inside=inside)


def frames(*faces: FaceFacts, against: bool = False, count: int = 20) -> list[FrameFacts]:
    return [FrameFacts(0.1 * number, (WIDTH, HEIGHT), faces, against, 1.0) for number in range(count)]


def said(shown: Sequence[FrameFacts]) -> str:
    return str(better_place(shown) or "")


def test_a_good_place_and_an_empty_room_need_no_word() -> None:
    assert better_place([]) is None
    assert better_place(frames()) is None
    assert better_place(frames(*(face(x) for x in range(100, 1100, 100)))) is None


@pytest.mark.parametrize(
    ("cut", "way"),
    [
        (face(0), "to the left"),
        (face(WIDTH - 32), "to the right"),
        (face(y=0), "tilt the camera up"),
        (face(y=HEIGHT - 40), "tilt the camera down"),
    ],
)
def test_faces_that_an_edge_cuts(cut: FaceFacts, way: str) -> None:
    whole = [face(x) for x in (300, 500, 700)]
    assert way in said(frames(cut, *whole))
    assert said([*frames(cut, *whole, count=8), *frames(*whole, count=12)]) == ""  # somebody walks out of the picture
    assert said(frames(cut, *[face(x, y) for x in range(100, 1100, 100) for y in (200, 300)])) == ""  # one of 21


def test_sides_to_which_heads_are_turned() -> None:
    ahead = [face(x) for x in (300, 500)]
    left, right, back = ([face(x, front=False, side=s) for x in (600, 700, 800)] for s in (-0.6, 0.6, 0.1))
    assert "farther to the left" in said(frames(*ahead, *left))
    assert "farther to the right" in said(frames(*ahead, *right))
    assert "beside what people look at" in said(frames(*ahead, *back))
    assert "beside what people look at" in said(frames(*left, *right))
    assert said(frames(*ahead, *left[:1])) == ""  # one neighbour who chats
    assert said(frames(*ahead, *ahead, *left)) == ""  # most look here
    unknown = [face(x, front=None) for x in (600, 700, 800)]
    assert said(frames(*ahead, *unknown)) == ""


def test_near_and_far_faces() -> None:
    rows = [face(x, height=height) for height in (12, 14, 40, 90) for x in (200, 400, 600)]
    assert "times as large as the farthest: a place higher up" in said(frames(*rows))
    alike = [face(x, height=14) for x in (200, 400, 600)]
    assert said(frames(*alike)) == ""  # that they are small, the advice on sizes says


def test_light_comes_first_and_who_is_not_counted_says_nothing() -> None:
    cut = face(0)
    assert "wall with the windows" in said(frames(cut, cut, against=True))
    assert said(frames(face(0, inside=False), face(300))) == ""


def test_the_side_is_that_of_the_picture() -> None:
    straight = [[10, 10], [30, 10], [20, 20], [12, 30], [28, 30]]
    left = [[10, 10], [30, 10], [13, 20], [12, 30], [28, 30]]
    right = [[10, 10], [30, 10], [27, 20], [12, 30], [28, 30]]
    found = side(np.array([straight, left, right], np.float32))
    assert found[0] == pytest.approx(0)
    assert found[1] == pytest.approx(-found[2])
    assert found[1] < -0.25
