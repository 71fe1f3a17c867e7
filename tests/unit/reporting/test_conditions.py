"""Under which conditions a lesson was measured: by its windows, and by what was heard of the picture."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from edge.recording.places import Place
from edge.recording.window_record import Series
from edge.reporting.conditions import compare_days, conditions_of, digests
from edge.reporting.heat_map import Measured
from edge.reporting.lesson_comparison import Conditions
from edge.reporting.totals import add_up
from tests.support.lessons import summarize

START = datetime(2026, 11, 20, 7, 0, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)
END = START + HOUR
SERIES = Series("emotions", "f@1", "e@1", "front, p@1")


def place(hours: float, digest: str, doubt: float = 0.001) -> Place:
    """Heard so many hours after the lesson began, and in force since at most `doubt` hours."""
    heard = START + hours * HOUR
    return Place(heard - doubt * HOUR, heard, digest, 0.1)


def test_nothing_measured_has_no_conditions() -> None:
    assert conditions_of([], [], START, END) is None
    assert conditions_of([None], [], START, END) is None


def test_windows_say_mode_and_models_and_info_what_is_hidden() -> None:
    found = conditions_of([SERIES, SERIES], [place(-5, "aaaaaaaa"), place(-3, "")], START, END)
    assert found is not None
    assert (found.mode, found.faces, found.emotions, found.pose) == SERIES
    assert found.masks == ""  # known: nothing is hidden
    assert found.place is None


def test_a_lesson_in_which_something_changed_is_like_no_other() -> None:
    later = Series("emotions", "f@2", "e@1", "front, p@1")
    mixed = conditions_of([SERIES, later], [], START, END)
    again = conditions_of([SERIES, later], [], START + 24 * HOUR, END + 24 * HOUR)
    plain = conditions_of([SERIES], [], START, END)
    assert mixed is not None
    assert again is not None
    assert plain is not None
    assert mixed.differing(again) == mixed.differing(plain) == "faces"
    masked = conditions_of([SERIES], [place(-1, "aaaaaaaa"), place(0.5, "bbbbbbbb")], START, END)
    steady = conditions_of([SERIES], [place(-1, "aaaaaaaa")], START, END)
    assert masked is not None
    assert steady is not None
    assert masked.differing(steady) == "masks"
    assert (mixed.steady, masked.steady, plain.steady) == (False, False, True)
    assert mixed.differing(mixed) == masked.differing(plain) == "steady"  # not even itself, nor one that nobody knows


def week(hours: float, days: int) -> Measured:
    """With figures for so many hours on each of so many days."""
    totals = replace(add_up([]), figures=round(hours * days * 3_600_000))
    return Measured(START, END, totals, summarize([]), conditions_of([SERIES], [], START, END))


def test_a_week_of_afternoons_is_like_no_week_of_whole_days() -> None:
    days = [5, 5, 3, 5, 2, 5, 0]
    lengths = [6.0, 6.0, 5.0, 2.9, 6.0, 13.0, 0.0]  # holidays leave whole days
    found = compare_days([week(hours, number) for hours, number in zip(lengths, days, strict=True)], days)
    told = [each.conditions.daily for each in found if each.conditions]
    assert told == ["usual", "usual", "usual", "less", "usual", "more", "less"]
    first, last = found[0].conditions, found[3].conditions
    assert first
    assert last
    assert first.differing(last) == "daily"
    nothing = Measured(START, END, add_up([]), summarize([]), None)
    assert compare_days([nothing], [0]) == [nothing]
    assert compare_days([], []) == []


def test_figures_that_were_withheld_by_other_rules_are_not_compared() -> None:
    def ruled(*policies: str | None) -> Conditions:
        known = [
            replace(place(number - len(policies), "aaaaaaaa", doubt=0.1), policy=policy)
            for number, policy in enumerate(policies)
        ]
        found = conditions_of([SERIES], known, START, END)
        assert found
        return found

    assert ruled("5/1").differing(ruled("10/1")) == "policy"
    assert ruled("5/1", "10/1").policy == "10/1"
    assert ruled("5/1").differing(ruled(None)) is None  # of an older recording nobody knows
    assert ruled("5/1").differing(ruled("5/1")) is None
    # An update in the lesson, after which the device's rules are stored, is no change.
    known = [place(-1, "aaaaaaaa"), replace(place(0.5, "aaaaaaaa"), policy="5/1")]
    updated = conditions_of([SERIES], known, START, END)
    assert updated
    assert (updated.masks, updated.policy) == ("aaaaaaaa", "5/1")
    changed = conditions_of([SERIES], [replace(known[0], policy="10/1"), known[1]], START, END)
    assert changed
    assert changed.differing(ruled("5/1")) == "policy"


def test_when_a_mask_changed_is_known_as_well_as_it_was_heard() -> None:
    # Nobody listened from two hours before the lesson until two hours after it.
    unsure = [place(-3, "aaaaaaaa"), place(3, "bbbbbbbb", doubt=5)]
    assert digests(unsure, START, END) == ["aaaaaaaa", "bbbbbbbb"]
    heard = [place(-3, "aaaaaaaa"), place(3, "bbbbbbbb")]
    assert digests(heard, START, END) == ["aaaaaaaa"]
    assert digests(heard, START + 3 * HOUR, END + 3 * HOUR) == ["bbbbbbbb"]


def test_what_is_not_known_is_no_difference() -> None:
    before = conditions_of([SERIES], [place(24, "aaaaaaaa")], START, END)
    after = conditions_of([SERIES], [place(24, "aaaaaaaa")], START + 48 * HOUR, END + 48 * HOUR)
    assert before is not None
    assert after is not None
    assert (before.masks, after.masks) == (None, "aaaaaaaa")
    assert before.differing(after) is after.differing(before) is None


@pytest.mark.parametrize("ahead", [1, 3, 8])
def test_where_the_clocks_of_device_and_recorder_differ_the_masks_of_the_time_between_are_not_known(ahead: int) -> None:
    """Its newest window is of a clock that was ahead, or the recorder's clock is behind: nobody knows which."""
    heard = START - HOUR
    known = [place(-90, "aaaaaaaa"), Place(heard + ahead * HOUR, heard, "bbbbbbbb", 0.3), place(20, "cccccccc")]
    assert digests(known, heard - 2 * HOUR, heard) == ["aaaaaaaa"]
    for hours in range(ahead):
        begins = heard + hours * HOUR
        assert digests(known, begins, begins + HOUR) == ["aaaaaaaa", "bbbbbbbb"]
    assert digests(known, heard + ahead * HOUR, heard + 20 * HOUR) == ["bbbbbbbb"]
