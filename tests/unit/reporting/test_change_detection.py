"""Changes: found where there are large ones, hardly ever claimed where there are none.

`python -m tests.load.lesson_changes` measures both in hundreds of lessons; here are a few, always the same ones.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import cache

import pytest

from edge.contract.payloads import Withheld
from edge.recording.window_record import WindowRecord
from edge.reporting.change_detection import LEAST_CHANGE, LEAST_MINUTES, find_changes
from edge.reporting.lesson_statistics import MINUTE, Change, minutes
from tests.support import simulated_lessons
from tests.support.simulated_lessons import START, SimulatedLesson

BEGIN, SECONDS = 1200.0, 600.0


def found(windows: list[WindowRecord]) -> list[Change] | None:
    return find_changes(minutes(windows), "estimate")


@cache
def risen(dwell: float = 30.0, share: float = 0.4, seconds: float = SECONDS) -> list[WindowRecord]:
    """After twenty minutes more people look happy for a while."""
    change = simulated_lessons.Change("happy", share, BEGIN, seconds)
    return SimulatedLesson(11, dwell=dwell, window=30, changes=(change,)).windows()


@pytest.mark.parametrize("dwell", [30.0, 120.0, 600.0])
def test_a_large_change_is_found_where_it_is(dwell: float) -> None:
    changes = found(risen(dwell))
    assert changes
    change = next(each for each in changes if each.what == "happy")
    assert change.end
    assert abs((change.start - START).total_seconds() - BEGIN) <= 120
    assert abs((change.end - START).total_seconds() - BEGIN - SECONDS) <= 180
    assert change.during.share - change.before.share == pytest.approx(0.36, abs=0.12)


def test_a_change_ends_with_the_last_of_its_windows_however_long_they_are() -> None:
    change = simulated_lessons.Change("happy", 0.6, BEGIN, SECONDS)
    changes = found(SimulatedLesson(11, window=150, changes=(change,)).windows())
    assert changes
    (end,) = [each.end for each in changes if each.what == "happy"]
    assert end
    assert abs((end - START).total_seconds() - BEGIN - SECONDS) <= 150
    assert (end - START).total_seconds() % 150 == 0  # that of a window, not a minute after one began


def test_half_of_a_long_window_does_not_stand_for_one() -> None:
    *whole, last = SimulatedLesson(11, minutes=37.5, window=150).windows()
    assert len(whole) == LEAST_MINUTES - 1
    assert found([*whole, last]) is not None
    assert found([*whole, replace(last, end=last.start + MINUTE)]) is None


def test_a_change_that_stays_has_no_end() -> None:
    changes = found(risen(seconds=9e9))
    assert changes
    assert [each.end for each in changes if each.what == "happy"] == [None]


def test_ranges_part_and_a_change_is_worth_claiming() -> None:
    changes = [change for dwell in (30.0, 120.0, 600.0) for change in found(risen(dwell)) or []]
    assert {"happy", "neutral"} <= {change.what for change in changes}
    for change in changes:
        lower, upper = sorted((change.before, change.during))
        assert lower.high is not None
        assert upper.low is not None
        assert lower.high < upper.low
        assert upper.share - lower.share >= LEAST_CHANGE


@pytest.mark.parametrize("dwell", [30.0, 120.0, 600.0])
def test_hardly_any_lesson_in_which_nothing_changed_is_called_changed(dwell: float) -> None:
    lessons = 5
    claimed = [bool(found(SimulatedLesson(seed, dwell=dwell, window=60).windows())) for seed in range(lessons)]
    assert sum(claimed) <= 1  # of 5, where 1 in 20 is: more in one run of 44


def test_time_without_figures_is_no_change() -> None:
    """The people who look happy are there only while figures are withheld: nobody is told about them."""
    nothing = dict.fromkeys(("total", "mean", "low", "high", "facing", "counts", "unclassified", "estimate"))
    hidden = Withheld(what="figures", reason="few_people")
    windows = [
        replace(window, **nothing, estimate_absent=None, withheld=hidden)  # type: ignore[arg-type]
        if BEGIN <= (window.start - START).total_seconds() < BEGIN + SECONDS + 60
        else window
        for window in risen()
    ]
    assert found(windows) == []


def test_nothing_is_said_of_too_little_or_too_long_a_time() -> None:
    assert found(risen()[: 2 * 14]) is None
    assert found([]) is None
    part = minutes(risen()[:2])[0]
    whole_morning = [part._replace(start=START + number * MINUTE) for number in range(121)]
    assert find_changes(whole_morning, "estimate") is None
    assert find_changes(whole_morning[:-1], "estimate") == []


def test_where_faces_are_only_counted_nothing_is_said() -> None:
    counted = [replace(window, facing=None, counts=None, estimate=None, mode="headcount") for window in risen()]
    assert find_changes(minutes(counted), None) is None


def test_only_facing_is_enough() -> None:
    change = simulated_lessons.Change("front", 0.5, BEGIN, SECONDS)
    windows = SimulatedLesson(5, window=30, front=0.4, mode="facing", changes=(change,)).windows()
    changes = find_changes(minutes(windows), None)
    assert changes
    assert [each.what for each in changes] == ["front"]
    assert abs(changes[0].start - START - timedelta(seconds=BEGIN)) <= timedelta(minutes=2)
