"""CSI cameras and GStreamer, as far as that goes without either: pixels, orientation, owners, configuration."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError

from edge.cameras import device_users
from edge.cameras.factory import open_camera, resolve_source
from edge.cameras.found import FoundCamera
from edge.cameras.gstreamer import GStreamerCamera, pipeline
from edge.cameras.orientation import Orientation
from edge.cameras.picamera import PiCamera, _whole_view, controls, csi_cameras
from edge.cameras.pixel_formats import Layout
from edge.config.camera_source import live
from edge.config.schema import CameraConfig, Config
from edge.errors import CameraError

YUV = {"NV12": True, "NV21": True, "YUV420": False, "YVU420": False}


def config(**camera: object) -> Config:
    declared = {"responsible": "us", "legal_basis": "test"}
    return Config.model_validate({"camera": camera, "deployment": declared})


def painting(height: int, width: int) -> NDArray[np.uint8]:
    """Smooth colours, so that halving the resolution of colour changes little."""
    small = np.random.default_rng(7).integers(0, 256, (4, 5, 3), np.uint8)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def padded(rows: NDArray[np.uint8], stride: int) -> NDArray[np.uint8]:
    """(rows, bytes) in rows of `stride` bytes, with rubbish behind each."""
    out = np.random.default_rng(1).integers(0, 256, (len(rows), stride), np.uint8)
    out[:, : rows.shape[1]] = rows
    return out.reshape(-1)


def planes(image: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    """The Y, U and V planes of a picture of even size."""
    height, width = image.shape[:2]
    whole = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420), np.uint8)
    quarter = height // 2 * (width // 2)
    colours = whole[height:].reshape(-1)
    shape = (height // 2, width // 2)
    return whole[:height], colours[:quarter].reshape(shape), colours[quarter:].reshape(shape)


@pytest.mark.parametrize("pad", [0, 64])
@pytest.mark.parametrize("size", [(64, 48), (66, 50), (65, 48), (64, 49), (65, 49)])
@pytest.mark.parametrize("name", YUV)
def test_planes_of_any_size_and_padding(name: str, size: tuple[int, int], pad: int) -> None:
    width, height = size
    image = painting(height + height % 2, width + width % 2)  # colour exists for a whole pixel beyond an odd edge
    light, u, v = planes(image)
    first, second = (v, u) if name in ("NV21", "YVU420") else (u, v)
    stride = image.shape[1] + pad
    light = padded(light[:height], stride)
    if YUV[name]:
        colour = padded(np.stack([first, second], axis=2).reshape(len(u), -1), stride)
        buffer = np.concatenate([light, colour])
    else:
        buffer = np.concatenate([light, padded(first, stride // 2), padded(second, stride // 2)])
    layout = Layout(name, width, height, stride)
    layout.check()
    before = buffer.copy()
    result = layout.bgr(buffer)
    reference = np.asarray(cv2.cvtColor(np.vstack([*planes_of(image)]), cv2.COLOR_YUV2BGR_I420), np.uint8)
    assert result.shape == (height & ~1, width & ~1, 3)
    assert np.array_equal(result, reference[: height & ~1, : width & ~1])
    assert np.array_equal(buffer, before)
    assert not np.shares_memory(buffer, result)


def planes_of(image: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    """The rows of OpenCV's own layout, without padding."""
    yield np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420), np.uint8)


@pytest.mark.parametrize("pad", [0, 13])
@pytest.mark.parametrize(
    ("name", "order"), [("RGB888", "bgr"), ("BGR888", "rgb"), ("XRGB8888", "bgrx"), ("XBGR8888", "rgbx")]
)
def test_packed_pixels(name: str, order: str, pad: int) -> None:
    image = painting(33, 47)
    channels = {letter: image[:, :, index] for index, letter in enumerate("bgr")} | {"x": np.zeros((33, 47), np.uint8)}
    rows = np.stack([channels[letter] for letter in order], axis=2).reshape(33, -1)
    buffer = padded(rows, rows.shape[1] + pad)
    result = Layout(name, 47, 33, rows.shape[1] + pad).bgr(buffer)
    assert np.array_equal(result, image)
    assert not np.shares_memory(buffer, result)


def test_yuyv() -> None:
    layout = Layout("YUYV", 47, 8, 100)
    result = layout.bgr(padded(np.tile(np.array([235, 128], np.uint8), (8, 47)), 100))
    assert result.shape == (8, 46, 3)
    assert (result == 255).all()


def test_what_cannot_be_read_is_named() -> None:
    with pytest.raises(CameraError, match="delivers MJPEG: only these can be read: .*NV12"):
        Layout("MJPEG", 640, 480, 0).check()
    for layout in (Layout("NV12", 640, 480, 600), Layout("RGB888", 640, 480, 640), Layout("NV12", 0, 480, 640)):
        with pytest.raises(CameraError, match="camera.width"):
            layout.check()
    for name in ("NV12", "YUV420", "RGB888", "XBGR8888", "YUYV"):
        with pytest.raises(CameraError, match="a frame of 999 bytes is not 64x48"):
            Layout(name, 64, 48, 256).bgr(np.zeros(999, np.uint8))


@pytest.mark.parametrize("camera", [{}, {"rotation": 180}, {"hflip": True}, {"rotation": 180, "vflip": True}])
def test_pictures_of_any_camera_are_turned(camera: dict[str, Any], tmp_path: Path) -> None:
    image = painting(40, 60)
    cv2.imwrite(str(tmp_path / "a.png"), image)
    opened = open_camera(f"images:{tmp_path}", config(**camera))
    opened.start()
    read = opened.read()
    assert read is not None
    if camera.get("rotation"):
        image = image[::-1, ::-1]
    if camera.get("hflip"):
        image = image[:, ::-1]
    if camera.get("vflip"):
        image = image[::-1]
    assert np.array_equal(read, image)
    assert opened.read() is None
    assert opened.every_frame
    opened.stop()


def test_what_the_camera_turned_is_not_turned_again() -> None:
    wanted = Orientation.of(CameraConfig(rotation=180, hflip=True))
    assert wanted == Orientation(horizontal=False, vertical=True)
    assert not wanted.without(wanted).needed
    assert wanted.without(Orientation(horizontal=True)) == Orientation(horizontal=True, vertical=True)
    nothing = np.zeros((0, 0, 3), np.uint8)
    assert wanted.apply(nothing) is nothing


@pytest.mark.parametrize("lock", [True, False])
def test_the_owner_of_a_device_is_named(lock: bool, tmp_path: Path) -> None:  # noqa: FBT001
    node = tmp_path / "media0"
    node.touch()
    assert "no other program has it open" in device_users.held_by([str(node)]) or os.geteuid() != 0
    script = "import os, sys, time; f = open(sys.argv[1], 'w'); sys.argv[2] and os.lockf(f.fileno(), 1, 0); print('.')"
    with subprocess.Popen(
        [sys.executable, "-c", f"{script}; sys.stdout.flush(); time.sleep(60)", str(node), "yes" if lock else ""],
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.read(1) == b"."
        with node.open("rb"):  # of our own, which is not to be named
            remedy = device_users.held_by([str(node)])
        other.kill()
    assert f"(process {other.pid}); stop that first" in remedy
    assert str(os.getpid()) not in remedy.replace(str(other.pid), "")


def test_what_cannot_be_seen_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    list_folder = Path.iterdir

    def hidden(path: Path) -> Iterator[Path]:
        if path.name == "fd":
            raise PermissionError(path)
        return list_folder(path)

    monkeypatch.setattr(Path, "iterdir", hidden)
    assert "sudo fuser" in device_users.held_by([str(tmp_path)])


@pytest.fixture
def without_picamera2(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "picamera2" else real(name))


@pytest.mark.usefixtures("without_picamera2")
def test_without_picamera2() -> None:
    began = time.monotonic()
    assert csi_cameras() == {}
    assert time.monotonic() - began < 0.1
    with pytest.raises(CameraError, match="apt-get install --no-install-recommends python3-picamera2"):
        PiCamera(0, CameraConfig()).start()


def test_a_broken_picamera2_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "picamera2.py").write_text("import nothing_of_that_name")
    monkeypatch.syspath_prepend(tmp_path)
    assert csi_cameras() == {}
    with pytest.raises(CameraError, match="cannot be imported: ModuleNotFoundError"):
        PiCamera(0, CameraConfig()).start()


def test_a_sensor_mode_that_sees_all() -> None:
    assert _whole_view((4608, 2592), (1280, 720)) == {"output_size": (2304, 1296)}  # Camera Module 3
    assert _whole_view((3280, 2464), (1280, 720)) == {"output_size": (1640, 1232)}  # Camera Module 2
    assert _whole_view((4608, 2592), (2560, 1440)) == {"output_size": (4608, 2592)}


def test_controls_are_those_that_the_camera_has() -> None:
    libcamera = SimpleNamespace(controls=SimpleNamespace(HdrModeEnum=SimpleNamespace(SingleExposure=3)))
    every = dict.fromkeys(("FrameDurationLimits", "AfMode", "ExposureTime", "AnalogueGain", "HdrMode"))
    plain = CameraConfig(fps=10)
    assert controls(plain, {}, libcamera, name="x") == {}
    wanted = {"FrameDurationLimits": (100_000, 100_000), "AfMode": 2}
    assert controls(plain, every, libcamera, name="x") == wanted
    full = CameraConfig(fps=10, exposure=8000, gain=2, hdr=True)
    wanted |= {"ExposureTime": 8000, "AnalogueGain": 2.0}
    assert controls(full, every, libcamera, name="x") == wanted | {"HdrMode": 3}
    assert controls(full, every, libcamera, name="x", hdr_in_sensor=True) == wanted
    for key in ("exposure", "gain", "hdr"):
        with pytest.raises(CameraError, match=f"camera x has no {key} to be set: leave camera.{key} out"):
            controls(CameraConfig.model_validate({key: 1}), {}, libcamera, name="x")


def test_auto_prefers_the_ribbon_cable(monkeypatch: pytest.MonkeyPatch) -> None:
    both = [FoundCamera("picamera:0", "imx708", "csi"), FoundCamera("/dev/video7", "", "usb")]
    monkeypatch.setattr("edge.cameras.factory.real_cameras", lambda: both)
    assert resolve_source(config(source="auto"))[0] == "picamera:0"
    source, sentence = resolve_source(Config())
    assert source == "sample"
    assert "picamera:0 was found" in sentence


def test_every_device_is_live() -> None:
    for source in ("picamera", "picamera:1", "gstreamer:csi", "gstreamer:videotestsrc ! queue"):
        assert live(source)
        assert open_camera(source, config(source=source)).name.startswith(source.partition(":")[0])
        with pytest.raises(ValidationError, match="deployment.responsible"):
            Config.model_validate({"camera": {"source": source}})
    for source in ("picamera:x", "picamera2", "gstreamer:", "gstreamer"):
        with pytest.raises(ValidationError):
            config(source=source)


def test_an_exposure_fits_into_its_frame() -> None:
    with pytest.raises(ValidationError, match="at fps 15 it is 66667 microseconds at most"):
        CameraConfig(exposure=100_000)
    assert CameraConfig(exposure=100_000, fps=10).exposure == 100_000


def test_pipelines() -> None:
    settings = CameraConfig(width=1920, height=1080, fps=29.97)
    assert pipeline("videotestsrc", settings).startswith(
        "videotestsrc ! videoconvert ! video/x-raw,format=BGR ! appsink"
    )
    assert pipeline("a ! appsink name=x", settings) == "a ! appsink name=x"
    jetson = pipeline("csi:1", settings)
    assert jetson.startswith("nvarguscamerasrc sensor-id=1 ! video/x-raw(memory:NVMM),width=1920,height=1080,")
    assert "framerate=2997/100" in jetson
    assert jetson.count("appsink") == 1


@pytest.mark.skipif(bool(re.search("GStreamer: +YES", cv2.getBuildInformation())), reason="GStreamer is there")
def test_without_gstreamer() -> None:
    camera = GStreamerCamera("rtspsrc location=rtsp://me:secret@host/x ! queue", CameraConfig())
    assert "secret" not in camera.name
    with pytest.raises(CameraError, match=r"has no GStreamer: apt-get install python3-opencv .*, then ./run again"):
        camera.start()
    camera.stop()
