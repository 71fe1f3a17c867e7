"""Masks fit one picture only: one turned, reshaped or of another camera is closed until they are confirmed."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

from edge.cameras.exif import UPRIGHT
from edge.config.schema import CameraConfig
from edge.daemon.accepted_picture import Accepted, MaskStore, Size
from edge.daemon.known_cameras import KnownCameras
from edge.daemon.paths import cameras_path
from edge.daemon.store_again import StoreAgain
from edge.errors import EdgeError

REMEDY = "look at the picture (edge setup) and correct camera.masks, or confirm them: edge masks --confirm"
logger = logging.getLogger(__name__)


def problem(
    path: Path,
    camera: CameraConfig,
    size: Size | None = None,
    source: str = "auto",
    orientation: int = UPRIGHT,
) -> str:
    """Why the camera stays closed for the sake of its masks; empty: it does not.

    Args:
        path: The file that remembers for which picture they were accepted.
        camera: The configuration.
        size: Of the picture; None: not known.
        source: What the configuration opens; `auto`: what the daemon has found counts.
        orientation: How the picture lay, as EXIF numbers it.
    """
    if not camera.masks:
        return ""
    now = Accepted.now(camera)
    try:
        known = MaskStore(path).load()
    except EdgeError as error:
        return str(error)
    if known is None or known.masks != now.masks:
        return ""
    return known.problem(now, size, orientation) or _camera_problem(path, camera, source)


def accepted(path: Path, camera: CameraConfig) -> Accepted | None:
    """For which picture these masks were accepted; None: for none yet, or nobody can tell."""
    try:
        known = MaskStore(path).load()
    except EdgeError:
        return None
    return known if known is not None and known.masks == Accepted.now(camera).masks else None


def confirm(
    path: Path,
    camera: CameraConfig,
    size: Size | None = None,
    source: str = "auto",
    orientation: int = UPRIGHT,
) -> None:
    """Accept the masks for the picture as it is now: turned as configured, of the shape that comes next.

    What is in force already stays as it is.

    Args:
        path: The file that remembers it.
        camera: The configuration.
        size: Of the picture that somebody has looked at; None: not known.
        source: Whose picture that was; `auto`: that of the camera that the daemon has found.
        orientation: How it lay, as EXIF numbers it.

    Raises:
        EdgeError: The disk would not take it.
    """
    now, known = Accepted.now(camera), accepted(path, camera)
    if known is None or known.problem(now, size, orientation):
        MaskStore(path).store(now)
    cameras_beside(path).accept(source if camera.source == "auto" else camera.source)


def cameras_beside(path: Path) -> KnownCameras:
    """What is known of cameras under the name of a room, of which `path` is the file that remembers its masks."""
    return KnownCameras(cameras_path(path))


def _camera_problem(path: Path, camera: CameraConfig, source: str) -> str:
    return cameras_beside(path).problem(source) if camera.source == "auto" else ""


class MaskGuard:
    """Says whether a frame may pass, and why not. Masks that are new count as accepted by whoever wrote them.

    Args:
        now: Monotonic seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self.problem = ""
        """Why the camera has to be closed; empty: it has not."""
        self._lock = threading.Lock()  # frames come in a thread of their own
        self._store: MaskStore | None = None
        self._camera: CameraConfig | None = None
        self._source = "auto"
        self._known: Accepted | None = None  # as on the disk, or as it would be if the disk took it
        self._store_again = StoreAgain(now)
        self._passed: tuple[Size, int] | None = None  # a size and orientation that were accepted

    def use(self, path: Path, camera: CameraConfig, source: str = "auto") -> None:
        """Obey another configuration from now on.

        Args:
            path: Where to remember for which picture its masks were accepted.
            camera: The configuration.
            source: What it opens.
        """
        with self._lock:
            former, self._store, self._source = self._store, MaskStore(path), source
            self._camera = self._camera if camera == self._camera else camera  # the one that frames come with
            self._passed = None
            self._store_again.done()
            self.problem = ""
            if not camera.masks:
                return
            now, before = Accepted.now(camera), self._known
            try:
                self._known = self._store.load()
            except EdgeError as error:
                self._known, self.problem = None, str(error)
            if not self.problem and self._known is None and before is not None and before.masks == now.masks:
                self._know_camera(former)  # the device has another name: that is no new picture
                self.problem = self._remember(before)
            else:
                self._know_camera()
            self.problem = self.problem or self._judge(now, None) or _camera_problem(path, camera, source)

    def accepts(self, camera: CameraConfig, size: Size, orientation: int = UPRIGHT) -> bool:
        """Whether a frame may be seen; called for every frame, in the thread that reads the camera.

        Args:
            camera: Under which configuration it was taken.
            size: Of the upright picture.
            orientation: How it lay before its own mark turned it upright, as EXIF numbers it.
        """
        if not camera.masks or (camera is self._camera and (size, orientation) == self._passed):
            return True
        with self._lock:
            if camera != self._camera or self.problem:  # it is from a camera that is being closed
                return False
            now = Accepted.now(camera)
            self.problem = self._judge(now, size, orientation)
            if self.problem and self._known is not None:
                self._remember(self._known.refusing(size, orientation))
            elif self._known is None or self._known.masks != now.masks or self._known.size is None:
                self.problem = self._remember(now.of(size, orientation))
            self._passed = None if self.problem else (size, orientation)
            return not self.problem

    def update(self) -> None:
        """Look whether somebody has confirmed the masks, or a disk that was full takes them now."""
        if not self.problem:
            return
        with self._lock:
            if self._store is None or self._camera is None:
                return
            now, path = Accepted.now(self._camera), self._store.path
            if self._store_again.pending:
                if self._known is not None and self._store_again.due and not self._remember(self._known):
                    self.problem = self._judge(now, None) or _camera_problem(path, self._camera, self._source)
                return
            try:
                known = self._store.load()
            except EdgeError:
                return
            # Only what names these very masks opens the camera: the file may be ahead of what is in force.
            if known is None or known.masks != now.masks or known.problem(now, None):
                return
            if not _camera_problem(path, self._camera, self._source):
                self._known, self.problem = known, ""
                self._know_camera()

    def _judge(self, now: Accepted, size: Size | None, orientation: int = UPRIGHT) -> str:
        known = self._known
        return known.problem(now, size, orientation) if known is not None and known.masks == now.masks else ""

    def _know_camera(self, former: MaskStore | None = None) -> None:
        """Remember the camera in use, as that of masks that are new; `former`: what was known under that name."""
        if self._store is None or self._camera is None:
            return
        cameras, masks = cameras_beside(self._store.path), Accepted.now(self._camera).masks
        try:
            if former is not None:
                cameras.update(**cameras_beside(former.path).load())
            elif self._known is None or self._known.masks != masks:
                cameras.accept(self._source)
            if self._camera.source == "auto":
                cameras.use(self._source)
        except EdgeError as error:
            logger.warning("%s; another camera would not be noticed", error)

    def _remember(self, accepted: Accepted) -> str:
        """Keep it across restarts; returns why the disk does not take it: then the camera has to stay closed."""
        self._known = accepted
        self._store_again.done()
        try:
            if self._store is not None:
                self._store.store(accepted)
        except EdgeError as error:
            self._store_again.later()
            return str(error)
        return ""
