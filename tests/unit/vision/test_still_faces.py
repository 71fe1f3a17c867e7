"""Which faces are no living person's, for they do not move: drawn tracks, and what must not change that."""

from __future__ import annotations

import time
from collections.abc import Callable
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge.vision.still_faces import KEPT, LONG, LONGEST_GAP, LONGEST_MISSED, MOVED, REPORTED, StillFaces

Boxes = NDArray[np.float32]
SEATS = 12


def seats(size: float, number: int = SEATS) -> Boxes:
    """Faces side by side that do not overlap, `size` pixels high."""
    return np.array([[3 * size * seat, 100, 0.8 * size, size] for seat in range(number)], np.float32).reshape(-1, 4)


def watch(
    still: StillFaces, boxes_at: Callable[[float], Boxes], seconds: float, fps: float = 1.0, start: float = 1000.0
) -> tuple[NDArray[np.bool_], float]:
    """Show it so many seconds of frames; returns what it said of the last one, and when that was."""
    said, now = np.empty(0, bool), start
    for frame in range(1 + round(seconds * fps)):
        now = start + frame / fps
        said = still.update(boxes_at(now), now)
    return said, now


def number(still: StillFaces) -> int:
    """How many still faces are known."""
    return int(vars(still)["_still"].sum())


def jittering(boxes: Boxes, jitter: float, seed: int) -> Callable[[float], Boxes]:
    """Boxes as a detector finds them in a picture with noise: `jitter` of their height, one standard deviation."""
    random = np.random.default_rng(seed)
    return lambda _now: (boxes + random.normal(0, jitter, boxes.shape) * boxes[:, 3:]).astype(np.float32)


@settings(max_examples=15, deadline=None)
@given(st.floats(0, 0.02), st.sampled_from([8.0, 24.0, 90.0]), st.integers(0, 1000), st.sampled_from([1.0, 5.0]))
def test_what_hangs_on_the_wall_is_still_after_ten_minutes_whatever_the_noise(
    jitter: float, size: float, seed: int, fps: float
) -> None:
    still = StillFaces()
    poster = jittering(seats(size), jitter, seed)
    said, now = watch(still, poster, LONG - 10, fps)
    assert not said.any()
    assert number(still) == 0
    said, _ = watch(still, poster, 130, fps, now + 1 / fps)  # the first boxes may jitter more than MOVED
    assert said.all()
    assert number(still) == SEATS


@settings(max_examples=20, deadline=None)
@given(
    st.integers(0, 1000), st.floats(0.3, 3), st.floats(20, 400), st.sampled_from(["across", "down", "nearer"]),
    st.floats(0, 0.02),
)  # fmt: skip
def test_who_moves_by_a_third_of_a_head_within_minutes_is_never_still(
    seed: int, reach: float, period: float, direction: str, jitter: float
) -> None:
    """A living head, 20 cm high, moves by 6 cm and more, to and fro."""
    still, home = StillFaces(), seats(40.0)
    noise = jittering(home, jitter, seed)
    phases = np.random.default_rng(seed).uniform(0, 2 * np.pi, SEATS)

    def people(now: float) -> Boxes:
        boxes, shift = noise(now), 40 * reach / 2 * np.sin(2 * np.pi * now / period + phases)
        if direction == "nearer":
            boxes[:, 3] = np.maximum(boxes[:, 3] + shift, 5)
        else:
            boxes[:, 0 if direction == "across" else 1] += shift
        return boxes

    for start in (1000.0, 1900.0):
        said, _ = watch(still, people, 899, start=start)
        assert not said.any()
        assert number(still) == 0


@settings(max_examples=10, deadline=None)
@given(st.floats(0.7, 1), st.integers(0, 1000))
def test_a_printed_face_need_not_be_found_each_time(share: float, seed: int) -> None:
    still, poster, random = StillFaces(), seats(20.0), np.random.default_rng(seed)
    watch(still, lambda _now: poster[random.random(SEATS) < share], LONG + 100)
    assert number(still) == SEATS


def test_a_pupil_in_front_of_a_poster_is_not_still_and_the_poster_is() -> None:
    still, poster = StillFaces(), seats(50.0, 6)
    watch(still, lambda _now: poster, LONG + 20)
    pupil = np.array([[400, 300, 40, 50]], np.float32)
    everybody = np.concatenate([pupil, poster])
    assert still.update(everybody, 1700.0).tolist() == [False, *[True] * 6]
    assert still.update(np.empty((0, 4), np.float32), 1700.2).shape == (0,)


def test_who_stands_in_front_of_it_does_not_make_it_a_person() -> None:
    still, poster = StillFaces(), seats(50.0, 6)
    _, now = watch(still, lambda _now: poster, LONG + 20)
    in_front = poster[:3] + np.array([20, 0, 0, 0], np.float32)  # of three of them
    said, now = watch(still, lambda _now: np.concatenate([in_front, poster[3:]]), LONG - 100, start=now + 1)
    assert said.tolist() == [*[False] * 3, *[True] * 3]
    assert number(still) == 6  # that some are not to be seen is nobody's business
    said, _ = watch(still, lambda _now: poster, 5, start=now + 1)
    assert said.all()
    assert number(still) == 6


def test_a_poster_that_was_taken_away_is_forgotten() -> None:
    still, poster = StillFaces(), seats(50.0, 6)
    _, now = watch(still, lambda _now: poster, LONG + 20)
    nobody = np.empty((0, 4), np.float32)
    _, now = watch(still, lambda _now: nobody, 5, start=now + KEPT)
    assert number(still) == 0
    assert not still.update(poster, now + 1).any()


def test_a_poster_is_known_again_after_a_dark_weekend_and_reported_for_ten_minutes_only() -> None:
    still, poster, nobody = StillFaces(), seats(50.0, 6), np.empty((0, 4), np.float32)
    _, now = watch(still, lambda _now: poster, LONG + 20)
    _, now = watch(still, lambda _now: nobody, REPORTED - 10, start=now + 1)
    assert still.any
    _, now = watch(still, lambda _now: nobody, 20, start=now + 1)
    assert not still.any
    _, now = watch(still, lambda _now: nobody, 5, start=now + 60 * 3600)
    assert still.update(poster, now + 1).all()
    assert still.any


def test_no_more_still_faces_are_remembered_than_were_seen_last() -> None:
    still, now = StillFaces(), 1000.0
    rows = [seats(20.0, 6) + np.array([0, 100 * row, 0, 0], np.float32) for row in range(3)]
    with patch("edge.vision.still_faces.MOST_KEPT", 12):
        for printed in rows:
            _, now = watch(still, lambda _now, printed=printed: printed, LONG + 20, start=now + 1)  # type: ignore[misc]
    assert number(still) == 12
    assert [bool(still.update(printed, now).all()) for printed in rows] == [False, True, True]


@pytest.mark.parametrize("shift", [(0.06, 0), (0.3, -0.2), (-0.5, 0.4)])
def test_a_camera_that_is_moved_moves_what_is_printed_and_no_more(shift: tuple[float, float]) -> None:
    still, poster = StillFaces(), jittering(seats(40.0, 6), 0.01, 1)
    _, now = watch(still, poster, LONG + 20)
    offset = np.array([40 * shift[0], 40 * shift[1], 0, 0], np.float32)
    pupil = np.array([[400, 300, 32, 40]], np.float32)
    for _ in range(60):
        now += 0.2
        assert still.update(np.concatenate([poster(now), pupil]) + offset, now).tolist() == [*[True] * 6, False]


def test_what_is_covered_while_the_camera_is_moved_is_known_where_it_is_then() -> None:
    still, poster = StillFaces(), seats(40.0, 6)
    _, now = watch(still, lambda _now: poster, LONG + 20)
    moved = poster + np.array([12, 0, 0, 0], np.float32)
    _, now = watch(still, lambda _now: moved[:5], 20, start=now + 1)
    said, _ = watch(still, lambda _now: moved, 20, start=now + 1)
    assert said.all()


@pytest.mark.parametrize("reach", [0.1, 0.3, 0.5])
def test_a_camera_that_shakes_makes_no_people_of_what_is_printed(reach: float) -> None:
    still, poster = StillFaces(), jittering(seats(40.0, 6), 0.01, 1)
    _, now = watch(still, poster, LONG + 20)
    for _ in range(600):
        now += 0.2
        offset = np.array([40 * reach * np.sin(2 * np.pi * 1.37 * now), 0, 0, 0], np.float32)
        assert still.update(poster(now) + offset, now).all()


@pytest.mark.parametrize("reach", [0.15, 0.3, 0.45])
def test_a_camera_that_shakes_makes_no_people_of_three_in_a_noisy_picture(reach: float) -> None:
    still, poster = StillFaces(), jittering(seats(40.0, 3), 0.02, 0)
    _, now = watch(still, poster, LONG + 300)
    said = []
    for _ in range(600):
        now += 0.2
        offset = np.array([40 * reach * np.sin(2 * np.pi * 1.37 * now), 0, 0, 0], np.float32)
        said.append(bool(still.update(poster(now) + offset, now).all()))
    assert np.mean(said) > 0.97  # of the frames: now and then one of them jitters by more
    assert number(still) == 3


def test_two_that_move_alike_are_people_again() -> None:
    still, people = StillFaces(), seats(40.0, 2)
    _, now = watch(still, lambda _now: people, LONG + 20)
    assert not still.update(people + np.array([12, 0, 0, 0], np.float32), now + 1).any()


def test_a_camera_that_moves_again_has_people_again() -> None:
    still, people = StillFaces(), seats(50.0)
    said, now = watch(still, lambda _now: people, LONG + 20)
    assert said.all()
    moved = people + np.array([[(-1) ** seat * 4, 0, 0, 0] for seat in range(SEATS)], np.float32)  # 8 %, not alike
    said, _ = watch(still, lambda _now: moved, 60, start=now + 1)
    assert not said.any()
    assert number(still) == 0


@pytest.mark.parametrize(("gap", "known"), [(LONGEST_GAP - 1, True), (LONGEST_GAP + 1, False), (-100.0, False)])
def test_what_was_seen_before_a_gap(gap: float, known: bool) -> None:  # noqa: FBT001
    still, poster = StillFaces(), seats(50.0, 6)
    _, now = watch(still, lambda _now: poster, LONG - 30)
    said, now = watch(still, lambda _now: poster, 35, start=now + gap)
    assert bool(said.all()) == known
    assert (number(still) == 6) == known


def test_what_was_still_before_a_gap_is_still_after_it() -> None:
    still, poster = StillFaces(), seats(50.0, 6)
    _, now = watch(still, lambda _now: poster, LONG + 20)
    assert still.update(poster, now + 300).all()


@settings(max_examples=10, deadline=None)
@given(st.floats(0, 0.015), st.integers(0, 1000), st.floats(12, 100_000))  # of more noise one in a hundred is late
def test_a_poster_is_still_after_a_pause_and_who_sat_there_before_is_forgotten(
    jitter: float, seed: int, pause: float
) -> None:
    still, poster = StillFaces(), jittering(seats(50.0, 6), jitter, seed)
    _, now = watch(still, poster, LONG + 100)
    pupil = np.array([[400, 300, 40, 50]], np.float32)
    _, now = watch(still, lambda time: np.concatenate([pupil, poster(time)]), LONG - 100, start=now + 1)
    still.forget_people()
    assert sum(map(len, (value for value in vars(still).values() if isinstance(value, np.ndarray)))) == 6 * 5
    said, _ = watch(still, lambda time: np.concatenate([pupil, poster(time)]), 300, start=now + pause)
    assert said.tolist() == [False, *[True] * 6]


def test_a_poster_that_was_taken_away_in_a_pause_is_forgotten_at_the_first_look() -> None:
    still = StillFaces()
    _, now = watch(still, lambda _now: seats(50.0, 6), LONG + 20)
    still.forget_people()
    still.update(seats(50.0, 2), now + KEPT + 1)
    assert number(still) == 2


def test_nothing_is_asked_between_two_looks_while_nothing_is_still() -> None:
    still, people = StillFaces(), seats(50.0)
    assert still.wants(5.0)
    still.update(people, 5.0)
    assert [still.wants(time) for time in (5.2, 5.9, 6.0, 4.0)] == [False, False, True, True]
    _, now = watch(still, lambda _now: people, LONG + 20)
    assert still.wants(now + 0.2)


def test_nothing_is_left_of_who_has_gone_and_nothing_after_a_reset() -> None:
    still, people = StillFaces(), seats(50.0)
    _, now = watch(still, lambda _now: people, 300)
    watch(still, lambda _now: people[:0], LONGEST_MISSED + 1, start=now + 1)
    assert sum(len(value) for value in vars(still).values() if isinstance(value, np.ndarray)) == 0
    still.update(people[:3], now + 200)
    still.update(people[3:], now + 201)
    assert vars(still)["_box"].shape == (SEATS - 3, 3)  # of three that were seen for a moment nothing is left
    watch(still, lambda _now: people, LONG + 20)
    still.reset()
    assert number(still) == 0
    assert not still.update(people, 2000.0).any()


def test_it_costs_next_to_nothing() -> None:
    """200 faces, 25 frames a second: a small share of the time of a frame, which is 40 ms; here without a limit."""
    still, crowd = StillFaces(), seats(20.0, 200)
    watch(still, lambda _now: crowd, LONG + 20, fps=0.5)
    assert number(still) == 200
    began, frames = time.process_time(), 250
    watch(still, lambda _now: crowd, 10, fps=25, start=1700.0)
    assert (time.process_time() - began) / frames < 0.04
    assert MOVED < 0.1
