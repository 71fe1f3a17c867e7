"""Video through OpenCV, where PyAV has no wheel (32-bit boards).

OpenCV tells neither the time of a stream's frames nor, before 4.13, that the picture has changed its size: keep the
size of a network camera fixed there.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge.errors import CameraError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge.cameras.video_decoder import Limits, SkippedFrames

BROKEN_READS = 25  # one after the other, before the video counts as ended


class OpenCvDecoder:
    """A video file or stream; see VideoDecoder."""

    resets_time = True  # its clock is not trusted

    def __init__(self, address: str, skipped: SkippedFrames, limits: Limits | None) -> None:
        name = self._name = skipped.name
        self._live = limits is not None
        self._skipped = skipped
        self.time: float | None = None
        self.still = False
        self._capture = _open(address, limits)
        if not self._capture.isOpened():
            if limits:
                remedy = "is the address right, the camera on, and its user and password correct?"
                raise CameraError(f"{name} cannot be opened", remedy)
            raise CameraError(f"{name} cannot be decoded", "is it a complete video file?")
        self._capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
        self.still = limits is not None and self._capture.get(cv2.CAP_PROP_FRAME_COUNT) == 1
        self._frames = 0

    def advance(self) -> bool:
        """Decode the next frame; see VideoDecoder."""
        for _ in range(BROKEN_READS):
            if self._capture.grab():
                self._frames += 1
                seconds = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
                self.time = seconds if seconds > 0 or self._frames == 1 else None
                return True
            if self._at_end():
                break
            self._skipped.record()
        if not self._frames:
            raise CameraError(
                f"{self._name} has no frame that can be decoded (codec {self._codec()})", "choose H.264 or Motion JPEG"
            )
        if self._live and not self.still:
            raise CameraError(f"{self._name} delivers no frames", "is the camera still on and reachable?")
        return False

    def image(self) -> NDArray[np.uint8]:
        """The frame, upright; see VideoDecoder."""
        ok, image = self._capture.retrieve()
        return np.asarray(image, np.uint8) if ok else np.empty((0, 0, 3), np.uint8)

    def close(self) -> None:
        """Close the file or connection."""
        self._capture.release()

    def _at_end(self) -> bool:
        total = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        return not self._live and 0 < total <= self._capture.get(cv2.CAP_PROP_POS_FRAMES)

    def _codec(self) -> str:
        code = int(self._capture.get(cv2.CAP_PROP_FOURCC)) & 0xFFFFFFFF
        return code.to_bytes(4, "little").decode("ascii", "replace").strip("\0") or "unknown"


def _open(address: str, limits: Limits | None) -> cv2.VideoCapture:
    if limits is None:
        return cv2.VideoCapture(address, cv2.CAP_FFMPEG)
    # Over UDP, lost packets smear the picture for seconds.
    os.environ.setdefault("OPENCV_FFMPEG_CAPTURE_OPTIONS", "rtsp_transport;tcp")
    timeouts = [
        cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, int(limits.open * 1000),
        cv2.CAP_PROP_READ_TIMEOUT_MSEC, int(limits.read * 1000),
    ]  # fmt: skip
    return cv2.VideoCapture(address, cv2.CAP_FFMPEG, timeouts)
