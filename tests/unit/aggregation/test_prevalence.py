"""Estimated shares: shares they are, whatever was said; additive; and nothing of a suppressed window in them."""

from __future__ import annotations

import math
import time
from datetime import datetime, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge.aggregation.payload_builder import PayloadBuilder
from edge.aggregation.prevalence import BUFFER, EstimatedShare, Estimator, Tally, beta_quantiles, rounded
from edge.aggregation.windows import Observation, WindowAggregator
from edge.contract.labels import UNKNOWN
from edge.model_files.calibration import OutputCalibration, find_calibration
from edge.model_files.cards import SHIPPED, EmotionCard, read_card
from tests.support.prevalence import CALIBRATION, ESTIMATOR, LABELS, MODELS, payload, said, windows_of

seeds = st.integers(0, 2**32 - 1)
faces_of_frames = st.lists(st.integers(0, 40), min_size=1, max_size=30)


def tally_of(frames: list[NDArray[np.float32]]) -> Tally:
    tally = Tally(len(LABELS))
    for frame in frames:
        tally.add(frame)
    return tally


def shares_of(estimator: Estimator, tally: Tally) -> dict[str, EstimatedShare] | None:
    found = estimator.estimate(tally)
    return found.shares if found else None


def close(
    one: dict[str, EstimatedShare] | None, other: dict[str, EstimatedShare] | None, tolerance: float = 1e-5
) -> bool:
    assert one is not None
    assert other is not None
    pairs = ((getattr(a, k), getattr(b, k)) for a, b in zip(one.values(), other.values(), strict=True) for k in vars(a))
    return list(one) == list(other) and all(math.isclose(a, b, abs_tol=tolerance) for a, b in pairs)


# What holds for all rooms


@given(seeds, faces_of_frames, st.floats(0, 1))
def test_shares_are_shares(seed: int, frames: list[int], sureness: float) -> None:
    shares = shares_of(ESTIMATOR, tally_of([said(seed + n, faces, sureness) for n, faces in enumerate(frames)]))
    if not any(frames):
        assert shares is None
        return
    assert shares is not None
    assert tuple(shares) == LABELS
    assert sum(share.share for share in shares.values()) == pytest.approx(1)
    assert all(0 <= share.low <= share.share <= share.high <= 1 for share in shares.values())


@given(seeds, faces_of_frames.filter(any))
def test_the_order_of_faces_and_frames_does_not_matter(seed: int, sizes: list[int]) -> None:
    frames = [said(seed + n, faces) for n, faces in enumerate(sizes)]
    rng = np.random.default_rng(seed)
    mixed = [frame[rng.permutation(len(frame))] for frame in frames]
    mixed = [mixed[n] for n in rng.permutation(len(mixed))]
    assert close(shares_of(ESTIMATOR, tally_of(frames)), shares_of(ESTIMATOR, tally_of(mixed)))


@given(seeds, faces_of_frames.filter(any), st.data())
def test_two_halves_make_the_whole(seed: int, sizes: list[int], data: st.DataObject) -> None:
    frames = [said(seed + n, faces) for n, faces in enumerate(sizes)]
    cut = data.draw(st.integers(0, len(frames)))
    first, second = tally_of(frames[:cut]), tally_of(frames[cut:])
    first.merge(second)
    assert close(shares_of(ESTIMATOR, first), shares_of(ESTIMATOR, tally_of(frames)))


@given(seeds, st.integers(1, 60))
def test_frames_of_the_same_faces_are_no_news(seed: int, times: int) -> None:
    frame = said(seed, 20)
    assert close(shares_of(ESTIMATOR, tally_of([frame])), shares_of(ESTIMATOR, tally_of([frame] * times)))


@given(seeds, st.integers(1, 50), st.sampled_from([0.01, 0.02, 0.05, 0.1, 0.2, 0.5]))
def test_rounded_shares_still_sum_to_one(seed: int, faces: int, step: float) -> None:
    shares = shares_of(ESTIMATOR, tally_of([said(seed, faces)]))
    assert shares is not None
    for share, exact in zip((coarse := rounded(shares, step)).values(), shares.values(), strict=True):
        assert 0 <= share.low <= share.share <= share.high <= 1
        assert abs(share.share - exact.share) < step + 1e-9
        for figure in vars(share).values():
            assert figure / step == pytest.approx(round(figure / step), abs=1e-6)
    assert sum(share.share for share in coarse.values()) == pytest.approx(1)


def test_a_tally_is_as_small_after_an_hour_as_after_a_second() -> None:
    def bytes_of(tally: Tally) -> int:
        return sum(value.nbytes for value in vars(tally).values() if isinstance(value, np.ndarray))

    short, long = tally_of([said(1, 1)]), tally_of([said(n, 30) for n in range(200)])
    assert bytes_of(short) == bytes_of(long) < 300_000
    assert long.people == pytest.approx(30)


def test_more_faces_than_the_buffer_in_one_frame() -> None:
    many = said(1, 2 * BUFFER + 7)
    tally = tally_of([many])
    seen, weights = tally.cells()
    assert tally.people == len(many)
    assert weights.sum() == pytest.approx(1)
    assert weights @ seen == pytest.approx(many.mean(axis=0), abs=1e-6)


def test_nothing_of_a_face_stays_in_the_buffer() -> None:
    tally = tally_of([said(1, 50)])
    shares_of(ESTIMATOR, tally)
    assert not tally._buffer[:50].any()


# How good they are


@pytest.mark.parametrize("true", [(0.2, 0.2, 0.6), (0.8, 0.1, 0.1), (0.0, 0.5, 0.5), (0.05, 0.9, 0.05)])
def test_a_room_is_found_that_counting_gets_wrong(true: tuple[float, ...]) -> None:
    # A classifier that only ever says one of three things, each as sure as it may be, and a room of 1,000 faces about
    # which it says them exactly as often as its confusions foretell.
    unbiased = CALIBRATION.model_copy(update={"bias": (0.0, 0.0, 0.0)})
    answers = np.array(unbiased.confusion) / np.sum(unbiased.confusion, axis=1, keepdims=True)
    priors = np.array(unbiased.priors)
    sure = (priors[:, None] * answers / (priors @ answers)).T
    often = np.round(1000 * np.array(true) @ answers).astype(int)
    room = np.repeat(sure, often, axis=0).astype(np.float32)
    shares = shares_of(Estimator(unbiased), tally_of([room]))
    assert shares is not None
    counted = np.bincount(room.argmax(axis=1), minlength=3) / len(room)
    estimated = np.array([share.share for share in shares.values()])
    assert np.abs(estimated - true).max() < 0.03 < np.abs(counted - true).max()
    assert all(s.low - 0.01 <= part <= s.high + 0.01 for s, part in zip(shares.values(), true, strict=True))


def test_intervals_are_wider_where_there_are_fewer_faces() -> None:
    room = said(3, 40)
    few, many = shares_of(ESTIMATOR, tally_of([room[:5]] * 8)), shares_of(ESTIMATOR, tally_of([room]))
    assert few is not None
    assert many is not None
    assert sum(s.high - s.low for s in few.values()) > 1.5 * sum(s.high - s.low for s in many.values())


def test_a_small_room_is_drawn_towards_the_usual() -> None:
    one = shares_of(ESTIMATOR, tally_of([np.array([[0.1, 0.1, 0.8]], np.float32)]))
    many = shares_of(ESTIMATOR, tally_of([np.array([[0.1, 0.1, 0.8]] * 200, np.float32)]))
    assert one is not None
    assert many is not None
    assert one["grim"].share < many["grim"].share
    assert many["grim"].share > 0.95


@pytest.mark.parametrize(("a", "b"), [(1, 1), (1, 4), (1, 30), (2, 1), (40, 1)])
def test_quantiles_where_they_are_known(a: float, b: float) -> None:
    mean, variance = a / (a + b), a * b / ((a + b) ** 2 * (a + b + 1))
    found = beta_quantiles(np.array([mean]), np.array([variance]))[:, 0]
    exact = [1 - (1 - q) ** (1 / b) if a == 1 else q ** (1 / a) for q in (0.05, 0.5, 0.95)]
    assert found == pytest.approx(exact, abs=2e-3)


def test_quantiles_of_extremes_are_finite() -> None:
    mean = np.array([0, 1e-9, 0.5, 1 - 1e-9, 1])
    for variance in (0.0, 1e-12, 0.1, 9.0):
        found = beta_quantiles(mean, np.full(5, variance))
        assert np.isfinite(found).all()
        assert (np.diff(found, axis=0) >= 0).all()
        assert found.min() >= 0
        assert found.max() <= 1


def test_a_window_costs_little() -> None:
    estimator = Estimator(shipped())
    rng = np.random.default_rng(1)
    faces = rng.dirichlet(np.full(7, 0.15), 50)
    frames = [0.9 * faces + 0.1 * rng.dirichlet(np.ones(7), 50) for _ in range(100)]
    ready = [frame.astype(np.float32) for frame in frames]
    best = math.inf
    for _ in range(20):
        start = time.perf_counter()
        tally = Tally(7)
        for frame in ready:
            tally.add(frame)
        estimator.estimate(tally)
        best = min(best, time.perf_counter() - start)
    assert best < 5e-3  # about 1 ms; some machines that run tests are slow


def shipped() -> OutputCalibration:
    path = SHIPPED / "emotions.json"
    found, sentence = find_calibration(path, read_card(path, EmotionCard), "ferplus")
    if found is None:
        pytest.skip(sentence)
    return found


def test_a_window_says_why_it_has_no_estimate() -> None:
    window = windows_of([said(n, 20) for n in range(10)])[0]
    assert (payload(window, estimator=None).estimate, payload(window, estimator=None).estimate_absent) == (
        None, "uncalibrated",
    )  # fmt: skip
    # Twenty are in the room, and only three of them were ever classified.
    cutter = WindowAggregator(LABELS, 10, start=0.0)
    cutter.add(Observation(1, dict.fromkeys((*LABELS, UNKNOWN), 5), 0, said(1, 3), eligible=20))
    assert payload(cutter.due(10)[0]).estimate_absent == "incomplete"
    # Twenty faces are large enough, most of them lost at the moment and only remembered: three were seen.
    cutter = WindowAggregator(LABELS, 10, start=0.0)
    cutter.add(Observation(1, dict.fromkeys((*LABELS, UNKNOWN), 5), 0, said(1, 3), eligible=3))
    few = payload(cutter.due(10)[0])
    assert (few.estimate, few.estimate_absent) == (None, "few")
    assert few.counts is not None


# Faces that do not look like the calibration pictures

SURE = CALIBRATION.model_copy(update={"confidence": ((0.85, 0.02), (0.88, 0.02), (0.8, 0.03))})


def faces_of(sureness: float, count: int) -> NDArray[np.float32]:
    """Faces of the first two classes, of which the classifier is that sure on average."""
    rng = np.random.default_rng(5)
    top = np.clip(rng.normal(sureness, 0.1, count), 0.4, 0.99).astype(np.float32)
    rows = np.empty((count, 3), np.float32)
    rows[:, 2] = (1 - top) / 3
    rows[:, 0], rows[:, 1] = top, 1 - top - rows[:, 2]
    rows[::2, :2] = rows[::2, 1::-1]
    return rows


@pytest.mark.parametrize("count", [10, 25, 50])
def test_faces_like_the_calibration_pictures_have_an_estimate(count: int) -> None:
    found = Estimator(SURE).estimate(tally_of([faces_of(0.86, count)] * 10))
    assert found is not None
    assert not found.shifted


def test_faces_that_nobody_is_sure_of_have_none() -> None:
    unsure = faces_of(0.55, 25)
    found = Estimator(SURE).estimate(tally_of([unsure] * 10))
    assert found is not None
    assert found.shift < -3.5
    assert found.shifted
    again = Estimator(CALIBRATION).estimate(tally_of([unsure] * 10))  # a file of 0.1.0 cannot tell
    assert again is not None
    assert not again.shifted


def test_frames_of_the_same_faces_are_no_further_evidence_of_a_shift() -> None:
    room = faces_of(0.7, 25)
    one, many = (Estimator(SURE).estimate(tally_of([room] * times)) for times in (1, 100))
    assert one is not None
    assert many is not None
    assert one.shift == pytest.approx(many.shift, abs=1e-3)


def test_a_shifted_window_says_so_and_keeps_its_counts() -> None:
    cutter = WindowAggregator(LABELS, 10, start=0.0)
    for second in range(10):
        rows = faces_of(0.5, 25)
        counts = dict(zip((*LABELS, UNKNOWN), np.bincount(rows.argmax(axis=1), minlength=4).tolist(), strict=True))
        cutter.add(Observation(second, counts, 0, rows, eligible=25))
    builder = PayloadBuilder("room-1", "emotions", MODELS, 5, 1, Estimator(SURE))
    body = builder.build(cutter.finish(10.0)[0], datetime.now(timezone.utc), clock_synced=True)
    assert (body.estimate, body.estimate_absent) == (None, "shift")
    assert body.counts is not None
    assert sum(body.counts.values()) == 250
