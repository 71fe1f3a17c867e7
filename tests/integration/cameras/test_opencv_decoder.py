"""Where PyAV has no wheel, OpenCV decodes video: what is then the same, and what is not promised."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("av", reason="PyAV writes the films")

from edge.cameras import video_decoder
from edge.cameras.opencv_decoder import OpenCvDecoder
from edge.cameras.stream import StreamCamera
from edge.cameras.video_decoder import Limits, SkippedFrames
from edge.errors import CameraError
from tests.support.faulty_camera import faulty_camera
from tests.support.films import damaged, film, taken_upright


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
    with faulty_camera() as camera, pytest.raises(CameraError, match="stream cannot be opened: is the address right"):
        OpenCvDecoder(camera.url("/none"), SkippedFrames("stream"), Limits(3, 3))


@pytest.mark.parametrize("path", ["/good", "/garbage", "/snapshot.jpg"])
def test_network_cameras(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video_decoder, "has_pyav", lambda: False)
    with faulty_camera() as server:
        camera = StreamCamera(server.url(path), 3, 3)
        camera.start()
        try:
            until, seen = time.monotonic() + 2.5, 0
            while time.monotonic() < until:
                image = camera.read()
                assert image is not None
                seen += bool(image.size)
        finally:
            camera.stop()
    assert seen >= (3 if path == "/snapshot.jpg" else 30)
