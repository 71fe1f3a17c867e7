"""The sample input: a drawn classroom in place of a camera, paced like one."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from edge.errors import CameraError
from edge.sample.portraits import read_portraits
from edge.sample.scene import Scene

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray


class SampleCamera:
    """Shows a `Scene` in real time; a slow reader misses frames, as with a camera.

    Args:
        faces: How many people, 1 to 100; None: 6 to 40 in slow waves.
        size: Width and height in pixels.
        fps: Frames in a second, at most.
        clock: Seconds, monotonic.
        sleep: Waits for so many seconds.
    """

    name = "sample"
    every_frame = False

    def __init__(
        self,
        faces: int | None = None,
        size: tuple[int, int] = (1280, 720),
        fps: float = 15.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.scene: Scene | None = None
        self._faces = faces
        self._size = size
        self._fps = fps
        self._clock = clock
        self._sleep = sleep
        self._began = 0.0
        self._due = 0.0
        self._elapsed = 0.0
        self._open = False

    def start(self) -> None:
        """Read the portraits and draw the room. Raises CameraError when the portraits are missing."""
        self.scene = Scene(read_portraits(), size=self._size, faces=self._faces)
        self._began = self._clock()
        self._due = self._elapsed = 0.0
        self._open = True

    def read(self) -> NDArray[np.uint8] | None:
        """Wait until the next frame is due, at most 1 / fps.

        Returns:
            (height, width, 3) uint8 BGR, the caller's own; None after `stop`.

        Raises:
            CameraError: `start` was never called.
        """
        scene = self.scene
        if scene is None:
            raise CameraError("the sample camera was not started", "call start() before read()")
        self.skip()
        return scene.render(self._elapsed) if self._open else None

    def skip(self) -> None:
        """Wait until the next frame is due, and do not draw it; see CanSkip."""
        wait = self._due - self.now()
        if self._open and wait > 0.0:
            self._sleep(wait)
        if self._open:
            now = self.now()
            self._elapsed = now
            self._due = max(self._due + 1.0 / self._fps, now)  # late: the frames between are skipped, not made up for

    def stop(self) -> None:
        """Close; a reader that waits gets None at its next frame."""
        self._open = False

    def now(self) -> float:
        """Seconds of scene time since `start`."""
        return self._clock() - self._began

    def elapsed(self) -> float:
        """Seconds of scene time shown by the latest frame; with it `scene.truth` tells who is on it."""
        return self._elapsed
