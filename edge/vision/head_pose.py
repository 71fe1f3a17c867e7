"""Is a face turned to the front? Judged by five landmarks and how sure the detector is. Pure.

Turned to the front means that both eyes are visible to the camera. It is no measure of attention or interest: who
writes looks down, and who dreams may look at the camera. `docs/facing.md` says what the figure means and does not.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.model_files.pose_rule import FEATURES, PoseRule
from edge.vision.face_detector import Detections

LEAST_LENGTH = 0.6  # of the eye-mouth distance: as eyes draw together in a profile, the offset must not explode
LEFT_EYE, RIGHT_EYE, NOSE, LEFT_MOUTH, RIGHT_MOUTH = range(5)


def evidence(found: Detections, rule: PoseRule) -> NDArray[np.float32]:
    """How much speaks for faces that are turned to the front.

    Args:
        found: n faces of one frame, as the detector gives them, with landmarks.
        rule: The weights, see `models/head-pose.json`.

    Returns:
        (n,) float32: logits above the rule's threshold, so that more than 0 means front.
    """
    weights = np.array([rule.weights[name] for name in FEATURES], np.float32)
    return np.asarray(measure(found) @ weights + np.float32(rule.bias - rule.threshold), np.float32)


def measure(found: Detections) -> NDArray[np.float32]:
    """The features of n faces: (n, 4) float32, in the order of `FEATURES`, none of which depends on the face's size.

    * offset: how far the nose lies from the middle of eyes and mouth, along the line of the eyes, as a part of the
      distance between the eyes (or of 0.6 times eye to mouth, if that is longer); 0 for a face seen straight on.
    * ratio: distance between the eyes as a part of the distance from eyes to mouth; small in a profile.
    * nose: where the nose lies on the way from the eyes (0) to the mouth (1); changes as a head is raised or bowed.
    * score: the detector's own score, 0..1, which drops for profiles, covered and blurred faces.
    """
    points = found.landmarks
    if points is None:
        raise ValueError("this detector finds no landmarks")
    offset, width, height = _offset(points)
    eyes, mouth = _middles(points)
    nose = ((points[:, NOSE] - eyes) * (mouth - eyes)).sum(axis=1) / height**2
    return np.asarray(np.stack([np.abs(offset), width / height, nose, found.scores], axis=1), np.float32)


def side(landmarks: NDArray[np.float32]) -> NDArray[np.float32]:
    """To which side of the picture heads are turned: (n,) float32, `offset` of `measure` with a sign.

    Args:
        landmarks: (n, 5, 2) as `Detections` has them.

    Returns:
        Below 0 to the left of the picture, above 0 to its right.
    """
    return np.asarray(_offset(landmarks)[0], np.float32)


def _offset(points: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Offset of the nose, positive towards the right eye; distance between the eyes; from eyes to mouth: (n,) each."""
    eyes, mouth = _middles(points)
    axis = points[:, RIGHT_EYE] - points[:, LEFT_EYE]
    width = np.linalg.norm(axis, axis=1)
    height = np.maximum(np.linalg.norm(mouth - eyes, axis=1), 1e-3)
    sideways = ((points[:, NOSE] - (eyes + mouth) / 2) * axis).sum(axis=1) / np.maximum(width, 1e-3)
    return sideways / np.maximum(width, LEAST_LENGTH * height), width, height


def _middles(points: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The middle of the eyes and of the mouth, (n, 2) each."""
    half = np.float32(0.5)
    return (points[:, LEFT_EYE] + points[:, RIGHT_EYE]) * half, (points[:, LEFT_MOUTH] + points[:, RIGHT_MOUTH]) * half


def roll(landmarks: NDArray[np.float32] | None) -> NDArray[np.float32]:
    """How far heads are tilted to a shoulder: (n,) float32 radians, the angle of the line of the eyes.

    Args:
        landmarks: (n, 5, 2) as `Detections` has them.
    """
    if landmarks is None:
        raise ValueError("this detector finds no landmarks")
    axis = landmarks[:, RIGHT_EYE] - landmarks[:, LEFT_EYE]
    angle: NDArray[np.float32] = np.arctan2(axis[:, 1], axis[:, 0])
    return angle
