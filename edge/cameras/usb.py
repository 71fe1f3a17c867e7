"""USB cameras through OpenCV and V4L2, with a limit on every wait."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge.cameras.device_users import held_by
from edge.errors import CameraError
from edge.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

IN_VAIN = 5.0  # seconds: a read that took longer has waited for nothing; V4L2 waits ten
MJPG = int.from_bytes(b"MJPG", "little")  # asked of USB cameras: many send few frames a second in any other format


class UsbCamera:
    """A V4L2 device by number or by path.

    Args:
        device: 0 for /dev/video0, or a path such as /dev/v4l/by-id/usb-...
        size: Width and height asked for, in pixels; the camera may choose others.
        fps: Frames per second asked for.
    """

    every_frame = False

    def __init__(self, device: int | str, size: tuple[int, int], fps: float) -> None:
        self.name = f"/dev/video{device}" if isinstance(device, int) else device
        self._size = size
        self._fps = fps
        self._capture: cv2.VideoCapture | None = None

    def start(self) -> None:
        """Open the device. Raises CameraError."""
        try:
            if not stat.S_ISCHR(Path(self.name).stat().st_mode):
                raise CameraError(f"camera {self.name} is not a device", "for a video file write file:PATH")
        except FileNotFoundError:
            raise CameraError(f"camera {self.name} does not exist", f"plug it in; {_otherwise()}") from None
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
        for _ in tries():
            ok, image = capture.read()
            if ok:
                return np.asarray(image, np.uint8)
        raise self._no_frame()

    def skip(self) -> None:
        """Take a frame off the driver; Motion JPEG is decoded only when it is read. See CanSkip."""
        capture = self._capture
        if capture is not None and not any(capture.grab() for _ in tries()):
            raise self._no_frame()

    def stop(self) -> None:
        """Close the device."""
        capture, self._capture = self._capture, None
        if capture is not None:
            capture.release()

    def _no_frame(self) -> CameraError:
        return CameraError(f"camera {self.name} delivers no frames", "unplug it and plug it in again; try another port")


def tries(now: Callable[[], float] = time.monotonic) -> Iterator[None]:
    """Once, and once more after a damaged frame; not where none came, as a driver that hangs would wait anew.

    Args:
        now: Monotonic seconds.
    """
    began = now()
    yield
    if now() - began < IN_VAIN:
        yield


def _otherwise() -> str:
    if devices := usb_devices():
        return f"or set camera.source to one that is here: {', '.join(devices)}"
    return "if it is, this machine does not see it: try another cable and port (dmesg says what happens)"


def usb_devices(root: Path = Path("/")) -> dict[str, str]:
    """The cameras at USB, none of which is opened: the path by which each is found again, and what it calls itself.

    Stable paths come first: by-id survives restarts and another port, by-path restarts; /dev/video0 neither.

    Args:
        root: Where /sys and /dev are.
    """
    # A Raspberry Pi has a dozen video devices that are codecs and image processors; and a camera has a second one
    # for its metadata.
    nodes = [node for node in root.glob("sys/class/video4linux/video*") if _is_usb_camera(node)]
    stable = [(root / "dev/v4l" / kind, rank) for rank, kind in enumerate(("by-id", "by-path"))]
    found = []
    for node in nodes:
        paths = [
            (rank, f"/{link.relative_to(root)}")
            for folder, rank in stable
            for link in sorted(folder.glob("*"))
            if Path(os.path.realpath(link)).name == node.name
        ]
        rank, path = paths[0] if paths else (len(stable), f"/dev/{node.name}")
        number = int(node.name[5:]) if rank == len(stable) else 0
        found.append((rank, number, path, card_name(node)))
    return {path: name for _, _, path, name in sorted(found)}


def card_name(node: Path) -> str:
    """What the driver calls a device: node is its folder in /sys. `HD Webcam: HD Webcam` is said once."""
    try:
        text = printable((node / "name").read_text(errors="replace").strip())
    except OSError:
        return ""
    name, _, function = text.partition(": ")
    return name if name.startswith(function) else text


def _is_usb_camera(node: Path) -> bool:
    try:
        return "/usb" in os.path.realpath(node) and int((node / "index").read_text()) == 0
    except (OSError, ValueError):
        return False
