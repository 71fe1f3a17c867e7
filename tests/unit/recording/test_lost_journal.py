"""A recording was copied without its `-wal`: whoever reads it says so, and it is not taken over like that."""

from __future__ import annotations

import argparse
import contextlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.cli import run_command_line
from edge.cli.dashboard import _past
from edge.errors import ConfigError
from edge.recording.database import Database
from edge.recording.postgres.copying import SchoolFile
from edge.recording.reader import Recording
from tests.support.paths import ROOT
from tests.support.recordings import rows
from tests.unit.recording.test_journal_mark import journal, record, vacuum_into

WORDS = "windows may be missing: where the former file still has a -wal"


@pytest.fixture
def alone(tmp_path: Path) -> Path:
    """The file of a recorder that was killed, on another disk, without its `-wal`."""
    record(tmp_path / "school.sqlite", 1, 20)
    (tmp_path / "away").mkdir()
    return Path(shutil.copy(tmp_path / "school.sqlite", tmp_path / "away"))


def caveat(path: Path) -> str:
    recording = Recording(path)
    recording.start()
    try:
        return recording.caveat
    finally:
        recording.stop()


def take_over(path: Path, *options: str) -> None:
    file = SchoolFile(path, "classroom", *options)  # type: ignore[arg-type]
    try:
        file.start()
    finally:
        file.stop()


def test_it_is_not_taken_over_unless_a_person_wants_that(alone: Path, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ConfigError, match="nothing was taken over: stop the recorder of the former file") as refused:
        take_over(alone)
    assert WORDS in str(refused.value)
    assert "--if-copy continue" in refused.value.remedy
    with pytest.raises(ConfigError, match=WORDS):  # the empty -wal that reading has left says nothing
        take_over(alone)
    take_over(alone, "continue")
    assert WORDS in caplog.text
    with pytest.raises(ConfigError, match=WORDS):
        take_over(alone, "new")


def test_the_option_comes_from_the_command_line(
    alone: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("psycopg")
    command = ["record", "--database", "postgresql://u@127.0.0.1:1/edge", "--school", "n", "--copy-from", str(alone)]
    assert run_command_line(command) == 78
    assert WORDS in capsys.readouterr().err
    run_command_line([*command, "--if-copy", "continue"])  # there is no server
    assert WORDS not in capsys.readouterr().err.replace(caplog.text, "")
    assert WORDS in caplog.text


def test_readers_say_so_and_go_on(alone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def said(*command: str) -> str:
        run_command_line([*command, "--database", str(alone)])
        return capsys.readouterr().err

    pytest.importorskip("pyarrow")
    assert WORDS in said("export", "--output", str(tmp_path / "out"))
    assert WORDS in said("export", "--output", str(tmp_path / "out"))
    assert WORDS in said("report", "--device", "room-1", "--output", str(tmp_path / "out.csv"))


def test_the_dashboard_that_only_shows_it_says_so(alone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for needed in ("starlette", "babel"):
        pytest.importorskip(needed)
    past = _past(argparse.Namespace(timetable=None), alone)
    assert past is not None
    past.stop()
    assert WORDS in capsys.readouterr().err


def test_a_recorder_says_so_also_after_somebody_has_read_it(alone: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert WORDS in caveat(alone)
    assert journal(alone).exists()
    database = Database(alone, "classroom")
    database.start()
    database.stop()
    assert WORDS in caplog.text


def test_one_that_was_put_back_under_its_own_name_is_known(tmp_path: Path) -> None:
    path = tmp_path / "school.sqlite"
    record(path, 1, 20)
    journal(path).unlink()
    assert not caveat(path)  # SQLite's own tools bring a -wal into the file, and remove it
    path.rename(tmp_path / "away")
    shutil.copy(tmp_path / "away", path)
    assert WORDS in caveat(path)


def test_a_recorder_that_runs_is_no_such_case(tmp_path: Path) -> None:
    path = tmp_path / "school.sqlite"
    with recorder(path):
        assert journal(path).stat().st_size == 0  # it has just brought all of it into the file
        assert not caveat(path)
        take_over(path)


@pytest.mark.parametrize("how", ["with its -wal", "VACUUM INTO"])
def test_whole_copies_are_no_such_case(tmp_path: Path, how: str) -> None:
    path, to = tmp_path / "here/school.sqlite", tmp_path / "there/school.sqlite"
    record(path, 1, 20)
    if how == "VACUUM INTO":
        to.parent.mkdir()
        vacuum_into(path, to)
    else:
        shutil.copytree(path.parent, to.parent)
    assert not caveat(to)
    take_over(to)
    assert rows(to) == list(range(1, 21))


def test_one_that_was_closed_is_no_such_case(tmp_path: Path) -> None:
    path = tmp_path / "school.sqlite"
    record(path, 1, 3, "closed")
    copied = Path(shutil.copy(path, tmp_path / "copied.sqlite"))
    assert not caveat(copied)
    take_over(copied)


@contextlib.contextmanager
def recorder(path: Path) -> Iterator[None]:
    """A recorder that has begun, and waits."""
    program = """
import sys
from pathlib import Path
from edge.recording.database import Database
database = Database(Path(sys.argv[1]), "classroom")
database.start()
database.claim(None)
database.end_long_readers()
print("began", flush=True)
sys.stdin.read()
database.stop()
"""
    command = [sys.executable, "-c", program, str(path)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "began\n"
        yield
