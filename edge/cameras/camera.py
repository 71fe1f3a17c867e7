"""Cameras: one small file per kind, one protocol, one `open_camera`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Camera(Protocol):
    """A source of frames. A constructor only stores; `start` opens the device and `stop` closes it."""

    name: str
    """What to call it in logs and errors; never a password."""

    every_frame: bool
    """Whether each frame waits for the consumer (pictures of a folder) or a newer one may replace it (a camera)."""

    def start(self) -> None:
        """Open the device. Raises CameraError."""

    def read(self) -> NDArray[np.uint8] | None:
        """Wait for the next frame, for a bounded time.

        Returns:
            (height, width, 3) uint8 BGR, the caller's own: masks are written into it; None at the end of the input.

        Raises:
            CameraError: Nothing came in time, or the device is gone.
        """

    def stop(self) -> None:
        """Close the device; safe to call twice. Never called while `read` waits."""


@runtime_checkable
class CanSkip(Protocol):
    """A camera that can pass over a frame without the work of decoding it."""

    def skip(self) -> None:
        """Wait for the next frame, for a bounded time, and throw it away. Raises CameraError as `read` does."""


@runtime_checkable
class Marked(Protocol):
    """A camera whose pictures may say how they lie."""

    def orientation(self) -> int:
        """How the frame that `read` returned lay before it was turned upright, 1 (upright) to 8 as EXIF numbers it."""


@runtime_checkable
class Timed(Protocol):
    """A recording: its frames can be read before it is their time."""

    def due(self) -> float:
        """When the frame that `read` returned is to be shown, monotonic seconds."""
