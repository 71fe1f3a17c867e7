"""`edge report --school --lesson`: one lesson in all rooms, against sums of our own."""

from __future__ import annotations

import csv
import itertools
import re
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

import pytest

from edge.contract.payloads import WindowPayload
from edge.contract.validation import DeviceMessage
from edge.languages.catalogue import texts
from tests.integration.reporting.test_school_report import visible
from tests.support.lessons import MONDAY, report
from tests.support.recorded_school import TIMETABLE_TEXT, VIENNA, moved, usual
from tests.support.recorded_weeks import WEEK, record, windows

MONDAYS = [MONDAY.astimezone(VIENNA) - weeks * WEEK for weeks in (3, 2, 1, 0)]
ASKED = ("--day", "2026-11-16", "--lesson", "2nd")
FULL = usual(52, people=60)
EARLIER = [usual(seed) for seed in (1, 2, 3)]
LAST: dict[str, Sequence[WindowPayload]] = {
    "room-1": FULL, "room-2": usual(51, people=3), "room-3": usual(53)[:6], "room-4": (),
}  # fmt: skip


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> tuple[object, ...]:
    """The options that name a lesson of four Mondays in four rooms, and a timetable that a fifth has no lessons by."""
    folder = tmp_path_factory.mktemp("school")
    messages = []
    for room, last in LAST.items():
        seq = itertools.count(1)
        for monday, found in zip(MONDAYS, [*EARLIER, last], strict=True):
            start = monday.replace(hour=8, minute=32)
            moved_there = (moved(window, room, next(seq), start) for window in found)
            messages += [DeviceMessage(room, "window", window, "edge.window/2") for window in moved_there]
    path = record(folder / "s.sqlite", messages + windows(MONDAY, 7, 20, room="room-9"))
    (folder / "timetable.yaml").write_text(TIMETABLE_TEXT + "rooms:\n  room-9: {monday: []}\n")
    return "--database", path, "--timetable", folder / "timetable.yaml"


def cells(school: tuple[object, ...], folder: Path, *asked: str) -> dict[tuple[str, str], dict[str, str]]:
    assert report(*school, "--school", *(asked or ASKED), "--output", folder / "l.csv") == 0
    with (folder / "l.csv").open(newline="") as file:
        return {(row["room"], row["figure"]): row for row in csv.DictReader(file)}


def mean(lesson: Sequence[WindowPayload]) -> float:
    """Faces in the average frame."""
    return sum(each.faces.total or 0 for each in lesson) / sum(each.frames for each in lesson)


def turned(lesson: Sequence[WindowPayload]) -> float:
    """The share that was turned to the front, of the faces with a known direction."""
    known = [each.facing for each in lesson if each.facing]
    return sum(each.front for each in known) / sum(each.front + each.away for each in known)


def test_figures_are_what_the_windows_add_up_to(school: tuple[object, ...], tmp_path: Path) -> None:
    found = cells(school, tmp_path)
    faces, front = found["room-1", "faces"], found["room-1", "front"]
    assert float(faces["value"]) == pytest.approx(mean(FULL), abs=0.01)
    assert float(faces["usual"]) == pytest.approx(fmean(map(mean, EARLIER)), abs=0.01)
    assert faces["state"] == "above"
    assert float(faces["low"]) < float(faces["value"]) < float(faces["high"])
    assert float(front["value"]) == pytest.approx(turned(FULL), abs=1e-4)
    assert (faces["start"], faces["end"]) == ("2026-11-16T08:32:00+01:00", "2026-11-16T09:02:00+01:00")
    assert {room for room, _ in found} == {"room-1", "room-2", "room-3", "room-4"}


def test_what_is_not_known_has_a_word_and_never_a_number(school: tuple[object, ...], tmp_path: Path) -> None:
    found = cells(school, tmp_path)
    for room, state in (("room-2", "withheld"), ("room-3", "few"), ("room-4", "nothing")):
        for (of, _), cell in found.items():
            if of == room:
                assert (cell["state"], cell["value"], cell["low"], cell["high"], cell["usual"]) == (state, *[""] * 4)
    assert found["room-2", "faces"]["withheld_seconds"] == "1800.0"


def test_a_row_says_what_the_report_of_the_room_says(school: tuple[object, ...], tmp_path: Path) -> None:
    assert report(*school, "--school", *ASKED, "--output", tmp_path / "all.html") == 0
    said = visible(tmp_path / "all.html")
    assert said.startswith("All rooms 2nd, Monday, 16 November 2026, 08:32 to 09:02 Rooms that were recorded: 3 of 3,")
    assert "Rooms without this lesson on this day: room-9." in said
    table = said.partition("measurements missing ")[2].partition(" Below each figure")[0]
    rows = {f"room-{each[0]}": each[2:] for each in re.split(r" ?room-", table)[1:]}
    assert rows["room-2"].startswith("30~min withheld ")
    assert rows["room-3"].startswith("6~min too short ")
    assert rows["room-4"] == "nothing since 9 November 2026"
    assert re.search(r"room-1, 2nd: [\d.]+ faces on average, otherwise [\d.]+\.", said)
    answers = said.partition("Was it different? ")[2]
    for room in ("room-1", "room-2", "room-3"):
        assert report(*school, "--device", room, *ASKED, "--output", tmp_path / "one.html") == 0
        alone = visible(tmp_path / "one.html")
        answer = answers.partition(f"{room} ")[2].partition(" room-")[0].partition(" How to read it")[0]
        assert answer
        assert answer in alone
    value, low, high = re.findall(r"\d+\.\d", rows["room-1"])[:3]
    assert report(*school, "--device", "room-1", *ASKED, "--output", tmp_path / "one.html") == 0
    assert f"On average {value} faces ({low} to {high}) were seen" in visible(tmp_path / "one.html")


def test_before_the_fourth_week_nothing_is_called_different(school: tuple[object, ...], tmp_path: Path) -> None:
    found = cells(school, tmp_path, "--day", "2026-11-09", "--lesson", "2nd")
    assert {cell["state"] for cell in found.values()} == {"too_few_others"}
    assert {cell["usual"] for cell in found.values()} == {""}


def test_it_is_said_in_german(school: tuple[object, ...], tmp_path: Path) -> None:
    page = tmp_path / "p.html"
    assert report(*school, "--school", *ASKED, "--language", "de", "--output", page) == 0
    said, german = visible(page), texts("de")
    assert [text for text in german if len(text) > 12 and german[text] != text and text in said] == []
    assert "War sie anders?" in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((*ASKED, "--output", "l.png"), "there is no picture of a lesson in all rooms: write .html or .csv"),
        (("--week", "2026-W47", "--lesson", "2nd"), "a lesson is of one day: leave out --week and --term"),
        (("--day", "2026-11-16", "--lesson", "9th"), "no lesson '9th' on 2026-11-16: there are: 1st, 2nd, 3rd, 4th"),
        (("--day", "2026-11-30", "--lesson", "2nd"), "there are windows from 2026-10-26 to 2026-11-16"),
    ],
)
def test_mistakes_are_explained(
    school: tuple[object, ...], capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    assert report(*school, "--school", *arguments) == 78
    assert words in capsys.readouterr().err
