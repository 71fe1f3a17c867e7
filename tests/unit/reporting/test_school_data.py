"""Weeks, days and terms: every cell says what the windows of its time say, and nothing of what they withhold."""

from __future__ import annotations

import csv
import dataclasses
import weakref
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from edge.contract.payloads import WindowPayload, Withheld
from edge.contract.timestamps import format_timestamp, parse_timestamp
from edge.contract.validation import DeviceMessage
from edge.languages.words import Words
from edge.recording.deletion import Eraser
from edge.recording.reader import Recording
from edge.recording.rollups import Bucket
from edge.reporting.heat_map import Cell, State, heat_map
from edge.reporting.lesson_statistics import Figure
from edge.reporting.map_chart import map_pictures
from edge.reporting.map_data import Map, MapData, maps_of
from edge.reporting.map_words import empty_row, title_of, worth_showing
from edge.reporting.measured_time import MeasuredTime
from edge.reporting.model_sums import ModelSums
from edge.reporting.period import Period
from edge.reporting.png import said
from edge.reporting.report_data import read_report
from edge.reporting.school_csv import cells_of, school_csv
from edge.reporting.school_data import School
from edge.reporting.school_report import school_page
from edge.reporting.school_sentences import MASKS_UNKNOWN, describe_school, differences, room_rows
from edge.reporting.scope import NOT_MEASURED, Scope
from edge.reporting.totals import Totals, add_up, totals_of
from edge.reporting.wording import notes
from edge.text import NO_BREAK
from edge.timing.timetable import Entry, Plan, Timetable
from edge.web.dashboard.map_answer import map_answer
from tests.support.recorded_school import LESSONS, TIMETABLE, VIENNA, moved, record_school, usual
from tests.support.recorded_weeks import info, record
from tests.support.replaced_model import smiling

ROOMS = ["room-1", "room-2", "room-3"]
MONDAY, FRIDAY = date(2026, 11, 16), date(2026, 11, 20)
LATER = datetime(2026, 12, 1, tzinfo=timezone.utc)
SPECIAL = {
    ("room-1", 3, 2): usual(50, happy=0.7),
    ("room-2", 1, 1): usual(51, people=3),
    ("room-2", 2, 0): (),
    ("room-2", 4, 3): (),
    ("room-3", 0, 3): usual(52)[:6],
}


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recording]:
    """Three rooms, a week and a day."""
    found = Recording(record_school(tmp_path_factory.mktemp("school") / "s.sqlite", ROOMS, 6, SPECIAL))
    found.start()
    yield found
    found.stop()


@pytest.fixture(scope="module")
def school(recording: Recording) -> School:
    return School(recording, ROOMS, TIMETABLE, VIENNA, LATER)


def maps(school: School) -> dict[str, MapData]:
    return {
        "week": school.week("room-1", MONDAY),
        "day": school.day(MONDAY),
        "days": school.days(MONDAY),
        "term": school.term(MONDAY, MONDAY + timedelta(days=7)),
    }


def states(data: MapData, measure: str = "happy") -> list[list[str]]:
    return [[cell.state if cell else "" for cell in row] for row in heat_map(data.grid, measure, data.rooms)]


def test_a_week_of_a_room(school: School) -> None:
    data = school.week("room-1", MONDAY)
    assert data.rows == [lesson.name for lesson in LESSONS]
    assert data.columns == [MONDAY + timedelta(days=n) for n in range(5)]
    found = states(data)
    assert found[2][3] == "above"
    assert {state for row in found for state in row} == {"usual", "above"}
    told = [Words().say(each) for each in differences(data, maps_of(data), Words())]
    assert told[0].startswith("room-1, Thu 19 Nov, 3rd: about 6")
    assert told[0].endswith("\N{NO-BREAK SPACE}%.")


def test_what_has_no_figure_says_why(school: School) -> None:
    second, third = school.week("room-2", MONDAY), school.week("room-3", MONDAY)
    assert states(second, "faces")[1][1] == states(second)[1][1] == "withheld"
    assert states(second)[0][2] == "nothing"
    assert states(second)[3] == ["usual"] * 4 + [""]  # on Friday this room has no fourth lesson
    assert states(third)[3][0] == "few"


def test_figures_of_less_than_ten_minutes_are_none_whatever_is_withheld_around_them(tmp_path: Path) -> None:
    """Two minutes of each lesson have figures: eight of a day, in four hours or eight times five minutes."""
    few, hidden = usual(1), usual(50, people=3)
    assert all(window.withheld for window in hidden)
    mixed = tuple(few[n] if n in (7, 17) else hidden[n] for n in range(30))
    special = {("room-1", day, lesson): mixed for day in range(4) for lesson in range(4)}
    recording = Recording(record_school(tmp_path / "s.sqlite", ["room-1"], 5, special))
    recording.start()
    found = School(recording, ["room-1"], TIMETABLE, VIENNA, LATER)
    for measure in ("faces", "front", "happy"):
        week = states(found.week("room-1", MONDAY), measure)
        assert [row[:4] for row in week] == [["withheld"] * 4] * 4
        assert states(found.day(MONDAY), measure) == [["withheld"] * 4]
        assert states(found.days(MONDAY), measure) == [["withheld"] * 4 + ["too_few_others"]]
    recording.stop()


def test_a_day_and_a_term_of_all_rooms(school: School) -> None:
    day = school.day(MONDAY + timedelta(days=1))
    assert (day.rows, day.columns) == (ROOMS, [lesson.name for lesson in LESSONS])
    assert states(day)[1] == ["too_few_others", "withheld", "too_few_others", "too_few_others"]
    term = school.term(MONDAY + timedelta(days=2), MONDAY + timedelta(days=7))
    assert term.columns == [MONDAY, MONDAY + timedelta(days=7)]
    assert states(term) == [["too_few_others", "few"]] * 3  # a week of one day has no scatter to judge it by
    week = school.days(MONDAY)
    assert (week.rows, week.columns) == (ROOMS, [MONDAY + timedelta(days=n) for n in range(5)])


def test_every_cell_is_the_sum_of_its_windows(school: School, recording: Recording) -> None:
    for kind, data in maps(school).items():
        for row, room in enumerate(data.rooms):
            for cell in data.grid[row]:
                if cell:
                    assert cell.totals == add_up(recording.windows(room, cell.start, cell.end)), (kind, room)
        for each in data.sums:
            assert each.totals == add_up(recording.windows(each.room, data.start, data.end)), kind


def test_without_a_timetable_there_are_hours(recording: Recording) -> None:
    school = School(recording, ROOMS, None, VIENNA, LATER)
    week, day = school.week("room-1", MONDAY), school.day(MONDAY)
    assert week.rows == day.columns == ["08:00", "09:00", "10:00"]
    assert week.columns[-1] == FRIDAY
    assert day.sums[0].planned is None
    assert school.week("room-1", MONDAY - timedelta(days=7)).rows == []


@pytest.mark.parametrize(
    ("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 24), 24), (date(2026, 10, 25), 25)]
)
def test_every_window_is_in_one_hour_where_the_clock_is_changed(tmp_path: Path, day: date, hours: int) -> None:
    midnight = datetime(day.year, day.month, day.day, tzinfo=VIENNA).astimezone(timezone.utc)
    steps = range(0, 60 * hours, 30)
    sent = [
        moved(window, "room-1", minute + number + 1, midnight + timedelta(minutes=minute))
        for minute in steps for number, window in enumerate(usual(1))
    ]  # fmt: skip
    path = record(tmp_path / "s.sqlite", [DeviceMessage("room-1", "window", each, "edge.window/2") for each in sent])
    recording = Recording(path)
    recording.start()
    data = School(recording, ["room-1"], None, VIENNA, LATER).day(day)
    recording.stop()
    cells = {str(name): cell for name, cell in zip(data.columns, data.grid[0], strict=True)}
    assert sum(cell.totals.windows for cell in cells.values() if cell) == len(sent) == 60 * hours
    two = cells["02:00"]
    assert (two.totals.windows if two else 0) == 60 * (hours - 23)
    assert len(cells) == 24


def test_lessons_that_were_not_recorded_are_counted(school: School) -> None:
    missed = {each.room: (each.planned or 0) - each.taught for each in school.days(MONDAY).sums}
    assert missed == {"room-1": 0, "room-2": 1800, "room-3": 1440}
    told = [str(each) for each in describe_school(school.days(MONDAY), [], Words())]
    assert told[0] == "Rooms that were recorded: 3 of 3, 28\N{NO-BREAK SPACE}h 36\N{NO-BREAK SPACE}min in all."
    assert any("54\N{NO-BREAK SPACE}min of lessons were not recorded." in each for each in told)


def test_a_room_is_expected_from_its_first_day_on_and_named_once_it_is_silent(tmp_path: Path) -> None:
    """On Wednesday room-1 was renamed; room-3 is there all the time, but for Friday of the second week."""
    special: dict[tuple[str, int, int], tuple[WindowPayload, ...]] = {
        (room, day, lesson): ()
        for room, days in (("room-1", range(2, 10)), ("room-101", range(2)), ("room-3", (9,)))
        for day in days
        for lesson in range(4)
    }
    rooms = ["room-1", "room-101", "room-3"]
    recording = Recording(record_school(tmp_path / "s.sqlite", rooms, 10, special))
    recording.start()
    found = School(recording, rooms, TIMETABLE, VIENNA, LATER)
    hours = School(recording, rooms, None, VIENNA, LATER)

    def told(data: MapData) -> tuple[str, list[int | None], list[str]]:
        said = [str(each).replace("\N{NO-BREAK SPACE}", " ") for each in describe_school(data, [], Words())]
        missed = [each.missed if each.missed is None else round(each.missed / 1800) for each in data.sums]
        return said[0], missed, [each for each in said if "has sent nothing" in each]

    silent = "room-1 has sent nothing since 17 November 2026, and is not counted here."
    second = MONDAY + timedelta(days=7)
    try:
        assert told(found.days(MONDAY)) == ("Rooms that were recorded: 3 of 3, 20 h 00 min in all.", [12, 0, 0], [])
        for data, missed in ((found.days(second), 4), (found.day(second), 0)):
            begins, counts, named = told(data)
            assert begins.startswith("Rooms that were recorded: 2 of 2")
            assert counts == [None, 0, missed]
            assert named == [silent]
            assert room_rows(data, [], Words())[0] == ("room-1", "nothing since 17 November 2026", "-", "-", "-")
        for data, said in (
            (found.day(second), "nothing since 17 November 2026"),
            (found.days(second), "nothing since 17 November 2026"),
            (found.term(second, second), "nothing since 17 November 2026"),
            (found.week("room-1", second), "nothing since 17 November 2026"),
            (hours.day(second), "nothing since 17 November 2026"),
            (found.day(MONDAY), ""),
        ):
            empty = data.rooms.index("room-1")
            assert empty_row(data, empty, Words()) == said
            answer = map_answer(data, Words(), lessons=True)
            assert answer["rows"][empty]["empty"] == said
            assert not any(each["empty"] for each in answer["rows"] if each["room"] == "room-3")
        assert empty_row(found.day(MONDAY), 1, Words()) == "nothing recorded", "it is not there yet"
        page = school_page(found.day(second), VIENNA, LATER, Words())
        row = '<tr><th scope="row">room-1</th><td class="none" colspan="4">nothing since 17 November 2026</td></tr>'
        assert row in page
        (picture, *_) = map_pictures(found.day(second), maps_of(found.day(second)), Words())
        texts = [each.get_text() for each in picture.axes[0].texts]
        assert texts[0] == "nothing since 17 November 2026"
        assert "nothing" not in texts
        assert told(found.day(MONDAY))[:2] == ("Rooms that were recorded: 2 of 2, 4 h 00 min in all.", [0, None, 0])
        assert told(found.day(second + timedelta(days=4)))[1:] == (
            [None, 0, None],
            ["room-3 has sent nothing since 26 November 2026, and is not counted here.", silent],
        )
        assert told(found.term(second, second))[2] == [silent]
        assert told(found.day(MONDAY + timedelta(days=5)))[1:] == ([0, 0, 0], []), "on Saturday nothing is expected"
        early = School(
            recording, rooms, TIMETABLE, VIENNA, datetime.combine(second + timedelta(days=7), time(7), VIENNA)
        )
        assert told(early.day(second + timedelta(days=7)))[2] == [], "before the first lesson nobody is missed"
        assert told(hours.day(second))[1:] == ([None] * 3, [silent])
        nobody = told(hours.day(second + timedelta(days=6)))
        assert nobody == ("Rooms that were recorded: 0 of 3, 0 s in all.", [None] * 3, []), "on Sunday nobody sends"
    finally:
        recording.stop()


def test_a_row_says_that_nothing_was_recorded_only_where_that_is_so(tmp_path: Path) -> None:
    recording = Recording(record_school(tmp_path / "s.sqlite", ["room-1", "room-2"], 5))
    recording.start()
    late = [Entry("8th", time(15), time(15, 45))]
    others: list[dict[str, dict[int, list[Entry]]]]
    others = [{"room-1": {0: []}}, {"room-1": {0: late}}, {"room-1": {0: []}, "room-2": {0: []}}]
    for own in others:
        timetable = Timetable(VIENNA, [Plan(dict.fromkeys(range(5), LESSONS), own)])
        day = School(recording, ["room-1", "room-2"], timetable, VIENNA, LATER).day(MONDAY)
        assert [empty_row(day, row, Words()) for row in (0, 1)] == ["", ""], "it was recorded outside of its lessons"
    nothing = School(recording, ["room-1"], TIMETABLE, VIENNA, LATER).days(MONDAY - timedelta(days=7))
    week = School(recording, ["room-1"], TIMETABLE, VIENNA, LATER).week("room-1", MONDAY - timedelta(days=7))
    recording.stop()
    for data in (nothing, week):
        assert empty_row(data, 0, Words()) == "nothing recorded"
        kept = [dataclasses.replace(each, days_only=frozenset([MONDAY - timedelta(days=7)])) for each in data.sums]
        assert empty_row(dataclasses.replace(data, sums=kept), 0, Words()) == "", "the sum of a day is there"


@pytest.mark.parametrize("minutes", [10, 30])
def test_windows_that_reach_beyond_a_lesson_do_not_make_up_for_another(tmp_path: Path, minutes: int) -> None:
    """From 07:55 to 09:25 and nothing after: of the third lesson a quarter of an hour is there, and no fourth."""
    start = datetime.combine(MONDAY, time(7, 55), VIENNA)
    long = [
        smiling(start + timedelta(minutes=minutes) * n, "room-1", n + 1, seconds=60 * minutes)
        for n in range(90 // minutes)
    ]
    messages = [DeviceMessage("room-1", "window", window, "edge.window/2") for window in long]
    recording = Recording(record(tmp_path / "s.sqlite", messages, LATER))
    recording.start()
    school = School(recording, ["room-1"], TIMETABLE, VIENNA, datetime(2026, 11, 16, 22, tzinfo=VIENNA))
    for data in (school.days(MONDAY), school.day(MONDAY), school.week("room-1", MONDAY)):
        assert (data.sums[0].planned, data.sums[0].taught) == (2 * 3600, 75 * 60)
    recording.stop()


def test_a_week_of_which_only_afternoons_were_recorded_is_marked(tmp_path: Path) -> None:
    """More people come in the morning, and every day is alike."""
    monday = datetime.combine(MONDAY, time(), VIENNA)
    times = [
        (monday + timedelta(days=7 * week + day, hours=hour, minutes=minute), 25 if hour < 12 else 10)
        for week in range(5)
        for day in range(5)
        for hour in (8, 9, 13)
        for minute in (0, 15, 30)
        if week < 4 or hour == 13
    ]
    messages = [
        DeviceMessage("room-1", "window", smiling(start, "room-1", n, people=people, seconds=900), "edge.window/2")
        for n, (start, people) in enumerate(times, 1)
    ]
    recording = Recording(record(tmp_path / "s.sqlite", messages, LATER + timedelta(days=30)))
    recording.start()
    data = School(recording, ["room-1"], TIMETABLE, VIENNA, LATER + timedelta(days=30)).term(
        MONDAY, MONDAY + timedelta(days=30)
    )
    recording.stop()
    assert states(data, "faces") == [["usual"] * 4 + ["other_conditions"]]


def test_a_lesson_of_which_some_was_deleted_does_not_count_as_not_recorded(tmp_path: Path) -> None:
    path = record_school(tmp_path / "s.sqlite", ["room-1"], 5)
    second = datetime.combine(MONDAY, LESSONS[1].begin, VIENNA)
    eraser = Eraser(path)
    eraser.start()
    eraser.delete("room-1", second + timedelta(minutes=5), second + timedelta(hours=1), "anna", LATER)
    eraser.stop()
    file = Recording(path)
    file.start()
    school = School(file, ["room-1"], TIMETABLE, VIENNA, LATER)
    for data in (school.days(MONDAY), school.week("room-1", MONDAY), school.day(MONDAY)):
        (sums,) = data.sums
        assert sums.planned == sums.taught
        assert sums.totals.missing == 0
    file.stop()


def test_differences_that_no_sentence_names_are_counted(school: School) -> None:
    data = school.week("room-1", MONDAY)
    maps = maps_of(data) * 4  # two cells differ: more than five sentences
    *named, last = [str(each) for each in differences(data, maps, Words())]
    coloured = sum(bool(cell and cell.differs) for each in maps for row in each.cells for cell in row)
    assert 0 < len(named) < coloured
    assert last == f"Coloured besides, less surely: {coloured - len(named)}."


def test_a_room_with_many_figures_takes_no_difference_of_another_away() -> None:
    def cell(state: State, probability: float) -> Cell:
        return Cell(Figure(23.6, 22.0, 25.0, 0.5), state, 19.8, probability)

    rooms, columns = ["room-1", "made up"], [f"{hour:02}:00" for hour in range(10)]
    usual: list[Cell | None] = [cell("usual", 0.5)] * 10
    honest = Map("faces", [[cell("above", 0.002), *usual[1:]], usual])
    start = datetime.combine(MONDAY, time(), VIENNA)
    data = MapData("day", start, start + timedelta(days=1), rooms, [*columns], rooms, [[None] * 10] * 2, [])
    for others in ([], [Map(f"mood {n}", [[None] * 10, usual]) for n in range(50)]):
        told = [str(each) for each in differences(data, [honest, *others], Words())]
        assert told == ["room-1, 00:00: 23.6 faces on average, otherwise 19.8."]


def test_a_picture_says_what_nobody_measured_and_which_maps_it_lacks(school: School) -> None:
    data, words = school.week("room-1", MONDAY), Words()
    maps = maps_of(data)
    titles = [title_of(each.measure, words) for each in worth_showing(maps)]
    *pictures, legend = map_pictures(data, maps, words)
    text = legend.texts[0].get_text().replace("\n", " ")
    assert len(pictures) < len(titles)
    assert text.endswith("The page (.html) has these maps as well: " + ", ".join(titles[len(pictures) :]) + ".")
    large, small = said(differences(data, maps, words), Scope.EXPRESSIONS, words).texts
    assert "looked happy" in large.get_text()
    assert small.get_text().replace("\n", " ") == words.say(NOT_MEASURED[Scope.EXPRESSIONS])


def test_a_table_for_spreadsheets(school: School, tmp_path: Path) -> None:
    data = school.day(MONDAY + timedelta(days=1))
    assert school_csv(data, maps_of(data), tmp_path / "s.csv") == len(cells_of(data, maps_of(data)))
    with (tmp_path / "s.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["figure"] == "happy"]
    assert len(rows) == 12
    hidden = next(row for row in rows if row["state"] == "withheld")
    assert (hidden["room"], hidden["column"], hidden["windows_withheld"]) == ("room-2", "2nd", "30")
    assert hidden["withheld_seconds"] == hidden["recorded_seconds"] == "1800.0"
    assert {hidden[name] for name in ("value", "low", "high", "usual")} == {""}
    assert 0 < float(rows[0]["low"]) < float(rows[0]["value"]) < float(rows[0]["high"]) < 1


def told(school: School, folder: Path) -> list[Any]:
    """All that anybody is told of a school, in every kind of map, page, table and file."""
    found: list[Any] = []
    words = Words("de")
    for kind, data in maps(school).items():
        drawn = maps_of(data)
        found += [map_answer(data, words, lessons=True), describe_school(data, drawn, words)]
        found += [room_rows(data, drawn, words), differences(data, drawn, words), data.sums, data.grid]
        school_csv(data, drawn, folder / f"{kind}.csv")
        found += [(folder / f"{kind}.csv").read_text(), school_page(data, VIENNA, LATER, words)]
    return found


@pytest.mark.parametrize("week", [0, 1])
def test_a_week_that_was_recorded_outside_of_its_lessons_says_so(week: int, tmp_path: Path) -> None:
    start = datetime.combine(MONDAY, time(16), VIENNA)
    sent = [smiling(start + n * timedelta(minutes=1), "room-1", n + 1, seconds=60) for n in range(10)]
    messages = [DeviceMessage("room-1", "window", each, "edge.window/2") for each in sent]
    recording = Recording(record(tmp_path / "s.sqlite", messages, LATER))
    recording.start()
    school = School(recording, ["room-1"], TIMETABLE, VIENNA, LATER)
    answer = map_answer(school.week("room-1", MONDAY + timedelta(days=7 * week)), Words(), lessons=True)
    recording.stop()
    assert all(each["empty"] for each in answer["rows"])
    assert answer["nothing"].replace(NO_BREAK, " ") == (
        "Nothing was recorded in this time."
        if week
        else "Nothing was recorded in lessons, but 10 min outside of them: see “whole day” in the view Lesson."
    )


def test_what_was_withheld_leaves_no_trace_anywhere(tmp_path: Path) -> None:
    """Two people or four, happy or not: whoever looks at everything, and subtracts, finds no difference."""
    answers = []
    for number, hidden in enumerate((usual(60, people=2, happy=0.9), usual(61, people=4, happy=0.1))):
        assert all(window.withheld for window in hidden)
        half = tuple(b if n % 2 else a for n, (a, b) in enumerate(zip(usual(62), hidden, strict=True)))
        special = {("room-1", 1, 1): hidden, ("room-2", 0, 2): half}
        recording = Recording(record_school(tmp_path / f"{number}.sqlite", ROOMS[:2], 5, special))
        recording.start()
        answers.append(told(School(recording, ROOMS[:2], TIMETABLE, VIENNA, LATER), tmp_path))
        recording.stop()
    assert answers[0] == answers[1]
    assert answers[0]


def test_no_subtraction_of_cells_days_and_totals_tells_of_a_withheld_window(
    school: School, recording: Recording
) -> None:
    """A total less its parts is what the windows between them say themselves: nothing where these withhold it."""
    term, week = school.term(MONDAY, MONDAY), school.days(MONDAY)
    for number, room in enumerate(ROOMS):
        lessons = [cell for row in school.week(room, MONDAY).grid for cell in row if cell]
        day = [cell for cell in week.grid[number] if cell]
        whole = term.grid[number][0]
        assert whole
        assert whole.totals == together(recording, room, [(cell.start, cell.end) for cell in day])
        # Nothing was recorded between the lessons, so they account for all of it.
        assert whole.totals == together(recording, room, [(cell.start, cell.end) for cell in lessons])
        shown = [window for window in recording.windows(room, whole.start, whole.end) if window.has_figures]
        assert (whole.totals.frames, whole.totals.counts) == (add_up(shown).frames, add_up(shown).counts)


def together(recording: Recording, room: str, spans: list[tuple[datetime, datetime]]) -> Totals:
    sums = ModelSums()
    for start, end in spans:
        for window in recording.windows(room, start, end):
            sums.add(window)
    return totals_of(sums)


def cut(window: WindowPayload) -> WindowPayload:
    """The same window, which a pause ended after half a second."""
    end = format_timestamp(parse_timestamp(window.window.start) + timedelta(seconds=0.5))
    span = window.window.model_copy(update={"end": end, "seconds": 0.5})
    return window.model_copy(update={"withheld": Withheld(what="figures", reason="short"), "window": span, "frames": 1})


def test_windows_that_are_too_short_are_no_windows_with_too_few_people(tmp_path: Path) -> None:
    lesson = [cut(window) if number < 6 else window for number, window in enumerate(usual(51, people=3))]
    assert all(window.withheld for window in lesson)
    recording = Recording(record_school(tmp_path / "s.sqlite", ["room-1"], 1, {("room-1", 0, 0): tuple(lesson)}))
    recording.start()
    data = School(recording, ["room-1"], TIMETABLE, VIENNA, LATER).day(MONDAY)
    told = [Words().say(each).replace("\N{NO-BREAK SPACE}", " ") for each in describe_school(data, [], Words())]
    assert told[1] == "In 21 % of the time there are no figures: too few people were in the picture."
    assert told[2] == "In < 1 % of the time there are no figures: the measurements were too short."
    found = read_report(recording, "room-1", Period(data.start, data.end, VIENNA), LATER)
    recording.stop()
    limits = notes(found, Words())
    assert "Measurements with too few people, whose figures are withheld: 24." in limits
    assert "Measurements that were too short, whose figures are withheld: 6." in limits


def test_a_room_that_claims_more_time_than_there_was_is_one_room(school: School) -> None:
    data = school.day(MONDAY)
    totals = data.sums[0].totals
    honest = dataclasses.replace(totals, recorded=3600.0, time=MeasuredTime(3_600_000))
    false = dataclasses.replace(totals, recorded=1e9, time=MeasuredTime(few=10**12))
    rooms = [dataclasses.replace(data.sums[0], totals=each) for each in (honest, honest, false)]
    told = [str(each) for each in describe_school(dataclasses.replace(data, sums=rooms), [], Words())]
    assert told[0].replace("\N{NO-BREAK SPACE}", " ") == "Rooms that were recorded: 3 of 3, 26 h 00 min in all."
    assert "33" in told[1], "a third of the rooms have no figures"


def test_rooms_whose_clock_was_not_set_are_named_in_every_map(school: School) -> None:
    for data in maps(school).values():
        first = dataclasses.replace(data.sums[0], totals=dataclasses.replace(data.sums[0].totals, unsynced=1))
        told = {
            name: [str(each) for each in differences(changed, maps_of(changed), Words())]
            for name, changed in (
                ("set", data), ("unset", dataclasses.replace(data, sums=[first, *data.sums[1:]])),
            )
        }  # fmt: skip
        clock = (
            "Rooms with measurements that may be of another time, as the clock of the device was not set: "
            f"{first.room}."
        )
        assert clock not in told["set"]
        assert clock in told["unset"]


def test_a_map_says_where_masks_are_not_known(tmp_path: Path) -> None:
    path = record_school(tmp_path / "s.sqlite", ["room-1"], 5)

    def told() -> tuple[set[str], str]:
        recording = Recording(path)
        recording.start()
        data = School(recording, ["room-1"], TIMETABLE, VIENNA, LATER).week("room-1", MONDAY)
        recording.stop()
        return {state for row in states(data) for state in row}, str(differences(data, maps_of(data), Words())[-1])

    assert told() == ({"usual"}, "Nothing differs from the rest of this week by more than chance explains.")
    record(path, [info("aaaaaaaa")], datetime(2026, 11, 18, 18, tzinfo=VIENNA))
    assert told() == ({"usual"}, str(MASKS_UNKNOWN))


class Watched(Recording):
    """Knows how many of the roll-ups that were read were there at once."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.read: list[weakref.ref[Bucket]] = []
        self.most = 0

    def days(self, device: str, start: datetime, end: datetime) -> Iterator[Bucket]:
        return map(self._seen, super().days(device, start, end))

    def buckets(self, device: str, start: datetime, end: datetime) -> Iterator[Bucket]:
        return map(self._seen, super().buckets(device, start, end))

    def _seen(self, bucket: Bucket) -> Bucket:
        self.read.append(weakref.ref(bucket))
        self.most = max(self.most, sum(each() is not None for each in self.read))
        return bucket


def test_roll_ups_are_added_up_while_they_are_read(tmp_path: Path) -> None:
    recording = Watched(record_school(tmp_path / "s.sqlite", ROOMS, 5))
    recording.start()
    found = School(recording, ROOMS, TIMETABLE, VIENNA, LATER)
    of_a_day = len(list(recording.buckets("room-1", at(MONDAY), at(MONDAY + timedelta(days=1)))))
    asked: list[tuple[Callable[[], MapData], int]] = [
        (lambda: found.term(MONDAY, MONDAY + timedelta(weeks=3)), 4),
        (lambda: found.week("room-1", MONDAY), 2 * of_a_day + 4),  # those of the first hours are kept
        (lambda: found.days(MONDAY), 2 * of_a_day + 4),  # those of the first hours are kept
        (lambda: found.day(MONDAY), of_a_day + 4),
    ]
    for ask, most in asked:
        recording.most = 0
        ask()
        assert recording.most <= most
    recording.stop()
    assert len(recording.read) > 10 * of_a_day


def at(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=VIENNA)
