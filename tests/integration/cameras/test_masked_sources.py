"""Masks at every kind of camera, rotation and flip: what lies below them reaches nobody."""

from __future__ import annotations

import ast
import http.server
import importlib
import itertools
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.cameras.camera import Camera
from edge.cameras.factory import open_camera
from edge.cameras.frozen import FrozenPicture
from edge.cameras.masks import covered
from edge.cameras.orientation import Orientation, OrientedCamera
from edge.cameras.supervisor import capture_maker
from edge.config.schema import Config
from tests.support.paths import PACKAGE

Picture = NDArray[np.uint8]

WIDTH, HEIGHT = 160, 128  # of the camera; whole blocks of 16, in which JPEG works
MASK = [[0.1, 0.1], [0.55, 0.05], [0.6, 0.5], [0.3, 0.65]]
TURNS = list(itertools.product((0, 90, 180, 270), (False, True), (False, True)))


def config(source: str, rotation: int = 0, *, hflip: bool = False, vflip: bool = False) -> Config:
    camera = {"source": source, "masks": [MASK], "rotation": rotation, "hflip": hflip, "vflip": vflip, "loop": True}
    camera |= {"width": WIDTH, "height": HEIGHT}
    declared = {"responsible": "us", "legal_basis": "test"}
    return Config.model_validate({"camera": camera, "deployment": declared})


def frames_of(config: Config, count: int, make: Callable[[str, Config], Camera] = open_camera) -> list[Picture]:
    """The first frames of a source, as whoever analyses them gets them."""
    capture = capture_maker(config, config.camera.source, time.monotonic, make)()
    capture.start()
    taken: list[Picture] = []
    try:
        until = time.monotonic() + 20
        while len(taken) < count and time.monotonic() < until:
            frame = capture.take(1)
            if frame is not None:
                taken.append(frame.image.copy())
    finally:
        capture.stop()
    assert len(taken) == count
    return taken


def raw_with_change_below(config: Config, number: int, *, blocks: int = 1) -> Picture:
    """What the camera sees: the same at every call, but for noise that lies below the masks of the upright picture.

    Args:
        config: How the picture is turned.
        number: Another one gives other noise.
        blocks: Pixels across of the blocks that a codec works in: a block on the edge of a mask stays as it is.
    """
    turn = Orientation.of(config.camera)
    upright = (HEIGHT, WIDTH) if turn.quarter else (WIDTH, HEIGHT)
    below = covered([MASK], upright)
    places = turn.apply(np.arange(WIDTH * HEIGHT, dtype=np.int32).reshape(HEIGHT, WIDTH))  # type: ignore[arg-type]
    hidden = np.zeros(WIDTH * HEIGHT, bool)
    hidden[places[below]] = True
    tiles = hidden.reshape(HEIGHT // blocks, blocks, WIDTH // blocks, blocks).all(axis=(1, 3))
    hidden = tiles.repeat(blocks, axis=0).repeat(blocks, axis=1)
    assert hidden.sum() > 500
    image = np.random.default_rng(1).integers(60, 200, (HEIGHT, WIDTH, 3)).astype(np.uint8)
    image[hidden] = np.random.default_rng(1000 + number).integers(0, 256, (int(hidden.sum()), 3))
    return image


def check(frames: list[Picture]) -> None:
    """All masked pixels are black, and nothing of what changes below has changed anything else."""
    for image in frames:
        masked = covered([MASK], (image.shape[1], image.shape[0]))
        assert (image[masked] == 0).all()
        assert (image[~masked] > 0).any()
        assert np.array_equal(image, frames[0])


class Changing:
    """Any camera, as of a USB device or a GStreamer pipeline: what it sees changes below the masks."""

    name = "changing"
    every_frame = True

    def __init__(self, config: Config) -> None:
        self._config = config
        self._number = 0

    def start(self) -> None:
        pass

    def read(self) -> Picture | None:
        self._number += 1
        return raw_with_change_below(self._config, self._number)

    def stop(self) -> None:
        pass


@pytest.mark.parametrize(("rotation", "hflip", "vflip"), TURNS)
def test_any_camera(rotation: int, hflip: bool, vflip: bool) -> None:  # noqa: FBT001
    settings = config("usb:0", rotation, hflip=hflip, vflip=vflip)
    turn = Orientation.of(settings.camera)
    frames = frames_of(settings, 4, lambda _source, each: OrientedCamera(Changing(each), turn))
    check(frames)
    assert frames[0].shape[:2] == ((WIDTH, HEIGHT) if turn.quarter else (HEIGHT, WIDTH))
    unmasked = turn.apply(raw_with_change_below(settings, 1))
    kept = ~covered([MASK], (frames[0].shape[1], frames[0].shape[0]))
    assert np.array_equal(frames[0][kept], unmasked[kept])  # and all else is there


@pytest.mark.parametrize(("rotation", "hflip", "vflip"), TURNS)
def test_a_folder_of_pictures(rotation: int, hflip: bool, vflip: bool, tmp_path: Path) -> None:  # noqa: FBT001
    settings = config(f"images:{tmp_path}", rotation, hflip=hflip, vflip=vflip)
    for number in range(3):
        cv2.imwrite(str(tmp_path / f"{number}.png"), raw_with_change_below(settings, number))
    check(frames_of(settings, 4))


def test_pictures_that_say_how_they_were_held(tmp_path: Path) -> None:
    settings = config(f"images:{tmp_path}", 90)
    held_sideways = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"  # a quarter clockwise
    segment = b"\xff\xe1" + (len(held_sideways) + 2).to_bytes(2, "big") + held_sideways
    half = config("images:x", 180)  # the turn of the picture and that of the camera
    for number in range(3):
        picture = raw_with_change_below(half, number, blocks=16)
        data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
        (tmp_path / f"{number}.jpg").write_bytes(data[:2] + segment + data[2:])
    frames = frames_of(settings, 3)
    assert frames[0].shape == (HEIGHT, WIDTH, 3)
    for image in frames:
        assert (image[covered([MASK], (WIDTH, HEIGHT))] == 0).all()


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_a_film(rotation: int, tmp_path: Path) -> None:
    settings = config(f"file:{tmp_path}/clip.avi", rotation, hflip=rotation == 90)
    writer = cv2.VideoWriter(str(tmp_path / "clip.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 30, (WIDTH, HEIGHT))
    for number in range(30):
        writer.write(raw_with_change_below(settings, number))
    writer.release()
    frames = frames_of(settings, 8)
    for image in frames:  # a codec spreads what is below over its blocks: pixels of the decoded picture count
        assert (image[covered([MASK], (image.shape[1], image.shape[0]))] == 0).all()
        assert image.any()


@pytest.fixture
def network(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a camera that changes below the mask: /stream and /snapshot.jpg."""
    settings = config("usb:0", request.param)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            if self.path == "/snapshot.jpg":
                data = self.picture(time.monotonic_ns() % 1000)
                self.send_header("Content-Type", "image/jpeg")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)
                return
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            for number in itertools.count():
                data = self.picture(number)
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n".encode()
                try:
                    self.wfile.write(head + data + b"\r\n")
                except OSError:
                    return
                time.sleep(0.02)

        def picture(self, number: int) -> bytes:
            return cv2.imencode(".jpg", raw_with_change_below(settings, number, blocks=16))[1].tobytes()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("path", ["/stream", "/snapshot.jpg"])
@pytest.mark.parametrize("network", [0, 90], indirect=True)
def test_a_network_camera(network: str, path: str, request: pytest.FixtureRequest) -> None:
    rotation = request.node.callspec.params["network"]
    check(frames_of(config(network + path, rotation), 3))


@pytest.mark.parametrize("rotation", [0, 270])
def test_the_sample_room(rotation: int) -> None:
    for image in frames_of(config("sample:25", rotation), 2):
        masked = covered([MASK], (image.shape[1], image.shape[0]))
        assert (image[masked] == 0).all()
        assert (image[~masked] > 0).mean() > 0.9


PICAMERA2 = """
import numpy as np
class Request:
    def release(self): pass
class Picamera2:
    sensor_resolution = (WIDTH, HEIGHT)
    camera_controls = {}
    number = 0
    frames = None
    @staticmethod
    def global_camera_info(): return [{"Model": "imx219", "Id": "/base/i2c", "Num": 0}]
    def __init__(self, number): pass
    def create_video_configuration(self, **wanted): return wanted
    def configure(self, wanted): self.wanted = wanted
    def camera_configuration(self):
        main = {**self.wanted["main"], "stride": 3 * self.wanted["main"]["size"][0]}
        return {"main": main, "transform": self.wanted["transform"]}
    def set_controls(self, wanted): pass
    def start(self): pass
    def capture_request(self, wait): return Request()
    def close(self): pass
class MappedArray:
    def __init__(self, request, name, reshape, write): pass
    def __enter__(self):
        Picamera2.number += 1
        self.array = Picamera2.frames(Picamera2.number).reshape(-1)
        return self
    def __exit__(self, *_): pass
"""
LIBCAMERA = """
class Transform:
    def __init__(self, hflip=0, vflip=0): self.hflip, self.vflip = hflip, vflip
class ColorSpace:
    @staticmethod
    def Smpte170m(): return None
"""


@pytest.mark.parametrize(("rotation", "hflip", "vflip"), TURNS)
def test_a_camera_of_a_raspberry_pi(
    rotation: int,
    hflip: bool,  # noqa: FBT001
    vflip: bool,  # noqa: FBT001
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its library is not here; what stands in for it flips as asked, as the sensor does."""
    settings = config("picamera", rotation, hflip=hflip, vflip=vflip)
    (tmp_path / "picamera2.py").write_text(PICAMERA2.replace("WIDTH, HEIGHT", f"{WIDTH}, {HEIGHT}"))
    (tmp_path / "libcamera.py").write_text(LIBCAMERA)
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("picamera2", "libcamera"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    picamera2 = importlib.import_module("picamera2")

    flips = Orientation.of(settings.camera).before_quarter
    picamera2.Picamera2.frames = staticmethod(
        lambda number: np.ascontiguousarray(flips.apply(raw_with_change_below(settings, number)))
    )
    check(frames_of(settings, 4))
    for name in ("picamera2", "libcamera"):
        sys.modules.pop(name, None)


def test_a_camera_whose_picture_changes_only_below_the_mask_counts_as_frozen() -> None:
    """The test for it looks at the masked picture: nothing below the mask keeps it alive."""
    frozen = FrozenPicture()
    frames = frames_of(config("usb:0"), 3, lambda _source, each: Changing(each))
    assert [frozen.update(image, 61.0 * number) for number, image in enumerate(frames)] == [False, True, True]


def test_a_picture_of_another_size_has_its_own_masked_pixels() -> None:
    class Resizing(Changing):
        def read(self) -> Picture | None:
            self._number += 1
            return np.full((48 * self._number, 80 * self._number, 3), 200, np.uint8)

    for image in frames_of(config("usb:0"), 5, lambda _source, each: Resizing(each)):
        masked = covered([MASK], (image.shape[1], image.shape[0]))
        assert (image[masked] == 0).all()
        assert (image[~masked] == 200).all()


def test_frames_come_from_the_one_place_that_masks_them() -> None:
    """Whoever wants to see the room has to go through `capture_maker`, which knows the masks, and only the daemon may
    do so by itself: others open the camera by the rules of the room."""
    made: dict[str, set[str]] = {}
    for file in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                made.setdefault(node.func.id, set()).add(str(file.relative_to(PACKAGE.parent)))
    assert made["CaptureThread"] == {"edge/cameras/supervisor.py"}
    daemon = {"edge/daemon/composition.py", "edge/daemon/reload.py"}
    assert made["capture_maker"] == {*daemon, "edge/daemon/guarded_camera.py"}
    assert made["CameraSupervisor"] == {"edge/daemon/composition.py"}
    assert made["Frame"] == {"edge/cameras/capture_thread.py", "edge/bench/measure.py"}
    assert made["read_picture"] == {"edge/cameras/image_folder.py", "edge/cli/image.py"}
    assert made["Masks"] >= {"edge/cameras/supervisor.py", "edge/bench/measure.py", "edge/cli/image.py"}
