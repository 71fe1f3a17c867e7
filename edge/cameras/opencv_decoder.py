"""Video through OpenCV, where PyAV is not installed (32-bit boards, the Debian package, the container image).

OpenCV tells neither the time of a stream's frames nor that the picture has changed its size: it goes on with that of
the first frame. The pictures of a Motion JPEG stream are taken as they come instead, and decoded one by one; elsewhere
the size has to stay fixed, and what depends on it is refused.
"""

from __future__ import annotations

import contextlib
import math
import os
import threading
import time
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge.cameras.exif import UPRIGHT, orientation
from edge.cameras.ffmpeg_memory import MAX_FRAME_BYTES, MOST_WHILE_OPENING, limit_allocations, while_opening
from edge.cameras.jpeg_packet import decode_jpeg, has_end, jpeg_in
from edge.cameras.network_formats import OPTIONS
from edge.cameras.video_decoder import HOW_TO_INSTALL
from edge.errors import CameraError, CameraUnfitError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from edge.cameras.video_decoder import Limits, SkippedFrames

BROKEN_READS = 25  # one after the other, before the video counts as ended
ENVIRONMENT = "OPENCV_FFMPEG_CAPTURE_OPTIONS"  # read whenever something is opened
DEAF = "4.11."  # the releases that overlook it: https://github.com/opencv/opencv/pull/26793
BYTES_OF_A_PIXEL = {
    b"Y800": 1, b"I420": 1.5, b"NV12": 1.5, b"Y42B": 2, b"444P": 3, b"RGB\x18": 3, b"BGR\x18": 3,
    b"Y3\x0b\x0a": 3, b"Y3\x0a\x0a": 4,  # 10 bits, 4:2:0 and 4:2:2
}  # fmt: skip
LARGEST_PIXEL = 6  # bytes: 4:4:4 of 10 bits or more
BYTES_OF_BGR = 3

_opening = threading.Lock()  # the environment, and what FFmpeg may allocate, are of the process


class OpenCvDecoder:
    """A video file or stream; see VideoDecoder."""

    resets_time = True  # its clock is not trusted

    def __init__(self, address: str, skipped: SkippedFrames, limits: Limits | None, needs_size: str = "") -> None:
        name = self._name = skipped.name
        self._limits = limits
        self._over_http = limits is not None and address.startswith("http")
        self._skipped = skipped
        self.time: float | None = None
        self.orientation = UPRIGHT  # of all but Motion JPEG: nothing that needs it is opened
        self.still = False
        if limits and cv2.__version__.startswith(DEAF):
            raise CameraError(
                f"{name}: OpenCV {cv2.__version__} cannot be told what not to take from a network",
                "install another one (pip install 'opencv-python-headless<4.11') or PyAV (pip install av)",
            )
        self._capture = _open(address, limits)
        if not self._capture.isOpened():
            if limits:
                remedy = "is the address right, the camera on, and its user and password correct?"
                raise CameraError(f"{name} cannot be opened", f"{remedy} Files are not taken from a network")
            raise CameraError(f"{name} cannot be decoded", "is it a complete video file?")
        self._packet = b""
        self._sends_ends = False  # pictures of some cameras have none; of others, one without was cut short
        # From now on OpenCV hands over each picture as it was sent.
        self._packets = limits is not None and self._codec() == "MJPG" and self._capture.set(cv2.CAP_PROP_FORMAT, -1)
        try:
            self._limit_memory()
            self._check_size_is_told(needs_size)
        except CameraError:
            self._capture.release()
            raise
        self._capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, int(not self._packets))
        self._grabbed = self._frames = 0  # of the latter, an image can be had

    def advance(self) -> bool:
        """Decode the next frame; see VideoDecoder."""
        deadline = time.monotonic() + self._limits.read if self._limits else math.inf
        late = False
        for _ in range(BROKEN_READS):
            grabbed = self._capture.grab()
            # Each grab waits anew; and one that has waited in vain may bring out a frame that the decoder had kept.
            if late := time.monotonic() > deadline:
                break
            self._grabbed += grabbed
            if grabbed and self._take_packet():
                self._frames += 1
                seconds = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
                self.time = seconds if seconds > 0 or (self._frames == 1 and not self._limits) else None
                return True
            if self._at_end(grabbed=grabbed):
                break
            if grabbed or not self._limits:  # of a stream it may be the end
                self._skipped.record()
        self.still = self._over_http and self._grabbed <= 1 and not late
        if not self._frames and self._packets and self._grabbed:
            raise CameraError(
                f"{self._name} has no frame that can be decoded: its JPEGs are cut short or damaged",
                "is the network fast enough? Choose a lower resolution or another codec in the camera's own settings",
            )
        if not self._frames:
            reachable = "is the camera still on and reachable? If so, " if late else ""
            raise CameraError(
                f"{self._name} has no frame that can be decoded (codec {self._codec()})",
                f"{reachable}choose H.264 or Motion JPEG",
            )
        if self._limits and not self.still:
            raise CameraError(f"{self._name} delivers no frames", "is the camera still on and reachable?")
        return False

    def image(self) -> NDArray[np.uint8]:
        """The frame, upright; see VideoDecoder."""
        if self._packets:
            picture = decode_jpeg(self._packet)
            return picture if picture is not None else np.empty((0, 0, 3), np.uint8)
        ok, image = self._capture.retrieve()
        return np.asarray(image, np.uint8) if ok else np.empty((0, 0, 3), np.uint8)

    def close(self) -> None:
        """Close the file or connection."""
        self._capture.release()

    def _take_packet(self) -> bool:
        """Take what was grabbed, where it is ours to decode; False: there is no picture in it.

        Only the first is decoded here, to know that any can be: later ones may be skipped, and decoding them costs.
        """
        if not self._packets:
            return True
        ok, packet = self._capture.retrieve()
        # A part of no length is handed over as None, and well: some cameras send it while they have no picture.
        self._packet = jpeg_in(packet.tobytes()) if ok and packet is not None else b""
        self.orientation = orientation(self._packet)
        if has_end(self._packet):
            self._sends_ends = True
        elif self._sends_ends:
            return False
        return bool(self._packet) and (self._frames > 0 or decode_jpeg(self._packet) is not None)

    def _check_size_is_told(self, needs_size: str) -> None:
        """Raises CameraUnfitError: masks would lie elsewhere in a picture that has become another one unseen."""
        if needs_size and not self._packets:
            raise CameraUnfitError(
                f"{self._name} is {self._codec()}, of which OpenCV does not tell when the picture changes its size, so "
                f"{needs_size} cannot be kept",
                f"{HOW_TO_INSTALL}, or take Motion JPEG from the camera",
            )

    def _limit_memory(self) -> None:
        """Bound what decoding may take, by the size that the video gives. Raises CameraError where that is too much.

        A frame that turns out larger is left out: a stream of such frames ends, and is opened anew.
        """
        width, height = (int(self._capture.get(of)) for of in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
        pixel = BYTES_OF_A_PIXEL.get(self._tag(cv2.CAP_PROP_CODEC_PIXEL_FORMAT), LARGEST_PIXEL)
        if width * height * pixel > MAX_FRAME_BYTES:
            raise CameraError(
                f"{self._name} has frames of {width}x{height}, which take too much memory to decode",
                "choose a lower resolution in the camera's own settings",
            )
        # One allocation is a plane of a frame, or a whole one in BGR with some bytes around it.
        limit_allocations(MOST_WHILE_OPENING + BYTES_OF_BGR * width * height)

    def _at_end(self, *, grabbed: bool) -> bool:
        if self._limits:  # of what OpenCV decodes, nothing tells the end from a frame that is damaged
            return bool(self._packets) and not grabbed
        return 0 < self._capture.get(cv2.CAP_PROP_FRAME_COUNT) <= self._capture.get(cv2.CAP_PROP_POS_FRAMES)

    def _tag(self, of: int) -> bytes:
        return (int(self._capture.get(of)) & 0xFFFFFFFF).to_bytes(4, "little")

    def _codec(self) -> str:
        return self._tag(cv2.CAP_PROP_FOURCC).decode("ascii", "replace").strip("\0") or "unknown"


def _open(address: str, limits: Limits | None) -> cv2.VideoCapture:
    with _opening:
        if limits is None:
            limit_allocations()
            return cv2.VideoCapture(address, cv2.CAP_FFMPEG)
        timeouts = [
            cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, int(limits.open * 1000),
            cv2.CAP_PROP_READ_TIMEOUT_MSEC, int(limits.read * 1000),
        ]  # fmt: skip
        with _network_options(), while_opening():
            return cv2.VideoCapture(address, cv2.CAP_FFMPEG, timeouts)


@contextlib.contextmanager
def _network_options() -> Iterator[None]:
    """Tell FFmpeg what not to take. What a user has set comes last: it counts, but its form cannot break the rest."""
    users = os.environ.get(ENVIRONMENT)
    os.environ[ENVIRONMENT] = "|".join([*map(";".join, OPTIONS.items()), *([users] if users else [])])
    try:
        yield
    finally:
        if users is None:
            del os.environ[ENVIRONMENT]
        else:
            os.environ[ENVIRONMENT] = users
