"""Opens the camera while somebody watches, and keeps the newest picture for them: one, in memory."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from edge.cameras.masks import Masks
from edge.cameras.supervisor import STILL_CLOSING
from edge.daemon.guarded_camera import CameraClosedError, GuardedCamera
from edge.errors import CameraError, EdgeError
from edge.text import Sentence
from edge.vision.model_set import ModelChoice, ModelSet
from edge.web.setup.camera_in_use import with_service
from edge.web.setup.preview_analyzer import FPS, PreviewAnalyzer, as_jpeg

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge.config.schema import Config
    from edge.web.setup.frame_facts import FrameFacts

logger = logging.getLogger(__name__)

TICK = 0.5  # seconds after which the thread looks up from the camera
LINGER = 15.0  # seconds after the last question in which the camera stays open
IDLE = 600.0  # seconds without a question after which all ends
AGAIN = 2.0  # seconds between two tries with an input that failed
RATE_OVER = 10  # frames


@dataclass(frozen=True)
class Shot:
    """The newest picture as JPEG, and what the page shows about it. `number` is another one for every shot."""

    number: int
    about: dict[str, Any] = field(repr=False)
    jpeg: bytes = field(repr=False)


NO_CAMERA = "no camera yet: choose one in the step Camera"


class Calibration(Protocol):
    """What learns from every frame."""

    def add(self, facts: FrameFacts) -> None:
        """Take in what is known about the faces of a frame."""

    def cancel(self) -> None:
        """Forget it all: the camera, or the way it is turned, is another one now."""


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


@dataclass(frozen=True)
class Patience:
    """How long a session waits for viewers.

    Attributes:
        idle: Seconds without a viewer, and without `use`, after which all ends.
        linger: Seconds without a viewer after which the camera is closed.
    """

    idle: float = IDLE
    linger: float = LINGER


class PreviewSession:
    """Camera, models and the newest shot, in a thread of its own.

    Args:
        config: The configuration at the beginning.
        source: What to open; resolved, never `auto`. Empty: nothing yet.
        models: Detector and classifier.
        camera: The camera of that source.
        calibration: What learns from every frame.
        patience: How long it waits for viewers.
    """

    def __init__(
        self,
        config: Config,
        source: str,
        models: ModelSet,
        camera: GuardedCamera,
        calibration: Calibration | None = None,
        patience: Patience = Patience(),
    ) -> None:
        self._view = View(config, source, "" if source else NO_CAMERA)
        self._wanted: View | None = None  # what the thread goes on with
        self._reopen = False  # also if it is the same: it may be plugged in by now
        self._patience = patience
        self._models = models
        self._camera = camera
        self._calibration = calibration
        self._analyzer = PreviewAnalyzer(models, config.vision, Masks(config.camera.masks).share)
        self._changed = threading.Condition()
        self._shot: Shot | None = None
        self._problem = ""
        self._number = 0
        self._asked = time.monotonic()  # for a picture
        self._used = time.monotonic()  # the page, in any way
        self._stopping = threading.Event()
        self._times: deque[float] = deque(maxlen=RATE_OVER)
        self._thread = threading.Thread(target=self._run, name="preview")

    def start(self, on_end: Callable[[], None]) -> None:
        """Begin to take pictures, in a thread of its own, which opens the camera.

        Args:
            on_end: Called once it takes none any more: nobody has watched for long, or something broke.

        Raises:
            BusyError, ConfigError: The lamp cannot be lit.
        """
        self._on_end = on_end
        self._asked = time.monotonic()
        self._camera.check_lamp()
        self._camera.pause()  # opened by the thread, once it is clear that it may be
        self._thread.start()

    def stop(self) -> None:
        """Close the camera, and let everybody go who waits."""
        self._stopping.set()
        with self._changed:
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join()
        self._camera.stop()

    @property
    def source(self) -> str:
        """What is shown now, or soon; empty: nothing."""
        with self._changed:
            return (self._wanted or self._view).source

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height of the newest picture in pixels; None where there is none."""
        with self._changed:
            if self._shot is None:
                return None
            width, height = self._shot.about["size"]
            return int(width), int(height)

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
                return self._stopping.is_set() or not ours or self._shot is not None or bool(self._problem)

            self._changed.wait_for(lambda: self._wanted is None or self._stopping.is_set(), timeout)
            while not settled() and time.monotonic() < deadline:
                self._changed.wait(TICK)
            if self._view != view:
                raise CameraError(Sentence("another camera was opened meanwhile"), Sentence("try again"))
            if self._shot is None:
                raise CameraError(
                    self._problem or f"no picture came in {timeout:g} s", "" if self._problem else "try again"
                )
            width, height = self._shot.about["size"]
            return int(width), int(height)

    @property
    def models(self) -> ModelSet:
        """The models of what is shown."""
        return self._models

    @property
    def labels(self) -> tuple[str, ...]:
        """The emotions that can be named; empty when faces are only counted."""
        return self._models.labels

    @property
    def closed(self) -> bool:
        """Whether nothing holds the camera open."""
        return self._camera.closed

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
                return self._stopping.is_set() or (self._shot is not None and self._shot.number != after)

            self._changed.wait_for(other, timeout)
            self._asked = time.monotonic()
            shot = self._shot
            return (shot if shot is not None and shot.number != after else None), self._problem

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                with self._changed:
                    unwatched, unused = time.monotonic() - self._asked, time.monotonic() - self._used
                if min(unwatched, unused) > self._patience.idle:
                    logger.warning(
                        "nobody has had the page open for %g minutes: the preview ends", self._patience.idle / 60
                    )
                    return
                self._follow()
                closed = self._closed_because()
                if closed or unwatched > self._patience.linger:
                    self._close(closed)
                    self._wait_for_viewer()
                else:
                    self._step(time.monotonic())
        finally:
            self._close("")
            self._on_end()

    def _closed_because(self) -> str:
        if self._view.closed:
            return self._view.closed
        try:
            self._camera.check()
        except CameraClosedError as error:
            return str(error)
        return ""

    def _follow(self) -> None:
        """Go on with what is wanted now."""
        with self._changed:
            wanted, reopen = self._wanted, self._reopen
            self._reopen = False
        if wanted is None:
            return
        before, problem = self._view, ""
        try:
            choice = ModelChoice.of(wanted.config)
            if choice != self._models.choice:
                self._models = ModelSet.load(choice)
        except EdgeError as error:
            problem = str(error)
        self._view = wanted if not problem else View(wanted.config, wanted.source, problem)
        self._analyzer = PreviewAnalyzer(self._models, wanted.config.vision, Masks(wanted.config.camera.masks).share)
        if self._calibration is not None and (reopen or _measured(before) != _measured(wanted)):
            self._calibration.cancel()
        if reopen or (before.source, before.config.camera) != (wanted.source, wanted.config.camera):
            self._close("")
            self._camera.show(wanted.config, wanted.source)
        with self._changed:
            if self._wanted is wanted:
                self._wanted = None
            self._shot, self._problem = None, ""
            self._changed.notify_all()

    def _step(self, began: float) -> None:
        """One frame, if one comes in time."""
        try:
            self._camera.resume()
            if self._camera.ended:  # a film is shown again
                self._camera.pause()
                return
            frame = self._camera.take(TICK)
            if frame is None:
                if problem := self._camera.problem:  # then the next call would not wait either
                    if problem != STILL_CLOSING:  # which passes, or ends with an error
                        self._set_problem(problem, logged=True)
                    self._stopping.wait(TICK)
                return
            taken = time.monotonic()
            about, jpeg = self._analyzer.describe(frame), as_jpeg(frame.image)
            if self._calibration is not None and (facts := self._analyzer.facts) is not None:
                self._calibration.add(facts)
        except EdgeError as error:
            self._close(str(error))
            self._stopping.wait(AGAIN)
            return
        now = time.monotonic()
        self._times.append(now)
        about["ms"] = round(1000 * (now - taken), 1)
        if len(self._times) > 1:
            about["fps"] = round((len(self._times) - 1) / (self._times[-1] - self._times[0]), 1)
        with self._changed:
            if self._wanted is not None:  # taken by masks, or turned in a way, that hold no longer
                return
            self._problem = ""
            self._number += 1
            self._shot = Shot(self._number, about, jpeg)
            self._changed.notify_all()
        self._stopping.wait(max(0.0, began + 1 / FPS - now))

    def _set_problem(self, problem: str, *, logged: bool = False) -> None:
        with self._changed:
            problem = with_service(problem)
            if problem and problem != self._problem and not logged:
                logger.warning("%s", problem)
            self._problem, self._shot = problem, None
            self._changed.notify_all()

    def _close(self, problem: str) -> None:
        """Close the camera and keep nothing of what it saw."""
        self._set_problem(problem)
        self._camera.pause()
        self._analyzer.reset()
        self._models.reset()
        self._times.clear()

    def _wait_for_viewer(self) -> None:
        with self._changed:
            asked = self._asked
            self._changed.wait_for(lambda: self._asked != asked or self._stopping.is_set(), TICK)


def _measured(view: View) -> tuple[object, ...]:
    """What figures about a place depend on."""
    return view.source, view.config.camera, view.config.vision, view.config.mode


def build_session(
    config: Config, source: str, calibration: Calibration | None = None, patience: Patience = Patience()
) -> PreviewSession:
    """Load the models and put a session together; see PreviewSession. The rules of `config` keep its camera closed.

    Raises:
        ModelError: A model cannot be used.
    """
    models = ModelSet.load(ModelChoice.of(config))
    camera = GuardedCamera(config, config, source, confirms_masks=True)
    return PreviewSession(config, source, models, camera, calibration, patience)
