"""Video files: their own time, size and rotation, and what is damaged in them."""

from __future__ import annotations

import gc
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from edge.cameras.capture_thread import CaptureThread, Frame
from edge.cameras.factory import open_camera
from edge.cameras.video_decoder import SkippedFrames
from edge.config.schema import Config
from edge.errors import CameraError
from tests.support.faulty_camera import LARGE, SMALL
from tests.support.films import damaged, film, plain_h264, taken_upright

av: Any = pytest.importorskip("av", reason="PyAV has no wheel here; OpenCV decodes video")

from edge.cameras import pyav_decoder  # noqa: E402 - as below
from edge.cameras.pyav_decoder import PyAvDecoder  # noqa: E402 - it needs PyAV


def play(path: Path, seconds: float = 60.0, **settings: object) -> list[Frame]:
    """What the capture thread hands out until the end, or for that time."""
    source = f"file:{path}"
    config = Config.model_validate({"camera": {"source": source, **settings}})
    capture = CaptureThread(open_camera(source, config))
    capture.start()
    taken: list[Frame] = []
    try:
        until = time.monotonic() + seconds
        while time.monotonic() < until and not capture.ended:
            if (frame := capture.take(0.5)) is not None:
                taken.append(frame)
    finally:
        capture.stop()
    return taken


def test_frames_come_at_their_own_times(tmp_path: Path) -> None:
    times = [0, 0.3, 0.6, 1.2, 2.2, 2.5, 3.0]
    taken = play(film(tmp_path / "uneven.mp4", times))
    assert len(taken) == len(times)
    assert np.diff([frame.time for frame in taken]) == pytest.approx(np.diff(times), abs=0.2)


def test_a_pause_in_a_film_is_no_lost_camera_and_does_not_hold_a_stop(tmp_path: Path) -> None:
    path = film(tmp_path / "slow.mp4", [0, 7.0, 7.4])
    taken = play(path)
    assert [round(frame.time - taken[0].time, 1) for frame in taken] == pytest.approx([0, 7.0, 7.4], abs=0.5)
    began = time.monotonic()
    play(path, seconds=1)
    assert time.monotonic() - began < 2.5


def test_a_film_can_loop_at_its_own_speed(tmp_path: Path) -> None:
    taken = play(film(tmp_path / "short.mp4", [0, 0.2, 0.4]), seconds=3, loop=True)
    assert len(taken) > 6  # more than twice through
    assert np.median(np.diff([frame.time for frame in taken])) == pytest.approx(0.2, abs=0.05)


def test_a_relative_name_with_a_colon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    film(tmp_path / "12:30.mp4", [0, 0.1])
    monkeypatch.chdir(tmp_path)
    assert len(play(Path("12:30.mp4"))) == 2


def test_a_damaged_frame_is_not_the_end(tmp_path: Path) -> None:
    path = damaged(tmp_path / "damaged.avi")
    taken = play(path)
    assert len(taken) >= 25  # a busy machine may miss some, and be late
    assert taken[-1].time - taken[0].time == pytest.approx(39 / 20, abs=0.5)


def test_a_damaged_frame_in_a_loop_does_not_fill_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    play(damaged(tmp_path / "damaged.avi"), seconds=6, loop=True)
    assert len([record for record in caplog.records if "cannot be decoded" in record.message]) == 1


def test_a_film_whose_picture_changes_its_size(tmp_path: Path) -> None:
    parts = [film(tmp_path / f"{size[0]}.ts", [0, 0.1, 0.2, 0.3], size) for size in (LARGE, SMALL)]
    path = tmp_path / "both.ts"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    taken = play(path)
    assert {frame.image.shape[:2] for frame in taken} == {(360, 640), (240, 320)}
    dark, bright = np.split(taken[-1].image.astype(int), 2, axis=1)
    assert bright.mean() - dark.mean() == pytest.approx(40, abs=8)


@pytest.mark.parametrize("first", [0, 100])
def test_frames_that_take_too_much_memory_to_decode(tmp_path: Path, first: int) -> None:
    """From the first or only later: a decoder keeps many of them."""
    small = plain_h264(tmp_path / "small.ts", 160, first) if first else b""
    path = tmp_path / "large.ts"
    path.write_bytes(small + plain_h264(path, 3360, 1))
    taken: list[bool] = []
    with pytest.raises(CameraError, match=r"has frames of 3360x3360 \(yuv444p\), which take too much memory"):  # noqa: PT012
        decoder = PyAvDecoder(str(path), SkippedFrames("film"), None)
        while decoder.advance():
            taken.append(True)
    assert bool(taken) == bool(first)


class OldContainer:
    """A container as PyAV 10 of Debian 12 has it: its streams do not say which is the best."""

    def __init__(self, container: Any) -> None:
        self._container = container
        self.streams = SimpleNamespace(video=container.streams.video)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._container, name)


def decode(path: Path) -> None:
    """All frames of a film, without a clock."""
    decoder = PyAvDecoder(str(path), SkippedFrames("film"), None)
    while decoder.advance():
        pass
    decoder.close()


def test_no_thread_of_a_decoder_waits_for_the_interpreter(tmp_path: Path) -> None:
    """As it would to have its message counted, while the one that closes holds that and waits for the thread."""
    path = tmp_path / "damaged.h264"
    whole = plain_h264(path, 320, 40)
    last = whole.rindex(b"\0\0\1")
    path.write_bytes(whole[: last + 5] + b"\xaa" * 20)
    counted, _ = av.logging.get_last_error()
    decode(path)
    assert av.logging.get_last_error()[0] == counted
    assert not hasattr(av.logging, "set_libav_level") or av.logging.get_level() is None


def test_a_decoder_that_is_closed_keeps_no_thread(tmp_path: Path) -> None:
    """Nor what its threads have decoded, though Python does not sweep up meanwhile."""
    path = tmp_path / "film.h264"
    plain_h264(path, 160, 5)
    gc.disable()
    try:
        before = len(list(Path("/proc/self/task").iterdir()))
        for _ in range(5):
            decode(path)
        assert len(list(Path("/proc/self/task").iterdir())) < before + 5
    finally:
        gc.enable()


def test_a_version_that_does_not_know_the_best_stream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = film(tmp_path / "film.mp4", [0, 0.1, 0.2])
    monkeypatch.setattr(pyav_decoder, "_open", lambda *_: OldContainer(av.open(str(path))))
    decoder = PyAvDecoder(str(path), SkippedFrames("film"), None)
    assert sum(iter(decoder.advance, False)) == 3
    decoder.close()


def test_a_film_that_was_taken_upright_stands_upright(tmp_path: Path) -> None:
    path = taken_upright(tmp_path / "phone.mp4")
    (frame, *_) = play(path)
    assert frame.image.shape == (640, 360, 3)
    top, bottom = np.split(frame.image.astype(int), 2, axis=0)
    assert bottom.mean() - top.mean() == pytest.approx(40, abs=8)  # the darker left half is on top


def test_sound_is_no_film(tmp_path: Path) -> None:
    path = tmp_path / "sound.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.int16), format="s16", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
    with pytest.raises(CameraError, match="has no video"):
        play(path)
