"""What is stored of one room and damaged ends no question about the others: they are shown, and the room is named."""

from __future__ import annotations

import contextlib
import json
import random
import sqlite3
from collections.abc import Callable
from datetime import timedelta, timezone
from pathlib import Path

import pytest

from edge.cli import run_command_line
from edge.languages.words import Words
from edge.recording.recorded import Recorded
from edge.recording.retention import Retention
from edge.recording.window_row import DamagedError
from edge.reporting.map_data import MapData, maps_of
from edge.reporting.period import Period
from edge.reporting.report_data import read_report
from edge.reporting.school_data import School
from edge.reporting.school_sentences import describe_school
from tests.support.stores import Place, as_messages
from tests.unit.recording.test_rollups import DAY, MONDAY, window

ROOMS = ["room-1", "room-2", "room-3"]
HUGE = 10**400
SUMS = {
    "windows": HUGE, "recorded": HUGE, "analysed": HUGE, "frames": HUGE, "least": HUGE, "most": HUGE, "named": HUGE,
    "weight": HUGE, "facing": [HUGE] * 3, "withheld": {"figures few_people": HUGE}, "counts": {"happy": HUGE},
    "epochs": {"abcdef01": [1, HUGE, 3]},
}  # fmt: skip
RUNS = ["[]", f'[[0, 30000, "abcdef01", {HUGE}, {HUGE}, 10000, 10000, null]]', "[[1]]"]


@pytest.fixture
def school(place: Place) -> Place:
    """Three rooms; what is to be damaged is the second one."""
    dice = random.Random(2)  # noqa: S311
    with place.opened() as store:
        for room in ROOMS:
            sent = [window(n, MONDAY + n * timedelta(minutes=1), dice) for n in range(1, 120)]
            store.store(as_messages([each.model_copy(update={"device": room}) for each in sent]), MONDAY)
    return place


def damage(school: Place, column: str, text: str) -> None:
    """What another program does to all roll-ups of the second room."""
    if school.server is None:
        assert isinstance(school.target, Path)
        with contextlib.closing(sqlite3.connect(school.target)) as file, file:
            file.execute(f"UPDATE rollups SET {column} = ? WHERE device = 'room-2'", (text,))  # noqa: S608
        return
    of_room = "device = (SELECT id FROM edge.devices WHERE name = 'room-2')"
    school.sql(f"UPDATE edge.rollups SET {column} = '{text}' WHERE {of_room}")  # noqa: S608


def summed(school: Place, name: str) -> None:
    sums = {"windows": 3, "recorded": 30000, "frames": 9, "faces": 0, "least": 0, "most": 0, "analysed": 0}
    damage(school, "sums", json.dumps(sums | {name: SUMS[name]}))


MAPS: dict[str, Callable[[School], MapData]] = {
    "day": lambda school: school.day(MONDAY.date()),
    "days": lambda school: school.days(MONDAY.date()),
    "term": lambda school: school.term(MONDAY.date(), MONDAY.date() + 13 * DAY),
}


def check(recording: Recorded) -> None:
    """The other rooms are shown as ever."""
    assert list(recording.devices()) == ROOMS
    assert recording.newest("room-2") is not None
    now = MONDAY + DAY
    for ask in MAPS.values():
        others = ask(School(recording, ["room-1", "room-3"], None, timezone.utc, now))
        found = ask(School(recording, ROOMS, None, timezone.utc, now))
        assert found.damaged == ["room-2"]
        assert (found.rooms, found.grid, found.sums) == (others.rooms, others.grid, others.sums)
        told = [Words("en").say(each) for each in describe_school(found, maps_of(found), Words("en"))]
        assert any(each.endswith("damaged: room-2.") for each in told)
    assert read_report(recording, "room-1", Period(MONDAY, MONDAY + DAY, timezone.utc), now).windows


@pytest.mark.parametrize("name", SUMS)
def test_sums_that_cannot_be_are_damage_of_their_room_alone(school: Place, name: str) -> None:
    summed(school, name)
    with school.read() as recording:
        check(recording)
        with pytest.raises(DamagedError, match="is damaged"):
            read_report(recording, "room-2", Period(MONDAY, MONDAY + DAY, timezone.utc), MONDAY + DAY)


@pytest.mark.parametrize("kept", [True, False], ids=["with windows", "sums alone"])
@pytest.mark.parametrize("text", ["x", '[["a", 1, "abcdef01", 1, 1, 1, 1, null]]', *RUNS])
def test_what_is_damaged_keeps_nothing_from_its_deletion(school: Place, text: str, *, kept: bool) -> None:
    with school.opened() as store:
        while not kept and store.prune(MONDAY + 60 * DAY, Retention(days=400, window_days=30))[1]:
            pass
    damage(school, "runs", text)
    span = MONDAY + timedelta(minutes=12), MONDAY + timedelta(minutes=23)
    with school.erasing() as eraser:
        there = eraser.count(None, *span)
        assert eraser.delete(None, *span, "anna", MONDAY + DAY)[0] == there.windows > 0
        assert eraser.count(None, *span) == (0, None, 0, [])


@pytest.mark.parametrize("text", RUNS)
def test_runs_that_cannot_be_are_damage_of_their_room_alone(school: Place, text: str) -> None:
    damage(school, "runs", text)
    with school.read() as recording:
        check(recording)


def test_the_report_of_a_school_names_what_it_leaves_out(
    school: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--database", str(school.target)]
    if school.server:
        where = ["--database", school.server.url(school.database), "--school-name", "north"]
    command = ["report", *where, "--school", "--zone", "UTC", "--day", f"{MONDAY:%Y-%m-%d}"]
    output = [f"--output={tmp_path / 'all.csv'}", f"--output={tmp_path / 'all.html'}"]
    summed(school, "recorded")
    assert run_command_line([*command, *output]) == 0
    printed = capsys.readouterr()
    assert printed.err == "edge: what was recorded of room-2 is damaged: left out\n"
    assert ": 2 rooms, " in printed.out
    assert "room-3" in (tmp_path / "all.csv").read_text()
    assert "damaged: room-2." in (tmp_path / "all.html").read_text()


def test_where_all_rooms_are_damaged_the_report_is_a_sentence(
    place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sent = [window(n, MONDAY + n * timedelta(minutes=1), random.Random(2)) for n in range(1, 20)]  # noqa: S311
    with place.opened() as store:
        store.store(as_messages([each.model_copy(update={"device": "room-2"}) for each in sent]), MONDAY)
    damage(place, "runs", "[]")
    where = ["--database", str(place.target)]
    if place.server:
        where = ["--database", place.server.url(place.database), "--school-name", "north"]
    command = ["report", *where, "--school", "--zone", "UTC", "--day", f"{MONDAY:%Y-%m-%d}"]
    assert run_command_line([*command, f"--output={tmp_path / 'all.csv'}"]) == 1
    assert capsys.readouterr().err.startswith("edge: what was recorded of room-2 is damaged")
    assert not (tmp_path / "all.csv").exists()
