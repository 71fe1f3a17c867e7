"""Cameras: files, folders, streams and broken ones, through the capture thread that the daemon uses."""

from __future__ import annotations

import http.server
import itertools
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.cameras.capture_thread import CaptureThread, Frame
from edge.cameras.factory import open_camera, resolve_source
from edge.cameras.orientation import Orientation, OrientedCamera
from edge.config.schema import Config
from edge.errors import CameraError, EdgeError
from tests.support.brokers import wait_for


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
    assert 3 <= len(frames) <= 6
    assert all(after.time - before.time > 0.2 for before, after in itertools.pairwise(frames[:-1]))


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
        "rtsp://me:secret@127.0.0.1:9/x": r"stream rtsp://\*\*\*@127.0.0.1:9/x cannot be opened",
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
    with pytest.raises(CameraError, match="yields no frame"):
        run(f"http://127.0.0.1:{network_camera.server_port}/cam.mjpg", read_timeout=1)
    assert time.monotonic() - began < 10


class Odd:
    """A camera that hands over unusable frames, then dies in a way that nobody foresaw."""

    name = "odd"
    every_frame = False

    def start(self) -> None:
        self.left = 5

    def read(self) -> NDArray[np.uint8] | None:
        self.left -= 1
        if self.left == 0:
            raise ZeroDivisionError("driver")
        return np.empty((0, 0, 3), np.uint8)

    def stop(self) -> None:
        pass


def test_what_a_driver_raises_becomes_one_error(caplog: pytest.LogCaptureFixture) -> None:
    capture = CaptureThread(Odd())
    capture.start()
    wait_for(lambda: not capture._thread.is_alive(), 5)
    with pytest.raises(CameraError, match="camera odd failed: ZeroDivisionError: driver"):
        capture.take(1)
    capture.stop()
    assert caplog.text.count("unusable frame") == 1


def test_a_camera_that_yields_nothing_usable_is_given_up() -> None:
    class Empty(Odd):
        def read(self) -> NDArray[np.uint8] | None:
            time.sleep(0.01)
            return np.empty((0, 0, 3), np.uint8)

    for camera, limits in ((Empty(), (1, 0.5)), (Stuck(), (1, 0.5))):
        capture = CaptureThread(camera, *limits)
        capture.start()
        assert capture.wait_open(1)
        began = time.monotonic()
        with pytest.raises(CameraError, match="gave no usable frame in 1.5 s"):  # noqa: PT012
            while time.monotonic() - began < 5:
                assert capture.take(0.2) is None
        capture.stop()


def test_a_camera_that_does_not_open_is_given_up() -> None:
    class Slow(Odd):
        def start(self) -> None:
            time.sleep(30)

    capture = CaptureThread(Slow(), 0.2)
    capture.start()
    began = time.monotonic()
    with pytest.raises(CameraError, match="did not open in time"):  # noqa: PT012
        while time.monotonic() - began < 5:
            capture.wait_open(0.2)
    capture.stop()


class Stuck(Odd):
    """A camera whose driver never returns."""

    def read(self) -> NDArray[np.uint8] | None:
        time.sleep(60)
        return None


def test_a_stuck_driver_does_not_hold_up_the_end() -> None:
    capture = CaptureThread(Stuck())
    capture.start()
    assert capture.take(0.1) is None
    began = time.monotonic()
    assert not capture.stop()
    assert time.monotonic() - began < 2


def test_auto_without_a_camera_shows_the_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.cameras.factory.usb_devices", list)
    assert resolve_source(Config())[0] == "sample"
    somebody = Config.model_validate({"deployment": {"responsible": "J. Doe", "legal_basis": "consent"}})
    with pytest.raises(CameraError, match="auto found no camera"):  # whose room would the made-up class be?
        resolve_source(somebody)


def test_auto_asks_for_a_deployment_before_it_opens_a_camera(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.cameras.factory.usb_devices", lambda: ["/dev/video7"])
    source, sentence = resolve_source(Config())
    assert source == "sample"
    assert "/dev/video7 was found" in sentence
    assert "deployment.responsible" in sentence
    assert resolve_source(config(source="auto"))[0] == "/dev/video7"


class Steady:
    """A camera of 50 frames a second that counts what is decoded."""

    name = "steady"
    every_frame = False

    def __init__(self) -> None:
        self.read_frames = self.skipped = 0

    def start(self) -> None:
        pass

    def read(self) -> NDArray[np.uint8]:
        time.sleep(0.02)
        self.read_frames += 1
        return picture(9)

    def skip(self) -> None:
        time.sleep(0.02)
        self.skipped += 1

    def stop(self) -> None:
        pass


@pytest.mark.parametrize("turned", [False, True])
def test_frames_that_nobody_would_see_are_not_decoded(*, turned: bool) -> None:
    camera = Steady()
    capture = CaptureThread(OrientedCamera(camera, Orientation(horizontal=True)) if turned else camera)
    capture.start()
    assert capture.wait_open(5)
    ages = []
    for _ in range(8):
        capture.skip_until(time.monotonic() + 0.25)
        time.sleep(0.25)
        frame = capture.take(5)
        assert frame is not None
        ages.append(time.monotonic() - frame.time)
    capture.stop()
    assert camera.skipped > camera.read_frames  # of some 13 frames between two visits, three or so may be wanted
    assert sorted(ages)[4] < 0.1


def test_a_consumer_that_comes_early_is_served_all_the_same() -> None:
    camera = Steady()
    capture = CaptureThread(camera)
    capture.start()
    assert capture.take(5) is not None
    capture.skip_until(time.monotonic() + 30)
    began = time.monotonic()
    assert capture.take(5) is not None
    assert capture.take(5) is not None
    assert time.monotonic() - began < 3
    capture.stop()


def test_a_frame_tells_whether_it_had_to_wait() -> None:
    capture = CaptureThread(Steady())
    capture.start()
    first = capture.take(5)
    time.sleep(0.3)
    second = capture.take(5)
    third = capture.take(5)
    capture.stop()
    assert first
    assert second
    assert third
    assert (first.waited, second.waited, third.waited) == (False, True, False)
