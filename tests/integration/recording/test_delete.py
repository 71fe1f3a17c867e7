"""`edge delete`, and lessons by their names: what is asked for, confirmed, deleted and listed, beside a recorder."""

from __future__ import annotations

import contextlib
import getpass
import io
import json
import os
import sqlite3
import subprocess
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from edge.cli import run_command_line
from edge.contract.payloads import State
from edge.contract.timestamps import format_timestamp, parse_timestamp
from edge.recording.recordable import examine
from edge.recording.session import Delivery
from tests.support.brokers import wait_for
from tests.support.lessons import MINUTE, MONDAY, message, record, report
from tests.support.recordings import Sender, address, lines_of, rows
from tests.support.stores import Place

StartEdge = Callable[..., subprocess.Popen[str]]
DAY = timedelta(days=1)
LATER = MONDAY.replace(year=2040)
TIMETABLE = """
time_zone: Europe/Vienna
days:
  monday:
    - {name: 1st period, from: 08:00, to: 08:45}
    - {name: 2nd period, from: 08:50, to: 09:35}
holidays: [{name: Advent, date: 2026-11-30}]
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Two hours of a room, from eight o'clock in Vienna on."""
    windows = [("window", message(n + 1, MONDAY + n * MINUTE)) for n in range(120)]
    return record(tmp_path / "school.sqlite", windows)


@pytest.fixture
def timetable(tmp_path: Path) -> Path:
    path = tmp_path / "timetable.yaml"
    path.write_text(TIMETABLE)
    return path


def delete(*arguments: object) -> int:
    return run_command_line(["delete", *map(str, arguments)])


def test_a_week_that_goes_on_is_deleted_until_a_day_ahead_and_that_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    now = datetime.now(timezone.utc)
    state = State(mode="paused", reason="by hand", since=format_timestamp(now - 5 * MINUTE)).model_dump()
    path = record(tmp_path / "school.sqlite", [("window", message(1, now - 10 * MINUTE)), ("state", state)])
    ends = f"{now + 5 * DAY:%Y-%m-%dT%H:%M}"
    span = ("--from", f"{now - DAY:%Y-%m-%dT%H:%M}", "--to", ends, "--zone", "UTC")
    assert delete("--database", path, "--device", "room-1", *span, "--yes") == 0
    assert "on is recorded: a deletion reaches no farther than a day ahead" in capsys.readouterr().err
    with contextlib.closing(sqlite3.connect(path)) as database:
        end, asked = database.execute('SELECT "end", asked FROM deletions').fetchone()
        assert abs(parse_timestamp(end) - parse_timestamp(asked) - DAY) < MINUTE
        assert database.execute("SELECT mode, reason, since FROM states").fetchall() == [("paused", "", end)]


def test_a_lesson_by_its_name(path: Path, timetable: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ("--database", path, "--device", "room-1", "--day", "2026-11-16", "--timetable", timetable)
    assert report(*asked, "--list-lessons") == 0
    assert capsys.readouterr().out == (
        "08:00 to 08:45  1st period: 45 windows\n08:50 to 09:35  2nd period: 45 windows\n"
    )
    page = path.with_name("lesson.html")
    assert report(*asked, "--lesson", "2nd period", "--output", page) == 0
    assert "2nd period, Monday, 16 November 2026, 08:50 to 09:35, 45 windows" in capsys.readouterr().out
    assert "2nd period" in page.read_text()
    assert delete(*asked, "--lesson", "2nd period", "--yes") == 0
    assert "deleted 45 windows: room-1, 2nd period, Monday" in capsys.readouterr().out
    assert rows(path) == [*range(1, 51), *range(96, 121)]
    assert report(*asked, "--lesson", "2nd period", "--output", page) == 78
    assert "no windows of room-1" in capsys.readouterr().err
    assert report(*asked, "--lesson", "9th period") == 78
    assert "there are: 1st period, 2nd period" in capsys.readouterr().err
    assert report(*asked[:4], "--day", "2026-11-30", "--timetable", timetable, "--list-lessons") == 0
    assert "no lessons (Advent)" in capsys.readouterr().out


def test_a_wal_that_was_set_aside_is_named_as_it_may_have_some_of_it(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert delete("--database", path, "--device", "room-1", "--yes") == 0
    assert "wal.left" not in capsys.readouterr().err
    (left := path.with_name("school.sqlite-wal.left-1795991555")).touch()
    assert delete("--database", path, "--all-rooms", "--yes") == 0
    assert f"{left} may have some of it: delete it" in capsys.readouterr().err


def test_the_night_in_which_clocks_are_set_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """02:15 to 02:45 is there twice, at 00:15 and at 01:15 UTC."""
    first = datetime(2026, 10, 25, tzinfo=timezone.utc)
    path = record(tmp_path / "o.sqlite", [("window", message(n + 1, first + n * MINUTE)) for n in range(120)])
    asked = ("--database", path, "--device", "room-1", "--zone", "Europe/Vienna", "--yes")
    assert delete(*asked, "--from", "2026-10-25T02:15", "--to", "2026-10-25T02:45") == 0
    assert "deleted 90 windows" in capsys.readouterr().out
    with contextlib.closing(sqlite3.connect(path)) as database:
        left = [start[11:16] for (start,) in database.execute("SELECT start FROM windows ORDER BY start")]
    assert (len(left), left[14], left[15]) == (30, "00:14", "01:45")


def test_nothing_is_deleted_without_a_yes(
    path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ("--database", path, "--device", "room-1", "--day", "2026-11-16", "--zone", "Europe/Vienna")
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert delete(*asked) == 78
    assert "120 windows: room-1, Monday, 16 November 2026 would be deleted for good" in capsys.readouterr().err
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    for answer, left in (("n", 120), ("", 120), ("y", 0)):
        monkeypatch.setattr("builtins.input", lambda _question, answer=answer: answer)
        assert delete(*asked) == (0 if answer == "y" else 1)
        assert len(rows(path)) == left


def test_the_list_says_what_by_whom_and_when(
    path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SUDO_USER", raising=False)
    options = ("--database", path, "--device", "room-1", "--zone", "UTC", "--yes")
    assert delete("--database", path, "--list") == 0
    assert capsys.readouterr().out == "nothing has been deleted on request so far\n"
    assert delete(*options, "--from", "2026-11-16T07:00", "--to", "2026-11-16T07:10", "--by", "Mrs\x1b Doe") == 0
    monkeypatch.setenv("SUDO_USER", "anna")
    assert delete(*options) == 0
    capsys.readouterr()
    assert delete("--database", path, "--list", "--zone", "UTC") == 0
    first, second = capsys.readouterr().out.splitlines()
    assert "room-1, 2026-11-16 07:00 to 2026-11-16 07:10: 10 windows, by Mrs? Doe" in first
    account = getpass.getuser() if os.environ.get("USER") else "root"
    assert f"room-1, the first to the last: 110 windows, by {account}, for anna" in second


@pytest.mark.parametrize(("synced", "known"), [(False, True), (True, False)])
def test_a_clock_that_may_be_ahead_deletes_what_is_there_and_nothing_to_come(
    path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *, synced: bool, known: bool
) -> None:
    """What is recorded came on Monday at seven, and that is long ago by this computer's clock."""
    monkeypatch.setattr("edge.cli.delete.clock_synced", lambda: synced)
    options = ("--database", path, "--device", "room-1", "--zone", "UTC", "--yes")
    assert delete(*options, "--from", "2026-11-16T06:00", "--to", "2026-11-16T07:00") == 0
    assert "clock" not in capsys.readouterr().err, "what is over needs none"
    assert delete(*options) == 0
    said = capsys.readouterr()
    assert "deleted 120 windows: room-1, everything" in said.out
    assert rows(path) == []
    assert ("nothing says that it is set. So the request counts as of" in said.err) == known
    with contextlib.closing(sqlite3.connect(path)) as file:
        (asked,) = file.execute("SELECT asked FROM deletions ORDER BY id DESC LIMIT 1").fetchone()
    assert (MONDAY <= parse_timestamp(asked) < MONDAY + MINUTE) == known  # and what the answer took


@pytest.mark.parametrize("came", [LATER, MONDAY], ids=["behind", "as the recorder's was"])
def test_a_clock_that_is_behind_lets_nothing_of_the_lesson_back_in(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], came: datetime
) -> None:
    """It is 2040, and this computer's clock does not know."""
    messages = []
    for n in range(40):
        sent = json.dumps(message(n + 1, LATER + n * MINUTE)).encode()
        found = examine("classroom", Delivery("classroom/room-1/window", sent, 1, 1, 1))
        assert found is not None
        messages.append(found)
    with Place(tmp_path / "r.sqlite").opened() as store:
        assert store.store(messages[:20], came) == 20
        options = ("--database", tmp_path / "r.sqlite", "--device", "room-1", "--zone", "UTC", "--yes")
        lesson = ("--from", "2040-11-16T07:00", "--to", "2040-11-16T07:45")
        assert delete(*options, *lesson) == 0
        said = capsys.readouterr()
        assert "deleted 20 windows" in said.out
        assert "is behind what was recorded. So the request counts as of 2040-11-16" in said.err
        assert store.store(messages, LATER + DAY) == 0
        assert delete("--database", tmp_path / "r.sqlite", "--all-rooms", "--day", "2040-11-18", "--yes") == 78
        assert "lies in the future: is this computer's clock behind? Set it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--device", "room-7"), "has nothing of 'room-7': it has: room-1"),
        (("--device", "room-1", "--from", "08:00", "--to", "08:45"), "it is not said which day is meant"),
        (("--device", "room-1", "--lesson", "1st period"), "--lesson needs --device, --day and --timetable"),
        (("--device", "room-1", "--day", "yesterday"), "--day 'yesterday' is no date"),
    ],
)
def test_mistakes(path: Path, arguments: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert delete("--database", path, *arguments, "--yes") == 78
    assert words in capsys.readouterr().err
    assert len(rows(path)) == 120


def test_a_recorder_goes_on_and_what_was_deleted_stays_so(
    broker: int, edge: StartEdge, sender: Callable[[int], Sender], path: Path
) -> None:
    process = edge("record", "--database", str(path), "--broker", address(broker))
    lines_of(process, "connected to broker")
    device = sender(broker)
    device.send(message(121, MONDAY + 120 * MINUTE))
    wait_for(lambda: 121 in rows(path), 20)
    assert (
        delete("--database", path, "--all-rooms", "--from", "2026-11-16T07:00Z", "--to", "2026-11-16T09:00Z", "--yes")
        == 0
    )
    assert rows(path) == [121]
    device.send(message(60, MONDAY + 59 * MINUTE))  # again, out of an outbox
    device.send(message(122, MONDAY + 121 * MINUTE))
    wait_for(lambda: 122 in rows(path), 20)
    assert rows(path) == [121, 122]
    process.terminate()
    assert process.wait(20) == 0
    assert process.stderr is not None
    assert "cannot be written" not in process.stderr.read()
