"""Two devices that send as one room: windows, five minutes and days tell how long, and nothing mixed is compared."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, timezone
from itertools import chain, groupby
from pathlib import Path

import pytest

from edge.contract.payloads import WindowPayload
from edge.contract.validation import DeviceMessage
from edge.languages.words import Words
from edge.recording.daily_rollups import midnight, whole_day
from edge.recording.reader import Recording
from edge.recording.rollups import roll_up
from edge.recording.window_record import WindowRecord
from edge.reporting.heat_map import heat_map
from edge.reporting.lesson_report import compare_with_earlier, report_lesson
from edge.reporting.map_data import MapData, RoomSums, maps_of
from edge.reporting.map_words import legends
from edge.reporting.period import Period
from edge.reporting.report_data import read_report
from edge.reporting.school_csv import HEAD, cells_of
from edge.reporting.school_data import School, summary_of
from edge.reporting.school_sentences import describe_school, room_rows
from edge.reporting.totals import Bins, Totals, add_up
from edge.reporting.wording import figures
from edge.timing.timetable import Lesson, Timetable
from edge.web.dashboard.lesson_days import day_json
from edge.web.dashboard.lesson_page import lesson_json
from tests.support.lessons import summarize
from tests.support.recorded_school import TIMETABLE, VIENNA
from tests.support.recorded_weeks import record
from tests.support.replaced_model import smiling

MONDAY = datetime(2026, 11, 16, 8, tzinfo=timezone.utc)
TEN = timedelta(seconds=10)
LATER = datetime(2026, 12, 1, tzinfo=timezone.utc)


def sent(
    start: datetime,
    minutes: float,
    epoch: str = "aaaaaaaa",
    people: int = 20,
    seconds: int = 10,
    *,
    withheld: bool = False,
) -> list[WindowPayload]:
    """Windows of a device, one after the other."""
    return [
        smiling(
            start + timedelta(seconds=n * seconds), "room-1", n + 1, people=people, seconds=seconds, withheld=withheld
        ).model_copy(update={"epoch": epoch})
        for n in range(round(minutes * 60 / seconds))
    ]  # fmt: skip


def totals(*windows: WindowPayload) -> list[Totals]:
    """Of windows, and of whatever they were added up to."""
    records = sorted(map(WindowRecord.of, windows), key=lambda each: (each.start, each.seq))
    buckets = roll_up(records)
    days = [
        each for day, those in groupby(buckets, key=lambda each: midnight(each.since)) for each in whole_day(day, those)
    ]
    found = []
    for parts in (records, buckets, days):
        bins = Bins(MONDAY.replace(hour=0), timedelta(hours=1))
        for part in parts:
            bins.add(part)
        assert bins.totals.overlapping == add_up(parts).overlapping
        found.append(bins.totals)
    return found


@pytest.mark.parametrize("seconds", [2, 10, 600])
def test_windows_five_minutes_and_days_tell_how_long_two_devices_sent_at_once(seconds: int) -> None:
    one, other = (
        sent(MONDAY, 40, seconds=seconds),
        sent(MONDAY + timedelta(seconds=603), 40, "bbbbbbbb", seconds=seconds),
    )
    for each in totals(*one, *other):
        assert each.overlapping == pytest.approx(30 * 60, abs=10), "half an hour"
        assert each.mixed
        assert not each.one_device
        assert each.covered == pytest.approx(50 * 60, abs=10)


def test_one_device_never_sends_at_once_but_for_the_clock_that_a_restart_sets_back() -> None:
    restarted = sent(MONDAY + timedelta(minutes=19, seconds=10), 20, "bbbbbbbb")
    for windows in (sent(MONDAY, 40), [*sent(MONDAY, 20), *restarted]):
        for each in totals(*windows):
            assert not each.mixed
            assert each.one_device
            assert each.covered == each.recorded == 2400
    mornings = [
        [
            *sent(MONDAY + timedelta(days=n), 5, f"aaaaaaa{n}"),
            *sent(MONDAY + timedelta(days=n, minutes=4.5), 5, f"bbbbbbb{n}"),
        ]
        for n in range(5)
    ]
    assert not any(each.mixed for each in totals(*chain.from_iterable(mornings))), "half a minute each morning"
    changed = [
        window.model_copy(update={"mode": "facing"}) if n % 2 else window for n, window in enumerate(sent(MONDAY, 9))
    ]
    assert {each.overlapping for each in totals(*changed)} == {0}, "series that take turns"


def test_a_mixed_lesson_says_so_first_and_is_compared_with_none(tmp_path: Path) -> None:
    """A week, and the three Fridays before; in the lesson of the last Friday another device sends as well."""
    friday = date(2026, 11, 20)
    days = [*(friday - timedelta(weeks=n) for n in (3, 2, 1)), *(friday - timedelta(days=n) for n in (4, 3, 2, 1, 0))]
    starts = [datetime.combine(day, time(8), VIENNA) for day in days]
    windows = [each for n, start in enumerate(starts) for each in sent(start, 30, f"aaaaaaa{n}", seconds=30)]
    windows += sent(starts[-1] + timedelta(seconds=7), 30, "bbbbbbbb", people=8, seconds=30)
    messages = [DeviceMessage("room-1", "window", each, "edge.window/2") for each in windows]
    recording = Recording(record(tmp_path / "s.sqlite", messages, LATER))
    recording.start()
    lesson = Lesson("1st", starts[-1], starts[-1] + timedelta(minutes=30))
    data = read_report(recording, "room-1", Period(lesson.start, lesson.end, VIENNA, "1st"), LATER)
    report = report_lesson(data)
    earlier = compare_with_earlier(recording, data, TIMETABLE, lesson, LATER)
    school = School(recording, ["room-1"], TIMETABLE, VIENNA, LATER)
    week, rooms = school.week("room-1", days[3]), school.days(days[3])
    recording.stop()
    said, words = [str(each) for each in report.sentences(earlier)], Words()
    assert said[0].endswith(
        "clock was set back: 30\N{NO-BREAK SPACE}min were recorded twice, and their figures are mixed."
    )
    assert any("two devices sent under one name" in each for each in said[1:])
    assert dict(figures(data, words))["recorded"] == words.length(1800)
    assert lesson_json(report, earlier, LATER)["measured"] == pytest.approx(1_800_000, abs=10_000)
    states = [cell.state if cell else "" for cell in heat_map(week.grid, "faces", week.rooms)[0]]
    assert states == ["usual"] * 4 + ["other_conditions"]
    assert any("two devices sent under this name" in str(each) for each in legends(week, maps_of(week)))
    assert any("Two devices sent under one name" in str(each) for each in describe_school(rooms, [], words))
    assert room_rows(rooms, [], words)[0][1] == words.length(150 * 60 + 7)


def test_what_two_devices_recorded_at_once_is_once_of_a_lesson_and_of_what_is_said_to_be_measured(
    tmp_path: Path,
) -> None:
    """They record the first 20 minutes of a lesson of 45, one of them ten seconds later."""
    start = datetime(2026, 11, 20, 8, tzinfo=VIENNA)
    one, other = sent(start, 20), sent(start + TEN, 20, "bbbbbbbb")
    recording = Recording(
        record(
            tmp_path / "s.sqlite", [DeviceMessage("room-1", "window", each, "edge.window/2") for each in one + other]
        )
    )
    recording.start()
    timetable = Timetable.read(written(tmp_path))
    day = School(recording, ["room-1"], timetable, VIENNA, LATER).day(start.date())
    told = day_json(recording, "room-1", start.date(), timetable, VIENNA, LATER)
    recording.stop()
    assert [(each.taught, each.missed) for each in day.sums] == [(1210, 45 * 60 - 1210)]
    assert [each["recorded"] for each in told["lessons"]] == [told["recorded"]] == [1210]
    assert {row[HEAD.index("recorded_seconds")] for row in cells_of(day, maps_of(day))} == {1210}


def test_two_devices_of_six_minutes_each_are_not_enough_to_say_anything_of_a_lesson() -> None:
    for seconds in (10, 60):
        windows = [*sent(MONDAY, 6, seconds=seconds), *sent(MONDAY + TEN / 2, 6, "bbbbbbbb", seconds=seconds)]
        records = sorted(map(WindowRecord.of, windows), key=lambda each: each.start)
        found = summarize(records)
        assert found.measured == pytest.approx(365, abs=1)
        assert found.facing_measured == pytest.approx(365, abs=1)
        assert not found.enough
        assert not summary_of(roll_up(records), MONDAY).enough
    assert summarize([WindowRecord.of(each) for each in sent(MONDAY, 12)]).enough


def test_time_without_figures_is_no_longer_than_what_was_recorded() -> None:
    """Of two devices one sees a room full of people, and one nobody: there are figures all the time."""
    hidden = sent(MONDAY + TEN / 2, 20, "bbbbbbbb", withheld=True)
    for each in totals(*sent(MONDAY, 20), *hidden):
        assert each.time.withheld == pytest.approx(1_200_000, abs=1_000)
        assert each.figures == pytest.approx(1_200_000, abs=1_000)
        assert each.withheld_seconds == pytest.approx(5, abs=6)
        room = RoomSums("room-1", each, summarize([]), None, 0.0)
        data = MapData("day", MONDAY, MONDAY + timedelta(days=1), ["room-1"], [], ["room-1"], [[]], [room])
        assert "50" not in room_rows(data, [], Words())[0][2], "half of the windows"
    for each in totals(*hidden):
        assert (each.figures, each.withheld_seconds) == (0, 1200)


def written(folder: Path) -> Path:
    path = folder / "timetable.yaml"
    path.write_text('time_zone: Europe/Vienna\ndays:\n  friday:\n    - {name: 1st, from: "08:00", to: "08:45"}\n')
    return path
