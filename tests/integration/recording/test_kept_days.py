"""Days that have outlived their five minutes (UTC): who deletes or reports local days has to know where they end."""

from __future__ import annotations

import csv
import random
from datetime import date, datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from edge.cli import run_command_line
from edge.contract.payloads import WindowPayload
from edge.languages.words import Words
from edge.recording.postgres.address import PostgresAddress
from edge.recording.retention import Retention
from edge.recording.window_record import WindowRecord
from edge.reporting.map_data import maps_of
from edge.reporting.period import period
from edge.reporting.report_data import read_report
from edge.reporting.school_data import School
from edge.reporting.school_sentences import describe_school
from edge.reporting.totals import add_up
from edge.web.dashboard.lesson_days import day_json
from tests.integration.recording.test_postgres_levels import MINUTE, ask
from tests.support.recorded_school import TIMETABLE, TIMETABLE_TEXT, VIENNA
from tests.support.stores import Place, as_messages
from tests.unit.recording.test_rollups import DAY, window

pytest.importorskip("psycopg", reason="psycopg is not installed (the extra `district`)")
ZONES = ["Europe/Vienna", "America/New_York", "America/Los_Angeles", "Asia/Tokyo", "Pacific/Kiritimati"]
LATER = datetime(2026, 12, 1, tzinfo=timezone.utc)


def only_days(
    postgres: Place, zone: str, *, hours: int = 6, minutes: int = 1, newer: bool = False
) -> list[WindowRecord]:
    """Two weeks of school from eight o'clock on, of which days alone are kept.

    Args:
        postgres: Where.
        zone: Of the clock on the wall.
        hours: That are recorded of each day.
        minutes: From the beginning of a window to that of the next.
        newer: Whether Friday is kept in five minutes, too.
    """
    monday = datetime(2025, 11, 10, 8, tzinfo=ZoneInfo(zone))
    mornings = [(monday + n * DAY).astimezone(timezone.utc) for n in range(12) if n not in (5, 6)]
    dice, sent = random.Random(6), list[WindowPayload]()  # noqa: S311
    for morning in mornings:
        for minute in range(0, hours * 60, minutes):
            sent.append(window(len(sent) + 1, morning + minute * MINUTE, dice))
    now = mornings[-1] + (timedelta(days=200) if newer else timedelta(days=300))
    with postgres.opened() as store:
        store.store(as_messages(sent), mornings[-1] + DAY)
        while store.add_up_days(now) or store.prune(now, Retention(days=200, window_days=30, daily_days=3000))[1]:
            pass
    first = ask(postgres, "SELECT min(start) AS first FROM edge.rollups")[0]["first"]
    assert (first.date() if newer else first) == (mornings[-1].date() if newer else None)
    return [WindowRecord.of(each) for each in sent]


def windows_by_day(postgres: Place) -> dict[date, int]:
    found = ask(postgres, "SELECT day, sum(windows)::int AS windows FROM edge.days GROUP BY day ORDER BY day")
    return {row["day"]: row["windows"] for row in found}


@pytest.mark.parametrize("zone", ["Europe/Vienna", "America/New_York"])
def test_of_days_alone_a_local_day_takes_no_neighbour_with_it(
    postgres: Place, capsys: pytest.CaptureFixture[str], zone: str
) -> None:
    """Lessons of a day in school are all within the same day of UTC; the night before and after touches two."""
    only_days(postgres, zone)
    before, day = windows_by_day(postgres), date(2025, 11, 13)
    assert isinstance(postgres.target, PostgresAddress)
    asked = ["delete", "--database", postgres.target.url, "--school", "north", "--device", "room-1", "--zone", zone]
    assert run_command_line([*asked, "--day", "2025-11-17", "--from", "22:00", "--to", "22:01", "--yes"]) == 0
    assert windows_by_day(postgres) == before
    said = capsys.readouterr()
    assert "deleted 0 windows:" in said.out
    assert "as a whole" not in said.err
    assert run_command_line([*asked, "--day", "2025-11-13", "--yes"]) == 0
    said = capsys.readouterr()
    assert f"deleted {before[day]} windows ({before[day]} of them were there only in sums): room-1, Thu" in said.out
    assert "as a whole" not in said.err
    assert windows_by_day(postgres) == {each: windows for each, windows in before.items() if each != day}
    lesson = [*asked, "--day", "2025-11-14", "--from", "08:00", "--to", "08:45"]
    assert run_command_line(lesson) == 78
    said = capsys.readouterr()
    assert f"{before[date(2025, 11, 14)]} windows (" in said.err, "before anything is deleted"
    assert "this goes as a whole, also what is outside of that time: 2025-11-14 (UTC)" in said.err
    assert run_command_line([*lesson, "--yes"]) == 0
    assert "this went as a whole, also what is outside of that time: 2025-11-14 (UTC)" in capsys.readouterr().err
    assert windows_by_day(postgres).keys() == before.keys() - {day, date(2025, 11, 14)}
    assert run_command_line([*asked[:5], "--list"]) == 0
    assert [line.split(": ")[1].split()[0] for line in capsys.readouterr().out.splitlines()] == ["0", "360", "360"]


def test_a_table_of_windows_says_of_which_days_there_are_only_sums(
    postgres: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    only_days(postgres, "UTC", newer=True)
    assert isinstance(postgres.target, PostgresAddress)
    asked = ["report", "--database", postgres.target.url, "--school-name", "north", "--zone", "UTC"]
    assert run_command_line([*asked, "--week", "2025-W47", "--output", str(tmp_path / "week.csv")]) == 0
    said = capsys.readouterr()
    assert said.out.endswith(", 0 windows\n")
    assert "lacks 360 windows of which only the sums of five minutes are kept: --output week.html" in said.err
    assert "sums of whole days (UTC), 2025-11-17, 2025-11-18, 2025-11-19, 2025-11-20: edge report --school" in said.err


def test_a_window_that_reaches_into_the_time_takes_its_day(postgres: Place) -> None:
    """Days that are damaged go as well: they may be of any time."""
    only_days(postgres, "UTC", hours=16)
    before = windows_by_day(postgres)
    assert before[date(2025, 11, 13)] == 16 * 60
    midnight = datetime(2025, 11, 14, tzinfo=timezone.utc)
    runs = "replace(runs, (runs::jsonb -> -1 ->> 1), '86405000')"  # the last window ends five seconds later
    ask(postgres, f"UPDATE edge.daily_rollups SET runs = {runs} WHERE day = '2025-11-13' RETURNING 1")  # noqa: S608
    ask(postgres, "UPDATE edge.daily_rollups SET runs = '[1]' WHERE day = '2025-11-17' RETURNING 1")
    with postgres.erasing() as eraser:
        assert eraser.count("room-1", midnight, midnight + MINUTE).whole == [(midnight - DAY, midnight)]
        assert eraser.delete("room-1", midnight, midnight + MINUTE, "anna", midnight + 300 * DAY)[0] == 16 * 60
        eraser.delete("room-1", midnight + 3 * DAY, midnight + 3 * DAY + MINUTE, "anna", midnight + 300 * DAY)
    assert windows_by_day(postgres).keys() == before.keys() - {date(2025, 11, 13), date(2025, 11, 17)}


@pytest.mark.parametrize("zone", ZONES)
def test_weeks_have_the_same_windows_as_before_only_days_were_kept(postgres: Place, zone: str) -> None:
    """An edge of a week cuts a day of UTC, which is Monday west of Greenwich."""
    sent = only_days(postgres, zone, hours=7, minutes=10)
    edges = [datetime(2025, 11, day, tzinfo=ZoneInfo(zone)) for day in (3, 10, 17, 24)]
    with postgres.read() as recording:
        assert recording.names() == ["room-1"]
        assert recording.newest("room-1") == max(each.end for each in sent)
        assert recording.devices() == {"room-1": (sent[0].start, max(each.end for each in sent))}
        for start, end in pairwise(edges):
            of_week = [each for each in sent if start <= each.start < end]
            assert add_up(recording.days("room-1", start, end)) == add_up(of_week)
            assert {each.since for each in recording.kept_days("room-1", start, end)} == {
                each.start.replace(hour=0, minute=0) for each in of_week
            }


def test_a_day_is_of_one_period_wherever_it_is_cut(postgres: Place) -> None:
    """Also where a period is shorter than a day, and where what came later is not added to its day yet."""
    sent = only_days(postgres, "UTC", hours=9, minutes=10)
    late = window(9000, datetime(2025, 11, 12, 1, tzinfo=timezone.utc), random.Random(1))  # noqa: S311
    first, dice = datetime(2025, 11, 9, tzinfo=timezone.utc), random.Random(2)  # noqa: S311
    with postgres.opened() as store, postgres.read() as recording:
        store.store(as_messages([late]), first + 300 * DAY)
        for _ in range(20):
            edges = sorted(first + dice.random() * 14 * DAY for _ in range(dice.choice((2, 12, 60))))
            parts = [
                part
                for start, end in pairwise([first, *edges, first + 15 * DAY])
                for part in recording.days("room-1", start, end)
            ]
            assert add_up(parts) == add_up([*sent, WindowRecord.of(late)])


def report(postgres: Place, *arguments: object) -> int:
    assert isinstance(postgres.target, PostgresAddress)
    return run_command_line(["report", "--database", postgres.target.url, *map(str, arguments)])


def test_a_report_of_days_alone_says_that_they_are_there(
    postgres: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sent = only_days(postgres, "Europe/Vienna", minutes=10)
    timetable = tmp_path / "timetable.yaml"
    timetable.write_text(TIMETABLE_TEXT)
    room = ("--device", "room-1", "--day", "2025-11-13")
    week = ("--school", "--week", "2025-W46", "--zone", "Europe/Vienna")
    table = tmp_path / "term.csv"
    for asked in ((*room, "--zone", "Europe/Vienna"), (*week, "--output", table)):
        assert report(postgres, *asked) == 78
        said = capsys.readouterr().err
        assert "only the sums" in said
        assert "2025-11-13" in said
        assert "--term" in said
    assert report(postgres, *room, "--timetable", timetable, "--list-lessons") == 0
    assert capsys.readouterr().out.count("only the sums of the day are kept") == 4
    term = ("--school", "--term", "2025-11-10", "2025-11-21", "--zone", "Europe/Vienna", "--output", table)
    assert report(postgres, *term) == 0
    with table.open() as file:
        found = [int(row["windows"]) for row in csv.DictReader(file) if row["figure"] == "faces"]
    assert found == [len(sent) / 2] * 2
    with postgres.read() as recording:
        day = day_json(recording, "room-1", date(2025, 11, 13), TIMETABLE, VIENNA, LATER)
        assert day["recorded"] > 0
        assert all(each["recorded"] > 0 for each in day["lessons"])


def test_a_week_of_which_some_days_are_kept_alone_names_them(
    postgres: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    only_days(postgres, "Europe/Vienna", minutes=10, newer=True)
    with postgres.read() as recording:
        school = School(recording, ["room-1"], TIMETABLE, VIENNA, LATER)
        data = school.days(date(2025, 11, 17))
        assert data.days_only == [date(2025, 11, day) for day in (17, 18, 19, 20)]
        assert data.sums[0].planned == 2 * 3600, "of Friday alone: of the others nobody can tell"
        told = [Words().say(each) for each in describe_school(data, maps_of(data), Words())]
        assert told[-1].endswith("cannot be told apart: 4.")
        asked = period(VIENNA, LATER, day=None, week="2025-W47", begin=None, end=None)
        gaps = read_report(recording, "room-1", asked, LATER).gaps
        alone = [each for each in gaps if each.kind == "days_only"]
        assert {each.start.date() for each in alone} == {date(2025, 11, day) for day in (17, 18, 19, 20)}
        assert school.term(date(2025, 11, 17), date(2025, 11, 21)).days_only == []
    table = tmp_path / "week.csv"
    assert report(postgres, "--school", "--week", "2025-W47", "--zone", "Europe/Vienna", "--output", table) == 0
    assert "only the sums are kept: 2025-11-17, 2025-11-18, 2025-11-19, 2025-11-20" in capsys.readouterr().err
