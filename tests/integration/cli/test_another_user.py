"""Commands by a user who may not look at the files: they claim nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from edge.daemon.pause_store import Pause, PauseStore
from tests.support.paths import ROOT
from tests.support.users import ORDINARY

BY_MRS_DOE = Pause("Mrs Doe", "2026-10-04T08:15:00.000Z")


def as_other(*words: str) -> tuple[int, str, str]:
    command = [*(() if os.geteuid() else ORDINARY), sys.executable, *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("paused", [True, False])
@pytest.mark.parametrize("command", ["pause", "resume"])
def test_where_nobody_can_look_nothing_is_claimed(tmp_path: Path, command: str, *, paused: bool) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    if paused:
        PauseStore(folder / "outbox.pause").store(BY_MRS_DOE)
    folder.chmod(0)
    status, out, err = as_other("-m", "edge", command, "--set", f"outbox.path={folder}/outbox.sqlite")
    folder.chmod(0o700)
    assert (status, out) == (1, "")
    expected = f"nobody can say whether there is a file {folder}/outbox.pause (Permission denied)"
    assert err == f"edge: {expected}: run this as root, or as the user of the daemon\n"
    assert [file.name for file in folder.iterdir()] == ["outbox.pause"] * paused


def test_where_nobody_can_look_no_session_is_ended(tmp_path: Path) -> None:
    folder = tmp_path / "school"
    folder.mkdir(0)
    words = ("--database", f"{folder}/school.sqlite", "--broker", "mqtt://127.0.0.1:9", "--forget")
    for named in ((), ("--client-id", "edge-recorder")):
        status, out, err = as_other("-m", "edge", "record", *words, *named)
        assert (status, out) == (78, "")
        assert err.startswith(f"edge: {folder}/school.sqlite does not exist, or not for this user: name the recording")


def test_where_the_lock_of_a_recording_may_not_be_read_no_session_is_ended(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    path, lock = tmp_path / "school.sqlite", tmp_path / "school.sqlite-lock"
    path.touch()
    lock.touch(0)
    words = ("--database", str(path), "--broker", "mqtt://127.0.0.1:9", "--forget", "--client-id", "edge-recorder")
    status, out, err = as_other("-m", "edge", "record", *words)
    assert (status, out) == (78, "")
    unknown = f"nobody can say whether {path} is recorded into: {lock} cannot be used (Permission denied)"
    assert err.startswith(f"edge: {unknown}: run this as root, or as the user who records")


@pytest.mark.parametrize(
    "words",
    [
        ("report", "--database"),
        ("dashboard", "--token-file"),
        ("access", "list", "--file"),
    ],
)
def test_what_may_not_be_read_is_not_to_be_made(tmp_path: Path, words: tuple[str, ...]) -> None:
    """It is there, and everybody who did what was advised would make another one."""
    folder = tmp_path / "closed"
    folder.mkdir(0)
    status, out, err = as_other("-m", "edge", *words, f"{folder}/file")
    assert (status, out) == (78, "")
    assert f"{folder}/file cannot be read (Permission denied): " in err
    assert ("this user" in err, " make " in err) == (True, False)


CHECK = """
import sys
from edge.config.schema import Config
from edge.daemon.guarded_camera import GuardedCamera
config = Config.model_validate({"outbox": {"path": sys.argv[1]}})
GuardedCamera(config, config, "usb:0").check()
"""


def test_a_lock_that_may_not_be_read_does_not_say_that_it_is_free(tmp_path: Path) -> None:
    outbox, lock = tmp_path / "outbox.sqlite", tmp_path / "outbox.lock"
    tmp_path.chmod(0o755)
    lock.touch(0)
    unknown = f"nobody can say whether the daemon is paused: {lock} cannot be read"
    status, out, err = as_other("-m", "edge", "resume", "--set", f"outbox.path={outbox}")
    assert (status, out) == (1, "")
    assert unknown in err
    assert f"CameraClosedError: {unknown}" in as_other("-c", CHECK, str(outbox))[2]
    lock.chmod(0o600)
    assert as_other("-m", "edge", "resume", "--set", f"outbox.path={outbox}")[1] == "it was not paused\n"
    assert as_other("-c", CHECK, str(outbox))[0] == 0
