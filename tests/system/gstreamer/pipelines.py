"""Pipelines that work, and all the ways in which one may not; started by check.sh, inside its Debian."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.cameras.capture_thread import CaptureThread
from edge.cameras.factory import open_camera
from edge.cameras.gstreamer import GStreamerCamera
from edge.config.schema import Config
from edge.errors import CameraError
from tests.system.picamera2.camera import draw

CLIP = Path("/tmp/clip.avi")  # noqa: S108 - nobody else is in this Debian
LIVE = "videotestsrc is-live=true pattern=red ! video/x-raw,width=640,height=360,framerate=20/1"


def main() -> None:
    """Every check, one line each."""
    draw()
    writer = cv2.VideoWriter(str(CLIP), cv2.VideoWriter.fourcc(*"MJPG"), 25, (320, 240))
    for index in range(50):
        writer.write(np.full((240, 320, 3), 5 * index, np.uint8))
    writer.release()
    for check in (colours, own_sink, newest, ends, refusals, stalls, often, through_capture):
        began = time.monotonic()
        print(f"  {check.__name__}: {check()} ({time.monotonic() - began:.1f} s)", flush=True)


def config(source: str, **camera: object) -> Config:
    """A configuration for a live camera."""
    declared = {"responsible": "check", "legal_basis": "check"}
    return Config.model_validate({"camera": {"source": source, **camera}, "deployment": declared})


def started(text: str, **camera: object) -> GStreamerCamera:
    """A pipeline that runs."""
    made = GStreamerCamera(text, config("sample", **camera).camera)
    made.start()
    return made


def frames(camera: GStreamerCamera, count: int) -> list[NDArray[np.uint8]]:
    """So many frames."""
    images = [camera.read() for _ in range(count)]
    return [image for image in images if image is not None]


def refused(action: Callable[[], object], *words: str) -> str:
    """The error that an action ends with, which has to contain these words."""
    try:
        action()
    except CameraError as error:
        missing = [word for word in words if word not in str(error)]
        assert not missing, f"{missing} not in: {error}"
        return str(error)
    raise AssertionError(f"no error, expected {words}")


def colours() -> str:
    """Red is red, in the size and at the pace of the source."""
    camera = started(LIVE)
    frames(camera, 5)
    began = time.monotonic()
    images = frames(camera, 40)
    rate = 40 / (time.monotonic() - began)
    camera.stop()
    assert all(image.shape == (360, 640, 3) for image in images)
    blue, green, red = images[0].reshape(-1, 3).mean(axis=0)
    assert red > 240, images[0][0, 0]
    assert max(blue, green) < 20, images[0][0, 0]
    assert 18 < rate < 22, rate
    return f"{rate:.1f} frames/s"


def own_sink() -> str:
    """A pipeline with a sink of its own is taken as it is."""
    camera = started(f"{LIVE} ! videoconvert ! video/x-raw,format=BGR ! appsink max-buffers=2")
    assert frames(camera, 1)[0].shape == (360, 640, 3)
    camera.stop()
    return "as given"


def newest() -> str:
    """Who reads slowly gets the newest frame, not a queue of old ones."""
    camera = started(f"filesrc location={CLIP} ! avidemux ! jpegdec ! identity sync=true")
    frames(camera, 1)
    time.sleep(1)
    late = [float(image.mean()) for image in frames(camera, 2)]
    camera.stop()
    assert late[1] > 5 * 20, late
    return f"after a second frame {late[1] / 5:.0f}"


def ends() -> str:
    """A file that ends is a source that yields nothing any more."""
    camera = started(f"filesrc location={CLIP} ! avidemux ! jpegdec")
    sentence = refused(lambda: frames(camera, 100), "delivers no frames")
    camera.stop()
    camera.stop()
    assert camera.read() is None
    return sentence


def refusals() -> str:
    """What cannot be started says so at once."""
    bad = {
        "csi": 'no element "nvarguscamerasrc"',
        "no_such_element": 'no element "no_such_element"',
        "videotestsrc ! ! fakesink": "is no pipeline that can run here",
        "videotestsrc (": "is no pipeline that can run here",
        "videotestsrc no-such=1": "no-such",
        "filesrc location=/nowhere ! jpegdec": "does not start",
        "audiotestsrc": "",
    }
    for text, words in bad.items():
        began = time.monotonic()
        found = refused(lambda text=text: frames(started(text, open_timeout=2), 1), "gst", words)  # type: ignore[misc]
        print(f"    {found} ({time.monotonic() - began:.1f} s)")
    return f"{len(bad)} of {len(bad)}"


def stalls() -> str:
    """A source that falls silent is noticed, by the camera itself or by the capture thread."""
    source = f"gstreamer:{LIVE} ! identity sleep-time=8000000"  # eight seconds for each frame
    capture = CaptureThread(open_camera(source, config(source, open_timeout=3, read_timeout=1)), 3, 1)
    capture.start()
    began = time.monotonic()

    def follow() -> None:
        while time.monotonic() < began + 30:
            capture.take(0.2)

    sentence = refused(follow, "gstreamer")
    seconds = time.monotonic() - began
    stopped = capture.stop(0.5)
    assert seconds < 8, seconds
    return f"{sentence} (after {seconds:.1f} s; let go of: {stopped})"


def often() -> str:
    """Opened and closed again and again."""
    sizes = []
    for _ in range(15):
        camera = started(LIVE)
        frames(camera, 2)
        camera.stop()
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        sizes.append((len(list(Path("/proc/self/fd").iterdir())), pages * 4 // 1024, threading.active_count()))
    assert sizes[-1][0] <= sizes[3][0], sizes
    assert sizes[-1][1] <= sizes[3][1] + 20, sizes
    return f"open files {sizes[3][0]} and {sizes[-1][0]}, memory {sizes[3][1]} and {sizes[-1][1]} MB"


def through_capture() -> str:
    """As the daemon reads it, turned."""
    source = "gstreamer:videotestsrc is-live=true pattern=smpte ! video/x-raw,width=640,height=360,framerate=20/1"
    corners = []
    for rotation in (0, 180):
        settings = config(source, rotation=rotation)
        capture = CaptureThread(open_camera(source, settings))
        capture.start()
        assert capture.wait_open(10)
        frame = capture.take(5)
        assert frame is not None
        corners.append(frame.image[0, 0].tolist())
        assert capture.stop(2)
    assert corners[0] != corners[1]
    return f"first pixel {corners[0]}, turned {corners[1]}"


if __name__ == "__main__":
    main()
