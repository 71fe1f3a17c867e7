"""The camera over the months: opened, paused, lost and found again."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Callable
from typing import Literal

from edge.cameras.camera import Camera
from edge.cameras.capture_thread import CaptureThread, Frame
from edge.cameras.factory import open_camera
from edge.cameras.frozen import FrozenPicture
from edge.cameras.masks import Masks
from edge.config.camera_source import drawn
from edge.config.schema import CameraConfig, Config
from edge.errors import CameraError

logger = logging.getLogger(__name__)

FIRST_WAIT, LONGEST_WAIT = 1.0, 30.0  # seconds between two tries to open a camera that is gone
STEADY = 10.0  # seconds of frames after which a camera counts as healthy
STILL_CLOSING = "the camera is still closing"  # what is wrong until a driver has released it
STUCK = 60.0  # seconds after which a driver that does not release the camera needs a new process

Mode = Literal["running", "paused", "camera_lost"]


class CameraSupervisor:
    """Keeps one camera open while it may be, and tries again when it goes away.

    Args:
        make_capture: Makes a capture thread for the camera, not yet started.
        now: Monotonic seconds.
        recovers: Whether a failing camera may come back (a device or stream, not a file).
        set_lamp: Called with True before the camera is opened, and with False once nothing holds it open any longer.
    """

    def __init__(
        self,
        make_capture: Callable[[], CaptureThread],
        now: Callable[[], float],
        *,
        recovers: bool,
        set_lamp: Callable[[bool], None] = lambda _lit: None,
    ) -> None:
        self._set_lamp = set_lamp
        self._make_capture = make_capture
        self._now = now
        self._recovers = recovers
        self._frozen = FrozenPicture() if recovers else None
        self.frozen = False
        """Whether a live camera sends the very same picture all the time."""
        self._capture: CaptureThread | None = None
        self._closing: tuple[CaptureThread, float] | None = None  # asked to stop, not yet ended; since when
        self._first: float | None = None  # when the first frame came from this capture
        self._was_open = False  # the first opening went well
        self._wait = FIRST_WAIT
        self._next_try = 0.0
        self.mode: Mode = "running"
        self.problem = ""
        """Why the camera is lost, and what to do; empty while it is not."""
        self.losses = 0
        """How often it was lost since the start."""

    def change(self, make_capture: Callable[[], CaptureThread], *, live: bool) -> None:
        """Go on with another camera, or the same one opened otherwise; one that cannot be opened counts as lost.

        Args:
            make_capture: As for the constructor.
            live: Whether it is a device or stream, and not a recording or drawing, which may stand still.
        """
        paused = self.mode == "paused"
        self.pause()
        self._frozen = FrozenPicture() if live else None
        self._make_capture = make_capture
        self._recovers = True
        if not paused:
            self.resume()

    def start(self) -> None:
        """Begin to open the camera."""
        capture = self._make_capture()
        self._first = None
        self._set_lamp(True)  # one that cannot be lit raises an error, and the camera stays closed
        self._capture = capture
        capture.start()

    def wait_open(self, timeout: float) -> bool:
        """Wait for the first opening; False when it is not open after `timeout` seconds. Raises CameraError."""
        if self._capture is None or self._capture.wait_open(timeout):
            self._was_open = True
        return self._was_open

    @property
    def closed(self) -> bool:
        """Whether nothing holds the camera open."""
        return self._capture is None and self._closing is None

    @property
    def ended(self) -> bool:
        """The input came to its end, and every frame was taken."""
        return self._capture is not None and self._capture.ended

    def take(self, timeout: float) -> Frame | None:
        """The newest frame, waiting up to `timeout` seconds for it; at once None while there is no camera to wait for.

        Raises:
            CameraError: The camera failed and cannot come back, or its driver hangs for good.
        """
        self._check_closing()
        if self._capture is None and self.mode == "camera_lost" and self._now() >= self._next_try:
            self._try_again()
        if self._capture is None:
            return None
        try:
            if not self._capture.wait_open(timeout):
                return None
            frame = self._capture.take(timeout)
        except CameraError as error:
            if not (self._recovers and self._was_open):
                raise
            self._mark_lost(error)
            return None
        if frame is not None:
            self._record_frame(frame)
        return frame

    def skip_until(self, time: float) -> None:
        """No frame will be taken before that, monotonic seconds."""
        if self._capture is not None:
            self._capture.skip_until(time)

    def _record_frame(self, frame: Frame) -> None:
        self.frozen = self._frozen is not None and self._frozen.update(frame.image, frame.time)
        if self._first is None:
            self._first = self._now()
            if self.mode == "camera_lost":
                logger.info("the camera is back")
            self.mode, self.problem = "running", ""
        elif self._now() - self._first > STEADY:  # one that comes and goes is still opened ever more rarely
            self._wait = FIRST_WAIT

    def pause(self) -> None:
        """Close the camera."""
        self.mode, self.problem = "paused", ""
        self._close()

    def resume(self) -> None:
        """Open the camera again; until a frame comes it counts as running, and if none comes as lost."""
        if self.mode != "paused":
            return
        self.mode, self._was_open, self._wait = "running", True, FIRST_WAIT
        if self._closing is None:
            self.start()
        else:  # a driver that still hangs in its last read cannot be opened a second time
            self.mode, self.problem = "camera_lost", STILL_CLOSING
            self._next_try = self._now()

    def update_closing(self) -> None:
        """Find out whether a driver that took its time has released the camera."""
        if self._closing is not None and self._closing[0].stop(0.0):
            self._closing = None
            self._set_lamp(not self.closed)

    def stop(self) -> None:
        """Close the camera for good."""
        self._close()

    def _try_again(self) -> None:
        if self._closing is None:
            if self.problem == STILL_CLOSING:
                self.mode, self.problem = "running", ""
            self.start()

    def _mark_lost(self, error: CameraError) -> None:
        if self.mode != "camera_lost":
            self.losses += 1
            logger.warning("%s; trying to open it again", error)
        # Where a network camera is, and how one gets in, is for the log, not for everybody who subscribes.
        self.mode, self.problem = "camera_lost", re.sub(r"\b[a-z]+://\S+", "(address in the log)", str(error))
        self._close()
        self._next_try = self._now() + self._wait
        self._wait = min(2 * self._wait, LONGEST_WAIT)

    def _close(self) -> None:
        capture, self._capture = self._capture, None
        self.frozen = False
        if self._frozen is not None:
            self._frozen.reset()
        if capture is not None and not capture.stop():
            self._closing = (capture, self._now())
        self._set_lamp(not self.closed)

    def _check_closing(self) -> None:
        self.update_closing()
        if self._closing is not None and self._now() - self._closing[1] > STUCK:
            raise CameraError(
                f"the driver of the camera has not released it for {STUCK:.0f} s", "the daemon must restart"
            )


def capture_maker(
    config: Config,
    source: str,
    now: Callable[[], float],
    open_camera: Callable[[str, Config], Camera] = open_camera,
    accepts: Callable[[CameraConfig, tuple[int, int], int], bool] = lambda _camera, _size, _orientation: True,
) -> Callable[[], CaptureThread]:
    """What makes capture threads for a source.

    Args:
        config: The configuration; it may say `auto` where `source` does not.
        source: What to open; resolved, never `auto`.
        now: Monotonic seconds.
        open_camera: Makes the camera, not yet started.
        accepts: Whether a picture of this width and height, and which lay so, may be seen under these masks.
    """
    camera = config.camera
    # What is drawn here is never out of reach: a busy machine is late, and the daemon goes on.
    limits = (math.inf, math.inf) if drawn(source) else (camera.open_timeout, camera.read_timeout)
    return lambda: CaptureThread(
        open_camera(source, config),
        *limits,
        now,
        Masks(camera.masks),
        lambda size, orientation: accepts(camera, size, orientation),
    )
