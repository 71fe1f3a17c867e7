"""A video file, played at its own speed as if it were a camera."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from edge.cameras.exif import UPRIGHT
from edge.cameras.video_decoder import SkippedFrames, VideoDecoder, open_video
from edge.errors import CameraError
from edge.files.presence import why_no_file

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DEFAULT_PERIOD = 1 / 25  # seconds, of frames that do not say when they are to be shown
LATE = 1.0  # seconds behind its own time at which the film stands still until we are there
JUMP = 10.0  # seconds: more between two frames is a new beginning, where the file's clock may be set anew


class FileCamera:
    """A video file.

    Args:
        path: The file.
        loop: Start again at the end.
        needs_size: As for open_video.
    """

    every_frame = False

    def __init__(self, path: str, *, loop: bool, needs_size: str = "") -> None:
        self.name = path
        self._needs_size = needs_size
        self._loop = loop
        self._skipped = SkippedFrames(f"video {path}")
        self._decoder: VideoDecoder | None = None
        self._origin = 0.0  # when the film's clock was at 0, monotonic seconds
        self._time: float | None = None  # of the newest frame on the film's clock
        self._period = DEFAULT_PERIOD
        self._due = 0.0  # of the newest frame, monotonic seconds

    def start(self) -> None:
        """Open the file. Raises CameraError."""
        if why := why_no_file(self.name):
            raise CameraError(f"video {why}", "check camera.source: file:PATH")
        self._due = time.monotonic() - DEFAULT_PERIOD
        self._open()

    def read(self) -> NDArray[np.uint8] | None:
        """The next frame, None at the end; see Camera."""
        decoder = self._decoder
        if decoder is None:
            return None
        if not decoder.advance():
            if self._time is None:
                raise CameraError(f"video {self.name} has no frame that can be decoded", "is it a complete video file?")
            if not self._loop:
                return None
            decoder = self._open()
            if not decoder.advance():
                return None
        self._set_due(decoder)
        return decoder.image()

    def orientation(self) -> int:
        """How the newest frame lay; see Marked."""
        return self._decoder.orientation if self._decoder is not None else UPRIGHT

    def due(self) -> float:
        """When the newest frame is to be shown; see Timed."""
        return self._due

    def stop(self) -> None:
        """Close the file."""
        decoder, self._decoder = self._decoder, None
        if decoder is not None:
            decoder.close()

    def _open(self) -> VideoDecoder:
        self.stop()
        # Absolute: what stands before a colon in a relative name would be taken for a protocol.
        self._decoder = open_video(str(Path(self.name).absolute()), self._skipped, needs_size=self._needs_size)
        self._time = None
        return self._decoder

    def _set_due(self, decoder: VideoDecoder) -> None:
        last, shown = self._time, decoder.time
        if shown is None:  # no clock: as fast as before
            shown = 0.0 if last is None else last + self._period
        if last is None or shown <= last or (decoder.resets_time and shown - last > JUMP):
            self._origin = self._due + self._period - shown
        else:
            self._period = min(shown - last, JUMP)
        self._time = shown
        self._due = self._origin + shown
        if (late := time.monotonic() - self._due) > LATE:
            self._origin += late
            self._due += late
