"""GStreamer pipelines, through an OpenCV that was built with GStreamer: the cameras of a Jetson, and anything else."""

from __future__ import annotations

import ctypes
import re
from fractions import Fraction
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge.config.address_redaction import without_password
from edge.errors import CameraError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge.config import schema

SINK = "videoconvert ! video/x-raw,format=BGR ! appsink drop=true max-buffers=1 sync=false"


class _GError(ctypes.Structure):
    _fields_ = (("domain", ctypes.c_uint32), ("code", ctypes.c_int), ("message", ctypes.c_char_p))


class GStreamerCamera:
    """Whatever a pipeline delivers.

    Args:
        text: A pipeline as for gst-launch-1.0, with or without an appsink; or csi, csi:1 for a camera of a Jetson.
        settings: Size and rate of a Jetson's camera, and time limits.
    """

    every_frame = False

    def __init__(self, text: str, settings: schema.CameraConfig) -> None:
        self.name = without_password(f"gstreamer:{text}")
        self._text = text
        self._settings = settings
        self._capture: cv2.VideoCapture | None = None

    def start(self) -> None:
        """Start the pipeline. Raises CameraError."""
        if not re.search(r"GStreamer: +YES", cv2.getBuildInformation()):
            raise CameraError(
                f"OpenCV {cv2.__version__} ({cv2.__file__}) has no GStreamer",
                "apt-get install python3-opencv gstreamer1.0-plugins-base gstreamer1.0-plugins-good, then ./run again",
            )
        whole = pipeline(self._text, self._settings)
        if mistake := _mistake(whole):
            raise CameraError(f"{self.name} is no pipeline that can run here", mistake)
        capture = cv2.VideoCapture(whole, cv2.CAP_GSTREAMER, self._limits())
        if not capture.isOpened():
            raise CameraError(
                f"{self.name} does not start", "see the message above; try the pipeline with gst-launch-1.0"
            )
        self._capture = capture

    def _limits(self) -> list[int]:
        if tuple(map(int, cv2.__version__.split(".")[:2])) < (4, 7):
            return []  # it refuses them; there only the capture thread notices that nothing comes
        return [
            cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, int(self._settings.open_timeout * 1000),
            cv2.CAP_PROP_READ_TIMEOUT_MSEC, int(self._settings.read_timeout * 1000),
        ]  # fmt: skip

    def read(self) -> NDArray[np.uint8] | None:
        """The next frame; see Camera."""
        capture = self._capture
        if capture is None:
            return None
        ok, image = capture.read()
        if not ok:
            raise CameraError(f"{self.name} delivers no frames", "is the camera connected, and in use by nothing else?")
        return np.asarray(image, np.uint8)

    def stop(self) -> None:
        """Stop the pipeline."""
        capture, self._capture = self._capture, None
        if capture is not None:
            capture.release()


def pipeline(text: str, settings: schema.CameraConfig) -> str:
    """The whole pipeline for what stands behind `gstreamer:`; one that ends in an appsink is taken as it is."""
    if found := re.fullmatch(r"csi(?::(\d))?", text):
        rate = Fraction(settings.fps).limit_denominator(1000)
        text = (
            f"nvarguscamerasrc sensor-id={found[1] or 0}"
            f" ! video/x-raw(memory:NVMM),width={settings.width},height={settings.height}"
            f",framerate={rate.numerator}/{rate.denominator},format=NV12"
            " ! nvvidconv ! video/x-raw,format=BGRx"
        )
    return text if re.search(r"\bappsink\b", text) else f"{text} ! {SINK}"


def _mistake(whole: str) -> str:
    """What GStreamer itself has against a pipeline, in its own words; empty where it has nothing.

    OpenCV leaves an unknown element out, and older versions then wait for ever for the first frame.
    """
    try:
        library = ctypes.CDLL("libgstreamer-1.0.so.0")
    except OSError:  # an OpenCV that brings its own, under another name
        return ""
    library.gst_init(None, None)
    library.gst_parse_launch_full.restype = ctypes.c_void_p
    error = ctypes.POINTER(_GError)()
    every_error_is_fatal = 1
    made = library.gst_parse_launch_full(whole.encode(), None, every_error_is_fatal, ctypes.byref(error))
    if made:
        library.gst_object_unref(ctypes.c_void_p(made))
    if not error:
        return ""
    words = str(error.contents.message.decode(errors="replace"))
    library.g_clear_error(ctypes.byref(error))
    return words
