"""Whether somebody has looked at the masks in the picture as it will be; remembered once that picture is saved."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edge.config.draft import Draft
from edge.config.schema import CameraConfig
from edge.daemon import mask_guard
from edge.daemon.paths import masks_path
from edge.errors import EdgeError
from edge.files.bounded_read import read_file
from edge.files.replace_file import staged_file
from edge.web.setup.json_requests import Json, check_revision

if TYPE_CHECKING:
    from edge.web.setup.preview_screen import Screen

MOST = 65536  # bytes of what is remembered


class MaskConfirmation:
    """The same masks in a picture that is turned otherwise need a look; see `edge.daemon.mask_guard`.

    Args:
        draft: What is set.
        path: Where the daemon of the file, as it is saved, remembers what it accepted.
        screen: Shows the picture that somebody looks at.
    """

    def __init__(self, draft: Draft, path: Path, screen: Screen) -> None:
        self._draft = draft
        self._screen = screen
        self._path = path
        self._seen: tuple[CameraConfig, str] | None = None

    @property
    def confirmed(self) -> bool:
        """Whether the daemon would open the camera with these masks."""
        config, _ = self._draft.tentative("camera")
        if config is None:
            return True  # something else keeps it closed, and says so
        # A new name of the room has another file, in which nothing was accepted yet.
        paths = {self._path, masks_path(config)}
        source = self._screen.source
        return self._seen == (config.camera, source) or not any(
            mask_guard.problem(path, config.camera, self._screen.size, source, self._screen.orientation)
            for path in paths
        )

    def confirm(self, body: Json) -> None:
        """Somebody has looked. Raises EdgeError: at another picture."""
        config, wrong = self._draft.tentative("camera")
        check_revision(body, self._draft)
        if config is None:
            raise EdgeError(str(wrong))
        self._seen = config.camera, self._screen.source

    def saved(self) -> None:
        """What was looked at is in force now. Raises EdgeError: the disk would not take it."""
        config, _ = self._draft.tentative("camera")
        if config is None:
            return
        path, source = masks_path(config), self._screen.source
        before, self._path = self._path, path
        if self._seen == (config.camera, source):
            mask_guard.confirm(path, config.camera, self._screen.size, source, self._screen.orientation)
        elif path != before and before.exists() and not path.exists():
            mask_guard.cameras_beside(path).update(**mask_guard.cameras_beside(before).load())
            with staged_file(path, read_file(before, MOST), 0o600) as file:  # the daemon stays closed for it
                file.put()
