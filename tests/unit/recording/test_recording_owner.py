"""Whose a recording is that is gone on with: in a folder of others, somebody can have put one there first."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge.errors import ConfigError
from edge.recording.database import Database
from tests.support.paths import ROOT

STRANGER, GROUP = 12345, 23456

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")

# Python calls a hook before SQLite opens a file, and afterwards.
EXCHANGE = """
import sys
from pathlib import Path
from edge.errors import EdgeError
from edge.recording.database import Database
path, theirs = map(Path, sys.argv[1:])
aside = path.with_name("aside")
def exchange(event, arguments):
    if event == "sqlite3.connect":
        path.rename(aside)
        theirs.rename(path)
        print("exchanged")
    elif event == "sqlite3.connect/handle":
        path.rename(theirs)
        aside.rename(path)
        print("back")
sys.addaudithook(exchange)
try:
    Database(path, "classroom").start()
except EdgeError as error:
    print(error)
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where everybody may write, and everybody may come."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o777)
        yield folder


@pytest.fixture
def path(folder: Path) -> Path:
    """A recording of ours, which nobody has open."""
    path = folder / "school.sqlite"
    opened(path)
    return path


def opened(path: Path) -> None:
    """Open it to record, and close it again."""
    database = Database(path, "classroom")
    database.start()
    database.stop()


@contextmanager
def user(number: int, *groups: int) -> Iterator[None]:
    """What is done in the context is done as another user."""
    former = os.getgroups()
    os.setgroups(groups)
    os.setegid(number)
    os.seteuid(number)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(former)


@needs_root
@pytest.mark.parametrize("mode", [0o666, 0o644, 0o600])
@pytest.mark.parametrize("name", ["school.sqlite", "school.sqlite-wal", "school.sqlite-shm", "school.sqlite-journal"])
def test_somebody_elses_file_is_not_recorded_into(path: Path, name: str, mode: int) -> None:
    file = path.parent / name
    file.touch()
    os.chown(file, STRANGER, STRANGER)
    file.chmod(mode)
    before = path.read_bytes()
    with pytest.raises(ConfigError, match=f"{name} belongs to another user \\(uid {STRANGER}\\)"):
        opened(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("name", ["school.sqlite", "school.sqlite-wal", "school.sqlite-shm", "school.sqlite-journal"])
def test_a_file_that_everybody_may_write_is_not_recorded_into(path: Path, name: str) -> None:
    file = path.parent / name
    file.touch()
    file.chmod(0o602)
    with pytest.raises(ConfigError, match=f"everybody may write .*{name}"):
        opened(path)
    file.chmod(0o640)  # for another reader
    if name == "school.sqlite":
        opened(path)


@needs_root
def test_a_file_of_ours_of_root_or_of_who_calls_sudo_is(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.chown(path, STRANGER, STRANGER)
    with user(STRANGER):
        opened(path)
    monkeypatch.setenv("SUDO_UID", str(STRANGER))
    opened(path)
    os.chown(path, 0, GROUP)
    path.chmod(0o660)
    with user(STRANGER, GROUP):
        opened(path)


@needs_root
def test_a_container_whose_user_has_another_number_at_each_start_goes_on(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What it finds is of its group, as the volumes of Kubernetes are."""
    os.chown(path, STRANGER, GROUP)
    path.chmod(0o660)
    for number in (STRANGER + 1, STRANGER + 2):
        caplog.clear()
        with user(number, GROUP):
            opened(path)
        assert caplog.messages == [
            f"{path} belongs to another user (uid {STRANGER}), so others can read and change what is recorded"
        ]
    path.chmod(0o666)
    with user(STRANGER + 1, GROUP), pytest.raises(ConfigError, match="belongs to another user"):
        opened(path)
    path.chmod(0o660)
    with user(STRANGER + 1), pytest.raises(ConfigError, match="cannot be opened"):
        opened(path)


@needs_root
def test_a_file_that_is_exchanged_while_it_is_opened_gets_nothing(path: Path) -> None:
    """Even where ours is in its place again afterwards. In a process of its own: hooks stay."""
    theirs = path.with_name("theirs")
    shutil.copy(path, theirs)
    os.chown(theirs, STRANGER, STRANGER)
    before = theirs.read_bytes()
    done = subprocess.run(
        [sys.executable, "-c", EXCHANGE, str(path), str(theirs)],
        env={"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert done.stdout == f"exchanged\nback\n{path} was moved while it was opened: look who may write into its folder\n"
    assert theirs.read_bytes() == before
