"""Network cameras as they are: streams that change, break and end, and addresses that are something else."""

from __future__ import annotations

import re
import socket
import struct
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import cv2
import numpy as np
import pytest

from edge.cameras import video_decoder
from edge.cameras.capture_thread import CaptureThread, Frame
from edge.cameras.exif import TURNS
from edge.cameras.factory import open_camera
from edge.cameras.stream import StreamCamera
from edge.config.schema import Config
from edge.errors import CameraError
from tests.support.brokers import wait_for
from tests.support.faulty_camera import (
    GOOD,
    PASSWORD,
    STREAMS,
    USER,
    FaultyCamera,
    faulty_camera,
    lying,
    many_scans,
    picture,
)
from tests.support.paths import ROOT
from tests.support.snapshot_camera import snapshot_camera
from tests.support.tls_camera import tls_camera

pytest.importorskip("av", reason="PyAV has no wheel here; OpenCV decodes video")

import av

from tests.support.films import many_slices, plain_h264, with_sound

# Without `err_detect` it would decode them, and half pictures as well.
takes_stray_bytes_for_damage = pytest.mark.xfail(
    av.library_versions["libavcodec"] < (62, 28), reason="FFmpeg before 8.1 takes stray bytes in a JPEG for damage"
)
BOTH = [
    "pyav",
    pytest.param(
        "opencv",
        marks=pytest.mark.skipif(cv2.__version__.startswith("4.11."), reason="OpenCV 4.11 takes no network cameras"),
    ),
]


@pytest.fixture
def camera() -> Iterator[FaultyCamera]:
    with faulty_camera() as camera:
        yield camera


def frames(url: str, seconds: float, **settings: object) -> list[Frame]:
    """What the capture thread hands out in that time."""
    declared = {"responsible": "us", "legal_basis": "test"}
    config = Config.model_validate({"camera": {"source": url, **settings}, "deployment": declared})
    capture = CaptureThread(open_camera(url, config), read_timeout=config.camera.read_timeout)
    capture.start()
    taken: list[Frame] = []
    try:
        capture.wait_open(config.camera.open_timeout)
        until = time.monotonic() + seconds
        while time.monotonic() < until and not capture.ended:
            if (frame := capture.take(0.5)) is not None:
                taken.append(frame)
    finally:
        capture.stop(2)
    return taken


def is_whole(frame: Frame) -> bool:
    """Whether the picture is one that was sent, in all of its parts."""
    height, width = frame.image.shape[:2]
    sent = picture(150 if width == 640 else 100, (width, height))
    return bool(np.abs(frame.image.astype(int) - sent).mean() < 12)


@pytest.mark.parametrize("decoder", BOTH)
def test_files_are_not_taken_from_a_network(
    camera: FaultyCamera, decoder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They may carry gigabytes before their first picture."""
    monkeypatch.setattr(video_decoder, "has_pyav", lambda: decoder == "pyav")
    stream = StreamCamera(camera.url("/film"), 3, 3)
    with pytest.raises(CameraError, match=r"not taken from a network"):
        stream.start()


def test_a_picture_that_changes_its_size(camera: FaultyCamera) -> None:
    taken = frames(camera.url("/resize"), 2)
    assert {frame.image.shape[:2] for frame in taken} == {(360, 640), (240, 320)}
    assert all(map(is_whole, taken))


@pytest.mark.parametrize("path", ["/garbage", "/truncated", pytest.param("/stray", marks=takes_stray_bytes_for_damage)])
def test_what_cannot_be_decoded_is_passed_over(
    camera: FaultyCamera, path: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    taken = frames(camera.url(path), 3)
    assert len(taken) > 30
    assert all(map(is_whole, taken))
    gaps = np.diff([frame.time for frame in taken])
    assert gaps.max() < 1
    said = [record.message for record in caplog.records if "cannot be decoded" in record.message]
    assert len(said) <= 2
    assert (path == "/stray") == (not said)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("decoder", BOTH)
def test_a_camera_that_sends_an_empty_part_now_and_then(
    camera: FaultyCamera, decoder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(video_decoder, "has_pyav", lambda: decoder == "pyav")
    stream = StreamCamera(camera.url("/empty-part"), 20, 20)
    stream.start()
    try:
        assert [image.shape for _ in range(12) if (image := stream.read()) is not None] == 12 * [(360, 640, 3)]
    finally:
        stream.stop()


@pytest.mark.parametrize("decoder", BOTH)
def test_the_name_of_a_camera_may_be_in_any_encoding(
    camera: FaultyCamera, decoder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(video_decoder, "has_pyav", lambda: decoder == "pyav")
    camera.files["/room.flv"] = plain_h264(tmp_path / "room.flv", 160, 20, title="K\xfcche")
    assert b"K\xfcche" in camera.files["/room.flv"]
    for source in (camera.url("/room.flv"), f"file:{tmp_path}/room.flv"):
        declared = {"responsible": "us", "legal_basis": "test"}
        config = Config.model_validate({"camera": {"source": source}, "deployment": declared})
        opened = open_camera(source, config)
        opened.start()
        try:
            image = opened.read()
            assert image is not None
            assert image.shape == (160, 160, 3)
        finally:
            opened.stop()


@pytest.mark.parametrize(("name", "codec"), [("room.flv", "libx264"), ("room.ts", "libx265")])
def test_a_picture_of_too_many_slices_is_not_decoded(
    camera: FaultyCamera, name: str, codec: Literal["libx264", "libx265"], tmp_path: Path
) -> None:
    """Each may cost as much as the whole picture, and until the last one nothing can close the camera."""
    for count, expected in ((500, 60), (1000, 55)):
        camera.files[f"/{name}"] = many_slices(tmp_path / name, codec, count)
        stream = StreamCamera(camera.url(f"/{name}"), 20, 20)
        stream.start()
        taken = 0
        try:
            with pytest.raises(CameraError) as caught:  # noqa: PT012
                while stream.read() is not None:
                    taken += 1
        finally:
            stream.stop()
        assert taken == pytest.approx(expected, abs=2)
        assert ("a picture of more than 640 slices or other units (h" in str(caught.value)) == (count == 1000)


def test_a_stream_in_which_nothing_can_be_decoded_is_no_camera(camera: FaultyCamera) -> None:
    with pytest.raises(CameraError, match=r"delivers nothing that can be decoded \(mjpeg\): choose another codec"):
        frames(camera.url("/nothing-decodable"), 10, read_timeout=1)


def test_a_stream_that_ends_is_a_lost_camera(camera: FaultyCamera) -> None:
    with pytest.raises(CameraError, match="delivers no frames"):
        frames(camera.url("/closes"), 5)


def test_a_snapshot_is_fetched_again_and_again(camera: FaultyCamera) -> None:
    taken = frames(camera.url("/snapshot.jpg"), 2.6)
    assert 3 <= len(taken) <= 7
    levels = [frame.image.mean() for frame in taken]
    assert levels == sorted(levels)
    assert levels[-1] > levels[0] + 2


@pytest.mark.parametrize("decoder", BOTH)
@pytest.mark.parametrize("kind", [".jpg", ".png"])
def test_an_address_that_gives_one_picture_may_have_any_name(
    camera: FaultyCamera, kind: str, decoder: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(video_decoder, "has_pyav", lambda: decoder == "pyav")
    path = "/cgi-bin/snapshot.cgi?channel=1"
    camera.files[path] = cv2.imencode(kind, picture(150))[1].tobytes()
    stream = StreamCamera(camera.url(path), 20, 20)
    stream.start()
    for _ in range(3):
        found = stream.read()
        assert found is not None
        assert found.shape == (360, 640, 3)
    stream.stop()
    assert len(camera.asked) == 3
    assert not caplog.records


@pytest.mark.parametrize("path", ["/snapshot.png", "/cgi-bin/snapshot"])
@pytest.mark.parametrize("count", [900, 80_000])
def test_a_png_of_too_many_texts_is_not_decoded(camera: FaultyCamera, path: str, count: int) -> None:
    """FFmpeg takes 100 s for 80,000, in which no pause could close the camera."""
    png, behind_header = cv2.imencode(".png", picture(150))[1].tobytes(), 33
    texts = (b"tEXtk%07d\0v" % number for number in range(count))
    chunks = (struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text)) for text in texts)
    camera.files[path] = png[:behind_header] + b"".join(chunks) + png[behind_header:]
    stream = StreamCamera(camera.url(path), 20, 0.5)
    began = time.process_time()
    stream.start()
    if count == 900:
        found = stream.read()
        assert found is not None
        assert (found == picture(150)).all()
    else:
        with pytest.raises(CameraError, match="delivers no frames"):
            stream.read()
    stream.stop()
    assert time.process_time() - began < 5


@pytest.mark.parametrize("decoder", BOTH)
def test_a_snapshot_that_cannot_be_decoded_is_passed_over(
    camera: FaultyCamera, decoder: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(video_decoder, "has_pyav", lambda: decoder == "pyav")
    stream = StreamCamera(camera.url("/sometimes"), 20, 20)
    stream.start()
    for _ in range(2):
        found = stream.read()
        assert found is not None
        assert np.abs(found.astype(int) - picture(150)).mean() < 12
    stream.stop()
    assert len(camera.asked) == 3
    assert len([record for record in caplog.records if "cannot be decoded" in record.message]) == 1


@pytest.mark.parametrize("decoder", BOTH)
@pytest.mark.parametrize("number", range(1, 9))
@pytest.mark.parametrize("kind", ["stream", "snapshot"])
def test_a_mark_is_obeyed_whichever_decoder_reads_it(
    camera: FaultyCamera, number: int, kind: str, decoder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(video_decoder, "has_pyav", lambda: decoder == "pyav")
    image = lying(number, GOOD)
    camera.files["/lying.jpg"] = image
    monkeypatch.setitem(STREAMS, "/lying", lambda _n: image)
    stream = StreamCamera(camera.url("/lying.jpg" if kind == "snapshot" else "/lying"), 5, 5)
    stream.start()
    found = stream.read()
    assert stream.orientation() == number
    stream.stop()
    expected = TURNS[number].apply(picture(150))
    assert found is not None
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).mean() < 12


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/page", "neither a video nor a picture"),
        ("/none", "404 Not Found: check the path"),
        ("/private", "401 Unauthorized.*: check user and password; percent-encode"),
    ],
)
def test_every_refusal_has_its_remedy(camera: FaultyCamera, path: str, expected: str) -> None:
    with pytest.raises(CameraError, match=expected) as caught:
        frames(camera.url(path, "someone:hidden@"), 2)
    assert "hidden" not in str(caught.value)


def test_a_password_of_special_characters(camera: FaultyCamera) -> None:
    assert frames(camera.url("/private", f"{USER}:{quote(PASSWORD, safe='')}@"), 1)
    with pytest.raises(CameraError, match="if the @ ends a password, percent-encode"):
        frames(camera.url("/none/a@b"), 1)


def test_a_proxy_does_not_swallow_a_local_camera(camera: FaultyCamera, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert frames(camera.url("/good"), 1)
    assert frames(camera.url("/snapshot.jpg"), 1)


@pytest.mark.parametrize("decoder", BOTH)
def test_no_answer_makes_us_listen_to_the_network(
    camera: FaultyCamera, decoder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(video_decoder, "has_pyav", lambda: decoder == "pyav")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("0.0.0.0", 0))
        port = free.getsockname()[1]
    heard: list[str] = []
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.01):
            heard.extend(re.findall(rf":{port:04X} 00000000:0000", Path("/proc/net/udp").read_text()))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        with pytest.raises(CameraError):
            StreamCamera(camera.url(f"/listen/{port}"), 3, 3).start()
    finally:
        done.set()
        watcher.join()
    assert not heard


@pytest.mark.parametrize("decoder", BOTH)
@pytest.mark.parametrize("path", ["/gigapixel.png", "/endless-part", "/attachments", "/large.ts"])
def test_what_says_that_it_is_huge_takes_no_memory(
    camera: FaultyCamera, path: str, decoder: str, tmp_path: Path
) -> None:
    """In a process of its own, whose peak the kernel knows."""
    program = (
        "import sys\n"
        "from edge.cameras.stream import StreamCamera\n"
        "from edge.cameras import video_decoder\n"
        "from edge.errors import CameraError\n"
        "from tests.support.peak_memory import peak_kilobytes\n"
        "video_decoder.has_pyav = lambda: sys.argv[2] == 'pyav'\n"
        "before = peak_kilobytes()\n"
        "camera = StreamCamera(sys.argv[1], 10, 3)\n"
        "try:\n    camera.start()\n    [camera.read() for _ in range(15)]\n"
        "except CameraError as error:\n    print(error)\n"
        "print(peak_kilobytes() - before)\n"
    )
    if path == "/large.ts":
        camera.files[path] = plain_h264(tmp_path / "large.ts", 3360, 20)
    done = subprocess.run(
        [sys.executable, "-c", program, camera.url(path), decoder], capture_output=True, text=True, cwd=ROOT, check=True
    )
    said, grown = done.stdout.splitlines()
    assert re.search("no frame|cannot be opened|not taken from a network|too much memory", said)
    assert int(grown) < 250_000  # KB; it was 600,000 and two million


@pytest.mark.parametrize("decoder", BOTH)
def test_a_stream_whose_video_is_found_late(
    camera: FaultyCamera, decoder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its header does not say what is in it."""
    monkeypatch.setattr(video_decoder, "has_pyav", lambda: decoder == "pyav")
    camera.files["/live.flv"] = plain_h264(tmp_path / "live.flv", 160, 30)
    for _ in range(3):
        stream = StreamCamera(camera.url("/live.flv"), 20, 20)
        stream.start()
        assert stream.read() is not None
        stream.stop()


@pytest.mark.parametrize("decoder", BOTH)
def test_a_jpeg_of_too_many_scans_is_not_decoded(
    camera: FaultyCamera, decoder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is small, and would take minutes."""
    monkeypatch.setattr(video_decoder, "has_pyav", lambda: decoder == "pyav")
    camera.files["/slow.jpg"] = many_scans(1000)
    stream = StreamCamera(camera.url("/slow.jpg"), 20, 1)
    stream.start()
    with pytest.raises(CameraError):
        stream.read()
    stream.stop()


def check_it_is_let_go_of(stream: StreamCamera, began: Callable[[], None] = lambda: None) -> None:
    """A camera that gave a picture, and then gives none, is lost, and closed not much later than it says.

    Args:
        stream: With a second for each frame.
        began: Called once there was a picture.
    """
    capture = CaptureThread(stream, 20, 1)
    capture.start()
    wait_for(lambda: capture.wait_open(0.1) and capture.take(0.1) is not None, 20, "a picture")
    began()
    with pytest.raises(CameraError):  # noqa: PT012
        while True:
            capture.take(0.1)
    wait_for(lambda: capture.stop(0.0), 12, "the driver to let go of it")


@pytest.mark.parametrize("decoder", BOTH)
@pytest.mark.parametrize("goes_on", ["nothing", "sound"])
def test_a_stream_that_stalls_is_let_go_of_in_time(
    goes_on: str, decoder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a pause, which is confirmed once the camera is closed."""
    monkeypatch.setattr(video_decoder, "has_pyav", lambda: decoder == "pyav")
    with tls_camera(None) as camera:
        camera.film, sound = with_sound(tmp_path / "room.ts")
        camera.then = sound if goes_on == "sound" else b""
        check_it_is_let_go_of(StreamCamera(camera.url("rtsp"), 20, 1))
        wait_for(lambda: camera.left == 1, 12, "the connection to be closed")


@pytest.mark.parametrize("decoder", BOTH)
def test_nobody_asks_an_rtsp_camera_for_its_sound(
    decoder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(video_decoder, "has_pyav", lambda: decoder == "pyav")
    with tls_camera(None) as camera:
        camera.film, camera.then = with_sound(tmp_path / "room.ts")
        stream = StreamCamera(camera.url("rtsp"), 20, 5)
        stream.start()
        assert stream.read() is not None
        stream.stop()
    assert set(camera.tracks) == {"track"}


@pytest.mark.parametrize("decoder", BOTH)
def test_a_snapshot_has_as_long_as_a_frame(decoder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video_decoder, "has_pyav", lambda: decoder == "pyav")
    with snapshot_camera() as camera:
        check_it_is_let_go_of(StreamCamera(camera.source, 20, 1), camera.answers.clear)
