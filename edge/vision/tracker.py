"""Matches faces between frames: greedy, by overlap, so that one missed frame is no lost face."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.model_files.pose_rule import PoseRule
from edge.vision.face_detector import NOBODY, Detections
from edge.vision.head_pose import evidence, roll

MIN_IOU = 0.2  # at 5 frames/s a walking face still overlaps itself by this much
REACH = 1.3  # of its height: a face that comes this near to one that is missed is that one, moved
SAME_SIZE = 1.4  # times its height, at most
MAX_AGE = 1.0  # seconds that a face may still be counted after it was last detected; longer over-counts moving scenes
MISSED_FRAMES = 2.5  # as many frames it may be missed in
MIN_SIGHTINGS = 2  # a face seen once is counted only in that frame: a single false box leaves no shadow
SMOOTHING = 0.5  # weight of the newest probabilities
POSE_SMOOTHING = 0.3  # weight of the newest evidence of a head's direction
HYSTERESIS = 0.5  # logits: a head changes sides only when the smoothed evidence is this far beyond the threshold


@dataclass
class Track:
    """A face over time. It lives in memory only, and dies soon after the face was last detected."""

    box: NDArray[np.float32]  # (4,) x, y, width, height
    last_seen: float  # when it was last detected or tracked; monotonic seconds
    last_classified: float  # of one that never was, a second before it came
    sightings: int = 1
    last_detected: float = -math.inf  # optical flow goes on finding the wall behind a face that has left
    probabilities: NDArray[np.float32] | None = None  # (labels,), smoothed; None before it was classified
    evidence: float | None = None  # logits that speak for a head turned to the front, smoothed; None: not measured
    front: bool = True  # so it is taken for turned to the front; also where poses are not measured
    roll: float = 0.0  # radians by which the head is tilted, as last detected

    def update_pose(self, evidence: float, roll: float, *, front_only: bool) -> None:
        """Blend in the newest evidence of `edge.vision.head_pose`.

        Args:
            evidence: Above 0: front.
            roll: Radians.
            front_only: A face that turns away loses its probabilities, for it is classified no more.
        """
        self.roll = roll
        if self.evidence is None:
            self.evidence, self.front = evidence, evidence > 0
            return
        self.evidence += POSE_SMOOTHING * (evidence - self.evidence)
        self.front = self.evidence > (-HYSTERESIS if self.front else HYSTERESIS)
        if front_only and not self.front:
            self.probabilities = None  # what it showed before is not what it shows when it comes back

    def update_probabilities(self, probabilities: NDArray[np.float32], time: float) -> None:
        """Blend in the newest probabilities, (labels,) float32; `time` in monotonic seconds."""
        self.last_classified = time
        if self.probabilities is None:
            self.probabilities = probabilities.copy()
        else:
            self.probabilities += SMOOTHING * (probabilities - self.probabilities)


def update_poses(tracks: Sequence[Track], found: Detections, rule: PoseRule | None, *, front_only: bool) -> None:
    """Judge the poses of the faces of a frame.

    Args:
        tracks: n of them, of the faces in `found`.
        found: The faces; without landmarks nothing is judged.
        rule: The rule for head poses; None: they are not measured.
        front_only: Whether only faces turned to the front are classified.
    """
    if rule is None or found.landmarks is None or not tracks:
        return
    for track, logits, angle in zip(
        tracks, evidence(found, rule).tolist(), roll(found.landmarks).tolist(), strict=True
    ):
        track.update_pose(logits, angle, front_only=front_only)


class Tracker:
    """Keeps the tracks of one camera.

    Args:
        detect_fps: Frames per second in which faces will be detected.
    """

    def __init__(self, detect_fps: float) -> None:
        self.set_rate(detect_fps)
        self._tracks: list[Track] = []
        self._now: list[Track] = []  # those of them that were in the newest frame

    def set_rate(self, detect_fps: float) -> None:
        """Faces are detected in another number of frames per second from now on."""
        self.max_age = min(MAX_AGE, MISSED_FRAMES / detect_fps)

    def update(
        self, boxes: NDArray[np.float32], time: float, outside: NDArray[np.float32] = NOBODY.boxes
    ) -> tuple[list[Track], list[Track]]:
        """Match the faces of a new frame to the tracks.

        Args:
            boxes: (n, 4) float32, x, y, width, height, best first.
            time: When the frame was taken, monotonic seconds.
            outside: (m, 4) float32: faces that are not counted; one that was tracked until now was not missed.

        Returns:
            One track per box, in the order of the boxes; and the tracks that were missed in this
            frame but are still counted.
        """
        before = self._young(time)
        known: dict[int, int] = {}  # which track each box is of
        if before and len(boxes):
            places = np.concatenate([track.box for track in before]).reshape(-1, 4)
            known = _nearest_first(-overlap(boxes, places), -MIN_IOU)
            new = [i for i in range(len(boxes)) if i not in known]
            free = sorted(set(range(len(before))) - set(known.values()))
            if new and free:  # else who moves by more than a head would be counted there and here
                moved = _nearest_first(_distances(boxes[new], places[free]), REACH)
                known |= {new[i]: free[j] for i, j in moved.items()}
        now = []
        for i, box in enumerate(boxes):
            # A newcomer waits as if it had been classified a second ago: those who sit there wait as long as that.
            track = before[known[i]] if i in known else Track(box, time, time - 1, 0)
            track.box, track.last_seen, track.last_detected = box, time, time
            track.sightings += 1
            now.append(track)
        found = set(known.values())
        missed = [track for j, track in enumerate(before) if j not in found and self._bridged(track, time)]
        if missed and len(outside):
            left = overlap(np.stack([track.box for track in missed]), outside).max(axis=1) >= MIN_IOU
            missed = [track for track, has_left in zip(missed, left.tolist(), strict=True) if not has_left]
        self._tracks, self._now = now + missed, now
        return now, missed

    def boxes(self) -> NDArray[np.float32]:
        """(n, 4) float32: where the faces of the newest frame are, best first."""
        return np.concatenate([track.box for track in self._now] or [np.empty(0, np.float32)]).reshape(-1, 4)

    def move(
        self,
        boxes: NDArray[np.float32],
        found: NDArray[np.bool_],
        time: float,
        inside: NDArray[np.bool_] | None = None,
    ) -> tuple[list[Track], list[Track]]:
        """Move the faces of the newest frame to a frame in which none were detected.

        Args:
            boxes: (n, 4) float32: where those of `boxes()` went.
            found: (n,): which of them were found again.
            time: When the frame was taken, monotonic seconds.
            inside: (n,): which of them are still counted, if found; None: all.

        Returns:
            The tracks that were found again; and those that were not but are still counted.
        """
        before, now = self._young(time), []
        known = set()
        stays = (np.ones_like(found) if inside is None else inside).tolist()
        for track, box, is_found, is_inside in zip(self._now, boxes, found.tolist(), stays, strict=True):
            if is_found:
                known.add(id(track))
            if is_found and is_inside:
                track.box, track.last_seen = box, time
                now.append(track)
        missed = [track for track in before if id(track) not in known and self._bridged(track, time)]
        self._tracks, self._now = now + missed, now
        return now, missed

    def _young(self, time: float) -> list[Track]:
        return [track for track in self._tracks if 0 <= time - track.last_seen <= self.max_age]

    def _bridged(self, track: Track, time: float) -> bool:
        """Whether a face is still counted in a frame that it was missed in."""
        return track.sightings >= MIN_SIGHTINGS and time - track.last_detected <= self.max_age


def _nearest_first(distances: NDArray[np.float32], most: float) -> dict[int, int]:
    """Pairs of n and m, by distances (n, m) of at most `most`: the nearest first, and each of them once."""
    flat = distances.ravel()
    near = np.flatnonzero(flat <= most)  # few of all: they alone are put in order
    pairs: dict[int, int] = {}
    taken = set()
    for pair in near[np.argsort(flat[near], kind="stable")].tolist():
        i, j = divmod(pair, distances.shape[1])
        if i not in pairs and j not in taken:
            pairs[i] = j
            taken.add(j)
    return pairs


def _distances(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    """Between the centres of boxes (n, 4) and (m, 4), in heights: (n, m); infinite where one is much larger."""
    (ax, ay, aw, ah), (bx, by, bw, bh) = a.T[..., None], b.T
    apart = np.hypot(ax + aw / 2 - bx - bw / 2, ay + ah / 2 - by - bh / 2) / np.maximum(np.minimum(ah, bh), 1e-3)
    alike = np.maximum(ah, bh) <= SAME_SIZE * np.minimum(ah, bh)
    distances: NDArray[np.float32] = np.where(alike, apart, np.inf)
    return distances


def overlap(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    """Intersection over union of boxes (n, 4) and (m, 4) as x, y, width, height: (n, m) float32 in 0..1."""
    # Plain (n, m) sheets: with width and height in a third axis, numpy takes three times as long.
    (ax, ay, aw, ah), (bx, by, bw, bh) = a.T[..., None], b.T
    width = np.minimum(ax + aw, bx + bw) - np.maximum(ax, bx)
    height = np.minimum(ay + ah, by + bh) - np.maximum(ay, by)
    both = np.maximum(width, 0) * np.maximum(height, 0)
    shares: NDArray[np.float32] = both / np.maximum(aw * ah + bw * bh - both, 1e-9)
    return shares
