"""Paths that somebody named, and at which nobody may look."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.cameras.image_folder import ImageFolderCamera
from edge.cameras.video_file import FileCamera
from edge.cli import run_command_line
from edge.delivery.outbox_tables import read_only
from edge.errors import CameraError, EdgeError
from edge.files.presence import is_file, is_folder, is_there, why_no_file
from edge.model_files.cards import EmotionCard, emotion_card_path, read_card
from edge.recording.deletion import Eraser
from edge.recording.postgres.copying import SchoolFile
from edge.recording.read_only_file import open_to_read

LONG = "/" + 300 * "x"  # longer than any name may be; whoever is root may look everywhere else


def test_what_cannot_be_looked_at_is_not_there(tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    for path in (LONG, loop):
        assert (is_there(path), is_file(path), is_folder(path)) == (False, False, False)
    assert why_no_file(LONG) == f"{LONG} cannot be read (File name too long)"
    assert why_no_file(loop) == f"{loop} cannot be read (Too many levels of symbolic links)"
    assert why_no_file(tmp_path) == f"{tmp_path} is not a file"
    assert why_no_file(tmp_path / "none") == f"{tmp_path}/none does not exist"
    (tmp_path / "file").touch()
    assert why_no_file(tmp_path / "file") == ""


@pytest.mark.parametrize(
    ("use", "remedy"),
    [
        (lambda: read_card(emotion_card_path(f"{LONG}.json"), EmotionCard), "where this user may read it"),
        (lambda: open_to_read(Path(LONG)), "that this user may read"),
        (lambda: SchoolFile(Path(LONG), "classroom").start(), "that this user may read"),
        (lambda: Eraser(Path(LONG)).start(), "that this user may write"),
    ],
)
def test_it_is_an_error_in_words(use: Callable[[], object], remedy: str) -> None:
    with pytest.raises(EdgeError, match=f"File name too long.*: .*{remedy}"):
        use()


def test_a_film_that_cannot_be_looked_at() -> None:
    with pytest.raises(CameraError, match="File name too long"):
        FileCamera(LONG, loop=False).start()


def test_pictures_that_cannot_be_looked_at() -> None:
    with pytest.raises(CameraError, match="File name too long"):
        ImageFolderCamera(LONG, loop=False).start()


def test_a_loop_of_links_on_the_way_is_an_error_in_words(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    picture = Path(__file__).parents[3] / "docs" / "dashboard.png"
    with pytest.raises(sqlite3.OperationalError), read_only(loop / "outbox.sqlite"):
        pytest.fail("there is nothing")
    for files in ([loop, "--output", tmp_path / "x.png"], [picture, "--output", loop]):
        assert run_command_line(["image", *map(str, files)]) == 66
        assert str(loop) in capfd.readouterr().err


def test_no_command_ends_in_a_traceback_for_it(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    def begin() -> None:
        raise PermissionError(errno.EACCES, "Permission denied", "/closed/file")

    assert run_command_line(["version"], begin) == 1
    remedy = "name another path, or start it as a user who may use that one"
    assert capfd.readouterr().err == f"edge: /closed/file cannot be used (Permission denied): {remedy}\n"
    [line] = caplog.records  # of a service: nobody may have named that file
    assert line.exc_info
    assert run_command_line(["report", "--database", LONG, "--output", "x.csv"]) == 78
    assert "File name too long" in capfd.readouterr().err
