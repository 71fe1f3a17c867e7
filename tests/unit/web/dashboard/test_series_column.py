"""The last hours in memory know which models measured each window, so they add up as the recording of them does."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

from edge.recording.reader import Recording
from edge.recording.series_ids import MOST_SERIES
from edge.recording.window_record import Series, WindowRecord
from edge.recording.window_sums import OTHER
from edge.web.dashboard.history import History
from edge.web.dashboard.lesson import milliseconds, recent
from edge.web.dashboard.school import School
from edge.web.dashboard.series_column import SeriesColumn
from tests.support.replaced_model import replaced
from tests.support.stores import Place, as_messages

START = datetime(2026, 11, 20, 8, tzinfo=timezone.utc)
END = START + timedelta(hours=1)


def test_an_hour_in_which_the_model_was_replaced_is_the_same_from_memory_and_from_its_recording(tmp_path: Path) -> None:
    windows = replaced(START, minutes=60)
    school = School("classroom", 4, END.timestamp)
    for each in windows:
        school.receive("classroom/room-1/window", each.to_json())
    with Place(tmp_path / "s.sqlite").opened() as store:
        store.store(as_messages(windows), END)
    recording = Recording(tmp_path / "s.sqlite")
    recording.start()
    recorded = recent(recording, "room-1", START, END)
    recording.stop()
    shown = school.lesson("room-1", 60, ())()
    assert shown["models"] == recorded["models"] == 2
    assert {each["label"]: round(each["share"], 3) for each in shown["shares"]} == {
        "happy": 0.4, "neutral": 0.6, "joy": 0.4
    }  # fmt: skip
    assert shown["shares"] == recorded["shares"]
    assert shown["pieces"] == recorded["pieces"], "none is of both models"


def test_what_is_in_memory_has_the_series_of_each_window_also_of_a_part() -> None:
    windows, history = replaced(START, minutes=4), History()
    for each in reversed(windows):
        assert history.add(each)
    expected = [Series.of(each) for each in windows]
    assert [each.series for each in history.records()] == expected
    middle = history.part(milliseconds(START + timedelta(minutes=1)), milliseconds(START + timedelta(minutes=3)))
    assert [each.series for each in middle.records()] == expected[6:18]
    history.drop_between(milliseconds(START + timedelta(minutes=1)), milliseconds(START + timedelta(minutes=3)))
    assert [each.series for each in history.records()] == [*expected[:6], *expected[18:]]
    assert history.records()[0].mode == WindowRecord.of(windows[0]).mode


def test_of_a_room_that_makes_up_models_the_rest_are_one_until_their_windows_are_gone() -> None:
    column = SeriesColumn()
    made_up = [Series("emotions", "f@1", f"e@{number}", None) for number in range(1000)]
    for at, each in enumerate(made_up):
        column.insert(at, each)
    rest = Series("emotions", OTHER, None, None)
    assert [column[at] for at in range(1000)] == [*made_up[:MOST_SERIES], *[rest] * (1000 - MOST_SERIES)]
    column.insert(1000, Series("facing", "f@1", None, None))
    assert column[1000] == Series("facing", OTHER, None, None)
    column.drop(slice(0, 5))
    for each in made_up[500:505]:
        column.insert(0, each)
    assert [column[at] for at in range(6)] == [*reversed(made_up[500:505]), made_up[5]]
    column.insert(0, made_up[600])
    assert column[0] == rest


def test_a_room_that_calls_its_own_models_as_the_rest_is_bounded_too() -> None:
    column = SeriesColumn()
    for at in range(300):
        column.insert(at, Series("emotions", OTHER, f"e@{at}", None))
    assert {column[at] for at in range(MOST_SERIES, 300)} == {Series("emotions", OTHER, None, None)}
