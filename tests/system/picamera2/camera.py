"""What can be seen of a camera without the rest of the daemon; started by check.sh, inside its Debian."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.cameras.capture_thread import CaptureThread
from edge.cameras.factory import open_camera, resolve_source
from edge.cameras.picamera import PiCamera
from edge.config.schema import Config
from edge.errors import CameraError
from edge.sample.portraits import read_portraits
from edge.sample.scene import Scene

FRAMES = Path("/opt/frames")
UNPLUGGED = Path("/run/camera-is-unplugged")
PEOPLE = 12
HOLD = """
import sys, time
from edge.cameras.picamera import PiCamera
from edge.config.schema import Camera
camera = PiCamera(0, Camera())
camera.start()
print("open", flush=True)
time.sleep(300)
"""


def main() -> None:
    """Every check, one line each."""
    shown = draw()
    for check in (pictures, turned, refusals, twice, owned, often, unplugged, through_capture):
        began = time.monotonic()
        print(f"  {check.__name__}: {check(shown)} ({time.monotonic() - began:.1f} s)", flush=True)


def draw() -> list[NDArray[np.uint8]]:
    """Pictures for the software camera, a room with a known number of people; returns what is to be seen of them."""
    scene = Scene(read_portraits(), faces=PEOPLE)
    FRAMES.mkdir(exist_ok=True)
    for old in FRAMES.glob("*.jpg"):
        old.unlink()
    for index in range(20):
        cv2.imwrite(str(FRAMES / f"{index:03}.jpg"), scene.render(index / 5), [cv2.IMWRITE_JPEG_QUALITY, 95])
    return [seen(np.asarray(cv2.imread(str(file)), np.uint8)) for file in sorted(FRAMES.glob("*.jpg"))]


def seen(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The software camera hands on a JPEG's full range of brightness, and calls it the limited one of video."""
    height, width = image.shape[:2]
    light, red, blue = cv2.split(cv2.cvtColor(image, cv2.COLOR_BGR2YCrCb))
    colours = [cv2.resize(plane, (width // 2, height // 2), interpolation=cv2.INTER_AREA) for plane in (blue, red)]
    planes = np.concatenate([light.reshape(-1), *(plane.reshape(-1) for plane in colours)])
    return np.asarray(cv2.cvtColor(planes.reshape(height * 3 // 2, width), cv2.COLOR_YUV2BGR_I420), np.uint8)


def config(**camera: object) -> Config:
    """A configuration for a live camera."""
    declared = {"responsible": "check", "legal_basis": "check"}
    return Config.model_validate({"camera": {"source": "picamera", **camera}, "deployment": declared})


@contextmanager
def opened(**camera: object) -> Iterator[PiCamera]:
    """A camera that is closed again."""
    made = PiCamera(0, config(**camera).camera)
    try:
        made.start()
        yield made
    finally:
        made.stop()


def refused(action: Callable[[], object], *words: str) -> str:
    """The error that an action ends with, which has to contain these words."""
    try:
        action()
    except CameraError as error:
        missing = [word for word in words if word not in str(error)]
        assert not missing, f"{missing} not in: {error}"
        return str(error)
    raise AssertionError(f"no error, expected {words}")


def distance(image: NDArray[np.uint8], shown: list[NDArray[np.uint8]]) -> float:
    """Mean difference to the nearest of the pictures that were shown."""
    return min(float(cv2.absdiff(image, one).mean()) for one in shown)


def pictures(shown: list[NDArray[np.uint8]]) -> str:
    """Frames are what was shown, in the right colours."""
    with opened() as camera:
        began = time.monotonic()
        images = [camera.read() for _ in range(60)]
        rate = 60 / (time.monotonic() - began)
        assert all(image is not None and image.shape == (720, 1280, 3) for image in images)
        worst = max(distance(image, shown) for image in images[::6] if image is not None)
        assert worst < 2.5, worst
        before = time.process_time()
        for _ in range(60):
            camera.read()
        cost = (time.process_time() - before) / 60 * 1000
        return f"{camera._layout}; off by {worst:.2f} of 255; {rate:.0f} frames/s, {cost:.1f} ms of processor each"


def turned(shown: list[NDArray[np.uint8]]) -> str:
    """What the camera does not turn is turned here."""
    found = []
    for setting, code in (({"rotation": 180}, -1), ({"hflip": True}, 1), ({"vflip": True}, 0)):
        with opened(**setting) as camera:
            image = camera.read()
            assert image is not None
            back = np.asarray(cv2.flip(image, code), np.uint8)
            assert distance(back, shown) < 2.5 < distance(image, shown)
            found.append(f"{setting}: {'here' if camera._turn.needed else 'by the camera'}")
    return ", ".join(found)


def refusals(_: object) -> str:
    """What this camera cannot do has the name of its key."""
    for key, value in {"exposure": 10_000, "gain": 2.0, "hdr": True}.items():
        refused(opened(**{key: value}).__enter__, f"leave camera.{key} out")
    return refused(PiCamera(3, config().camera).start, "picamera:3", "found: picamera:0")


def twice(_: object) -> str:
    """A second opening in this very process."""
    with opened() as camera:
        sentence = refused(PiCamera(0, config().camera).start, "cannot be opened")
        assert camera.read() is not None
    return sentence


def owned(_: object) -> str:
    """A camera that somebody else has open is refused with the name of the owner, as often as it is tried."""
    with subprocess.Popen([sys.executable, "-c", HOLD], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"open\n"
        try:
            sentence = refused(PiCamera(0, config().camera).start, f"(process {other.pid})", "busy")
            before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
            for _again in range(20):
                refused(PiCamera(0, config().camera).start, f"(process {other.pid})")
        finally:
            other.kill()
    leaked = len(os.listdir("/proc/self/fd")) - before  # noqa: PTH208
    assert leaked <= 0, leaked
    with opened() as camera:
        assert camera.read() is not None
    return sentence


def often(_: object) -> str:
    """Opened and closed again and again, as when a camera comes and goes."""
    sizes = []
    for _again in range(25):
        with opened() as camera:
            assert camera.read() is not None
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        sizes.append((len(os.listdir("/proc/self/fd")), pages * 4 // 1024))  # noqa: PTH208
    assert sizes[-1][0] <= sizes[4][0], sizes
    assert sizes[-1][1] <= sizes[4][1] + 20, sizes
    return f"open files {sizes[4][0]} and {sizes[-1][0]}, memory {sizes[4][1]} and {sizes[-1][1]} MB"


def unplugged(_: object) -> str:
    """A camera that falls silent is an error within the time limit, can be closed, and opened again."""
    with opened(read_timeout=1.0) as camera:
        assert camera.read() is not None
        UNPLUGGED.touch()
        began = time.monotonic()
        sentence = refused(lambda: [camera.read() for _ in range(9)], "gave no frame in 1 s")
        silent = time.monotonic() - began
        began = time.monotonic()
    closing = time.monotonic() - began
    UNPLUGGED.unlink()
    assert silent < 2, silent
    with opened() as camera:
        assert camera.read() is not None
    return f"{sentence}; noticed after {silent:.1f} s, closed in {closing:.1f} s"


def through_capture(shown: list[NDArray[np.uint8]]) -> str:
    """As the daemon reads it; and what `auto` finds."""
    source, sentence = resolve_source(config(source="auto"))
    capture = CaptureThread(open_camera(source, config()))
    capture.start()
    assert capture.wait_open(10)
    frame = capture.take(5)
    assert frame is not None
    assert distance(frame.image, shown) < 2.5
    assert capture.stop(2)
    return sentence


if __name__ == "__main__":
    main()
