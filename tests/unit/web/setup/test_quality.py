"""Light and focus, as an installer can change them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge.sample.portraits import read_portraits
from edge.sample.scene import Scene
from edge.web.setup.quality import judge_light, sharpness, well_lit

NOBODY = np.empty((0, 4), np.float32)


@pytest.fixture
def scene() -> Scene:
    return Scene(read_portraits(), faces=12)


def test_light_is_judged_by_what_an_installer_can_change(scene: Scene) -> None:
    frame = scene.render(3.0)
    boxes = np.array([person.box for person in scene.truth(3.0)], np.float32)
    assert judge_light(frame, boxes).hint is None
    assert judge_light(frame, NOBODY).hint is None
    assert "Too dark" in str(judge_light((frame * 0.2).astype(np.uint8), boxes).hint)
    assert "Too bright" in str(judge_light(np.clip(frame * 2.5, 0, 255).astype(np.uint8), NOBODY).hint)
    against = np.full_like(frame, 230)
    for x, y, width, height in boxes.astype(int):
        part = np.s_[y : y + height, x : x + width]
        against[part] = frame[part] // 2
    dark = judge_light(against, boxes)
    assert dark.against
    assert "dark against a bright background" in str(dark.hint)
    window = np.zeros_like(frame)
    window[:200] = 255
    light = judge_light(window, NOBODY)
    assert "bright window" in str(light.hint)
    assert light.over == pytest.approx(200 / 720, abs=0.02)
    assert light.under == pytest.approx(520 / 720, abs=0.02)
    # A face at the very edge of the frame, and a frame smaller than what is looked at.
    assert judge_light(frame[:40, :40], np.array([[39, 39, 1, 1]], np.float32)).brightness > 0


def test_a_face_is_well_lit_or_not(scene: Scene) -> None:
    frame = scene.render(3.0)
    boxes = np.array([person.box for person in scene.truth(3.0)], np.float32)
    assert all(map(well_lit, judge_light(frame, boxes).faces))
    assert not any(map(well_lit, judge_light((frame * 0.1).astype(np.uint8), boxes).faces))
    assert not any(map(well_lit, judge_light(np.full_like(frame, 250), boxes).faces))
    outside = np.array([[5000, 10, 20, 20]], np.float32)
    assert judge_light(frame, outside).faces == (None,)
    assert not well_lit(None)


def test_sharpness_falls_with_every_turn_of_the_ring_and_not_with_the_light(scene: Scene) -> None:
    frame = scene.render(3.0)
    blurred = [np.asarray(cv2.GaussianBlur(frame, (0, 0), sigma), np.uint8) for sigma in (0.6, 0.9, 1.4, 2.0, 4.0)]
    found = [sharpness(each) for each in (frame, *blurred)]
    assert found == sorted(found, reverse=True)
    assert found[1] < 0.93 * found[0]  # even a slight one is to be seen
    assert sharpness((frame * 0.6).astype(np.uint8)) == pytest.approx(found[0], rel=0.1)
    assert sharpness(np.zeros((9, 9, 3), np.uint8)) == 0
