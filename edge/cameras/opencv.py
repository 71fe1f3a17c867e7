"""USB cameras, network streams and video files through OpenCV, with a limit on every wait."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge.cameras.device_users import held_by
from edge.config.schema import without_password
from edge.errors import CameraError

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_BAD_READS = 2  # V4L2 waits ten seconds for each; the capture thread is given up long before
DEFAULT_FILE_FPS = 25.0
MJPG = int.from_bytes(b"MJPG", "little")  # asked of USB cameras: many send few frames a second in any other format


class _VideoCamera:
    """What the three kinds share: an OpenCV capture that is open or not."""

    every_frame = False
    _capture: cv2.VideoCapture | None = None

    def stop(self) -> None:
        """Close the device, stream or file."""
        capture, self._capture = self._capture, None
        if capture is not None:
            capture.release()


class UsbCamera(_VideoCamera):
    """A V4L2 device by number or by path.

    Args:
        device: 0 for /dev/video0, or a path such as /dev/v4l/by-id/usb-...
        size: Width and height asked for, in pixels; the camera may choose others.
        fps: Frames per second asked for.
    """

    def __init__(self, device: int | str, size: tuple[int, int], fps: float) -> None:
        self.name = f"/dev/video{device}" if isinstance(device, int) else device
        self._size = size
        self._fps = fps

    def start(self) -> None:
        """Open the device. Raises CameraError."""
        try:
            if not stat.S_ISCHR(Path(self.name).stat().st_mode):
                raise CameraError(f"camera {self.name} is not a device", "for a video file write file:PATH")
        except FileNotFoundError:
            raise CameraError(f"camera {self.name} does not exist", f"plug it in; {_found()}") from None
        if not os.access(self.name, os.R_OK | os.W_OK):
            raise CameraError(f"camera {self.name}: permission denied", "add this user to the group video")
        capture = cv2.VideoCapture(os.path.realpath(self.name), cv2.CAP_V4L2)
        if not capture.isOpened():
            raise CameraError(f"camera {self.name} cannot be opened", held_by([os.path.realpath(self.name)]))
        # Motion JPEG is what lets a USB 2 camera reach 720p at more than a few frames a second.
        capture.set(cv2.CAP_PROP_FOURCC, MJPG)
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, self._size[0])
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, self._size[1])
        capture.set(cv2.CAP_PROP_FPS, self._fps)
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        self._capture = capture

    def read(self) -> NDArray[np.uint8] | None:
        """The next frame; see Camera."""
        capture = self._capture
        if capture is None:
            return None
        for _ in range(MAX_BAD_READS):
            ok, image = capture.read()
            if ok:
                return np.asarray(image, np.uint8)
        raise self._no_frame()

    def skip(self) -> None:
        """Take a frame off the driver; Motion JPEG is decoded only when it is read. See CanSkip."""
        capture = self._capture
        if capture is not None and not any(capture.grab() for _ in range(MAX_BAD_READS)):
            raise self._no_frame()

    def _no_frame(self) -> CameraError:
        return CameraError(f"camera {self.name} delivers no frames", "unplug it and plug it in again; try another port")


class StreamCamera(_VideoCamera):
    """An RTSP or HTTP stream, over TCP and with explicit timeouts.

    Args:
        url: The address; a password in it is never shown.
        open_timeout: Seconds to wait for the stream to open.
        read_timeout: Seconds to wait for a frame.
    """

    def __init__(self, url: str, open_timeout: float, read_timeout: float) -> None:
        self.name = without_password(url)
        self._url = url
        self._timeouts = [
            cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, int(open_timeout * 1000),
            cv2.CAP_PROP_READ_TIMEOUT_MSEC, int(read_timeout * 1000),
        ]  # fmt: skip

    def start(self) -> None:
        """Open the stream. Raises CameraError."""
        # Over UDP, lost packets smear the picture for seconds.
        os.environ.setdefault("OPENCV_FFMPEG_CAPTURE_OPTIONS", "rtsp_transport;tcp")
        capture = cv2.VideoCapture(self._url, cv2.CAP_FFMPEG, self._timeouts)
        if not capture.isOpened():
            raise CameraError(
                f"stream {self.name} cannot be opened",
                "is the address right, the camera on, and its user and password correct?",
            )
        self._capture = capture

    def read(self) -> NDArray[np.uint8] | None:
        """The next frame; see Camera."""
        capture = self._capture
        if capture is None:
            return None
        ok, image = capture.read()
        if not ok:
            raise self._no_frame()
        return np.asarray(image, np.uint8)

    def skip(self) -> None:
        """Take a frame off the stream: it has to be decoded for the next ones, but not converted. See CanSkip."""
        if self._capture is not None and not self._capture.grab():
            raise self._no_frame()

    def _no_frame(self) -> CameraError:
        return CameraError(f"stream {self.name} delivers no frames", "is the camera still on and reachable?")


class FileCamera(_VideoCamera):
    """A video file, played at its own speed as if it were a camera.

    Args:
        path: The file.
        loop: Start again at the end.
    """

    def __init__(self, path: str, *, loop: bool) -> None:
        self.name = path
        self._loop = loop
        self._frames = 0
        self._due = 0.0
        self._period = 1 / DEFAULT_FILE_FPS

    def start(self) -> None:
        """Open the file. Raises CameraError."""
        if not Path(self.name).is_file():
            what = "is not a file" if Path(self.name).exists() else "does not exist"
            raise CameraError(f"video {self.name} {what}", "check camera.source: file:PATH")
        self._capture = self._open()
        fps = self._capture.get(cv2.CAP_PROP_FPS)
        self._period = 1 / (fps if 1 <= fps <= 240 else DEFAULT_FILE_FPS)
        self._due = time.monotonic()

    def read(self) -> NDArray[np.uint8] | None:
        """The next frame when it is due, None at the end; see Camera."""
        capture = self._capture
        if capture is None:
            return None
        ok, image = capture.read()
        if not ok and self._frames == 0:
            raise CameraError(f"video {self.name} has no readable frame", "is it a complete video file?")
        if not ok and self._loop:
            capture.release()
            self._capture = capture = self._open()
            ok, image = capture.read()
        if not ok:
            return None
        self._frames += 1
        time.sleep(max(0.0, self._due - time.monotonic()))
        self._due = max(self._due + self._period, time.monotonic() - 1)
        return np.asarray(image)

    def _open(self) -> cv2.VideoCapture:
        capture = cv2.VideoCapture(self.name, cv2.CAP_FFMPEG)
        if not capture.isOpened():
            raise CameraError(f"video {self.name} cannot be decoded", "is it a complete video file?")
        return capture


def _found() -> str:
    devices = usb_devices()
    return f"found: {', '.join(devices)}" if devices else "no camera was found"


def usb_devices() -> list[str]:
    """Paths of the video devices that are there, stable names first."""
    named = sorted(map(str, Path("/dev/v4l/by-id").glob("*-index0")))
    if named:
        return named
    # A Raspberry Pi has a dozen video devices that are codecs and image processors; and a camera has a second one
    # for its metadata.
    nodes = Path("/sys/class/video4linux").glob("video*")
    return [f"/dev/{node.name}" for node in sorted(nodes, key=lambda node: int(node.name[5:])) if _is_usb_camera(node)]


def _is_usb_camera(node: Path) -> bool:
    try:
        return "/usb" in os.path.realpath(node) and int((node / "index").read_text()) == 0
    except (OSError, ValueError):
        return False
