"""Head pose: features that do not depend on size or tilt, and a rule that prefers faces seen straight on."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge.model_files.cards import SHIPPED
from edge.model_files.pose_rule import FEATURES, read_pose_rule
from edge.vision.face_detector import NOBODY, Detections
from edge.vision.head_pose import evidence, measure, roll

# Left eye, right eye, nose, corners of the mouth of a face seen straight on, and of one in near profile to the right.
FRONT = np.array([(30, 40), (70, 40), (50, 60), (34, 80), (66, 80)], np.float32)
PROFILE = np.array([(70, 40), (82, 40), (92, 58), (70, 80), (80, 80)], np.float32)


def found(*faces: NDArray[np.float32], score: float = 0.9) -> Detections:
    boxes = np.array([(0, 0, 100, 120)] * len(faces), np.float32)
    return Detections(boxes, np.full(len(faces), score, np.float32), np.stack(faces))


def turned(points: NDArray[np.float32], degrees: float, scale: float = 1.0) -> NDArray[np.float32]:
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return (points @ np.array([(cos, sin), (-sin, cos)], np.float32) * np.float32(scale) + 7).astype(np.float32)


def test_a_symmetric_face_has_no_offset_and_its_nose_halfway() -> None:
    features = dict(zip(FEATURES, measure(found(FRONT))[0].tolist(), strict=True))
    assert features == pytest.approx({"offset": 0, "ratio": 1, "nose": 0.5, "score": 0.9}, abs=1e-5)


def test_a_profile_has_a_large_offset_and_eyes_close_together() -> None:
    offset, ratio, _, _ = measure(found(PROFILE))[0].tolist()
    assert offset > 0.5
    assert ratio < 0.4


@given(degrees=st.floats(-60, 60), scale=st.floats(0.2, 5), mirror=st.booleans())
def test_size_tilt_and_side_do_not_matter(degrees: float, scale: float, mirror: bool) -> None:  # noqa: FBT001
    points = PROFILE.copy()
    if mirror:
        points[:, 0] = 100 - points[:, 0]
        points = points[[1, 0, 2, 4, 3]]
    again = measure(found(turned(points, degrees, scale)))
    np.testing.assert_allclose(again, measure(found(PROFILE)), atol=2e-3)


def test_the_shipped_rule_tells_front_from_profile() -> None:
    rule = read_pose_rule(SHIPPED / "head-pose.json")
    front, profile = evidence(found(FRONT, PROFILE), rule)
    assert front > 1
    assert profile < -1


def test_an_unsure_detection_speaks_against_the_front() -> None:
    rule = read_pose_rule(SHIPPED / "head-pose.json")
    assert evidence(found(FRONT, score=0.65), rule)[0] < evidence(found(FRONT, score=0.9), rule)[0] - 2


def test_nobody_has_no_evidence() -> None:
    assert evidence(NOBODY, read_pose_rule(SHIPPED / "head-pose.json")).shape == (0,)
    assert roll(NOBODY.landmarks).shape == (0,)


def test_landmarks_in_one_point_are_numbers_all_the_same() -> None:
    assert np.isfinite(measure(found(np.full((5, 2), 50, np.float32)))).all()


@pytest.mark.parametrize("degrees", [-30, 0, 12, 45])
def test_roll_is_the_tilt_of_the_eyes(degrees: float) -> None:
    assert math.degrees(roll(turned(FRONT, degrees)[None])[0]) == pytest.approx(degrees, abs=1e-3)
