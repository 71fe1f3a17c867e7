"""`edge report --school`, and reports in another language."""

from __future__ import annotations

import csv
import re
from datetime import datetime
from pathlib import Path

import cv2
import pytest

from edge.languages.catalogue import texts
from tests.support.lessons import report
from tests.support.recorded_school import TIMETABLE_TEXT, VIENNA, record_school, usual
from tests.support.recorded_weeks import record, windows

WEEK = ("--week", "2026-W47")
SPECIAL = {("room-1", 3, 2): usual(50, happy=0.7), ("room-2", 1, 1): usual(51, people=3)}


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> tuple[object, ...]:
    """The options that name a recording of two rooms and its timetable."""
    folder = tmp_path_factory.mktemp("school")
    (folder / "timetable.yaml").write_text(TIMETABLE_TEXT)
    path = record_school(folder / "s.sqlite", ["room-1", "room-2"], 6, SPECIAL)
    return "--database", path, "--timetable", folder / "timetable.yaml"


def visible(page: Path) -> str:
    text = re.sub(r"<(style|title)>.*?</\1>|<[^>]*>", " ", page.read_text(), flags=re.DOTALL)
    return " ".join(text.replace("\N{NO-BREAK SPACE}", "~").split())


def test_a_day_a_week_and_a_term(
    school: tuple[object, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "p.html"
    assert report(*school, "--school", "--day", "2026-11-17", "--output", page) == 0
    said = visible(page)
    assert said.startswith("All rooms Tuesday, 17 November 2026 Rooms that were recorded: 2 of 2, 4~h 00~min in all.")
    assert "In 13~% of the time there are no figures: too few people were in the picture." in said
    assert "Rooms are not compared with one another" in said
    assert "room 1st 2nd 3rd 4th room-1" in said
    assert re.search(r"room-2 \d+\.\d [^a-z]+ to [^a-z]+ withheld", said)

    assert report(*school, "--school", *WEEK, "--output", page) == 0
    assert "room-2 10~h 00~min 5~% 0 0~s" in visible(page)
    assert report(*school, "--school", "--term", "2026-11-16", "2026-11-27", "--output", page) == 0
    assert "room week 47 week 48" in visible(page)
    assert report(*school, "--school", "--output", page) == 0  # the newest day
    assert "Monday, 23 November 2026" in visible(page)


def test_a_clock_that_is_ahead_moves_no_other_room(tmp_path: Path) -> None:
    path, page = record_school(tmp_path / "s.sqlite", ["room-1"], 1), tmp_path / "p.html"
    record(path, windows(datetime(2150, 3, 5, 8, 0, tzinfo=VIENNA), 7, 10, room="room-9"))
    assert report("--database", path, "--zone", "Europe/Vienna", "--school", "--output", page) == 0
    assert visible(page).startswith("All rooms Monday, 16 November 2026 Rooms that were recorded: 1 of 2")


def test_the_week_of_a_room_has_its_map(school: tuple[object, ...], tmp_path: Path) -> None:
    page = tmp_path / "p.html"
    assert report(*school, "--device", "room-1", *WEEK, "--output", page) == 0
    assert 'class="above">▲ 6' in page.read_text()
    named = "of the faces with a named expression"
    assert re.search(rf"room-1, Thu 19 Nov, 3rd: about 6\d~% {named} looked happy, otherwise 1\d~%\.", visible(page))
    assert page.read_text().count("Coloured, with ▲ or ▼") > 2


@pytest.mark.parametrize("asked", [("--device", "room-1", *WEEK), ("--school", "--day", "2026-11-17")])
def test_pictures(school: tuple[object, ...], tmp_path: Path, asked: tuple[str, ...]) -> None:
    assert report(*school, *asked, "--output", tmp_path / "s.png") == 0
    picture = cv2.imread(str(tmp_path / "s.png"))
    assert picture is not None
    assert picture.shape[1] == 1500
    coloured = (abs(picture.astype(int) - (0xA6, 0xDC, 0xFB)).max(axis=2) < 3).mean()  # blue, green, red
    assert (coloured > 0.001) == ("room-1" in asked)


def test_a_table_of_cells(school: tuple[object, ...], tmp_path: Path) -> None:
    assert report(*school, "--school", "--day", "2026-11-17", "--output", tmp_path / "s.csv") == 0
    with (tmp_path / "s.csv").open(newline="") as file:
        hidden = [row for row in csv.DictReader(file) if row["state"] == "withheld"]
    assert {(row["room"], row["column"], row["value"]) for row in hidden} == {("room-2", "2nd", "")}


def test_everything_is_said_in_german(school: tuple[object, ...], tmp_path: Path) -> None:
    page, english = tmp_path / "p.html", set()
    for options in (("--school", "--day", "2026-11-17"), ("--device", "room-2", *WEEK),
                    ("--device", "room-2", "--day", "2026-11-17", "--lesson", "2nd")):  # fmt: skip
        assert report(*school, *options, "--language", "de", "--output", page) == 0
        said = visible(page)
        german = texts("de")
        english |= {text for text in german if len(text) > 12 and german[text] != text and text in said}
        assert '<html lang="de">' in page.read_text()
    assert english == set()
    assert "Dienstag, 17. November 2026, 08:32 bis 09:02" in said


def test_the_language_of_the_machine(
    school: tuple[object, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "p.html"
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for given, language in (("de_AT.UTF-8", "de"), ("C.UTF-8", "en"), ("xx", "en")):
        monkeypatch.setenv("LANG", given)
        assert report(*school, "--school", "--output", page) == 0
        assert f'<html lang="{language}">' in page.read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--term", "2026-11-16", "2026-11-20"), "--term is about all rooms: add --school"),
        (("--school", "--device", "room-1"), "--school is about all rooms, and whole days or a lesson"),
        (("--school", "--day", "2026-11-17", *WEEK), "--day, --week and --term exclude one another"),
        (("--school", "--term", "x", "2026-11-17"), "--term 'x' is no date: write it as 2026-11-20"),
        (("--school", "--term", "2026-11-17", "2026-11-01"), "is no term"),
        (("--school", "--day", "2026-12-24"), "there are windows from 2026-11-16 to 2026-11-23"),
        (("--school", "--language", "xx"), "--language 'xx' is not known: there are: en, de"),
        (("--school", "--zone", "Europe/Berlin"), "the timetable has a time zone of its own"),
    ],
)
def test_mistakes_are_explained(
    school: tuple[object, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...],
    words: str,
) -> None:  # fmt: skip
    assert report(*school, *arguments, "--output", tmp_path / "p.html") != 0
    assert words in capsys.readouterr().err
    assert not (tmp_path / "p.html").exists()
