"""The capture thread: reads a camera and keeps the newest frame in a one-slot mailbox."""

from __future__ import annotations

import logging
import threading
import time
from copy import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from edge.cameras.camera import CanSkip, Marked, Timed
from edge.cameras.exif import UPRIGHT
from edge.cameras.masks import Masks
from edge.cameras.normalize import to_bgr
from edge.errors import CameraError, EdgeError

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from edge.cameras.camera import Camera

logger = logging.getLogger(__name__)

GRACE = 1.0
EARLY = 1.5  # periods of the camera before the consumer comes again, in which its frames may be what it gets


@dataclass(frozen=True)
class Frame:
    """One picture, (height, width, 3) uint8 BGR, and when it was taken (monotonic seconds).

    `waited`: it was there before it was asked for, so it is not the camera that is late. `orientation`: how it lay
    before its own mark turned it upright, as EXIF numbers it.
    """

    image: NDArray[np.uint8]
    time: float
    waited: bool = False
    orientation: int = UPRIGHT


class CaptureThread:
    """Runs a camera in a thread of its own, so that a slow consumer always gets the newest frame.

    Args:
        camera: What to read. Its `every_frame` says whether the thread waits for the consumer (a folder
            of pictures) or overwrites what was not fetched in time (a camera).
        open_timeout: Seconds in which it has to open.
        read_timeout: Seconds in which a usable frame has to come.
        now: Monotonic seconds.
        masks: What nobody is to see: every frame of every kind of camera is blacked out here, before anything else.
        accepts: Whether a picture of this width and height, and which lay so, may be seen at all; called for every
            frame.
    """

    def __init__(
        self,
        camera: Camera,
        open_timeout: float = 10.0,
        read_timeout: float = 5.0,
        now: Callable[[], float] = time.monotonic,
        masks: Masks | None = None,
        accepts: Callable[[tuple[int, int], int], bool] = lambda _size, _orientation: True,
    ) -> None:
        self._camera = camera
        self._masks = masks or Masks()
        self._accepts = accepts
        # A camera has its own limits, and better words for what is wrong: they get a second's head start.
        self._open_timeout = open_timeout + GRACE
        self._read_timeout = read_timeout + GRACE
        self._since = now()  # of the start, then of opening, then of the newest usable frame
        self._now = now
        self._changed = threading.Condition()
        self._frame: Frame | None = None
        self._waiting = False  # the consumer
        self._skip_until = 0.0  # when it comes again
        self._open = False
        self._ended = False
        self._error: EdgeError | None = None
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="capture", daemon=True)

    def start(self) -> None:
        """Begin to open the camera and read it, in the thread: a driver that hangs must not hang the daemon."""
        self._since = self._now()
        self._thread.start()

    def wait_open(self, timeout: float) -> bool:
        """Wait until the camera is open; False when it is not after `timeout` seconds.

        Raises:
            CameraError: It cannot be opened, or did not open in time.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._open or self._ended, timeout)
            if not self._open and self._error is not None:
                raise copy(self._error)  # what is raised holds this call, and so us
            if not self._open and self._now() - self._since > self._open_timeout:
                raise CameraError(f"camera {self._camera.name} did not open in time", "is it connected and reachable?")
            return self._open

    def take(self, timeout: float) -> Frame | None:
        """The newest frame that was not taken before, waiting for one if need be.

        Returns:
            None when none came within `timeout` seconds, or when the input has ended (see `ended`).

        Raises:
            CameraError: The camera failed, or gave no usable frame in time; what it delivered before was taken.
        """
        with self._changed:
            waited = self._frame is not None
            self._waiting = True
            self._changed.wait_for(lambda: self._frame is not None or self._ended, timeout)
            self._waiting = False
            frame, self._frame = self._frame, None
            self._changed.notify_all()
            if frame is None and self._error is not None:
                raise copy(self._error)
            if frame is None and not self._ended and self._now() - self._since > self._read_timeout:
                raise CameraError(
                    f"camera {self._camera.name} gave no usable frame in {self._read_timeout:g} s",
                    "is it connected, and not in use by another program?",
                )
            return replace(frame, waited=waited) if frame is not None else None

    def skip_until(self, time: float) -> None:
        """The consumer will not come before that (monotonic seconds): what it would never see need not be decoded."""
        with self._changed:
            self._skip_until = time

    @property
    def ended(self) -> bool:
        """The input came to its end, and every frame was taken. After an error this stays false: `take` raises it."""
        with self._changed:
            return self._ended and self._frame is None and self._error is None

    def stop(self, timeout: float = 0.5) -> bool:
        """Have the camera closed, waiting up to `timeout` seconds for it.

        Returns:
            False while a read still hangs in the driver; the camera is closed as soon as that returns.
        """
        with self._changed:
            self._stopping = True
            self._frame = None
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._camera.start()
            with self._changed:
                self._open = True
                self._since = self._now()
                self._changed.notify_all()
            self._read_all()
        except EdgeError as error:
            self._error = _without_frames(error)
        except Exception as error:  # noqa: BLE001 - a driver may raise anything; it must not end the thread unheard
            self._error = CameraError(f"camera {self._camera.name} failed", f"{type(error).__name__}: {error}")
        finally:
            self._close()
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def _too_early(self, margin: float) -> bool:
        """Whether another frame will come before the consumer does, so that nobody would ever see this one."""
        with self._changed:
            return not self._waiting and self._now() + margin < self._skip_until

    def _wait_until_due(self) -> None:
        """Wait until it is time for the frame of a recording; a film with long pauses is not late."""
        if isinstance(self._camera, Timed):
            self._since = max(self._since, self._camera.due())
            self._changed.wait_for(lambda: self._stopping, max(0.0, self._since - self._now()))

    def _close(self) -> None:
        try:
            self._camera.stop()
        except Exception as error:  # noqa: BLE001 - as above; what it was reading for is already settled
            logger.warning("camera %s did not close cleanly (%s: %s)", self._camera.name, type(error).__name__, error)

    def _read_all(self) -> None:
        unusable, last, period = 0, self._now(), 0.0
        while not self._stopping:
            if isinstance(self._camera, CanSkip) and self._too_early(EARLY * period):
                self._camera.skip()
                last = self._now()
                with self._changed:
                    self._since, self._frame = last, None  # the one before is old by now
                continue
            raw = self._camera.read()
            now = self._now()
            last, period = now, now - last
            if raw is None:
                return
            image = to_bgr(raw)
            if image is None:
                unusable += 1
                if unusable in (1, 10, 100):  # a camera that sends nothing else must not fill the journal
                    logger.warning("camera %s: unusable frame (%s %s)", self._camera.name, raw.dtype, raw.shape)
                continue
            orientation = self._camera.orientation() if isinstance(self._camera, Marked) else UPRIGHT
            if not self._accepts((image.shape[1], image.shape[0]), orientation):
                del raw, image
                with self._changed:  # the input is not read to its end unseen: whoever refused it closes the camera
                    self._changed.wait_for(lambda: self._stopping)
                return
            image = self._masks.apply(image)
            with self._changed:
                self._wait_until_due()
                if self._camera.every_frame:
                    self._changed.wait_for(lambda: self._frame is None or self._stopping)
                if self._stopping:
                    return
                self._since = self._now()
                self._frame = Frame(image, self._since, orientation=orientation)
                self._changed.notify_all()
            del raw, image  # a picture that was fetched is not kept until the next one comes


def _without_frames(error: EdgeError) -> EdgeError:
    """The error alone, without the calls that led to it: these hold the camera, its last picture, and us.

    As we hold the error, all of that would stay in memory, through a pause as well, until Python looks for cycles.
    """
    error.__traceback__ = error.__context__ = error.__cause__ = None
    return error
