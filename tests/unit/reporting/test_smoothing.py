"""Lines of a lesson: smooth, with bands that are no narrower than they may be, and never across what nobody knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from itertools import pairwise

import pytest

from edge.contract.payloads import Withheld
from edge.recording.rollups import roll_up
from edge.recording.window_record import Series, WindowRecord
from edge.reporting.lesson_statistics import MINUTE, minutes
from edge.reporting.smoothing import Line, smoothed
from tests.support.lessons import summarize
from tests.support.simulated_lessons import START, USUAL, SimulatedLesson

SERIES = Series("emotions", "f@1", "e@1", "front, p@1")


@cache
def lesson(seed: int = 7) -> Sequence[WindowRecord]:
    return SimulatedLesson(seed, minutes=30, window=30).windows()


def lines(windows: Sequence[WindowRecord]) -> dict[str, Line]:
    summary = summarize(windows)
    return {line.what: line for line in smoothed(minutes(windows), summary.basis, list(summary.expressions))}


def test_every_minute_has_a_point_within_its_band() -> None:
    found = lines(lesson())
    assert found.keys() == {"front", *USUAL}
    for line in found.values():
        (piece,) = line.pieces
        assert [point.middle for point in piece] == [START + (n + 0.5) * MINUTE for n in range(30)]
        assert all(0 <= point.low <= point.share <= point.high <= 1 for point in piece)
        assert all(point.high - point.low > 0.01 for point in piece)


@pytest.mark.parametrize(("window", "rolled_up", "minute"), [(150, False, 2.5), (300, False, 5.0), (30, True, 5.0)])
def test_longer_windows_and_roll_ups_make_longer_minutes(window: int, rolled_up: bool, minute: float) -> None:  # noqa: FBT001
    windows = [replace(each, series=SERIES) for each in SimulatedLesson(7, minutes=30, window=window).windows()]
    parts = minutes(roll_up(windows) if rolled_up else windows)
    number = int(30 / minute)
    assert [part.start for part in parts] == [START + n * minute * MINUTE for n in range(number)]
    assert [part.end for part in parts] == [START + (n + 1) * minute * MINUTE for n in range(number)]
    for line in smoothed(parts, "estimate", list(USUAL)):
        (piece,) = line.pieces
        assert [point.middle for point in piece] == [part.middle for part in parts]
    for line in smoothed([*parts[:3], *parts[4:]], "estimate", list(USUAL)):  # nothing is drawn across a missing one
        assert [len(piece) for piece in line.pieces] == [3, number - 4]


def test_five_minutes_begin_with_the_clock_even_if_the_first_window_came_late() -> None:
    windows = [replace(each, series=SERIES) for each in lesson()][3:]
    assert [part.start for part in minutes(roll_up(windows))] == [START + n * 5 * MINUTE for n in range(6)]


def test_a_line_is_smoother_than_its_minutes() -> None:
    (piece,) = lines(lesson())["neutral"].pieces
    raw = [part.totals.estimate["neutral"].share for part in minutes(lesson())]
    jumps = [sum(abs(b - a) for a, b in pairwise(each)) for each in (raw, [point.share for point in piece])]
    assert jumps[1] < jumps[0] / 2


def test_nothing_is_drawn_across_a_gap() -> None:
    without = [each for each in lesson() if not START + 10 * MINUTE <= each.start < START + 15 * MINUTE]
    for line in lines(without).values():
        first, second = line.pieces
        assert first[-1].middle < START + 10 * MINUTE
        assert second[0].middle > START + 15 * MINUTE
    before, after = lines(without)["neutral"].pieces[0], lines([*without[:20], *lesson(8)[30:]])["neutral"].pieces[0]
    assert [point.share for point in before] == [point.share for point in after]  # what came later has no part in it


def test_what_is_withheld_has_no_part_in_it() -> None:
    nothing = dict.fromkeys(("total", "mean", "low", "high", "facing", "counts", "unclassified", "estimate"))
    withheld = Withheld(what="figures", reason="few_people")

    def hidden(windows: Sequence[WindowRecord]) -> list[WindowRecord]:
        return [
            replace(each, **nothing, estimate_absent=None, withheld=withheld) if 20 <= at < 30 else each  # type: ignore[arg-type]
            for at, each in enumerate(windows)
        ]

    other = [*lesson()[:20], *lesson(8)[20:30], *lesson()[30:]]
    assert lines(hidden(lesson())) == lines(hidden(other))


def test_too_few_minutes_make_no_line() -> None:
    assert lines(lesson()[:4]) == {}


@pytest.mark.parametrize("dwell", [30.0, 600.0])
def test_the_band_holds_what_people_take_up(dwell: float) -> None:
    held = []
    for seed in range(6):
        windows = SimulatedLesson(seed, minutes=30, window=30, dwell=dwell).windows()
        for what, line in lines(windows).items():
            if what in ("happy", "neutral", "surprise"):
                held += [point.low <= USUAL[what] <= point.high for piece in line.pieces for point in piece]
    assert len(held) > 500
    assert sum(held) / len(held) > 0.9
