"""Files that a command writes where it is told to: whole, and in the place of nothing but a plain file."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.cli import run_command_line
from tests.support.brokers import Subscriber
from tests.support.lessons import message, record
from tests.support.paths import ROOT
from tests.unit.recording.test_rollups import MONDAY

Write = Callable[[Path], int]


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording with a window."""
    file = tmp_path_factory.mktemp("school") / "school.sqlite"
    record(file, [("window", message(1, MONDAY))])
    return file


@pytest.fixture(params=["a.html", "a.csv", "a.png", "school.html", "school.csv", "school.png", "image", "bench"])
def command(
    request: pytest.FixtureRequest, school: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Write]:
    """The name of a file, and a command that writes it."""
    name: str = request.param
    day = ["report", "--database", str(school), "--day", f"{MONDAY:%Y-%m-%d}"]
    if name == "image":
        grey = tmp_path_factory.mktemp("pictures") / "grey.png"
        cv2.imwrite(str(grey), np.full((240, 320), 128, np.uint8))
        return "a.png", lambda path: run_command_line(["image", str(grey), "--output", str(path)])
    if name == "bench":
        few = ["bench", "--frames", "2", "--faces", "1", "--size", "320x240"]
        return "a.json", lambda path: run_command_line([*few, "--json", str(path)])
    whole = ["--school"] if name.startswith("school") else []
    return name, lambda path: run_command_line([*day, *whole, "--output", str(path)])


def test_a_link_leads_nowhere_and_a_pipe_holds_nobody_up(
    command: tuple[str, Write], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    name, write = command
    victim = tmp_path / "victim"
    victim.write_text("as it was")
    (tmp_path / name).symlink_to(victim)
    assert write(tmp_path / name) != 0
    assert "cannot be written: a link is there" in capfd.readouterr().err
    assert victim.read_text() == "as it was"
    (tmp_path / name).unlink()
    os.mkfifo(tmp_path / name)
    assert write(tmp_path / name) != 0
    assert "cannot be written: not a regular file" in capfd.readouterr().err


def test_what_was_there_is_replaced_and_keeps_its_mode(command: tuple[str, Write], tmp_path: Path) -> None:
    name, write = command
    file = tmp_path / name
    file.write_text("older")
    file.chmod(0o640)
    (tmp_path / f".{name}.new").write_text("of a run that was ended")
    os.link(file, tmp_path / "kept")
    assert write(file) == 0
    assert file.stat().st_mode & 0o777 == 0o640
    assert file.stat().st_size > len("older")
    assert (tmp_path / "kept").read_text() == "older"
    assert {each.name for each in tmp_path.iterdir()} == {name, "kept"}


def test_a_picture_that_was_written_can_be_read(tmp_path: Path, school: Path) -> None:
    for scope in ([], ["--school"]):
        path = tmp_path / f"{len(scope)}.png"
        words = ["report", "--database", str(school), "--day", f"{MONDAY:%Y-%m-%d}", *scope, "--output", str(path)]
        assert run_command_line(words) == 0
        assert cv2.imread(str(path)) is not None


def test_what_was_measured_is_shown_where_the_file_cannot_be_written(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    few = ["bench", "--frames", "2", "--faces", "1", "--size", "320x240"]
    assert run_command_line([*few, "--json", str(tmp_path / "none/a.json")]) == 1
    said = capfd.readouterr()
    assert "a.json cannot be written: No such file" in said.err
    assert "1 320x240" in said.out


def test_the_name_of_a_picture_is_shown_without_what_a_terminal_obeys(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in ("red\x1b[31m.png", "line\nbreak.png", "mirrored\u202e.png"):
        cv2.imwrite(str(tmp_path / "grey.png"), np.full((240, 320), 128, np.uint8))
        (tmp_path / "grey.png").rename(tmp_path / name)
        (tmp_path / f"no{name}").touch()
    assert run_command_line(["image", "--set", "mode=headcount", *map(str, tmp_path.iterdir())]) != 0
    said = capfd.readouterr()
    assert sorted(line.rpartition("/")[2] for line in said.out.splitlines()) == [
        "line?break.png: 0 faces", "mirrored?.png: 0 faces", "red?[31m.png: 0 faces",
    ]  # fmt: skip
    assert not {"\x1b", "\u202e"} & set(said.err)


@pytest.mark.parametrize("how", ["", "1"], ids=["buffered", "unbuffered"])
@pytest.mark.parametrize("command", [["version"], ["schema"], ["masks"], ["resume"], ["--help"], ["--version"]])
def test_an_output_that_takes_nothing_more_is_said_in_words(tmp_path: Path, command: list[str], how: str) -> None:
    """As `edge report ... >> /var/log/edge.log` on a full disk."""
    environment = {**os.environ, "XDG_STATE_HOME": str(tmp_path), "PYTHONUNBUFFERED": how}
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "edge", *command], stdout=full, stderr=subprocess.PIPE, env=environment, text=True,
            check=False, timeout=60,
        )  # fmt: skip
    words = "edge: the output cannot be written (No space left on device): make room on the disk\n"
    assert (done.returncode, done.stderr) == (1, words)


@pytest.mark.parametrize(("command", "status"), [("pause", 1), ("resume", 0), ("--help", 0)])
def test_who_reads_no_more_changes_nothing_of_what_the_exit_status_says(
    tmp_path: Path, command: str, status: int
) -> None:
    """Without a daemon, nobody confirms a pause."""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "edge", command], cwd=tmp_path, stdout=writer, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "XDG_STATE_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}, check=False, timeout=60,
    )  # fmt: skip
    os.close(writer)
    assert (done.returncode, "Traceback" in done.stderr, "BrokenPipe" in done.stderr) == (status, False, False)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EMFILE, "edge: Too many open files: end what holds so many, or raise the limit (ulimit -n)\n"),
        (errno.EIO, "edge: a disk fails, or what the output goes to (Input/output error)\n"),
    ],
)
def test_what_is_no_fault_of_the_output_is_not_said_of_it(
    number: int, words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    def begin() -> None:
        raise OSError(number, os.strerror(number))

    assert (run_command_line(["version"], begin), capfd.readouterr().err) == (1, words)


def test_with_its_output_closed_a_daemon_counts_all_the_same(
    subscribe: Callable[..., Subscriber], broker: int, tmp_path: Path
) -> None:
    """As old scripts start one: `edge run >&- 2>&-`."""
    settings = ("camera.source=sample", "window.seconds=1", f"mqtt.broker=mqtt://127.0.0.1:{broker}")
    arguments = " ".join(f"--set {setting}" for setting in settings)
    command = f"exec {sys.executable} -m edge run {arguments} <&- >&- 2>&-"
    environment = {**os.environ, "XDG_STATE_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(["sh", "-c", command], cwd=tmp_path, env=environment) as daemon:
        try:
            subscribe(broker).wait("window", 2)
        finally:
            daemon.terminate()
    assert daemon.returncode == 0
