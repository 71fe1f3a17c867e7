"""Network cameras: RTSP and HTTP streams, and snapshots that are fetched again and again."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from edge.cameras.certificates import check_certificate_file
from edge.cameras.exif import UPRIGHT
from edge.cameras.video_decoder import Limits, SkippedFrames, VideoDecoder, open_video
from edge.config.address_redaction import without_password
from edge.config.camera_address import HOW_TO_ENCODE, password_may_be_raw
from edge.errors import CameraError, CameraUnfitError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SNAPSHOT_SECONDS = 0.5  # between two snapshots: cameras make them on demand, and slowly
SHORTEST_WAIT = 0.1  # seconds for a snapshot that is fetched at the end of the time


class StreamCamera:
    """An RTSP or HTTP stream, over TCP and with a limit on every wait; or an address that gives one picture.

    Args:
        url: The address; a password in it is never shown.
        open_timeout: Seconds to wait for the stream to open.
        read_timeout: Seconds to wait for a frame.
        needs_size: As for open_video.
        ca_file: PEM file of who vouches for the camera; None: its certificate is not checked.
    """

    every_frame = False

    def __init__(
        self, url: str, open_timeout: float, read_timeout: float, needs_size: str = "", ca_file: str | None = None
    ) -> None:
        self.name = without_password(url)
        self._url = url
        self._limits = Limits(open_timeout, read_timeout, ca_file)
        self._needs_size = needs_size
        self._skipped = SkippedFrames(f"stream {self.name}")
        self._decoder: VideoDecoder | None = None
        self._due = 0.0  # of the next snapshot, monotonic seconds

    def start(self) -> None:
        """Open the stream. Raises CameraError; CameraUnfitError where it cannot be opened as it is configured."""
        self._open(self._limits)

    def read(self) -> NDArray[np.uint8] | None:
        """The next frame; see Camera."""
        decoder = self._advance()
        return decoder.image() if decoder else None

    def skip(self) -> None:
        """Take a frame off the stream: it has to be decoded for the next ones, but not converted. See CanSkip."""
        self._advance()

    def orientation(self) -> int:
        """How that frame lay; see Marked."""
        return self._decoder.orientation if self._decoder is not None else UPRIGHT

    def stop(self) -> None:
        """Close the connection."""
        decoder, self._decoder = self._decoder, None
        if decoder is not None:
            decoder.close()

    def _open(self, limits: Limits) -> None:
        self._due = time.monotonic() + SNAPSHOT_SECONDS
        check_certificate_file(limits.ca_file)
        try:
            self._decoder = open_video(self._url, self._skipped, limits, self._needs_size)
        except CameraUnfitError:
            raise
        except CameraError as error:
            if password_may_be_raw(self._url):
                raise CameraError(error.problem, f"{error.remedy}; if the @ ends a password, {HOW_TO_ENCODE}") from None
            raise

    def _advance(self) -> VideoDecoder | None:
        deadline = max(time.monotonic(), self._due) + self._limits.read  # no camera is slow before its picture is due
        while (decoder := self._decoder) is not None:
            try:
                if decoder.advance():
                    break
                error = CameraError(f"stream {self.name} delivers no frames: it has ended", "is the camera still on?")
            except CameraError as undecodable:
                error = undecodable
            # A snapshot that cannot be decoded is passed over, as a frame of a stream is.
            if not decoder.still or max(time.monotonic(), self._due) > deadline:
                raise error
            self.stop()
            time.sleep(max(0.0, self._due - time.monotonic()))
            left = max(SHORTEST_WAIT, deadline - time.monotonic())
            self._open(replace(self._limits, open=min(left, self._limits.open), read=left))
        return self._decoder
