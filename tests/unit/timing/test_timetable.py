"""The timetable: which lesson is when, over summer time and holidays, and what is said about a wrong file."""

from __future__ import annotations

import time as clock
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

import pytest

from edge.errors import ConfigError
from edge.timing.timetable import Plan, Timetable
from tests.support.paths import ROOT

EXAMPLE = ROOT / "docs/timetable.yaml"
WEDNESDAY = date(2026, 11, 18)
HOUR = timedelta(hours=1)


@pytest.fixture
def school() -> Timetable:
    return Timetable.read(EXAMPLE)


def write(folder: Path, text: str) -> Path:
    path = folder / "timetable.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def lessons(folder: Path, lines: str, day: date, zone: str = "Europe/Vienna") -> list[tuple[str, str, timedelta]]:
    """Name, start in UTC, and how long each really takes."""
    timetable = Timetable.read(write(folder, f"time_zone: {zone}\ndays:\n  sunday:\n{lines}"))
    found = timetable.lessons("room-1", day)
    instants = [(each.start.astimezone(timezone.utc), each.end.astimezone(timezone.utc)) for each in found]
    return [(each.name, f"{a:%H:%M}", b - a) for each, (a, b) in zip(found, instants, strict=True)]


def test_the_lessons_of_a_day_and_of_a_room_that_differs(school: Timetable) -> None:
    names = [each.name for each in school.lessons("room-1", WEDNESDAY)]
    assert names == ["1st period", "2nd period", "3rd period", "4th period"]
    assert [each.name for each in school.lessons("room-204", WEDNESDAY)] == ["Choir"]
    assert school.lessons("room-204", WEDNESDAY + timedelta(days=2)) == []
    thursday = WEDNESDAY + timedelta(days=1)
    assert school.lessons("room-204", thursday) == school.lessons("nobody knows it", thursday)
    assert school.lessons("room-1", WEDNESDAY + timedelta(days=3)) == []


def test_the_days_from_and_until_which_there_may_be_lessons(school: Timetable) -> None:
    assert school.span == (date(2026, 9, 7), date(2027, 7, 2))
    autumn, spring = (date(2026, 9, 7), date(2026, 12, 23)), (date(2027, 1, 7), date(2027, 6, 30))
    plans = [Plan(first=first, last=last) for first, last in (autumn, spring)]
    assert Timetable(school.zone, plans).span == (autumn[0], spring[1])
    assert Timetable(school.zone, plans, valid_until=date(2027, 5, 1)).span == (autumn[0], date(2027, 5, 1))
    assert Timetable(school.zone, [*plans, Plan(first=spring[1])]).span == (autumn[0], None)
    assert Timetable(school.zone).span == (None, None)


def test_holidays_and_the_ends_of_the_year_have_no_lessons(school: Timetable) -> None:
    free = (date(2026, 10, 26), date(2026, 12, 24), date(2027, 1, 6), date(2027, 5, 17))
    assert all(school.lessons("room-1", day) == [] for day in free)
    assert school.lessons("room-1", date(2027, 1, 7)) != []
    holiday = school.holiday(date(2026, 12, 31))
    assert holiday is not None
    assert holiday.name == "Christmas"
    assert school.lessons("room-1", date(2026, 9, 4)) == []
    assert school.lessons("room-1", date(2026, 9, 7)) != []
    assert school.lessons("room-1", date(2027, 7, 2)) != []
    assert school.lessons("room-1", date(2027, 7, 5)) == []


def test_the_lesson_of_a_moment_is_told_in_any_time_zone(school: Timetable) -> None:
    clocks = ((7, 49), (7, 50), (8, 34), (8, 35))
    before, at, last, after = (datetime(2026, 11, 18, *each, tzinfo=timezone.utc) for each in clocks)
    assert school.at("room-1", before) is None
    found = school.at("room-1", at)
    assert found is not None
    assert found.name == "2nd period"
    assert school.at("room-1", last) == found
    assert school.at("room-1", after) is None


def test_the_same_lesson_of_other_weeks_skips_holidays_and_keeps_the_clock_on_the_wall(school: Timetable) -> None:
    first = school.named("room-1", date(2027, 1, 13), " 1ST period ")
    assert first is not None
    before = next(school.same("room-1", first, -1), None)
    assert before is not None
    assert before.start.date() == date(2026, 12, 23)
    monday = school.named("room-1", date(2026, 11, 2), "1st period")
    assert monday is not None
    days = [each.start.date() for each in school.same("room-1", monday, -1)]
    assert days[:3] == [date(2026, 10, 19), date(2026, 10, 12), date(2026, 10, 5)], "the 26th is a holiday"
    october = next(school.same("room-1", monday, -1), None)
    assert october is not None
    assert (october.start.hour, monday.start.hour) == (8, 8)
    assert (october.start.utcoffset(), monday.start.utcoffset()) == (2 * HOUR, HOUR)
    assert days[-1] == date(2026, 9, 7)
    later = next(school.same("room-1", monday, 1), None)
    assert later is not None
    assert later.start.date() == date(2026, 11, 9)


def test_lessons_over_the_change_of_clocks(tmp_path: Path) -> None:
    night = "    - {name: night, from: 01:30, to: 03:30}\n    - {name: none, from: 04:00, to: 05:00}\n"
    assert lessons(tmp_path, night, date(2026, 10, 25))[0] == ("night", "23:30", 3 * HOUR)
    assert lessons(tmp_path, night, date(2027, 3, 28))[0] == ("night", "00:30", HOUR)
    twice = "    - {name: twice, from: 02:15, to: 02:45}\n"
    assert lessons(tmp_path, twice, date(2026, 10, 25)) == [("twice", "00:15", 1.5 * HOUR)]
    skipped = "    - {name: skipped, from: 02:00, to: 03:00}\n"
    assert lessons(tmp_path, skipped, date(2027, 3, 28)) == []
    half = "    - {name: half, from: 02:00, to: 02:30}\n"
    assert lessons(tmp_path, half, date(2027, 4, 4), "Australia/Lord_Howe") != []


@pytest.fixture
def changing(tmp_path: Path) -> Timetable:
    """The one in the documentation: another plan after half-term, then with A and B weeks."""
    page = (ROOT / "docs/record.md").read_text(encoding="utf-8")
    return Timetable.read(write(tmp_path, "time_zone" + page.partition("```yaml\ntime_zone")[2].partition("```")[0]))


def names(timetable: Timetable, *days: date) -> list[list[str]]:
    return [[f"{each.name} {each.start:%H:%M}" for each in timetable.lessons("room-1", day)] for day in days]


def test_every_day_has_the_lessons_of_the_plan_that_held_on_it(changing: Timetable) -> None:
    days = [date(2026, 11, 2) + timedelta(weeks=n) for n in range(4)]
    assert names(changing, *days) == [["7b 08:00", "9a 08:50"], ["9a 08:00"], ["7b 08:00"], ["9a 08:00"]]
    assert changing.named("room-1", days[0], "7b") is not None
    assert changing.named("room-1", days[1], "7b") is None
    assert [changing.letter(day) for day in days] == ["a", "b", "a", "b"]


def test_the_same_lesson_is_of_the_same_class_and_hour(changing: Timetable) -> None:
    def earlier(day: date, name: str) -> list[date]:
        lesson = changing.named("room-1", day, name)
        assert lesson is not None
        return [each.start.date() for each in changing.same("room-1", lesson, -1)]

    found = earlier(date(2026, 11, 30), "7b")
    assert found[:3] == [date(2026, 11, 16), date(2026, 11, 2), date(2026, 10, 26)], "B weeks have another class"
    assert earlier(date(2026, 11, 23), "9a") == [date(2026, 11, 9)], "before it was at another hour"


def test_bells_may_move_by_some_minutes(tmp_path: Path) -> None:
    text = (
        "time_zone: UTC\nplans:\n- valid_until: 2026-11-08\n  days: {mon: [{name: 7b, from: 08:00, to: 08:45}]}\n"
        "- valid_from: 2026-11-09\n  days: {mon: [{name: 7b, from: 08:15, to: 09:00}]}\n"
    )
    timetable = Timetable.read(write(tmp_path, text))
    lesson = timetable.named("room-1", date(2026, 11, 9), "7b")
    assert lesson is not None
    before = next(timetable.same("room-1", lesson, -1), None)
    assert before is not None
    assert f"{before.start:%d %H:%M}" == "02 08:00"


def test_weeks_alternate_anew_from_each_date_and_backwards_before_the_first(tmp_path: Path) -> None:
    text = "time_zone: UTC\nweek_a: [2027-01-13, 2026-09-10]\ndays: {mon: [{name: 7b, from: 08:00, to: 08:45}]}\n"
    timetable = Timetable.read(write(tmp_path, text))
    days = (date(2026, 8, 31), date(2026, 9, 6), date(2026, 9, 7), date(2026, 9, 14), date(2026, 12, 28))
    assert [timetable.letter(day) for day in days] == ["b", "b", "a", "b", "a"]
    later = (date(2027, 1, 4), date(2027, 1, 10), date(2027, 1, 11), date(2027, 1, 18))
    assert [timetable.letter(day) for day in later] == ["b", "b", "a", "b"]


PLANS = "time_zone: UTC\nweek_a: 2026-09-07\nplans:\n"
LESSONS = "days: {mon: [{name: a, from: 08:00, to: 09:00}]}"
WRONG = {
    f"{PLANS}- {LESSONS}\n- valid_from: 2026-11-09\n  {LESSONS}\n": (
        "timetable.yaml:5: plans.1: holds on days on which plans.0 does", "valid_until",
    ),
    f"{PLANS}- weeks: a\n  {LESSONS}\n- weeks: b\n  {LESSONS}\n- weeks: A\n  {LESSONS}\n": (
        "timetable.yaml:8: plans.2: holds on days on which plans.0 does", "weeks: b",
    ),
    f"{PLANS}- weeks: c\n  {LESSONS}\n": ("timetable.yaml:4: plans.0.weeks: found 'c'", "write a or b"),
    f"time_zone: UTC\nplans:\n- weeks: a\n  {LESSONS}\n": (
        "timetable.yaml:3: plans.0.weeks: needs to know", "`week_a: 2026-09-07`",
    ),
    f"{PLANS}- {LESSONS}\n{LESSONS}\n": ("timetable.yaml:5: days: stands beside plans", "below the plans"),
    f"{PLANS}- until: 2026-11-08\n  {LESSONS}\n": ("timetable.yaml:4: plans.0.until: unknown key", "valid_until"),
    f"{PLANS}- valid_from: 2026-12-01\n  valid_until: 2026-11-08\n  {LESSONS}\n": (
        "timetable.yaml:5: plans.0.valid_until: found 2026-11-08", "exchange",
    ),
    f"{PLANS}- rooms: {{room-1: {{mon: [{{name: a, from: 8, to: 09:00}}]}}}}\n": (
        "timetable.yaml:4: plans.0.rooms.room-1.mon.0.from: found '8'", "08:00",
    ),
    f"{PLANS}- 7\n": ("timetable.yaml:4: plans.0: found '7'", "`key: value`"),
    PLANS + "".join(f"- {{valid_from: {n}-01-01, valid_until: {n}-01-02, {LESSONS}}}\n" for n in range(2000, 2102)): (
        "timetable.yaml:104: plans.100: is too much", "at most 100",
    ),
    f"time_zone: UTC\nweek_a: soon\n{LESSONS}\n": ("timetable.yaml:2: week_a: found 'soon'", "2026-11-20"),
    f"time_zone: UTC\nweek_a: []\nplans:\n- weeks: a\n  {LESSONS}\n": (
        "timetable.yaml:2: week_a: found no date", "`week_a: 2026-09-07`",
    ),
    "time_zone: UTC\nplans: []\n": ("days: is missing", "monday"),
    "days:\n  monday: []\n": (": time_zone: is missing", "Europe/Berlin"),
    "time_zone: Europe/Vena\ndays: {mon: []}\n": ("timetable.yaml:1: time_zone: found 'Europe/Vena'", "Europe/Vienna"),
    "time_zone: UTC\n": ("days: is missing", "monday"),
    "time_zone: UTC\nlessons: {}\n": ("timetable.yaml:2: lessons: unknown key", "allowed here"),
    "time_zone: UTC\ndays: {munday: []}\n": ("timetable.yaml:2: days.munday: unknown key", "did you mean"),
    "time_zone: UTC\ndays: {mon: [], monday: []}\n": ("days.monday: this weekday stands there already", ""),
    "time_zone: UTC\ndays:\n  mon:\n  - {name: a, from: 8.00, to: 09:00}\n": (
        "timetable.yaml:4: days.mon.0.from: found '8.00'", "write a time as 08:00",
    ),
    "time_zone: UTC\ndays:\n  mon:\n  - {name: a, from: 09:00, to: 08:00}\n": ("found 08:00, not after 09:00", ""),
    "time_zone: UTC\ndays:\n  mon:\n  - {name: a, from: 09:00}\n": ("timetable.yaml:4: days.mon.0.to: is missing", ""),
    "time_zone: UTC\ndays:\n  mon:\n  - {name: a, from: 08:00, to: 09:00}\n  - {name: b, from: 8:59, to: 10:00}\n": (
        "timetable.yaml:5: days.mon: 'b' begins at 08:59, before 'a' ends at 09:00", "may touch",
    ),
    "time_zone: UTC\ndays:\n  mon:\n  - {name: a, from: 08:00, to: 09:00}\n  - {name: A, from: 9:00, to: 10:00}\n": (
        "two lessons are named 'A'", "its own name",
    ),
    "time_zone: UTC\ndays: {mon: []}\nholidays:\n- {from: 2026-12-24}\n": ("timetable.yaml:4: holidays.0", "date:"),
    "time_zone: UTC\ndays: {mon: []}\nholidays: [24.12.2026]\n": ("found '24.12.2026'", "2026-11-20"),
    "time_zone: UTC\ndays: {mon: []}\nholidays: [{from: 2027-01-06, to: 2026-12-24}]\n": ("before 2027", "exchange"),
    "time_zone: UTC\nvalid_from: 2027-01-01\nvalid_until: 2026-01-01\ndays: {}\n": ("valid_until", "exchange"),
    "time_zone: UTC\ndays: {mon: lessons}\n": ("found 'lessons'", "write a list"),
    "time_zone: [UTC]\ndays: 7\n": ("time_zone: found a list; write text", "days: found '7'"),
    "time_zone: UTC\ndays: {mon: [}\n": ("is not valid YAML", ""),
    "- 1\n": ("found a list", "write `key: value` lines"),
    "days: &a [*a]\n": ("timetable.yaml is too long", "with what anchors repeat"),
    "days: [*a]\n": ("is not valid YAML", "undefined alias"),
}  # fmt: skip


@pytest.mark.parametrize("text", WRONG)
def test_every_mistake_is_named_with_its_line_and_a_remedy(text: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        Timetable.read(write(tmp_path, text))
    assert all(part in str(caught.value) for part in WRONG[text]), str(caught.value)


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    text = "time_zone: x/y\ndays:\n  mon:\n  - {name: a, from: 25:00, to: 09:00}\n  - 7\nholidays: [soon]\n"
    with pytest.raises(ConfigError, match="has 4 errors"):
        Timetable.read(write(tmp_path, text))


def test_a_file_that_never_ends_is_refused_quickly(tmp_path: Path) -> None:
    day = ", ".join("{name: a, from: 1, to: 2}" for _ in range(4000))
    lines = ["time_zone: UTC", "rooms:", "  a: &a", f"    mon: [{day}]"]
    lines += [f"  b{n}: *a" for n in range(4000)]
    began = clock.monotonic()
    with pytest.raises(ConfigError, match="too long"):
        Timetable.read(write(tmp_path, "\n".join(lines)))
    with pytest.raises(ConfigError, match="over 1,000,000 bytes"):
        Timetable.read(write(tmp_path, "#" * 2_000_000))
    with pytest.raises(ConfigError, match="cannot be read"):
        Timetable.read(Path("/dev/zero"))
    assert clock.monotonic() - began < 20


def test_whatever_a_file_holds_its_error_is_short_and_plain(tmp_path: Path) -> None:
    names = ('"\\e]0;title\\a\\e[31mroom"', '"' + "x" * 100_000 + '"')
    for name in names:
        text = f"time_zone: Europe/Vienna\nrooms:\n  ? {name}\n  : monday: [" + "1, " * 2000 + "]\n"
        with pytest.raises(ConfigError) as caught:
            Timetable.read(write(tmp_path, text))
        assert "\x1b" not in str(caught.value)
        assert len(str(caught.value)) < 20_000
    with pytest.raises(ConfigError, match="no such time zone"):
        Timetable.read(write(tmp_path, "time_zone: " + "Europe/Berlin" * 10_000))
