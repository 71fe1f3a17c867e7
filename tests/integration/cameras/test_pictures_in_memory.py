"""Of a camera that was closed no decoded picture stays in the memory of the process, whatever decoded it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("av", reason="PyAV writes the film, and decodes what is looked for")

import av

from edge.daemon.malloc import LARGE
from tests.support.faulty_camera import STREAMS, FaultyCamera, faulty_camera, jpeg, picture
from tests.support.films import noisy_h264
from tests.support.paths import ROOT

# So large that the C library gives each back to the system, but for what is compressed.
SIZE = (1920, 1080)
PICTURE = jpeg(picture(150, SIZE))
DEBIANS = Path("/usr/lib/python3/dist-packages/av")  # python3-av
DECODERS = [
    "pyav",
    "debian",
    pytest.param(
        "opencv",
        marks=pytest.mark.skipif(cv2.__version__.startswith("4.11."), reason="OpenCV 4.11 takes no network cameras"),
    ),
]

CHILD = """
import gc, sys, time
from edge.cameras import stream, video_decoder
from edge.cameras.capture_thread import CaptureThread
from edge.cameras.supervisor import CameraSupervisor
from edge.daemon.malloc import give_back_at_once, wipe_freed

give_back_at_once()
wipe_freed()
gc.disable()  # cycles would stay for hours, too, in a daemon that is paused
stream.SNAPSHOT_SECONDS = 0.02
video_decoder.has_pyav = lambda: sys.argv[2] != "opencv"
camera = CameraSupervisor(
    lambda: CaptureThread(stream.StreamCamera(sys.argv[1], 20, 20)), time.monotonic, recovers=True
)
camera.start()
camera.wait_open(60)
for _ in range(2):
    while (frame := camera.take(1)) is None:
        pass
print("open", flush=True)
sys.stdin.readline()
del frame
camera.pause()
while not camera.closed:
    time.sleep(0.01)
    camera.update_closing()
print("closed", flush=True)
sys.stdin.readline()
"""


@pytest.fixture(scope="module")
def h264(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return noisy_h264(tmp_path_factory.mktemp("film") / "film.h264", 3, SIZE)


@pytest.fixture
def camera(h264: bytes, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyCamera]:
    monkeypatch.setitem(STREAMS, "/stream", lambda _n: PICTURE)
    with faulty_camera() as camera:
        camera.files["/picture.jpg"] = PICTURE
        camera.files["/film.h264"] = h264
        yield camera


def pieces_of(path: Path, sent: bytes) -> list[bytes]:
    """A piece of a row of each picture that was sent: of its brightness, and as BGR by either decoder."""
    path.write_bytes(sent)
    with av.open(str(path)) as container:
        frames: list[Any] = list(container.decode(video=0))
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    images = [frame.to_ndarray(format="bgr24") for frame in frames] + [capture.read()[1] for _ in frames]
    if sent is PICTURE:
        images.append(cv2.imdecode(np.frombuffer(sent, np.uint8), cv2.IMREAD_COLOR))
    planes = [np.frombuffer(frame.planes[0], np.uint8).reshape(SIZE[1], -1) for frame in frames]
    return [rows[SIZE[1] // 2].ravel()[300:348].tobytes() for rows in [*planes, *images]]


def found_in(process: subprocess.Popen[str], pieces: list[bytes]) -> int:
    """How many of them are somewhere in what that process has written to its memory."""
    written: list[bytes] = []
    with Path(f"/proc/{process.pid}/mem").open("rb", 0) as memory:
        for line in Path(f"/proc/{process.pid}/maps").read_text().splitlines():
            start, end = (int(address, 16) for address in line.split()[0].split("-"))
            if " rw" in line:
                memory.seek(start)
                with contextlib.suppress(OSError):  # given back meanwhile
                    written.append(memory.read(end - start))
    return sum(any(piece in data for data in written) for piece in pieces)


@pytest.mark.parametrize("decoder", ["pyav", DECODERS[-1]])
def test_nor_does_a_compressed_picture_stay(decoder: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is so small that it lies in a heap, which nobody uses in a pause."""
    noise = np.random.default_rng(1).integers(0, 255, (45, 80, 3), np.uint8)
    sent = jpeg(np.asarray(cv2.resize(noise, (640, 360)), np.uint8))
    assert 20_000 < len(sent) < LARGE
    monkeypatch.setitem(STREAMS, "/stream", lambda _n: sent)
    with faulty_camera() as camera:
        check(
            camera.url("/stream"), decoder, [sent[at : at + 48] for at in range(2000, len(sent) - 48, 4000)], tmp_path
        )


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("path", ["/picture.jpg", "/film.h264", "/stream"])
def test_a_camera_that_is_closed_leaves_no_picture_in_memory(
    camera: FaultyCamera, path: str, decoder: str, tmp_path: Path
) -> None:
    pieces = pieces_of(tmp_path / "sent", camera.files.get(path, PICTURE))
    check(camera.url(path), decoder, pieces, tmp_path)


def check(url: str, decoder: str, pieces: list[bytes], tmp_path: Path) -> None:
    """Some of these are in memory while that camera is open, and none once it is closed."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    if decoder == "debian":
        (tmp_path / "debian").mkdir()
        (tmp_path / "debian" / "av").symlink_to(DEBIANS)
        environment["PYTHONPATH"] = f"{tmp_path / 'debian'}:{ROOT}"
        tried = [sys.executable, "-c", "import av"]
        if subprocess.run(tried, env=environment, capture_output=True, check=False).returncode:
            pytest.skip("this Python has no python3-av of Debian")
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD, url, decoder],
        env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "open\n"
        assert found_in(process, pieces)
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline() == "closed\n"
        assert not found_in(process, pieces)
    finally:
        process.kill()
        process.communicate()
