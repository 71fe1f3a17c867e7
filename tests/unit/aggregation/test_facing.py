"""Facing in windows: sums hold, each group is judged by the faces that it is about, and withheld is never zero."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.aggregation.payload_builder import PayloadBuilder
from edge.aggregation.privacy import withheld
from edge.aggregation.windows import Observation, People, Window, WindowAggregator
from edge.contract.payloads import MeasuringMode, ModelNames, WindowBody, Withheld

LABELS = ("happy", "sad")
EMOTIONS = ModelNames(faces="f@0", emotions="e@0", pose="front, p@0")
FACING = ModelNames(faces="f@0", emotions=None, pose="front, p@0")
HEADCOUNT = ModelNames(faces="f@0", emotions=None, pose=None)

# Of each frame: faces too small, turned away, to the front: happy, sad, unclear.
moments = st.lists(st.tuples(*[st.integers(0, 12)] * 5), min_size=1, max_size=12)
Moment = tuple[int, int, int, int, int]


def cut(film: list[Moment], *, front_only: bool = True, emotions: bool = True) -> Window:
    aggregator = WindowAggregator(LABELS if emotions else (), 10.0, 0.0, front_only=front_only)
    for number, (small, away, happy, sad, unclear) in enumerate(film):
        unknown = small + unclear + (away if front_only else 0)
        counts = {"happy": happy, "sad": sad + (0 if front_only else away), "unknown": unknown}
        if not emotions:
            counts = {"unknown": small + away + happy + sad + unclear}
        near = sum(counts.values()) - small
        people = People(near + small, near, near - away if front_only else near)
        aggregator.add(Observation(number * 0.8, counts, small, away=away, people=people))
    return aggregator.finish(10.0)[0]


def build(window: Window, models: ModelNames, mode: MeasuringMode, min_faces: int, step: int) -> WindowBody:
    builder = PayloadBuilder("room-9", mode, models, min_faces, step)
    return builder.build(window, datetime.now(timezone.utc), clock_synced=True)


@given(moments, st.integers(1, 20), st.sampled_from([1, 2, 5, 17]), st.booleans())
def test_every_sum_holds_and_withheld_is_null(film: list[Moment], min_faces: int, step: int, front_only: bool) -> None:  # noqa: FBT001
    body = build(cut(film, front_only=front_only), EMOTIONS, "emotions", min_faces, step)
    what = body.withheld.what if body.withheld else None
    assert (body.faces.total is None) == (what == "figures")
    assert (body.facing is None) == (what in ("figures", "facing"))
    assert (body.counts is None) == (body.unclassified is None) == (body.people is None) == (what is not None)
    if body.facing is not None:
        assert body.facing.front + body.facing.away + body.facing.unknown == body.faces.total
        assert min(body.facing.front, body.facing.away, body.facing.unknown) >= 0
    if body.counts is not None and body.unclassified is not None:
        assert sum(body.counts.values()) == body.faces.total
        away = body.unclassified.away
        assert away == (body.facing.away if body.facing and front_only else 0)
        assert body.unclassified.too_small + (away or 0) + body.unclassified.unclear == body.counts["unknown"]
        assert all(count % step == 0 for count in body.counts.values())


@given(moments, st.integers(1, 20), st.sampled_from([1, 5]))
def test_facing_alone_names_no_emotion(film: list[Moment], min_faces: int, step: int) -> None:
    body = build(cut(film, emotions=False), FACING, "facing", min_faces, step)
    assert (body.counts, body.people, body.unclassified, body.estimate, body.estimate_absent) == (None,) * 5
    if body.facing is not None:
        assert body.facing.front + body.facing.away + body.facing.unknown == body.faces.total


@pytest.mark.parametrize(
    ("film", "front_only", "expected"),
    [
        ([(0, 4, 6, 0, 0)] * 3, True, None),
        ([(0, 6, 4, 0, 0)] * 3, True, ("emotions", "few_front")),
        ([(0, 6, 4, 0, 0)] * 3, False, None),  # everybody near is classified: nobody stands out
        ([(9, 3, 1, 0, 0)] * 3, True, ("facing", "few_near")),
        ([(1, 1, 1, 0, 0)] * 3, True, ("figures", "few_people")),
        ([(0, 4, 6, 0, 0), (0, 8, 2, 0, 0)], True, ("emotions", "few_front")),  # in one frame only
        ([(0, 0, 9, 0, 0), (0, 9, 0, 0, 0)], True, ("emotions", "few_front")),  # nobody in front of half: the mean
    ],
)
def test_each_group_is_judged_by_its_own_faces(
    film: list[Moment],
    front_only: bool,  # noqa: FBT001
    expected: tuple[str, str] | None,
) -> None:
    found = withheld(cut(film, front_only=front_only), 5)
    assert found == (None if expected is None else Withheld(what=expected[0], reason=expected[1]))


@pytest.mark.parametrize("front_only", [True, False])
@pytest.mark.parametrize(
    ("frames", "sent"),
    [
        ([(12, 0)], True),
        ([(12, 7)], True),
        ([(12, 8)], False),  # four of twelve have been classified
        ([(12, 11)], False),  # the emotion of one person
        ([(12, 0)] * 20 + [(12, 11)], False),  # in one frame only
        ([(12, 12)] + [(12, 0)] * 5, True),  # the first is about nobody
        ([(12, 12)] * 5 + [(12, 0)], False),  # the mean
    ],
)
def test_emotions_are_judged_by_the_faces_that_were_classified(
    frames: list[tuple[int, int]],
    sent: bool,  # noqa: FBT001
    front_only: bool,  # noqa: FBT001
) -> None:
    aggregator = WindowAggregator(LABELS, 10.0, 0.0, front_only=front_only)
    for number, (faces, waiting) in enumerate(frames):
        counts = {"happy": faces - waiting, "sad": 0, "unknown": waiting}
        aggregator.add(Observation(number * 0.4, counts, 0, away=0, people=People(faces, faces, faces - waiting)))
    body = build(aggregator.finish(10.0)[0], EMOTIONS, "emotions", 5, 1)
    reason = "few_front" if front_only else "few_near"
    assert body.withheld == (None if sent else Withheld(what="emotions", reason=reason))
    assert (body.counts is not None) == sent
    assert body.facing is not None


def test_facing_is_sent_where_emotions_are_withheld() -> None:
    body = build(cut([(2, 6, 3, 1, 0)] * 4), EMOTIONS, "emotions", 5, 1)
    assert body.withheld == Withheld(what="emotions", reason="few_front")
    assert body.facing is not None
    assert body.facing.model_dump() == {"front": 16, "away": 24, "unknown": 8}
    assert body.counts is None


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ((0, 6, 4, 0, 0), None),  # few to the front: of emotions that nobody measures
        ((9, 3, 1, 0, 0), "facing"),
        ((1, 1, 1, 0, 0), "figures"),
    ],
)
def test_facing_withholds_no_emotions(moment: Moment, expected: str | None) -> None:
    body = build(cut([moment] * 3, emotions=False), FACING, "facing", 5, 1)
    assert (body.withheld.what if body.withheld else None) == expected
    assert (body.facing is None) == (expected is not None)


@given(moments, st.integers(1, 20), st.sampled_from([1, 5]))
def test_headcount_withholds_figures_or_nothing(film: list[Moment], min_faces: int, step: int) -> None:
    aggregator = WindowAggregator((), 10.0, 0.0)
    for number, moment in enumerate(film):
        aggregator.add(Observation(number * 0.8, {"unknown": sum(moment)}, moment[0]))
    body = build(aggregator.finish(10.0)[0], HEADCOUNT, "headcount", min_faces, step)
    assert body.withheld in (None, Withheld(what="figures", reason="few_people"))
    assert (body.faces.total is None) == (body.withheld is not None)
    assert (body.facing, body.counts, body.unclassified, body.people, body.estimate, body.estimate_absent) == (
        None,
    ) * 6
