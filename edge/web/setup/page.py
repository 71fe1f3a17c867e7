"""The set-up page put together: the file, the camera, the broker, and the routes that lead to them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from starlette.routing import BaseRoute

from edge.config.schema import Config, without_password
from edge.daemon.former_name import adopt_former_files
from edge.web.setup.camera_routes import LiveCamera, camera_routes, view_of
from edge.web.setup.config_file import ConfigFile
from edge.web.setup.connect_routes import BrokerTrial, connect_routes
from edge.web.setup.draft_routes import draft_routes
from edge.web.setup.pages import routes
from edge.web.setup.preview_session import build_session
from edge.web.setup.saving import Saving, SavingByRoot, SavingHere


class SetupPage:
    """Everything behind the page.

    Args:
        file: What is set up.
        command: How the user starts edge.
        hand_over: Where root looks for the result; None: it is saved by us.

    Raises:
        ModelError: A model cannot be used.
    """

    def __init__(self, file: ConfigFile, command: str, hand_over: Path | None = None) -> None:
        self._file = file
        config, self.problem = file.draft.for_pictures()
        """Why no picture can be shown at first; empty: it can."""
        self._room = config or Config()
        adopt_former_files(self._room)  # a pause among them keeps the camera closed
        self._view = view_of(self._room)
        self._session = build_session(self._room, self._view.source)
        self._camera = LiveCamera(file.draft, self._session)
        self._camera.follow()
        self._stop: Callable[[], None] = lambda: None
        self._saving: Saving = SavingHere(file, command)
        if hand_over is not None:
            self._saving = SavingByRoot(file, hand_over, self._end)

    def routes(self) -> list[BaseRoute]:
        """Where everything is to be asked for."""
        trial = BrokerTrial(self._file, lambda: self._session.models)
        room = {
            "name": self._room.device.name,
            "source": without_password(self._view.source),
            "emotions": "emotions" in self._room.needed_models,
            "labels": list(self._session.labels),
            "min_face_px": self._room.vision.min_face_px,
        }
        more = [
            *draft_routes(self._file, self._saving, self._camera.about, self._camera.follow),
            *camera_routes(self._camera),
            *connect_routes(trial),
        ]
        return routes(self._session, room, more)

    def start(self, stop: Callable[[], None]) -> None:
        """Begin to take pictures. Raises ConfigError: there are no pins for the lamp.

        Args:
            stop: Ends the server of the page.
        """
        self._stop = stop
        self._session.start(on_end=stop)

    def stop(self) -> None:
        """Close the camera."""
        self._session.stop()

    def _end(self) -> None:
        self._stop()
