"""How a lesson was: the figures are those of every report, and their intervals are no narrower than they may be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import cache

import pytest

from edge.contract.payloads import Facing, Withheld
from edge.contract.shares import front_share
from edge.recording.window_record import WindowRecord
from edge.reporting.intervals import wilson
from edge.reporting.lesson_statistics import LEAST_MINUTES, MINUTE, minutes
from edge.reporting.totals import add_up
from tests.support.lessons import summarize
from tests.support.simulated_lessons import START, USUAL, SimulatedLesson


@cache
def lesson() -> Sequence[WindowRecord]:
    return SimulatedLesson(7, minutes=30, window=30).windows()


def hidden(window: WindowRecord) -> WindowRecord:
    """The same window with its figures withheld."""
    nothing = dict.fromkeys(("total", "mean", "low", "high", "facing", "counts", "unclassified", "estimate"))
    return replace(window, **nothing, estimate_absent=None, withheld=Withheld(what="figures", reason="few_people"))  # type: ignore[arg-type]


def turned(number: int, front: int, away: int) -> WindowRecord:
    """A minute of `mode: facing` in ten frames."""
    start, total = START + number * MINUTE, front + away
    return WindowRecord(
        epoch="5c400100", seq=number + 1, start=start, end=start + MINUTE, mode="facing", replayed=False, frames=10,
        total=total, mean=total / 10, low=1, high=99, facing=Facing(front=front, away=away, unknown=0), counts=None,
        unclassified=None, estimate=None, estimate_absent=None, withheld=None, coverage=1.0, clock_synced=True,
    )  # fmt: skip


def test_the_figures_are_those_of_every_report() -> None:
    summary, totals = summarize(lesson()), add_up(lesson())
    assert summary.basis == totals.basis == "estimate"
    assert {label: figure.value for label, figure in summary.expressions.items()} == {
        label: each.share for label, each in totals.shares_by("estimate").items()
    }
    assert summary.front
    assert summary.faces
    assert summary.front.value == front_share(totals.facing)
    assert summary.faces.value == totals.mean
    assert summary.measured == summary.recorded == 1800


def test_values_lie_in_their_intervals_and_these_in_0_to_1() -> None:
    summary = summarize(lesson())
    assert summary.front
    for figure in (summary.front, *summary.expressions.values()):
        assert 0 <= figure.low <= figure.value <= figure.high <= 1
        assert figure.high - figure.low > 0


def test_an_interval_is_never_narrower_than_so_few_people_allow() -> None:
    steady = summarize([turned(number, 60, 40) for number in range(45)])
    assert steady.front
    low, high = wilson(0.6, 10)  # ten faces in each frame, though 4,500 were observed
    assert steady.front.low == pytest.approx(low)
    assert steady.front.high == pytest.approx(high)


def test_an_interval_is_wider_where_the_whole_room_turns_together() -> None:
    steady = summarize([turned(number, 150, 150) for number in range(45)])
    turning = summarize([turned(number, *((300, 0) if number > 22 else (0, 300))) for number in range(45)])
    assert steady.front
    assert turning.front
    assert turning.front.high - turning.front.low > 1.5 * (steady.front.high - steady.front.low)


def test_intervals_of_estimates_are_no_narrower_than_what_the_classifier_leaves_open() -> None:
    summary, totals = summarize(lesson()), add_up(lesson())
    for label, figure in summary.expressions.items():
        each = totals.estimate[label]
        assert each.low is not None
        assert each.high is not None
        assert figure.low <= each.low + 1e-9
        assert figure.high >= each.high - 1e-9


def test_an_interval_is_as_narrow_as_a_lesson_with_short_expressions_allows() -> None:
    """Fifteen faces would be known to 30 points, but each of them shows many expressions one after another."""
    summary = summarize(lesson())
    for label in ("happy", "angry", "disgust"):
        figure, by_faces = summary.expressions[label], wilson(USUAL[label], summary.named or 0.0)
        assert figure.high - figure.low < 0.6 * (by_faces[1] - by_faces[0])


def test_the_longer_expressions_last_the_less_a_lesson_tells() -> None:
    def width(dwell: float) -> float:
        lessons = [SimulatedLesson(seed, people=16, dwell=dwell, window=60) for seed in (0, 1)]
        figures = [summarize(each.windows()).expressions["happy"] for each in lessons]
        return sum(each.high - each.low for each in figures)

    assert width(30) < 0.75 * width(900)


def test_rare_expressions_have_intervals_that_hold_them() -> None:
    """Where an expression lasts for ten minutes, few or no faces of a small class show it in twenty minutes."""
    held = []
    for seed in range(8):
        figures = summarize(SimulatedLesson(seed, people=16, minutes=20, dwell=600, window=60).windows()).expressions
        held += [figures[label].low <= USUAL[label] <= figures[label].high for label in ("happy", "fear", "disgust")]
    assert sum(held) >= 0.9 * len(held)


def test_withheld_minutes_are_gaps_and_no_zeros() -> None:
    shown = lesson()[:40]
    some = summarize([*shown, *(hidden(window) for window in lesson()[40:])])
    assert some.measured == 1200
    assert some.recorded == 1800
    assert (some.faces, some.front, some.expressions) == (
        (only := summarize(shown)).faces, only.front, only.expressions
    )  # fmt: skip
    assert len(minutes([hidden(window) for window in lesson()])) == 0


def test_faces_with_a_known_direction_are_those_of_windows_that_tell_it() -> None:
    """Half of the windows withhold it: that is no frame without anybody."""
    told = [turned(number, front=120, away=40) for number in range(20)]
    told = [replace(each, end=each.start + MINUTE / 2) for each in told]
    silent = [
        replace(each, start=each.end, end=each.end + MINUTE / 2, seq=each.seq + 100, facing=None) for each in told
    ]
    assert summarize(told).directed == summarize([*told, *silent]).directed == pytest.approx(16)


def test_nothing_is_said_of_too_little() -> None:
    little = summarize(lesson()[: 2 * LEAST_MINUTES - 2])
    assert not little.enough
    assert (little.front, little.expressions, little.basis) == (None, {}, None)
    assert little.measured == 60 * (LEAST_MINUTES - 1)
    assert not summarize([]).enough


def test_windows_of_five_minutes_are_enough_for_figures() -> None:
    long = SimulatedLesson(7, window=300).windows()
    summary = summarize(long)
    assert summary.measured == 2700
    assert summary.faces
    assert set(summary.expressions) == set(add_up(long).estimate)


def test_what_was_withheld_leaves_no_trace_in_summaries_of_lessons_around_it() -> None:
    """Three people stay for the last ten minutes. Whatever they do, every figure of every stretch is the same."""
    told = []
    for happy in (0.0, 1.0):
        early = SimulatedLesson(3, minutes=20, window=30).windows()
        late = SimulatedLesson(
            4, people=3, minutes=10, window=30, start=START + timedelta(minutes=20),
            mixture={"happy": happy, "neutral": 1 - happy} | dict.fromkeys(
                ("angry", "disgust", "fear", "sad", "surprise"), 0.0
            ),
        ).windows()  # fmt: skip
        assert all(window.withheld for window in late)
        whole = [*early, *late]
        told.append([summarize(whole[first:]) for first in range(0, len(whole), 4)])
    assert told[0] == told[1]
    # And the lesson with that stretch minus the lesson without it is nothing: all its figures are the latter's.
    assert told[0][0].expressions == summarize(early).expressions
    assert told[0][0].faces == summarize(early).faces
