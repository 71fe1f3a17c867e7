"""Windows: nothing counted twice, nothing lost, no gap, no overlap - whatever the frames do."""

from __future__ import annotations

import itertools
from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.aggregation.payload_builder import PayloadBuilder
from edge.aggregation.privacy import rounded
from edge.aggregation.windows import Observation, Window, WindowAggregator
from edge.contract.payloads import ModelNames, Withheld

LABELS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
MODELS = ModelNames(faces="f@000000000000", emotions="e@000000000000", pose=None)

counts = st.fixed_dictionaries({label: st.integers(0, 50) for label in (*LABELS, "unknown")})
frames = st.lists(st.tuples(st.floats(0.01, 7), counts, st.floats(0, 1)), max_size=60)


def cut(
    steps: list[tuple[float, dict[str, int], float]], seconds: float = 10
) -> tuple[list[Window], list[Observation]]:
    cutter = WindowAggregator(LABELS, seconds, start=100.0)
    time, windows, seen = 100.0, [], []
    for step, numbers, share in steps:
        time += step
        seen.append(Observation(time, numbers, int(numbers["unknown"] * share)))
        windows += cutter.due(time)
        cutter.add(seen[-1])
    return windows + cutter.finish(time + 0.5), seen


@given(frames)
def test_every_face_is_in_exactly_one_window(steps: list[tuple[float, dict[str, int], float]]) -> None:
    windows, seen = cut(steps)
    assert sum(window.frames for window in windows) == len(seen)
    for label in (*LABELS, "unknown"):
        assert sum(window.counts[label] for window in windows) == sum(o.counts[label] for o in seen)
    assert sum(window.too_small for window in windows) == sum(o.too_small for o in seen)


@given(frames)
def test_windows_follow_one_another(steps: list[tuple[float, dict[str, int], float]]) -> None:
    windows, _ = cut(steps)
    for before, after in itertools.pairwise(windows):
        assert after.start == before.end
    assert all(window.seconds == pytest.approx(10) for window in windows[:-1])
    assert all(window.seconds < 10.0001 for window in windows)
    assert all(0 <= window.coverage <= 1 for window in windows)


@given(frames, st.integers(1, 20), st.integers(1, 40))
def test_payload_counts_sum_to_the_faces(
    steps: list[tuple[float, dict[str, int], float]], step: int, min_faces: int
) -> None:
    for window in cut(steps)[0]:
        builder = PayloadBuilder("r", "emotions", MODELS, min_faces, step)
        payload = builder.build(window, datetime.now(timezone.utc), clock_synced=True)
        hidden = payload.withheld is not None and payload.withheld.what == "figures"
        assert hidden >= (window.mean < min_faces)
        assert hidden or window.lowest == 0 or window.lowest >= min_faces
        assert (payload.withheld is None) == (payload.counts is not None)
        emotions = (payload.counts, payload.people, payload.unclassified)
        assert {figure is None for figure in emotions} == {payload.withheld is not None}
        assert payload.estimate is None
        assert payload.estimate_absent == (None if payload.withheld is not None else "uncalibrated")
        faces = payload.faces
        if hidden:
            assert set(faces.model_dump().values()) == {None}
            continue
        assert faces.total is not None
        assert faces.mean is not None
        assert faces.min is not None
        assert faces.max is not None
        assert faces.total % step == 0
        assert faces.mean == round(faces.total / payload.frames, 2)  # never the exact one beside rounded counts
        assert faces.min <= window.lowest <= window.highest <= faces.max
        assert faces.min <= faces.mean <= faces.max
        group = 1 if step == 1 else -(-step // payload.frames) + 1
        assert {faces.min % group, (faces.max + 1) % group} == {0}
        if payload.counts is None or payload.unclassified is None:
            assert payload.withheld == Withheld(what="emotions", reason="few_near")
            continue
        unclassified = payload.unclassified
        assert sum(payload.counts.values()) == faces.total
        assert unclassified.too_small + unclassified.unclear == payload.counts["unknown"]
        assert unclassified.away is None
        # Every leaf is rounded by itself; totals are their sums.
        leaves = {label: count for label, count in window.counts.items() if label != "unknown"}
        leaves |= {"too_small": window.too_small, "unclear": window.counts["unknown"] - window.too_small}
        told = {**payload.counts, "too_small": unclassified.too_small, "unclear": unclassified.unclear}
        for leaf, exact in leaves.items():
            assert told[leaf] % step == 0
            assert abs(told[leaf] - exact) <= step / 2
        assert rounded(window, step).counts == payload.counts
        people = {label: round(count / payload.frames, 2) for label, count in payload.counts.items()}
        assert payload.people == people


def test_extremes_and_mean() -> None:
    window = cut([(1, dict.fromkeys((*LABELS, "unknown"), n), 0) for n in (3, 1, 2)])[0][0]
    assert (window.lowest, window.highest, window.mean) == (8, 24, 16)


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ([0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 8.5, 9.5], 1.0),  # a frame a second covers everything
        ([0.5, 5.5, 6, 7, 8, 9], 0.6),  # five seconds without a frame, of which one is forgiven
        ([0.5], 0.15),  # one frame stands for one second at most
        ([], 0.0),
    ],
)
def test_coverage_tells_missing_time(times: list[float], expected: float) -> None:
    cutter = WindowAggregator(LABELS, 10, start=0.0)
    for time in times:
        cutter.add(Observation(time, dict.fromkeys((*LABELS, "unknown"), 1), 0))
    assert cutter.due(10.0)[0].coverage == pytest.approx(expected)


def test_a_gap_over_the_border_is_counted_once() -> None:
    cutter = WindowAggregator(LABELS, 10, start=0.0)
    one = dict.fromkeys((*LABELS, "unknown"), 1)
    for time in (1, 2, 3, 4, 5, 6, 7):
        cutter.add(Observation(time, one, 0))
    first = cutter.due(12.0)[0]
    for time in range(12, 20):
        cutter.add(Observation(time, one, 0))
    second = cutter.due(20.0)[0]
    missing = 10 * (1 - first.coverage) + 10 * (1 - second.coverage)
    assert missing == pytest.approx((12 - 7) - 1)
