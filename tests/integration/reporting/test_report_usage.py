"""The command `edge report`: periods, time zones, mistakes, files that are no recording."""

from __future__ import annotations

import sqlite3
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from edge.errors import ConfigError
from edge.reporting.period import no_lesson_between, period, time_zone
from edge.timing.timetable import Timetable
from tests.support.lessons import record, report

VIENNA = ZoneInfo("Europe/Vienna")


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ({}, "2026-11-20T00:00+01:00", "2026-11-21T00:00+01:00"),
        ({"day": "2026-11-16"}, "2026-11-16T00:00+01:00", "2026-11-17T00:00+01:00"),
        ({"day": "2026-11-16", "begin": "08:00", "end": "08:45"}, "2026-11-16T08:00+01:00", "2026-11-16T08:45+01:00"),
        ({"begin": "09:30"}, "2026-11-20T09:30+01:00", "2026-11-21T00:00+01:00"),
        ({"begin": "2026-07-01T08:00", "end": "2026-07-01T07:00Z"}, "2026-07-01T08:00+02:00", "2026-07-01T09:00+02:00"),
        ({"week": "2026-W47"}, "2026-11-16T00:00+01:00", "2026-11-23T00:00+01:00"),
        ({"day": "2026-03-29"}, "2026-03-29T00:00+01:00", "2026-03-30T00:00+02:00"),  # 23 hours
    ],
)
def test_periods(asked: dict[str, str], start: str, end: str) -> None:
    newest = datetime(2026, 11, 20, 22, 59, 59, tzinfo=timezone.utc)
    options: dict[str, Any] = {"day": None, "week": None, "begin": None, "end": None, **asked}
    found = period(VIENNA, newest, **options)
    assert (found.start, found.end) == (datetime.fromisoformat(start), datetime.fromisoformat(end))


@pytest.mark.parametrize(
    ("begin", "end", "start_utc", "end_utc"),
    [
        ("02:15", "02:45", "00:15", "01:45"),
        ("2026-10-25T02:15", "2026-10-25T02:45", "00:15", "01:45"),
        ("02:00", "03:00", "00:00", "02:00"),
        ("01:00", "02:00", "23:00", "00:00"),  # 02:00 comes twice, what is before it once
        ("02:45", "02:15", "00:45", "01:15"),
        ("2026-10-25T02:15+02:00", "2026-10-25T02:45+02:00", "00:15", "00:45"),  # which of the two is said
    ],
)
def test_the_hour_that_comes_twice_is_meant_twice(begin: str, end: str, start_utc: str, end_utc: str) -> None:
    """Clocks go from 03:00 back to 02:00: both hours are meant, above all by `edge delete`."""
    now = datetime(2026, 11, 20, tzinfo=timezone.utc)
    found = period(VIENNA, now, day="2026-10-25", week=None, begin=begin, end=end)
    assert [f"{each.astimezone(timezone.utc):%H:%M}" for each in (found.start, found.end)] == [start_utc, end_utc]


def test_a_period_across_the_hour_that_is_skipped_is_no_longer() -> None:
    now = datetime(2026, 11, 20, tzinfo=timezone.utc)
    for end, end_utc in (("03:00", "01:00"), ("02:30", "01:30")):  # 02:30 is never: 03:30
        found = period(VIENNA, now, day="2026-03-29", week=None, begin="01:30", end=end)
        assert f"{found.end.astimezone(timezone.utc):%H:%M}" == end_utc


def test_the_time_zone_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    assert datetime(2026, 1, 1, tzinfo=time_zone(None)).utcoffset() == timedelta(hours=9)
    monkeypatch.setenv("TZ", ":/usr/share/zoneinfo/Asia/Tokyo")
    assert datetime(2026, 1, 1, tzinfo=time_zone(None)).utcoffset() == timedelta(hours=9)
    with pytest.raises(ConfigError, match="did you mean Europe/Vienna"):
        time_zone("Europe/Wien")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "holds 2 devices: name one with --device: room-1, room-2"),
        (("--device", "room-7"), "has no window of 'room-7': it has: room-1, room-2"),
        (("--device", "room-1", "--day", "2026-12-24"), "there are some from 2026-11-16 07:00 to 2026-11-20 11:00"),
        (("--device", "room-1", "--day", "24.12.2026"), "--day '24.12.2026' is no date: write it as 2026-11-20"),
        (("--device", "room-1", "--week", "2026-W99"), "--week '2026-W99' is no week: write it as 2026-W47"),
        (("--device", "room-1", "--week", "48"), "--week '48' is no week: write it as 2026-W47"),
        (("--device", "room-1", "--week", "2026-48"), "--week '2026-48' is no week: write it as 2026-W47"),
        (("--device", "room-1", "--week", "2026-W47", "--day", "2026-11-20"), "--week stands alone"),
        (("--device", "room-1", "--from", "09:00", "--to", "08:00"), "is no period: --to must be after --from"),
        (("--device", "room-1", "--from", "08:00+05:00"), "--from '08:00+05:00' is no time"),
        (("--device", "room-1", "--from", "9 am"), "--from '9 am' is no time"),
        (("--device", "room-1", "--from", "2026-01-01T00:00", "--to", "2026-12-01T00:00"), "too long for a picture"),
        (("--device", "room-1", "--zone", "Nowhere"), "time zone 'Nowhere'"),
        (("--device", "room-1", "--output", "/no/such/folder/r.html"), "/no/such/folder/r.html cannot be written"),
    ],
)
def test_mistakes_are_explained(
    week: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
    arguments: tuple[str, ...], words: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TZ", "UTC")
    assert report("--database", week, *arguments) != 0
    assert words in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"valid_from": date(2027, 9, 6)}, "lessons from 2027-09-06 on, but"),
        ({"valid_until": date(2026, 7, 3)}, "lessons until 2026-07-03, but"),
        ({"valid_from": date(2025, 9, 8), "valid_until": date(2026, 7, 3)}, "from 2025-09-08 to 2026-07-03, but"),
        ({"valid_until": date(2026, 11, 16)}, ""),
        ({"valid_from": date(2026, 11, 20)}, ""),
        ({"valid_from": date(2026, 11, 18), "valid_until": date(2026, 11, 18)}, ""),
        ({}, ""),
    ],
)
def test_a_timetable_of_other_days_than_were_recorded(limits: dict[str, Any], words: str) -> None:
    first, last = (datetime(2026, 11, day, 9, tzinfo=timezone.utc) for day in (16, 20))
    ahead = datetime(2031, 1, 1, tzinfo=timezone.utc)  # a clock that was wrong
    timetable = Timetable(VIENNA, **limits)
    said = no_lesson_between(timetable, [(first, first), (last, last), (ahead, ahead)], last)
    assert bool(said) == bool(words)
    assert words in said
    assert not said or said.endswith("what was recorded is from 2026-11-16 to 2026-11-20")
    assert no_lesson_between(timetable, [], last) == ""


def test_a_report_names_a_timetable_of_another_year(
    week: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    timetable = tmp_path / "old.yaml"
    lines = [
        "time_zone: Europe/Vienna",
        "valid_until: 2020-07-03",
        "days: {monday: [{name: A, from: 08:00, to: 09:00}]}",
    ]
    timetable.write_text("\n".join(lines))
    asked = ("--database", week, "--device", "room-1", "--day", "2026-11-16", "--list-lessons")
    assert report(*asked, "--timetable", timetable) == 0
    assert f"edge: {timetable}: there are lessons until 2020-07-03, but" in capsys.readouterr().err
    timetable.write_text("\n".join(lines).replace("2020", "2040"))
    assert report(*asked, "--timetable", timetable) == 0
    assert capsys.readouterr().err == ""


def test_files_that_are_no_recording(capsys: pytest.CaptureFixture[str], tmp_path: Path, week: Path) -> None:
    text, foreign, empty = tmp_path / "t", tmp_path / "f", tmp_path / "e"
    text.write_text("no database, but quite a long text " * 100)
    sqlite3.connect(foreign).execute("CREATE TABLE windows (seq)")
    record(empty, [])
    damaged = tmp_path / "d"
    damaged.write_bytes(week.read_bytes())
    database = sqlite3.connect(damaged)
    database.execute('UPDATE windows SET counts = \'{"happy": "many"}\' WHERE seq = 9')
    database.commit()
    database.close()
    for path, words in (
        (tmp_path / "none", "does not exist"),
        (text, "is no SQLite database"),
        (foreign, "is a database of another program"),
        (empty, "holds no window: is edge record running, and connected? edge delete --list shows what"),
        (damaged, "window 9 of room-1 is damaged"),
    ):
        output = tmp_path / "r.html"
        assert report("--database", path, "--device", "room-1", "--day", "2026-11-16", "--output", output) != 0
        assert words in capsys.readouterr().err
        assert not output.exists()
