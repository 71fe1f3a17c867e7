"""With `camera.source: auto` another camera than at first is said, and makes another place."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from edge.config.schema import Config
from edge.daemon.known_cameras import other_camera
from tests.support.faults import SmallDisk

FIRST, OTHER = "/dev/v4l/by-id/usb-Logitech-index0", "/dev/v4l/by-id/usb-AVer-index0"


def room(source: str = "auto") -> Config:
    return Config.model_validate({"mode": "headcount", "camera": {"source": source}})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state/outbox.camera"


def test_the_first_one_is_remembered_and_another_one_is_said(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert other_camera(room(), "sample", path) == ""  # no camera
    assert other_camera(room(), FIRST, path) == other_camera(room(), FIRST, path) == ""
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not caplog.records
    for _ in range(2):
        assert other_camera(room(), OTHER, path) == OTHER
    assert f"found {OTHER}, and at first it was {FIRST}" in caplog.text
    assert len(caplog.records) == 2  # one line for each start
    assert other_camera(room(), FIRST, path) == ""


def test_a_camera_that_the_configuration_names_is_not_remembered_but_compared(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert other_camera(room(OTHER), OTHER, path) == ""
    assert not path.exists()
    other_camera(room(), FIRST, path)
    assert other_camera(room(OTHER), OTHER, path) == OTHER  # as with auto: the same series goes on
    assert other_camera(room(FIRST), FIRST, path) == ""
    address = "rtsp://jane:secret@10.0.0.1/h264"
    assert "secret" not in other_camera(room(address), address, path)
    assert not caplog.records


@pytest.mark.parametrize("content", ["", "[]", "\xff"])
def test_with_a_damaged_file_every_camera_is_another_one(
    path: Path, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    path.parent.mkdir()
    path.write_text(content, encoding="latin-1")
    assert other_camera(room(), FIRST, path) == FIRST
    assert f"{path} cannot be read" in caplog.text
    path.unlink()
    assert other_camera(room(), FIRST, path) == ""


def test_names_of_the_same_device_are_the_same_camera(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    links = {FIRST: "/dev/video0", "/dev/v4l/by-path/usb-1:1.0": "/dev/video0", OTHER: "/dev/video2"}
    monkeypatch.setattr("os.path.realpath", lambda name: links.get(name, name))
    assert other_camera(room(), FIRST, path) == ""
    for name in ("usb:0", "/dev/video0", "/dev/v4l/by-path/usb-1:1.0"):
        assert other_camera(room(name), name, path) == ""
    for name in ("usb:2", "/dev/video2", OTHER, "picamera"):
        assert other_camera(room(name), name, path) == name


def test_where_nothing_can_be_kept_it_is_said(disk: SmallDisk, caplog: pytest.LogCaptureFixture) -> None:
    disk.fill()
    assert other_camera(room(), FIRST, disk.folder / "outbox.camera") == ""
    assert "another camera would not be noticed" in caplog.text
