"""Cameras: files, folders, streams and broken ones, through the capture thread that the daemon uses."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.cameras.capture_thread import CaptureThread, Frame
from edge.cameras.factory import open_camera
from edge.config.schema import Config
from edge.errors import CameraError, EdgeError


def config(**camera: object) -> Config:
    declared = {"responsible": "us", "legal_basis": "test"}
    return Config.model_validate({"camera": camera, "deployment": declared})


def run(source: str, *, frames: int = 1000, pause: float = 0.0, **camera: object) -> list[Frame]:
    """Read a source through the capture thread until it ends."""
    capture = CaptureThread(open_camera(source, config(source=source, **camera)))
    capture.start()
    taken: list[Frame] = []
    try:
        while not capture.ended and len(taken) < frames:
            frame = capture.take(timeout=5)
            if frame is not None:
                taken.append(frame)
                time.sleep(pause)
    finally:
        capture.stop()
    return taken


def picture(level: int, size: tuple[int, int] = (120, 160)) -> NDArray[np.uint8]:
    return np.full((*size, 3), level, np.uint8)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A video of 30 frames in one second, brighter and brighter."""
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 30, (160, 120))
    for index in range(30):
        writer.write(picture(index * 8))
    writer.release()
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twelve pictures, a text file and a broken picture."""
    path = tmp_path / "pictures"
    path.mkdir()
    for index in range(12):
        cv2.imwrite(str(path / f"{index:02}.png"), picture(index * 20))
    (path / "notes.txt").write_text("no picture")
    (path / "05b.jpg").write_bytes(b"broken")
    return path


def test_a_file_plays_at_its_own_speed_and_ends(clip: Path) -> None:
    began = time.monotonic()
    frames = run(f"file:{clip}")
    assert 0.8 < time.monotonic() - began < 2.5
    assert len(frames) >= 20
    assert frames[-1].image.mean() > frames[0].image.mean() + 150


def test_a_slow_consumer_gets_the_newest_frame(clip: Path) -> None:
    frames = run(f"file:{clip}", pause=0.25)
    shown = [round(frame.image.mean() / 8) for frame in frames]  # which of the 30
    assert shown == sorted(set(shown)), "none twice, none late"
    assert 2 <= len(shown) <= 15, "those that came during a pause are left out, how slow the machine may be"
    assert shown[-1] >= 28, "the last one waits for the consumer"


def test_a_file_can_loop(clip: Path) -> None:
    frames = run(f"file:{clip}", frames=50, loop=True)
    assert len(frames) == 50


def test_no_picture_of_a_folder_is_skipped(folder: Path) -> None:
    for source in (f"images:{folder}", f"images:{folder}/*.png"):
        frames = run(source, pause=0.01)
        assert [round(frame.image.mean() / 20) for frame in frames] == list(range(12))


def test_a_folder_can_loop(folder: Path) -> None:
    assert len(run(f"images:{folder}", frames=30, loop=True)) == 30


def broken(tmp_path: Path, name: str) -> Path:
    path = tmp_path / name
    path.write_bytes(b"RIFF" + b"\0" * 500)
    return path


def test_bad_inputs_have_a_remedy(tmp_path: Path, clip: Path) -> None:
    cut = tmp_path / "cut.avi"
    cut.write_bytes(clip.read_bytes()[:300])
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad").mkdir()
    broken(tmp_path, "bad/a.png")
    for source, expected in {
        f"file:{tmp_path}/none.mp4": "does not exist: check camera.source",
        f"file:{broken(tmp_path, 'noise.mp4')}": "is it a complete video file",
        f"file:{cut}": "is it a complete video file",
        f"images:{tmp_path}/empty": "no pictures in",
        f"images:{tmp_path}/nowhere/*.jpg": "no pictures in",
        f"images:{tmp_path}/bad": "can be decoded",
        "usb:63": "/dev/video63 does not exist: plug it in",
        "/dev/v4l/by-id/usb-none-index0": "does not exist",
        "/dev/null": "cannot be opened",
        "http://127.0.0.1:9/x.mjpg": "cannot be opened",
        "rtsp://me:secret@127.0.0.1:9/x": r"stream rtsp://\*\*\*@127.0.0.1:9/\*\*\* cannot be opened",
    }.items():
        with pytest.raises(EdgeError, match=expected) as caught:
            run(source)
        assert "secret" not in str(caught.value)
        assert caught.value.exit_code == 66


class Mjpeg(http.server.BaseHTTPRequestHandler):
    """A network camera that sends motion JPEG, and falls silent after some frames."""

    frames = 1000

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        for index in range(self.frames):
            jpeg = cv2.imencode(".jpg", picture(index % 250, (240, 320)))[1].tobytes()
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            try:
                self.wfile.write(head.encode() + jpeg + b"\r\n")
            except OSError:
                return
            time.sleep(0.02)
        time.sleep(20)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def network_camera() -> Iterator[http.server.ThreadingHTTPServer]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Mjpeg)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_a_network_camera(network_camera: http.server.ThreadingHTTPServer) -> None:
    frames = run(f"http://127.0.0.1:{network_camera.server_port}/cam.mjpg", frames=10)
    assert frames[0].image.shape == (240, 320, 3)


def test_a_silent_network_camera_is_noticed(
    network_camera: http.server.ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Mjpeg, "frames", 30)
    began = time.monotonic()
    with pytest.raises(CameraError, match="delivers no frames"):
        run(f"http://127.0.0.1:{network_camera.server_port}/cam.mjpg", read_timeout=1)
    assert time.monotonic() - began < 10
