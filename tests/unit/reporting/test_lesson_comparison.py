"""Comparisons: the default answer is no, and what is not comparable is refused."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from edge.reporting.lesson_comparison import Conditions, compare
from edge.reporting.lesson_statistics import Figure, LessonSummary
from edge.reporting.student import student_quantile, student_tail

SAME = Conditions(mode="emotions", faces="f@1", emotions="e@1", pose="front, p@1", masks="m1", place="p1", policy="5/1")
LABELS = ("happy", "surprise", "neutral", "sad", "fear", "disgust", "angry")
USUAL = (0.15, 0.06, 0.65, 0.07, 0.02, 0.01, 0.04)


def figure(value: float, half: float = 0.1) -> Figure:
    return Figure(value, max(0.0, value - half), min(1.0, value + half), 0.02)


def summary(happy: float = 0.2, front: float = 0.7, faces: float = 24.0) -> LessonSummary:
    return LessonSummary(
        recorded=2700, measured=2700, facing_measured=2700, expressions_measured=2700,
        faces=Figure(faces, faces - 1, faces + 1, 0.5), front=figure(front), basis="estimate",
        expressions={"happy": figure(happy), "neutral": figure(1 - happy)}, directed=20.0, named=15.0,
    )  # fmt: skip


NOTHING = replace(summary(), faces=None, front=None, basis=None, expressions={})


@pytest.mark.parametrize(("distance", "degrees"), [(12.706, 1), (4.303, 2), (3.182, 3), (2.228, 10), (2.042, 30)])
def test_students_t_as_in_the_tables(distance: float, degrees: int) -> None:
    assert student_tail(distance, degrees) == pytest.approx(0.05, abs=5e-5)
    assert student_quantile(0.05, degrees) == pytest.approx(distance, abs=1e-3)


@pytest.mark.parametrize("what", ["mode", "faces", "emotions", "pose", "masks", "place", "policy"])
def test_other_conditions_are_refused(what: str) -> None:
    changed: dict[str, Any] = {what: "other"}
    other = replace(SAME, **changed)
    refused = compare(summary(0.5), SAME, [(summary(), other)] * 5)
    assert (refused.verdict, refused.left_out) == ("refused", {what: 5})
    assert not refused.figures


def test_a_lesson_at_an_unknown_time_is_compared_with_none() -> None:
    unset = replace(SAME, clock_set=False)
    for mine, theirs in ((SAME, unset), (unset, SAME), (unset, unset)):
        refused = compare(summary(), mine, [(summary(), theirs)] * 5)
        assert (refused.verdict, refused.left_out) == ("refused", {"clock_set": 5})
    some = compare(summary(), SAME, [*[(summary(), SAME)] * 5, (summary(), unset)])
    assert (some.verdict, some.lessons, some.left_out) == ("same", 5, {"clock_set": 1})


def test_a_mask_that_nobody_knows_is_no_difference_but_a_model_that_was_not_used_is() -> None:
    assert compare(summary(), SAME, [(summary(), replace(SAME, masks=None))] * 5).verdict == "same"
    assert compare(summary(), SAME, [(summary(), replace(SAME, pose=None))] * 5).verdict == "refused"
    unknown = replace(SAME, masks=None)
    assert compare(summary(), unknown, [(summary(), unknown)] * 5).verdict == "same"


def test_what_is_comparable_is_compared_and_the_rest_left_out() -> None:
    earlier = [(summary(0.2 + 0.01 * n), SAME) for n in range(4)] + [(summary(0.9), replace(SAME, place="p2"))]
    found = compare(summary(0.22), SAME, earlier)
    assert (found.verdict, found.lessons, found.left_out) == ("same", 4, {"place": 1})
    assert found.figures["happy"].usual == pytest.approx(0.215)


def test_a_large_difference_is_told_and_only_that_one() -> None:
    earlier = [(summary(0.2 + 0.01 * (n % 3)), SAME) for n in range(8)]
    found = compare(summary(0.5), SAME, earlier)
    assert found.verdict == "different"
    assert [name for name, each in found.figures.items() if each.differs] == ["happy", "neutral"]
    happy = found.figures["happy"]
    assert happy.low < happy.usual < happy.high < happy.value


def test_the_same_difference_is_chance_where_days_differ_that_much() -> None:
    earlier = [(summary(each), SAME) for each in (0.05, 0.4, 0.2, 0.45, 0.1, 0.3, 0.15, 0.38)]
    assert compare(summary(0.5), SAME, earlier).verdict == "same"


def test_one_earlier_lesson_tells_only_whether_ranges_overlap() -> None:
    found = compare(summary(0.5), SAME, [(summary(0.2), SAME)])
    assert (found.verdict, found.figures) == ("one", {})
    assert found.overlapping == {"happy": False, "neutral": False, "front": True, "faces": True}


def test_two_earlier_lessons_are_too_few_for_a_difference() -> None:
    found = compare(summary(0.9), SAME, [(summary(0.2), SAME), (summary(0.2), SAME)])
    assert found.verdict == "few"
    assert not any(each.differs for each in found.figures.values())


def test_equal_lessons_do_not_make_a_small_difference_sure() -> None:
    assert compare(summary(0.21), SAME, [(summary(0.2), SAME)] * 9).verdict == "same"


def test_what_was_hardly_measured_is_no_lesson() -> None:
    assert compare(NOTHING, SAME, [(summary(), SAME)] * 5).verdict == "not_enough"
    assert compare(summary(), SAME, [(NOTHING, SAME)] * 5).verdict == "not_enough"
    assert compare(summary(), SAME, [(NOTHING, SAME)] * 2 + [(summary(), SAME)]).verdict == "one"


def only_faces(each: LessonSummary) -> LessonSummary:
    return replace(each, front=None, basis=None, expressions={})


def test_a_figure_that_one_lesson_lacks_is_compared_with_the_others() -> None:
    earlier = [(summary(0.2 + 0.01 * (n % 3)), SAME) for n in range(7)] + [(only_faces(summary()), SAME)]
    found = compare(summary(0.5), SAME, earlier)
    assert (found.verdict, found.lessons, found.uncompared) == ("different", 8, [])
    assert {name: each.lessons for name, each in found.figures.items()} == {
        "happy": 7, "neutral": 7, "front": 7, "faces": 8,
    }  # fmt: skip


def test_a_figure_that_too_few_lessons_have_is_not_compared_and_named() -> None:
    earlier = [(summary(), SAME)] * 2 + [(only_faces(summary()), SAME)] * 6
    found = compare(summary(0.9), SAME, earlier)
    assert (found.verdict, list(found.figures), found.uncompared) == ("same", ["faces"], ["happy", "neutral", "front"])


def test_a_figure_that_only_the_earlier_lessons_have_is_named() -> None:
    found = compare(only_faces(summary()), SAME, [(summary(), SAME)] * 4)
    assert (found.verdict, found.uncompared) == ("same", ["happy", "neutral", "front"])
    alone = compare(summary(), SAME, [(only_faces(summary()), SAME)])
    assert (alone.verdict, alone.overlapping) == ("one", {"faces": True})
    assert alone.uncompared == ["happy", "neutral", "front"]


def test_counted_expressions_are_not_compared_with_estimated_ones() -> None:
    counted = replace(summary(0.5), basis="counts")
    found = compare(counted, SAME, [(summary(0.2 + 0.01 * (n % 3)), SAME) for n in range(8)])
    assert (found.verdict, list(found.figures), found.other_basis) == ("same", ["front", "faces"], 8)
    assert found.uncompared == ["happy", "neutral"]
    some = compare(summary(), SAME, [(counted, SAME)] * 2 + [(summary(), SAME)] * 3)
    assert some.figures["happy"].lessons == 3
    assert some.figures["happy"].usual == pytest.approx(0.2)
    assert (some.figures["front"].lessons, some.other_basis) == (5, 2)


def test_who_happens_to_be_away_is_no_difference_in_a_steady_class_and_a_third_of_it_is() -> None:
    def steady(faces: float) -> LessonSummary:
        return replace(summary(), faces=Figure(faces, faces - 0.1, faces + 0.1, 0.05))

    for number in (3, 8):
        earlier = [(steady(22 + 0.05 * (n % 3)), SAME) for n in range(number)]
        assert not compare(steady(20), SAME, earlier).figures["faces"].differs
        assert compare(steady(15), SAME, earlier).figures["faces"].differs


@pytest.mark.parametrize("what", ["happy", "front"])
def test_what_fewer_than_two_faces_do_is_no_difference(what: str) -> None:
    def small(share: float) -> LessonSummary:
        each = summary(share) if what == "happy" else summary(front=share)
        return replace(each, named=6.0, directed=6.0)

    earlier = [(small(0.2 + 0.01 * (n % 3)), SAME) for n in range(9)]
    assert not compare(small(0.5), SAME, earlier).figures[what].differs, "1.7 faces"
    assert compare(small(0.6), SAME, earlier).figures[what].differs, "2.3 faces"


def test_a_lesson_of_which_little_was_measured_is_expected_to_scatter_more() -> None:
    """What was measured of each figure counts, not of the lesson; that others are shorter changes nothing."""
    earlier = [(summary(0.2 + 0.01 * (n % 3)), SAME) for n in range(8)]
    usual = compare(summary(0.36), SAME, earlier).figures
    withheld = compare(replace(summary(0.36), expressions_measured=675), SAME, earlier).figures
    assert usual["happy"].differs
    assert not withheld["happy"].differs
    assert withheld["happy"].high - withheld["happy"].low > 1.5 * (usual["happy"].high - usual["happy"].low)
    assert (withheld["front"], withheld["faces"]) == (usual["front"], usual["faces"])
    shorter = [(replace(each, expressions_measured=675), SAME) for each, _ in earlier]
    assert compare(summary(0.36), SAME, shorter).figures["happy"] == usual["happy"]


def test_a_rare_expression_differs_only_where_it_does_on_the_scale_of_log_odds_as_well() -> None:
    def room(*shares: float) -> list[tuple[LessonSummary, Conditions]]:
        exact = [figure(each)._replace(error=0.0) for each in shares]
        return [(replace(summary(), expressions={"fear": each}, named=40.0), SAME) for each in exact]

    (lesson, _), *earlier = room(0.065, 0.0, 0.0, 0.0, 0.02, 0.0, 0.03, 0.0, 0.02, 0.0)
    assert not compare(lesson, SAME, earlier).figures["fear"].differs
    (lesson, _), *earlier = room(0.3, 0.0, 0.0, 0.0, 0.02, 0.0, 0.03, 0.0, 0.02, 0.0)
    assert compare(lesson, SAME, earlier).figures["fear"].differs


@pytest.mark.parametrize("earlier", [3, 9])
def test_days_that_differ_by_chance_are_called_different_in_a_twentieth_of_cases(earlier: int) -> None:
    chance = random.Random(earlier)  # noqa: S311 - days of a school, no secret

    def day() -> LessonSummary:
        weights = [share * 2.718 ** chance.gauss(0, 0.35) for share in USUAL]
        shares = {
            label: figure(max(0.0, w / sum(weights) + chance.gauss(0, 0.01)))
            for label, w in zip(LABELS, weights, strict=True)
        }
        return replace(summary(front=chance.gauss(0.7, 0.07), faces=chance.gauss(24, 1.5)), expressions=shares)

    trials = 300
    false = sum(
        compare(day(), SAME, [(day(), SAME) for _ in range(earlier)]).verdict == "different" for _ in range(trials)
    )
    assert false <= 0.05 * trials + 3 * (0.05 * 0.95 * trials) ** 0.5  # three standard errors
