"""The calibration of the place over HTTP: start it, ask how far it is, and keep its numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge.daemon.paths import place_path
from edge.errors import EdgeError
from edge.text import Sentence
from edge.web.setup.json_requests import Json, get_route, post_route
from edge.web.setup.place import PlaceCalibration

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from edge.config.draft import Draft
    from edge.web.setup.frame_facts import FrameFacts


class PlaceTrial:
    """One calibration after the other, each with the draft as it is at its start.

    Args:
        draft: What is set.
    """

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._calibration: PlaceCalibration | None = None

    def add(self, facts: FrameFacts) -> None:
        """Take in a frame; nothing happens to it while no calibration runs."""
        if self._calibration is not None:
            self._calibration.add(facts)

    def cancel(self) -> None:
        """Forget what was collected: the camera, or the way it is turned, is another one now."""
        if self._calibration is not None:
            self._calibration.cancel()

    def start(self, _body: Json) -> Json:
        """Begin, or begin anew. Raises EdgeError: there is no picture."""
        config, problem = self._draft.for_pictures()
        if config is None:
            raise EdgeError(problem)
        self._calibration = PlaceCalibration(config)
        self._calibration.start()
        return self._calibration.status()

    def status(self) -> Json:
        """How far it is, and its result."""
        if self._calibration is None:
            return {"state": "idle", "progress": 0.0, "result": None}
        return self._calibration.status()

    def keep(self, _body: Json) -> Json:
        """Store the numbers. Raises EdgeError: there are none, or they cannot be stored."""
        config, problem = self._draft.for_pictures()
        if config is None or self._calibration is None:
            raise EdgeError(problem or Sentence("there are no numbers yet"), Sentence("measure the place first"))
        path = place_path(config)
        self._calibration.keep(path)
        return {"kept": str(path)}


def place_routes(place: PlaceTrial) -> list[BaseRoute]:
    """The routes."""
    return [
        get_route("/api/place", place.status),
        post_route("/api/place/start", place.start),
        post_route("/api/place/keep", place.keep),
    ]
