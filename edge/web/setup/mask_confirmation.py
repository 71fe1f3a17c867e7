"""Whether somebody has looked at the masks in the picture as it will be; remembered once that picture is saved."""

from __future__ import annotations

from edge.config.draft import Draft, StaleDraftError
from edge.config.schema import CameraConfig
from edge.daemon import mask_guard
from edge.daemon.paths import masks_path
from edge.errors import EdgeError
from edge.web.setup.json_requests import Json, member


class MaskConfirmation:
    """The same masks in a picture that is turned otherwise need a look; see `edge.daemon.mask_guard`.

    Args:
        draft: What is set.
    """

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._seen: CameraConfig | None = None

    @property
    def confirmed(self) -> bool:
        """Whether the daemon would open the camera with these masks."""
        config, _ = self._draft.tentative("camera")
        if config is None:
            return True  # something else keeps it closed, and says so
        return config.camera == self._seen or not mask_guard.problem(masks_path(config), config.camera)

    def confirm(self, body: Json) -> None:
        """Somebody has looked. Raises EdgeError: at another picture."""
        if member(body, "revision", int) != self._draft.revision:
            raise StaleDraftError
        config, wrong = self._draft.tentative("camera")
        if config is None:
            raise EdgeError(str(wrong))
        self._seen = config.camera

    def saved(self) -> None:
        """What was looked at is in force now. Raises EdgeError: the disk would not take it."""
        config, _ = self._draft.tentative("camera")
        if config is not None and config.camera == self._seen:
            mask_guard.confirm(masks_path(config), config.camera)
