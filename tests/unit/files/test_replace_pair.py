"""A file and its secret: whenever the writer fails or is killed, no secret is beside a file that is not its own."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edge.errors import ConfigError, EdgeError
from edge.files.replace_file import staged_file
from edge.files.replace_pair import put_pair
from edge.files.secret_file import read_secret
from tests.support.paths import ROOT

KILLED_AT = """
import os, signal, sys
from pathlib import Path
from tests.unit.files.test_replace_pair import put
real, left = Path.replace, [int(sys.argv[2])]
def replace(self, target):
    left[0] -= 1
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(self, target)
Path.replace = replace
put(Path(sys.argv[1]))
"""


def put(folder: Path) -> Path | None:
    with staged_file(folder / "c.yaml", b"new", 0o644) as file, staged_file(folder / "secret", b"NEW", 0o600) as secret:
        return put_pair(file, secret)


def old(folder: Path) -> None:
    (folder / "c.yaml").write_bytes(b"old")
    (folder / "secret").write_bytes(b"OLD")


def pair(folder: Path) -> tuple[bytes | None, ...]:
    return tuple(path.read_bytes() if path.exists() else None for path in (folder / "c.yaml", folder / "secret"))


@pytest.mark.parametrize("there", [True, False], ids=["replaced", "first"])
@pytest.mark.parametrize("rename", [1, 2, 3])
def test_whoever_is_killed_leaves_no_secret_beside_the_other_file(tmp_path: Path, rename: int, *, there: bool) -> None:
    if there:
        old(tmp_path)
    before = pair(tmp_path)
    done = subprocess.run([sys.executable, "-c", KILLED_AT, str(tmp_path), str(rename)], cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    states = {1: before, 2: (before[0], None), 3: (b"new", None)}
    assert pair(tmp_path) == states[rename]
    if there and rename > 1:
        with pytest.raises(ConfigError, match="saving it was interrupted: give the password again"):
            read_secret(tmp_path / "secret", "mqtt.password_file")
    put(tmp_path)
    assert pair(tmp_path) == (b"new", b"NEW")
    assert not (tmp_path / ".secret.old").exists()


@pytest.mark.parametrize("there", [True, False], ids=["replaced", "first"])
@pytest.mark.parametrize("rename", [1, 2, 3])
def test_what_fails_leaves_both_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rename: int, *, there: bool
) -> None:
    if there:
        old(tmp_path)
    before, real, left = pair(tmp_path), Path.replace, [rename]

    def replace(path: Path, target: Path) -> Path:
        left[0] -= 1
        if left[0] == 0:
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        return real(path, target)

    monkeypatch.setattr(Path, "replace", replace)
    with pytest.raises(EdgeError, match="what was there is as it was"):
        put(tmp_path)
    assert pair(tmp_path) == before
    assert len(list(tmp_path.iterdir())) == (2 if there else 0)


def test_a_file_that_cannot_be_put_back_gets_no_old_secret_and_the_message_says_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old(tmp_path)
    real, left = Path.replace, [2]  # then the disk is gone for good

    def replace(path: Path, target: Path) -> Path:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(path, target)

    monkeypatch.setattr(Path, "replace", replace)
    with pytest.raises(EdgeError, match=r"c\.yaml could not be put back .* what was there is in .*c\.yaml\.bak-"):
        put(tmp_path)
    assert pair(tmp_path) == (b"new", None)


def test_what_somebody_killed_left_behind_is_removed(tmp_path: Path) -> None:
    left, fresh = tmp_path / ".c.yaml.abcd_123.new", tmp_path / ".c.yaml.abcd_456.new"
    for each in (left, fresh):
        each.write_bytes(b"rtsp://me:secret@camera")
    os.utime(left, (time.time() - 7200, time.time() - 7200))
    put(tmp_path)
    assert (left.exists(), fresh.exists()) == (False, True)  # somebody may be about to put that one
