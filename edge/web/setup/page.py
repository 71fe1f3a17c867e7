"""The set-up page put together: the file, the camera, the broker, and the routes that lead to them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from starlette.middleware import Middleware
from starlette.requests import HTTPConnection
from starlette.routing import BaseRoute, Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from edge.config.draft import Draft
from edge.config.schema import Config
from edge.daemon.paths import masks_path
from edge.web.setup.camera_routes import LiveCamera, camera_routes, view_of
from edge.web.setup.config_file import ConfigFile
from edge.web.setup.connect_routes import BrokerTrial, connect_routes
from edge.web.setup.draft_routes import draft_routes
from edge.web.setup.json_requests import from_our_script
from edge.web.setup.mask_confirmation import MaskConfirmation
from edge.web.setup.pages import routes
from edge.web.setup.place_routes import PlaceTrial, place_routes
from edge.web.setup.preview_session import build_session
from edge.web.setup.saved_room import PAUSES, SavedRoom
from edge.web.setup.saving import Saving, SavingByRoot, SavingHere
from edge.web.setup.text_routes import text_routes
from edge.web.setup.typed_source import TypedSource
from edge.web.shared import shared_routes

ANSWERS = ("deployment.responsible", "deployment.legal_basis")


class SetupPage:
    """Everything behind the page.

    Args:
        file: What is set up.
        command: How the user starts edge.
        hand_over: Where root looks for the result; None: it is saved by us.
        tell: Shows a sentence in the terminal.

    Raises:
        ModelError: The model that finds faces cannot be used.
    """

    def __init__(
        self,
        file: ConfigFile,
        command: str,
        hand_over: Path | None = None,
        tell: Callable[[str], None] = lambda _sentence: None,
    ) -> None:
        self._file = file
        _propose_heads(file.draft)
        _, self.problem = file.draft.for_pictures()
        """Why no picture can be shown at first; empty: it can."""
        begin = file.draft.saved(*PAUSES)[0] or Config()  # nothing is opened while it is not clear
        self._masks = masks_path(begin)
        self._place = PlaceTrial(file.draft)
        room = SavedRoom(file, self._follow)
        self._session = build_session(begin, view_of(begin).source, room.now, self._place)
        self._typed = TypedSource(file.draft, file.path)
        self._camera = LiveCamera(file.draft, self._session, self._typed)
        self._camera.follow()
        self._stop: Callable[[], None] = lambda: None
        self._saving: Saving = SavingHere(file, command, tell)
        if hand_over is not None:
            self._saving = SavingByRoot(file, hand_over, self._end)

    def routes(self) -> list[BaseRoute]:
        """Where everything is to be asked for."""
        screen = self._session.screen
        masks = MaskConfirmation(self._file.draft, self._masks, screen)
        trial = BrokerTrial(self._file, lambda: self._session.models)
        more = [
            *draft_routes(self._file, self._saving, masks, self._typed, self._camera.about, self._camera.follow),
            *camera_routes(self._camera),
            *connect_routes(trial),
            *place_routes(self._place),
            *text_routes(self._file),
            *shared_routes(),
        ]
        return [Mount("", routes=routes(screen, more), middleware=[Middleware(_Used, screen.use)])]

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

    def _follow(self) -> None:
        self._camera.follow()

    def _end(self) -> None:
        self._stop()


def _propose_heads(draft: Draft) -> None:
    """Until somebody answers for more, only heads are counted: no expression is shown that nobody has chosen."""
    answered = any(str(draft.value(key) or "").strip() for key in ANSWERS)
    if not answered and "mode" not in draft.locked:
        draft.change(draft.revision, {"mode": "headcount"})


class _Used:
    """Tells of every request of our script: somebody who fills in forms for long must not lose the page."""

    def __init__(self, app: ASGIApp, use: Callable[[], None]) -> None:
        self._app = app
        self._use = use

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and from_our_script(HTTPConnection(scope)):  # others keep nothing running
            self._use()
        await self._app(scope, receive, send)
