"""Where PyAV has no wheel, OpenCV decodes video: what is then the same, and what is not promised."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("av", reason="PyAV writes the films")

from edge.cameras import video_decoder
from edge.cameras.factory import open_camera
from edge.cameras.opencv_decoder import OpenCvDecoder
from edge.cameras.stream import StreamCamera
from edge.cameras.video_decoder import Limits, SkippedFrames
from edge.config.schema import Config
from edge.errors import EXIT_CONFIG, CameraError, CameraUnfitError
from tests.support.faulty_camera import GOOD, faulty_camera
from tests.support.films import damaged, film, plain_h264, taken_upright

CORNER = [[0.0, 0.0], [0.25, 0.0], [0.25, 1.0]]
PATIENT = Limits(20, 20)  # seconds: this is not about time
PICTURES = 20  # in which the camera of faulty_camera does each of its things
NETWORK = pytest.mark.skipif(cv2.__version__.startswith("4.11."), reason="OpenCV 4.11 takes no network cameras")


def times(decoder: OpenCvDecoder) -> list[float | None]:
    found = []
    while decoder.advance():
        assert decoder.image().size
        found.append(decoder.time)
    decoder.close()
    return found


def test_frames_have_their_own_times(tmp_path: Path) -> None:
    uneven = [0, 0.1, 0.2, 1.0, 1.8, 4.0]
    assert times(
        OpenCvDecoder(str(film(tmp_path / "uneven.mp4", uneven)), SkippedFrames("video"), None)
    ) == pytest.approx(uneven, abs=0.02)


def test_a_damaged_frame_is_not_the_end(tmp_path: Path) -> None:
    assert len(times(OpenCvDecoder(str(damaged(tmp_path / "damaged.avi")), SkippedFrames("video"), None))) >= 38


def test_films_stand_upright(tmp_path: Path) -> None:
    decoder = OpenCvDecoder(str(taken_upright(tmp_path / "phone.mp4")), SkippedFrames("video"), None)
    assert decoder.advance()
    top, bottom = np.split(decoder.image().astype(int), 2, axis=0)
    assert top.shape[:2] == (320, 360)
    assert bottom.mean() - top.mean() == pytest.approx(40, abs=8)


def test_what_cannot_be_opened_has_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no film")
    with pytest.raises(CameraError, match="video cannot be decoded: is it a complete video file"):
        OpenCvDecoder(str(tmp_path / "text.mp4"), SkippedFrames("video"), None)


@NETWORK
def test_a_camera_that_cannot_be_opened_has_a_remedy() -> None:
    with faulty_camera() as camera, pytest.raises(CameraError, match="stream cannot be opened: is the address right"):
        OpenCvDecoder(camera.url("/none"), SkippedFrames("stream"), PATIENT)


def test_frames_that_take_too_much_memory_to_decode(tmp_path: Path) -> None:
    path = tmp_path / "large.ts"
    plain_h264(path, 3360, 1)
    with pytest.raises(CameraError, match="has frames of 3360x3360, which take too much memory"):
        OpenCvDecoder(str(path), SkippedFrames("film"), None)


@NETWORK
def test_a_stream_whose_frames_become_much_larger_is_opened_anew(tmp_path: Path) -> None:
    """What the decoder may take goes by the size that was given: larger frames are no frames."""
    with faulty_camera() as server:
        server.files["/grows.ts"] = b"".join(plain_h264(tmp_path / "part.ts", side, 60) for side in (160, 3200))
        decoder = OpenCvDecoder(server.url("/grows.ts"), SkippedFrames("stream"), PATIENT)
        taken = 0
        with pytest.raises(CameraError, match="delivers no frames"):  # noqa: PT012
            while decoder.advance():
                taken += 1
        decoder.close()
    assert 30 < taken <= 60


def test_an_opencv_that_cannot_be_told_what_not_to_take(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "__version__", "4.11.0")
    with pytest.raises(CameraError, match=r"OpenCV 4.11.0 cannot be told.*: install another one"):
        OpenCvDecoder("http://127.0.0.1:9/", SkippedFrames("stream"), PATIENT)


@NETWORK
def test_what_a_user_tells_ffmpeg_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENCV_FFMPEG_CAPTURE_OPTIONS", "nonsense|")
    with faulty_camera() as server:
        with pytest.raises(CameraError, match="not taken from a network"):
            OpenCvDecoder(server.url("/film"), SkippedFrames("stream"), Limits(3, 3))  # FFmpeg waits, even so
        OpenCvDecoder(server.url("/good"), SkippedFrames("stream"), PATIENT).close()
    assert os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] == "nonsense|"


@NETWORK
@pytest.mark.parametrize("path", ["/good", "/garbage", "/snapshot.jpg"])
def test_network_cameras(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video_decoder, "has_pyav", lambda: False)
    with faulty_camera() as server:
        camera = StreamCamera(server.url(path), PATIENT.open, PATIENT.read)
        camera.start()
        try:
            seen = 0
            while seen < (3 if path == "/snapshot.jpg" else 30):
                image = camera.read()
                assert image is not None
                seen += bool(image.size)
        finally:
            camera.stop()


def shapes(path: str) -> list[tuple[int, ...]]:
    """The sizes of the first pictures that a network camera gives, however long a busy machine takes for them."""
    with faulty_camera() as server:
        decoder = OpenCvDecoder(server.url(path), SkippedFrames("stream"), PATIENT, "camera.masks")
        found: list[tuple[int, ...]] = []
        while len(found) < PICTURES and decoder.advance():
            found.append(decoder.image().shape)
        decoder.close()
    return found


@NETWORK
def test_every_picture_of_motion_jpeg_has_its_own_size() -> None:
    found = shapes("/resize")
    assert set(found) == {(360, 640, 3), (240, 320, 3)}
    assert found == sorted(found, reverse=True)


@NETWORK
@pytest.mark.parametrize("path", ["/garbage", "/truncated", "/stray", "/no-end"])
def test_motion_jpeg_of_which_a_part_is_missing_is_left_out(path: str) -> None:
    assert set(shapes(path)) == {(360, 640, 3)}


@NETWORK
def test_of_a_camera_that_never_sends_an_end_a_picture_that_is_cut_short_is_left_out() -> None:
    assert set(shapes("/no-end-truncated")) == {(360, 640, 3), (0, 0, 3)}  # the latter counts as none


@NETWORK
@pytest.mark.parametrize("path", ["/always-truncated", "/cut.jpg"])
def test_where_every_picture_is_cut_short_the_error_says_so(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with faulty_camera() as server:
        server.files["/cut.jpg"] = GOOD[: len(GOOD) // 2]
        monkeypatch.setattr(video_decoder, "has_pyav", lambda: False)
        camera = StreamCamera(server.url(path), PATIENT.open, 2)
        camera.start()
        with pytest.raises(CameraError, match="its JPEGs are cut short or damaged: is the network fast enough"):
            camera.read()
        camera.stop()


@NETWORK
def test_a_motion_jpeg_in_which_nothing_can_be_decoded_is_no_camera() -> None:
    with pytest.raises(CameraError, match="no frame that can be decoded"):
        shapes("/nothing-decodable")


@NETWORK
@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (
            {"camera": {"masks": [CORNER]}},
            r"camera\.masks cannot be kept: install PyAV \(sudo apt install .* python3-av",
        ),
        ({"vision": {"count_area": CORNER}}, r"vision\.count_area cannot be kept"),
        (
            {"camera": {"masks": [CORNER]}, "vision": {"count_area": CORNER}},
            r"camera\.masks and vision\.count_area can",
        ),
    ],
)
@pytest.mark.parametrize("kind", ["stream", "film"])
def test_what_depends_on_a_size_that_nobody_tells_is_refused(
    kind: str, keys: dict[str, dict[str, object]], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(video_decoder, "has_pyav", lambda: False)
    with faulty_camera() as server:
        server.files["/room.ts"] = plain_h264(tmp_path / "room.ts", 160, 60)
        source = server.url("/room.ts") if kind == "stream" else f"file:{tmp_path}/room.ts"
        declared = {"responsible": "us", "legal_basis": "test"}
        values = {"deployment": declared, **keys, "camera": {"source": source, **keys.get("camera", {})}}
        camera = open_camera(source, Config.model_validate(values))
        with pytest.raises(CameraUnfitError, match=said) as caught:
            camera.start()
        assert caught.value.exit_code == EXIT_CONFIG
        plain = Config.model_validate({"deployment": declared, "camera": {"source": source}})
        camera = open_camera(source, plain)
        camera.start()
        assert camera.read() is not None
        camera.stop()
