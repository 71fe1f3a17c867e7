"""The camera over HTTP: choose one, and see it at once."""

from __future__ import annotations

from typing import Any

from starlette.routing import BaseRoute

from edge.cameras import onvif
from edge.cameras.factory import resolve_source
from edge.cameras.found import cameras_here, nothing_found
from edge.config.address_redaction import without_password
from edge.config.draft import Draft
from edge.config.schema import Config
from edge.config.value_check import check_value
from edge.errors import CameraError
from edge.files.presence import is_there
from edge.web.setup.json_requests import Json, check_revision, get_route, member, post_route
from edge.web.setup.preview_screen import NO_CAMERA, View
from edge.web.setup.preview_session import PreviewSession
from edge.web.setup.typed_source import TypedSource, missing

SEARCH_SECONDS = 4.0
TURNS = ("rotation", "hflip", "vflip", "width", "height")


class LiveCamera:
    """What the page shows: the draft, or a camera that is only being tried.

    Args:
        draft: What is set.
        session: Who takes the pictures.
        typed: What of it somebody may choose.
    """

    def __init__(self, draft: Draft, session: PreviewSession, typed: TypedSource) -> None:
        self._draft = draft
        self._session = session
        self._typed = typed

    def follow(self) -> None:
        """Show the draft as it is now."""
        config, problem = self._draft.for_pictures()
        if config is None:
            self._session.screen.close_because(problem)
        else:
            self._session.screen.show(view_of(config))

    def open(self, body: Json) -> Json:
        """Open a camera that is not in the draft yet, as it was typed beside what the page shows of the draft.

        Raises EdgeError: a value cannot be, no picture comes, or the draft is another one by now.
        """
        self._typed.check_recipient(member(body, "recipient", dict))
        typed = self._typed.read(member(body, "source", str)) if "source" in body else None
        config, problem = self._draft.for_pictures(typed)
        check_revision(body, self._draft)
        if config is None:
            raise CameraError(problem)
        wanted = {name: member(body, name, (bool, int)) for name in TURNS if name in body}
        if config.camera.masks:  # they turn with the picture, in the draft, in one change
            wanted = {}
        source = config.camera.source
        for name, value in {"source": source, **wanted}.items():
            check_value(f"camera.{name}", value)
        kind, _, path = source.partition(":")
        if kind == "file" and not is_there(path):
            raise missing(path)
        camera = config.camera.model_copy(update={"source": source, **wanted})
        view = view_of(config.model_copy(update={"camera": camera}))
        if view.closed:
            raise CameraError(view.closed)
        width, height = self._session.screen.show_now(view, camera.open_timeout + camera.read_timeout + 2)
        return {"ok": True, "picture": [width, height], "opened": without_password(view.source)}

    def about(self) -> dict[str, Any]:
        """What of it belongs to the state."""
        return {"source": without_password(self._session.screen.source)}


def view_of(config: Config) -> View:
    """What a configuration shows: where there is no camera, why."""
    try:
        source, _ = resolve_source(config)
    except CameraError as error:
        return View(config, "", f"{NO_CAMERA} ({error})")
    return View(config, source)


def camera_routes(camera: LiveCamera) -> list[BaseRoute]:
    """The routes."""
    return [
        get_route("/api/cameras", cameras),
        post_route("/api/cameras/search", search_network),
        post_route("/api/camera", camera.open),
    ]


def cameras() -> Json:
    """The cameras of this machine; none is opened."""
    found = cameras_here()
    nothing = nothing_found(found)
    return {
        "cameras": [each.as_json() for each in found],
        "nothing": nothing.as_json() if nothing else None,
        "onvif": None if onvif.available() else onvif.missing_remedy().as_json(),
    }


def search_network(_body: Json) -> Json:
    """Network cameras that answer ONVIF's discovery. Raises CameraError: it cannot be asked; says why."""
    return {"cameras": [each.as_json() for each in onvif.search(SEARCH_SECONDS)]}
