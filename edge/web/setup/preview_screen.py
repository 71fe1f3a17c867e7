"""What the preview shows: here those who watch and the thread that takes the pictures meet."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from edge.cameras.exif import UPRIGHT
from edge.errors import CameraError
from edge.text import Sentence

if TYPE_CHECKING:
    from edge.config.schema import Config

NO_CAMERA = "no camera yet: choose one in the step Camera"
TICK = 0.5  # seconds after which whoever waits looks again


@dataclass(frozen=True)
class Shot:
    """The newest picture as JPEG, and what the page shows about it. `number` is another one for every shot."""

    number: int
    about: dict[str, Any] = field(repr=False)
    jpeg: bytes = field(repr=False)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the picture in pixels."""
        width, height = self.about["size"]
        return int(width), int(height)

    @property
    def orientation(self) -> int:
        """How it lay before its own mark turned it upright, as EXIF numbers it."""
        return int(self.about["orientation"])


@dataclass(frozen=True)
class View:
    """What is shown.

    Attributes:
        config: The limits, and how the picture is turned.
        source: What to open; resolved, never `auto`. Empty: nothing.
        closed: Why nothing is opened; empty: it is.
    """

    config: Config
    source: str
    closed: str = ""


class Screen:
    """One picture, the newest, in memory. All methods may be called from any thread.

    Args:
        view: What is shown at the beginning.
    """

    def __init__(self, view: View) -> None:
        self._view = view
        self._wanted: View | None = None  # what the thread goes on with
        self._reopen = False  # also if it is the same: it may be plugged in by now
        self._changed = threading.Condition()
        self._shot: Shot | None = None
        self._problem = ""
        self._number = 0
        self._asked = time.monotonic()  # for a picture
        self._used = time.monotonic()  # the page, in any way
        self._stopped = False

    # For those who watch

    @property
    def source(self) -> str:
        """What is shown now, or soon; empty: nothing."""
        with self._changed:
            return (self._wanted or self._view).source

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height of the newest picture in pixels; None where there is none."""
        with self._changed:
            return self._shot.size if self._shot is not None else None

    @property
    def orientation(self) -> int:
        """How the newest picture lay, as EXIF numbers it; upright where there is none."""
        with self._changed:
            return self._shot.orientation if self._shot is not None else UPRIGHT

    def show(self, view: View) -> None:
        """Go on with another camera, or the same one turned or masked otherwise. Returns at once."""
        with self._changed:
            if view != (self._wanted or self._view):
                self._wanted, self._shot = view, None
                self._changed.notify_all()

    def close_because(self, problem: str) -> None:
        """Show nothing until `show` says what."""
        with self._changed:
            now = self._wanted or self._view
        self.show(View(now.config, now.source, problem))

    def show_now(self, view: View, timeout: float) -> tuple[int, int]:
        """As `show`, and wait for its first picture.

        Returns:
            Its width and height in pixels.

        Raises:
            CameraError: None came in that time; says why.
        """
        with self._changed:
            self._wanted, self._reopen, self._shot = view, True, None
            self._changed.notify_all()
        deadline = time.monotonic() + timeout
        with self._changed:

            def settled() -> bool:
                self._asked = time.monotonic()  # whoever waits is a viewer
                ours = self._wanted is None and self._view == view
                return self._stopped or not ours or self._shot is not None or bool(self._problem)

            self._changed.wait_for(lambda: self._wanted is None or self._stopped, timeout)
            while not settled() and time.monotonic() < deadline:
                self._changed.wait(TICK)
            if self._view != view:
                raise CameraError(Sentence("another camera was opened meanwhile"), Sentence("try again"))
            if self._shot is None:
                raise CameraError(
                    self._problem or f"no picture came in {timeout:g} s", "" if self._problem else "try again"
                )
            return self._shot.size

    def use(self) -> None:
        """Somebody works with the page, maybe without the picture: it does not end."""
        with self._changed:
            self._used = time.monotonic()

    def newest(self, after: int, timeout: float) -> tuple[Shot | None, str]:
        """The newest shot, waiting for one that is not number `after`; whoever asks counts as a viewer.

        Returns:
            None if there is no other in time, and what is wrong, if anything is.
        """
        with self._changed:
            self._asked = time.monotonic()
            self._changed.notify_all()

            def other() -> bool:
                return self._stopped or (self._shot is not None and self._shot.number != after)

            self._changed.wait_for(other, timeout)
            self._asked = time.monotonic()
            shot = self._shot
            return (shot if shot is not None and shot.number != after else None), self._problem

    # For the thread that takes the pictures

    @property
    def view(self) -> View:
        """What the pictures are of."""
        with self._changed:
            return self._view

    @property
    def unwatched(self) -> float:
        """Seconds since somebody asked for a picture."""
        with self._changed:
            return time.monotonic() - self._asked

    @property
    def unused(self) -> float:
        """Seconds since somebody worked with the page."""
        with self._changed:
            return time.monotonic() - self._used

    def watch(self) -> None:
        """Wait for a viewer as if one had just asked."""
        with self._changed:
            self._asked = time.monotonic()

    def wanted(self) -> tuple[View | None, bool]:
        """What to go on with, if it is something else; and whether to open it even if it is the same. Asks once."""
        with self._changed:
            reopen, self._reopen = self._reopen, False
            return self._wanted, reopen

    def turn(self, view: View) -> None:
        """What pictures are of from now on; none is taken before `begin`."""
        with self._changed:
            self._view = view

    def begin(self, wanted: View) -> None:
        """Pictures of what was wanted come next, unless something else is wanted by now."""
        with self._changed:
            if self._wanted is wanted:
                self._wanted = None
            self._shot, self._problem = None, ""
            self._changed.notify_all()

    def put(self, about: dict[str, Any], jpeg: bytes) -> bool:
        """Show a picture; False: it is not of what is wanted by now."""
        with self._changed:
            if self._wanted is not None:  # taken by masks, or turned in a way, that hold no longer
                return False
            self._problem = ""
            self._number += 1
            self._shot = Shot(self._number, about, jpeg)
            self._changed.notify_all()
            return True

    def clear(self, problem: str) -> bool:
        """Show no picture, and what is wrong, if anything is; whether that is new."""
        with self._changed:
            new = problem != self._problem
            self._problem, self._shot = problem, None
            self._changed.notify_all()
            return new

    def wait_for_viewer(self) -> None:
        """Wait for somebody to ask for a picture, but not for long."""
        with self._changed:
            asked = self._asked
            self._changed.wait_for(lambda: self._asked != asked or self._stopped, TICK)

    def stop(self) -> None:
        """Let everybody go who waits."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
