"""Masks fit one picture only: one turned, reshaped or of another camera is closed until they are confirmed."""

from __future__ import annotations

import hashlib
import json
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from edge.config.schema import CameraConfig
from edge.daemon.known_cameras import KnownCameras
from edge.daemon.paths import cameras_path
from edge.daemon.state_file import UNREADABLE, StateFile
from edge.daemon.store_again import StoreAgain
from edge.errors import EdgeError

REMEDY = "look at the picture (edge setup) and correct camera.masks, or confirm them: edge masks --confirm"
SAME_SHAPE = 0.005  # relative difference of width / height that rounding explains: 854 x 480 is 16:9

logger = logging.getLogger(__name__)

Side = Annotated[int, Field(ge=1, le=100_000)]
Size = tuple[Side, Side]
"""Width and height of the upright picture in pixels."""


class Accepted(BaseModel):
    """For which picture somebody has accepted which masks.

    Attributes:
        masks: Digest of the polygons.
        rotation: Degrees, as configured; with `hflip` and `vflip`.
        size: Of the picture; None: of the next one that comes.
        refused: Size of a picture of another shape that came afterwards: the camera stays closed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    masks: str
    rotation: Literal[0, 90, 180, 270]
    hflip: bool
    vflip: bool
    size: Size | None = None
    refused: Size | None = None

    @classmethod
    def now(cls, camera: CameraConfig) -> Accepted:
        """What a configuration says."""
        digest = hashlib.sha256(json.dumps(camera.masks).encode()).hexdigest()[:16]
        return cls(masks=digest, rotation=camera.rotation, hflip=camera.hflip, vflip=camera.vflip)

    @property
    def picture(self) -> str:
        """The picture in words."""
        turned = f"rotation {self.rotation}, hflip {str(self.hflip).lower()}, vflip {str(self.vflip).lower()}"
        return turned if self.size is None else f"{self.size[0]}x{self.size[1]}, {turned}"

    def problem(self, now: Accepted, size: Size | None) -> str:
        """Why the same masks may not be used with another picture; empty: they may.

        Args:
            now: What the configuration says.
            size: Of the picture; None: not known yet.
        """
        turned = {"size": None, "refused": None}
        if self.model_copy(update=turned) != now:
            before = self.model_copy(update=turned).picture
            return f"the masks were made for another picture ({before}) than this one ({now.picture})"
        other = self.refused or size
        if self.size is None or other is None or (self.refused is None and _same_shape(self.size, other)):
            return ""
        return f"the masks were made for a picture of {_words(self.size)}, and one of {_words(other)} came"


class MaskStore(StateFile):
    """The file that remembers it.

    Args:
        path: Its name.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, "what the masks were accepted for", mode=0o600)

    def load(self) -> Accepted | None:
        """What was accepted last, None: nothing yet. Raises EdgeError: nobody can tell."""
        try:
            return Accepted.model_validate_json(json.dumps(self.read()))
        except FileNotFoundError:
            return None
        except UNREADABLE as error:
            reason = error.strerror if isinstance(error, OSError) else "it is damaged"
            raise EdgeError(
                f"{self.path} cannot be read ({reason}), so nobody knows for which picture the masks were made"
            ) from None

    def store(self, accepted: Accepted) -> None:
        """Remember it. Raises EdgeError: the disk would not take it."""
        self.write(accepted.model_dump(mode="json"))


def problem(path: Path, camera: CameraConfig, size: Size | None = None, source: str = "auto") -> str:
    """Why the camera stays closed for the sake of its masks; empty: it does not.

    Args:
        path: The file that remembers for which picture they were accepted.
        camera: The configuration.
        size: Of the picture; None: not known.
        source: What the configuration opens; `auto`: what the daemon has found counts.
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
    return known.problem(now, size) or _camera_problem(path, camera, source)


def accepted(path: Path, camera: CameraConfig) -> Accepted | None:
    """For which picture these masks were accepted; None: for none yet, or nobody can tell."""
    try:
        known = MaskStore(path).load()
    except EdgeError:
        return None
    return known if known is not None and known.masks == Accepted.now(camera).masks else None


def confirm(path: Path, camera: CameraConfig, size: Size | None = None, source: str = "auto") -> None:
    """Accept the masks for the picture as it is now: turned as configured, of the shape that comes next.

    What is in force already stays as it is.

    Args:
        path: The file that remembers it.
        camera: The configuration.
        size: Of the picture that somebody has looked at; None: not known.
        source: Whose picture that was; `auto`: that of the camera that the daemon has found.

    Raises:
        EdgeError: The disk would not take it.
    """
    now, known = Accepted.now(camera), accepted(path, camera)
    if known is None or known.problem(now, size):
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
        self._passed: Size | None = None  # a size that was accepted

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

    def accepts(self, camera: CameraConfig, size: Size) -> bool:
        """Whether a frame may be seen; called for every frame, in the thread that reads the camera.

        Args:
            camera: Under which configuration it was taken.
            size: Of the upright picture.
        """
        if not camera.masks or (camera is self._camera and size == self._passed):
            return True
        with self._lock:
            if camera != self._camera or self.problem:  # it is from a camera that is being closed
                return False
            now = Accepted.now(camera)
            self.problem = self._judge(now, size)
            if self.problem and self._known is not None:
                self._remember(self._known.model_copy(update={"refused": size}))
            elif self._known is None or self._known.masks != now.masks or self._known.size is None:
                self.problem = self._remember(now.model_copy(update={"size": size}))
            self._passed = None if self.problem else size
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

    def _judge(self, now: Accepted, size: Size | None) -> str:
        known = self._known
        return known.problem(now, size) if known is not None and known.masks == now.masks else ""

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


def _same_shape(one: Size, other: Size) -> bool:
    return abs(one[0] * other[1] - other[0] * one[1]) <= SAME_SHAPE * one[0] * other[1]


def _words(size: Size) -> str:
    return f"{size[0]}x{size[1]} pixels"
