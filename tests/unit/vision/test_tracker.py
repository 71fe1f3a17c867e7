"""The tracker: no face lost, none counted twice."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from edge.vision.tracker import Track, Tracker

boxes_of_a_frame = hnp.arrays(
    np.float32, st.tuples(st.integers(0, 12), st.just(4)), elements=st.floats(1, 100, width=32)
)


@given(st.lists(st.tuples(boxes_of_a_frame, st.floats(0, 1)), max_size=20))
def test_tracks_neither_lose_nor_double_a_face(frames: list[tuple[NDArray[np.float32], float]]) -> None:
    tracker, time = Tracker(5), 0.0
    for boxes, step in frames:
        time += step
        now, missed = tracker.update(boxes, time)
        assert len(now) == len(boxes)
        assert len({id(track) for track in now + missed}) == len(now) + len(missed)
        assert all(np.array_equal(track.box, box) for track, box in zip(now, boxes, strict=True))
        assert all(time - track.last_seen <= tracker.max_age for track in missed)


def test_a_missed_frame_is_no_lost_face() -> None:
    tracker, box = Tracker(5), np.array([[10, 10, 40, 40]], np.float32)
    nobody = np.empty((0, 4), np.float32)
    first = tracker.update(box, 0.0)[0][0]
    assert tracker.update(box + 5, 0.2)[0][0] is first
    assert tracker.update(nobody, 0.4)[1] == [first]
    assert tracker.update(box + 8, 0.6)[0][0] is first
    assert tracker.update(nobody, 0.6 + tracker.max_age + 0.1)[1] == []


@pytest.mark.parametrize("fps", [0.5, 2, 5, 15])
def test_one_missed_frame_is_bridged_at_every_rate_up_to_a_second(fps: float) -> None:
    tracker, box = Tracker(fps), np.array([[10, 10, 40, 40]], np.float32)
    for index in range(2):
        tracker.update(box, index / fps)
    missed = tracker.update(np.empty((0, 4), np.float32), 2 / fps)[1]
    assert len(missed) == (1 if fps >= 1 else 0)
    assert tracker.max_age <= 1


def test_a_face_seen_once_leaves_no_shadow() -> None:
    tracker = Tracker(5)
    tracker.update(np.array([[10, 10, 40, 40]], np.float32), 0.0)
    assert tracker.update(np.empty((0, 4), np.float32), 0.1)[1] == []


@pytest.mark.parametrize(("front_only", "kept"), [(True, False), (False, True)])
def test_a_face_that_turns_away_loses_what_it_showed_only_where_the_front_alone_is_named(
    *, front_only: bool, kept: bool
) -> None:
    track = Track(np.array([0, 0, 50, 50], np.float32), 0.0, -1.0)
    track.update_pose(2.0, 0.0, front_only=front_only)
    track.update_probabilities(np.array([0.9, 0.1], np.float32), 0.0)
    for _ in range(20):
        track.update_pose(-2.0, 0.0, front_only=front_only)
    assert not track.front
    assert (track.probabilities is not None) == kept


@pytest.mark.parametrize("fps", [2.0, 5.0])
@pytest.mark.parametrize("hz", [0.6, 1.0, 1.25, 2.0])
def test_who_sways_by_more_than_a_head_is_counted_once(hz: float, fps: float) -> None:
    tracker, heads = Tracker(fps), np.array([[200 * seat, 300, 40, 50] for seat in range(4)], np.float32)
    for frame in range(60):
        to_and_fro = np.sign(np.sin(2 * np.pi * hz * frame / fps + 0.4)) * 28  # 1.4 widths from side to side
        now, missed = tracker.update(heads + np.array([to_and_fro, 0, 0, 0], np.float32), frame / fps)
        assert len(now) + len(missed) == 4


def test_who_is_missed_beside_a_newcomer_of_another_size_or_place_is_still_counted() -> None:
    tracker = Tracker(5.0)
    seated = np.array([[100, 100, 40, 50], [200, 100, 40, 50]], np.float32)
    for frame in range(3):
        tracker.update(seated, frame / 5)
    far = np.array([[290, 100, 40, 50]], np.float32)
    assert [len(part) for part in tracker.update(np.concatenate([seated[:1], far]), 0.6)] == [2, 1]
    tracker = Tracker(5.0)
    for frame in range(3):
        tracker.update(seated[:1], frame / 5)
    assert [len(part) for part in tracker.update(np.array([[120, 120, 80, 100]], np.float32), 0.6)] == [1, 1]
