"""Which lesson a page shows: the one that goes on, the newest, the first of a day; and those beside it."""

from __future__ import annotations

from datetime import date, datetime, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from edge.errors import ConfigError
from edge.recording.reader import Recording
from edge.reporting.period import Period
from edge.timing.timetable import Timetable
from edge.web.dashboard.lesson_days import (
    day_json,
    day_named,
    lesson_of_day,
    neighbours,
    newest_lesson,
    period_named,
)
from tests.support.recorded_weeks import LESSON, MINUTE, WEEK, record, timetable, weeks, windows

ZONE = ZoneInfo("Europe/Vienna")
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=timezone.utc)


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    recording = Recording(weeks(tmp_path_factory.mktemp("days") / "school.sqlite", 2))
    recording.start()
    return recording


@pytest.fixture
def plan(tmp_path: Path) -> Timetable:
    return Timetable.read(timetable(tmp_path))


def named(plan: Timetable, day: date, name: str) -> Period:
    return period_named("room-1", day, name, plan, ZONE)


def test_names_times_and_what_is_neither(plan: Timetable) -> None:
    lesson = named(plan, LESSON.date(), "1st Period")
    assert (lesson.start, lesson.end - lesson.start, lesson.name) == (LESSON, 45 * MINUTE, "1st period")
    free = named(plan, LESSON.date(), "08:10-24:00")
    assert (free.start, free.end.date(), free.name) == (LESSON + 10 * MINUTE, date(2026, 11, 21), "")
    others = "08:00+05:00-09:00", "08:00-09:00+01:00", "08:00Z-09:00", "08-09"  # not of the clock on the wall
    for wrong in ("3rd period", "08:00", "09:00-08:00", "08:00-08:00", "8-9-10", "", *others):
        with pytest.raises(ConfigError, match="has no lesson called"):
            named(plan, LESSON.date(), wrong)
    for wrong in ("", "2026-02-30", "9999-01-01", "yesterday"):
        with pytest.raises(ConfigError, match="is no date"):
            day_named(wrong)


def test_a_time_on_the_day_of_summer_time_is_that_of_the_clock(plan: Timetable) -> None:
    day = named(plan, date(2026, 10, 25), "00:00-24:00")
    assert (day.end.astimezone(timezone.utc) - day.start.astimezone(timezone.utc)).total_seconds() == 25 * 3600
    twice = named(plan, date(2026, 10, 25), "02:15-02:45")
    assert (twice.end.astimezone(timezone.utc) - twice.start.astimezone(timezone.utc)).total_seconds() == 90 * 60


def test_the_day_says_how_much_of_each_lesson_there_is(recording: Recording, plan: Timetable) -> None:
    told = day_json(recording, "room-1", LESSON.date(), plan, ZONE, NOW)
    assert [each["recorded"] / 60 for each in told["lessons"]] == [40, 45]
    assert told["today"] == "2026-11-21"
    free = day_json(recording, "room-1", LESSON.date(), None, ZONE, NOW)
    assert (free["lessons"], free["recorded"] / 60, free["timetable"]) == ([], 85, False)
    assert day_json(recording, "room-1", date(2026, 10, 30), plan, ZONE, NOW)["holiday"] == "Autumn holidays"


def test_what_is_shown_first(recording: Recording, plan: Timetable) -> None:
    def first(moment: datetime, timetable: Timetable | None = plan) -> tuple[str, str]:
        found = newest_lesson(recording, "room-1", timetable, ZONE, moment)
        return found.start.date().isoformat(), found.name

    assert first(NOW) == ("2026-11-20", "2nd period")
    assert first(LESSON + 5 * MINUTE) == ("2026-11-20", "1st period")  # it goes on
    assert first(LESSON + 47 * MINUTE) == ("2026-11-20", "1st period")  # between two lessons
    assert first(NOW, None) == ("2026-11-20", "")

    def of_day(day: date, moment: datetime) -> str:
        return lesson_of_day(recording, "room-1", day, plan, ZONE, moment).name

    assert of_day(LESSON.date(), NOW) == "1st period"
    assert of_day(LESSON.date(), LESSON + 100 * MINUTE) == "2nd period"  # today: the newest
    assert of_day(LESSON.date(), LESSON - 100 * MINUTE) == ""  # nothing has begun
    assert of_day(date(2026, 11, 19), NOW) == "6th period"  # nothing was recorded of any


def test_what_was_recorded_outside_of_lessons_alone_is_shown_with_its_day(tmp_path: Path, plan: Timetable) -> None:
    evening = LESSON + 14 * 60 * MINUTE
    recording = Recording(record(tmp_path / "school.sqlite", windows(evening, 1, 10)))
    recording.start()
    now = evening + 11 * MINUTE
    newest = newest_lesson(recording, "room-1", plan, ZONE, now)
    today = lesson_of_day(recording, "room-1", LESSON.date(), plan, ZONE, now)
    recording.stop()
    assert (newest.name, newest.start.date(), newest.end - newest.start) == ("", LESSON.date(), 24 * 60 * MINUTE)
    assert today == newest


def test_the_lessons_beside_it(plan: Timetable) -> None:
    def beside(day: date, name: str, moment: datetime = NOW) -> list[tuple[str, str] | None]:
        found = neighbours("room-1", named(plan, day, name), plan, moment)
        return [each and (each["day"], each["name"]) for each in (found["before"], found["after"])]

    assert beside(LESSON.date(), "1st period") == [("2026-11-19", "6th period"), ("2026-11-20", "2nd period")]
    assert beside(LESSON.date(), "2nd period") == [("2026-11-20", "1st period"), None]  # the next has not begun
    assert beside(date(2026, 11, 5), "6th period")[0] == ("2026-10-23", "2nd period")  # over the holidays
    assert beside(LESSON.date(), "1st period", LESSON + MINUTE)[1] is None
    whole = neighbours("room-1", named(plan, LESSON.date(), "00:00-24:00"), None, LESSON + WEEK)
    assert whole == {"before": {"day": "2026-11-19", "name": ""}, "after": {"day": "2026-11-21", "name": ""}}
