"""Compressed video, decoded frame by frame: each frame has its own size, its own time, and stands upright.

PyAV decodes where it has a wheel. OpenCV takes its place elsewhere, and tells less: see opencv_decoder.py.
"""

from __future__ import annotations

import importlib.util
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

HOW_TO_INSTALL = "install PyAV (sudo apt install --no-install-recommends python3-av, or pip install av)"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limits:
    """What is asked of a network.

    Attributes:
        open: Seconds until the stream is open.
        read: Seconds for each frame.
        ca_file: PEM file of who vouches for the camera; None: its certificate is not checked.
    """

    open: float
    read: float
    ca_file: str | None = None


class VideoDecoder(Protocol):
    """An open video file or stream. Constructing one opens it and raises CameraError where that fails."""

    still: bool
    """Whether the address gives one picture and ends, as a camera's snapshot does; known once it has ended."""

    time: float | None
    """When the frame is to be shown, in seconds on the video's own clock; None where it does not say."""

    orientation: int
    """How the frame lay before `image` turns it upright, 1 (upright) to 8 as EXIF numbers it.

    Of a network's JPEG, PNG or WebP it is what the picture itself says, whatever decodes.
    """

    resets_time: bool
    """Whether that clock may jump in the middle, as in a recorded broadcast."""

    def advance(self) -> bool:
        """Decode the next frame, passing over what cannot be decoded.

        Returns:
            False at the end.

        Raises:
            CameraError: Nothing that can be decoded came within Limits.read, or within twice that where something else
                came meanwhile.
        """

    def image(self) -> NDArray[np.uint8]:
        """The frame that `advance` found, (height, width, 3) uint8 BGR, upright."""

    def close(self) -> None:
        """Close the file or connection."""


class SkippedFrames:
    """Counts frames that could not be decoded, and says so now and then: never once a frame.

    Args:
        name: What to call the camera in errors and logs ("video clip.mp4"); never a password.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._count = 0

    def record(self) -> None:
        """Another one was passed over."""
        self._count += 1
        if self._count in (1, 10, 100, 1000):
            logger.warning("%s: a frame that cannot be decoded is left out (%d so far)", self.name, self._count)


def has_pyav() -> bool:
    """Whether PyAV is installed."""
    return importlib.util.find_spec("av") is not None


def open_video(
    address: str, skipped: SkippedFrames, limits: Limits | None = None, needs_size: str = ""
) -> VideoDecoder:
    """Open a file or stream.

    Args:
        address: A URL, or the absolute path of a file.
        skipped: Of the camera, which opens a snapshot or a film in a loop again and again; its name stands in errors.
        limits: For a stream.
        needs_size: The keys of the configuration that name parts of the picture, for the error; empty: none does. They
            hold only where each frame comes with its own size.

    Raises:
        CameraError: It cannot be opened; the text says why and what to do.
        CameraUnfitError: A change of size in the middle would not be seen, and there is a key that needs it.
    """
    # Imported only where there is a video: the libraries take memory.
    if has_pyav():
        from edge.cameras.pyav_decoder import PyAvDecoder  # noqa: PLC0415

        return PyAvDecoder(address, skipped, limits)
    from edge.cameras.opencv_decoder import OpenCvDecoder  # noqa: PLC0415

    return OpenCvDecoder(address, skipped, limits, needs_size)
