"""Opens the camera while somebody watches, and shows the newest picture: one, in memory."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from edge.cameras.masks import Masks
from edge.cameras.supervisor import STILL_CLOSING
from edge.daemon.guarded_camera import CameraClosedError, GuardedCamera
from edge.errors import EdgeError, ModelError
from edge.vision.model_set import ModelChoice, ModelSet
from edge.web.setup.preview_analyzer import FPS, PreviewAnalyzer, as_jpeg
from edge.web.setup.preview_screen import NO_CAMERA, TICK, Screen, View

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge.config.schema import Config
    from edge.web.setup.frame_facts import FrameFacts

logger = logging.getLogger(__name__)

LINGER = 15.0  # seconds after the last question in which the camera stays open
IDLE = 600.0  # seconds without a question after which all ends
AGAIN = 2.0  # seconds between two tries with an input that failed
RATE_OVER = 10  # frames


class Calibration(Protocol):
    """What learns from every frame."""

    def add(self, facts: FrameFacts) -> None:
        """Take in what is known about the faces of a frame."""

    def cancel(self) -> None:
        """Forget it all: the camera, or the way it is turned, is another one now."""


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
        room: What the file says of the room now, whose rules keep the camera closed; raises ConfigError where that is
            not clear. Asked before every picture.
        calibration: What learns from every frame.
        patience: How long it waits for viewers.
    """

    def __init__(
        self,
        config: Config,
        source: str,
        models: ModelSet,
        camera: GuardedCamera,
        room: Callable[[], Config],
        calibration: Calibration | None = None,
        patience: Patience = Patience(),
    ) -> None:
        self.screen = Screen(View(config, source, "" if source else NO_CAMERA))
        """What is shown; whoever watches asks it."""
        self._patience = patience
        self._models = models
        self._camera = camera
        self._room = room
        self._calibration = calibration
        self._analyzer = PreviewAnalyzer(models, config.vision, Masks(config.camera.masks).share)
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
        self.screen.watch()
        self._camera.check_lamp()
        self._camera.pause()  # opened by the thread, once it is clear that it may be
        self._thread.start()

    def stop(self) -> None:
        """Close the camera, and let everybody go who waits."""
        self._stopping.set()
        self.screen.stop()
        if self._thread.is_alive():
            self._thread.join()
        self._camera.stop()

    @property
    def models(self) -> ModelSet:
        """The models of what is shown."""
        return self._models

    @property
    def closed(self) -> bool:
        """Whether nothing holds the camera open."""
        return self._camera.closed

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                unwatched = self.screen.unwatched
                if min(unwatched, self.screen.unused) > self._patience.idle:
                    logger.warning(
                        "nobody has had the page open for %g minutes: edge setup ends", self._patience.idle / 60
                    )
                    return
                unclear = self._follow_room()  # first: the file may have other masks now
                self._follow()
                closed = unclear or self._closed_because()
                if closed or unwatched > self._patience.linger:
                    self._close(closed)
                    self.screen.wait_for_viewer()
                else:
                    self._step(time.monotonic())
        finally:
            self._close("")
            self._on_end()

    def _closed_because(self) -> str:
        if closed := self.screen.view.closed:
            return closed
        try:
            self._camera.check()
        except CameraClosedError as error:
            return str(error)
        return ""

    def _follow_room(self) -> str:
        """Keep to the rules of the room as they are now; why they are not clear, which closes the camera, too."""
        try:
            self._camera.use_room(self._room())
        except EdgeError as error:
            return str(error)
        return ""

    def _follow(self) -> None:
        """Go on with what is wanted now."""
        wanted, reopen = self.screen.wanted()
        if wanted is None:
            return
        before, problem = self.screen.view, ""
        try:
            choice = ModelChoice.of(wanted.config)
            if choice != self._models.choice:
                self._models = ModelSet.load(choice)
        except EdgeError as error:
            problem = str(error)
        self.screen.turn(wanted if not problem else View(wanted.config, wanted.source, problem))
        self._analyzer = PreviewAnalyzer(self._models, wanted.config.vision, Masks(wanted.config.camera.masks).share)
        if self._calibration is not None and (reopen or _measured(before) != _measured(wanted)):
            self._calibration.cancel()
        if reopen or (before.source, before.config.camera) != (wanted.source, wanted.config.camera):
            self._close("")
            self._camera.show(wanted.config, wanted.source)
        self.screen.begin(wanted)

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
        if self.screen.put(about, jpeg):
            self._stopping.wait(max(0.0, began + 1 / FPS - now))

    def _set_problem(self, problem: str, *, logged: bool = False) -> None:
        problem = with_service(problem)
        if self.screen.clear(problem) and problem and not logged:
            logger.warning("%s", problem)

    def _close(self, problem: str) -> None:
        """Close the camera and keep nothing of what it saw."""
        self._set_problem(problem)
        self._camera.pause()
        self._analyzer.reset()
        self._models.reset()
        self._times.clear()


def with_service(problem: str) -> str:
    """The same problem; if another program holds the camera, with how to make the service let go of it."""
    if "in use" not in problem and "using it" not in problem:
        return problem
    return f"{problem}; if that is the service: sudo systemctl stop edge, and start it again afterwards"


def _measured(view: View) -> tuple[object, ...]:
    """What figures about a place depend on."""
    return view.source, view.config.camera, view.config.vision, view.config.mode


def build_session(
    config: Config,
    source: str,
    room: Callable[[], Config],
    calibration: Calibration | None = None,
    patience: Patience = Patience(),
) -> PreviewSession:
    """Load the models and put a session together; see PreviewSession.

    Raises:
        ModelError: The model that finds faces cannot be used. Where it is the one of emotions, the page says so.
    """
    choice, problem = ModelChoice.of(config), ""
    try:
        models = ModelSet.load(choice)
    except ModelError as error:
        models, problem = ModelSet.load(replace(choice, emotions=None)), str(error)
    camera = GuardedCamera(config, config, source, confirms_masks=True)
    session = PreviewSession(config, source, models, camera, room, calibration, patience)
    if problem:  # until something is shown for which it can be used, or is not needed
        session.screen.close_because(problem)
    return session
