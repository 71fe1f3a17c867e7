"""How long there are figures: the time of the windows that have them, from windows and from roll-ups alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from edge.contract.payloads import Withheld
from edge.languages.words import Words
from edge.recording.rollups import bucket_of, roll_up
from edge.recording.window_record import Series, WindowRecord
from edge.reporting.change_detection import find_changes
from edge.reporting.heat_map import Measured, heat_map
from edge.reporting.hour_pieces import FEWEST, HOUR, HourPieces
from edge.reporting.lesson_statistics import minutes
from edge.reporting.map_data import MapData, RoomSums
from edge.reporting.measured_time import MeasuredTime
from edge.reporting.school_sentences import describe_school, room_rows
from edge.reporting.totals import Totals, add_up
from edge.web.dashboard.lesson import lesson as lesson_json
from tests.support import simulated_lessons
from tests.support.lessons import summarize
from tests.support.simulated_lessons import START, SimulatedLesson

SERIES = Series("emotions", "f@1", "e@1", "front, p@1")
FIGURES = Withheld(what="figures", reason="few_people")
FACING = Withheld(what="facing", reason="few_near")
EMOTIONS = Withheld(what="emotions", reason="few_front")


def windows(count: int = 270, seconds: int = 10) -> list[WindowRecord]:
    found = SimulatedLesson(7, minutes=count * seconds // 60, window=seconds).windows()
    return [replace(window, series=SERIES) for window in found]


def hidden(window: WindowRecord, withheld: Withheld) -> WindowRecord:
    found = replace(window, counts=None, unclassified=None, estimate=None, estimate_absent=None, withheld=withheld)
    if withheld.what != "emotions":
        found = replace(found, facing=None)
    if withheld.what == "figures":
        found = replace(found, total=None, mean=None, low=None, high=None)
    return found


def one_in(many: int) -> list[WindowRecord]:
    """A lesson in which one window of so many has figures."""
    return [window if n % many == 0 else hidden(window, FIGURES) for n, window in enumerate(windows())]


def test_windows_and_roll_ups_tell_the_same_time() -> None:
    kinds = (None, FIGURES, FACING, EMOTIONS, None, FIGURES)
    found = [hidden(w, kind) if (kind := kinds[n % 6]) else w for n, w in enumerate(windows())]
    assert add_up(found).time == MeasuredTime(1_800_000, 1_350_000, 900_000, 900_000, 0, 450_000, 900_000)
    assert add_up(found).time.withheld == 1000 * add_up(found).recorded - 1_800_000
    assert add_up(roll_up(found)).time == add_up(found).time


def test_windows_that_a_pause_cut_short_take_no_time_from_the_others() -> None:
    found = windows(30)
    cut = hidden(found[10], Withheld(what="figures", reason="short"))
    cut = replace(cut, end=cut.start + timedelta(milliseconds=500))
    found = [*found[:10], cut, *found[11:]]
    for parts in (found, roll_up(found)):
        assert add_up(parts).time == MeasuredTime(290_000, 290_000, 290_000, short=500)
    assert add_up(roll_up([cut])).time == MeasuredTime(short=500)


def test_headcounts_have_no_time_of_facing_and_expressions() -> None:
    found = [replace(w, facing=None, counts=None, unclassified=None, estimate=None) for w in windows(30)]
    for parts in (found, roll_up(found)):
        assert add_up(parts).time == MeasuredTime(300_000, 0, 0)


@pytest.mark.parametrize(("many", "enough"), [(6, False), (5, False), (4, True)])
def test_a_lesson_is_as_long_as_its_windows_with_figures(many: int, enough: bool) -> None:  # noqa: FBT001
    found = one_in(many)
    summary = summarize(found)
    assert summary.measured == 10 * -(-270 // many)
    assert summary.recorded == 2700
    assert (summary.enough, bool(summary.front), bool(summary.expressions)) == (enough, enough, enough)
    page = lesson_json(roll_up(found), [], [], [], START, START + timedelta(minutes=45))
    assert page["measured"] == 1000 * summary.measured


def test_no_change_is_looked_for_in_minutes_that_are_mostly_withheld() -> None:
    change = simulated_lessons.Change("happy", 0.8, 1200.0, 600.0)
    whole = SimulatedLesson(11, window=10, changes=(change,)).windows()
    few = [window if n % 6 == 0 else hidden(window, FIGURES) for n, window in enumerate(whole)]
    assert find_changes(minutes(whole), "estimate")
    assert find_changes(minutes(few), "estimate") is None
    faces_only = [window if n % 6 == 0 else hidden(window, FACING) for n, window in enumerate(whole)]
    assert find_changes(minutes(faces_only), "estimate") is None


@pytest.mark.parametrize("seconds", [10, 300])
def test_a_part_of_the_time_is_none_of_the_windows_where_their_length_changed(seconds: int) -> None:
    """One hour with too few people and four with figures: half a dozen windows of one length, hundreds of the other."""
    few = [hidden(window, FIGURES) for window in windows(3600 // seconds, seconds)]
    shown = [moved(window, HOUR) for window in windows(4 * 3600 * seconds // 3000, 3000 // seconds)]
    for parts in (few + shown, roll_up(few + shown)):
        totals = add_up(parts)
        data = MapData("day", START, START + timedelta(days=1), ["room-1"], [], ["room-1"], [[]], [of_room(totals)])
        assert str(describe_school(data, [], Words())[1]) == (
            "In 20\N{NO-BREAK SPACE}% of the time there are no figures: too few people were in the picture."
        )
        assert room_rows(data, [], Words())[0][2] == "20\N{NO-BREAK SPACE}%"


def of_room(totals: Totals) -> RoomSums:
    return RoomSums("room-1", totals, summarize([]), None, 0.0)


def moved(window: WindowRecord, by: timedelta) -> WindowRecord:
    return replace(window, start=window.start + by, end=window.end + by)


@pytest.mark.parametrize(
    ("hide_short", "kind", "states"),
    [
        (True, FIGURES, ("few", "few", "few")),
        (False, FIGURES, ("withheld", "withheld", "withheld")),
        (False, FACING, ("few", "withheld", "withheld")),
        (False, EMOTIONS, ("few", "few", "withheld")),
    ],
)
def test_what_is_missing_most_of_the_time_is_why_a_cell_has_no_figure(
    hide_short: bool,  # noqa: FBT001
    kind: Withheld,
    states: tuple[str, ...],
) -> None:
    """Four minutes in windows of ten seconds, and five in one window."""
    short, long = windows(24), [moved(window, timedelta(minutes=5)) for window in windows(1, 300)]
    if hide_short:
        short = [hidden(window, kind) for window in short]
    else:
        long = [hidden(window, kind) for window in long]
    parts = [*short, *long]
    cell = Measured(START, START + HOUR, add_up(parts), summarize(parts), None)
    found = [heat_map([[cell]], measure, ["room-1"])[0][0] for measure in ("faces", "front", "happy")]
    assert [each.state if each else "" for each in found] == [*states]


def of_hours(number: int) -> Sequence[WindowRecord]:
    """The first quarter of each hour."""
    return [
        replace(window, start=window.start + hour * HOUR, end=window.end + hour * HOUR)
        for hour in range(number)
        for window in windows(90)
    ]


@pytest.mark.parametrize("hours", [1, 2, FEWEST - 1, FEWEST, FEWEST + 1])
def test_a_time_of_few_hours_has_figures(hours: int) -> None:
    found = of_hours(hours)
    pieces = HourPieces(bucket_of(START))
    for part in roll_up(found):
        pieces.add(part)
    summary = pieces.summary()
    assert summary.measured == hours * 900
    assert summary.faces
    assert summary.front
    assert summary.faces.value == pytest.approx(add_up(found).mean)
    assert pieces.hours.totals == add_up(found)
