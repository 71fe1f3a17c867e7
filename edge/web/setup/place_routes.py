"""The calibration of the place over HTTP: start it, ask how far it is, and keep its numbers.

Several people may have the page open: a measurement that runs is not thrown away by another one's, and only numbers
that somebody has seen are kept.
"""

from __future__ import annotations

import secrets
import threading
import time
from typing import TYPE_CHECKING

from edge.config.draft import StaleDraftError
from edge.daemon.paths import place_path
from edge.errors import EdgeError
from edge.text import Sentence
from edge.web.setup.json_requests import Json, check_revision, get_route, member, post_route
from edge.web.setup.place import PlaceCalibration

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.routing import BaseRoute

    from edge.config.draft import Draft
    from edge.web.setup.frame_facts import FrameFacts


class StaleMeasurementError(StaleDraftError):
    """The place was measured anew since the page was told its numbers."""

    def __init__(self) -> None:
        EdgeError.__init__(
            self,
            Sentence("somebody else has measured the place meanwhile, and these numbers are gone"),
            Sentence("look at the new ones, and keep those"),
        )


class PlaceTrial:
    """One calibration after the other, each with the draft as it is at its start.

    Args:
        draft: What is set.
        clock: Monotonic seconds.
    """

    def __init__(self, draft: Draft, clock: Callable[[], float] = time.monotonic) -> None:
        self._draft = draft
        self._clock = clock
        self._calibration: PlaceCalibration | None = None
        self._number = secrets.randbits(48)  # of the calibration: those of a former `edge setup` are none of ours
        self._starting = threading.Lock()

    def add(self, facts: FrameFacts) -> None:
        """Take in a frame; nothing happens to it while no calibration runs."""
        if self._calibration is not None:
            self._calibration.add(facts)

    def cancel(self) -> None:
        """Forget what was collected: the camera, or the way it is turned, is another one now."""
        if self._calibration is not None:
            self._calibration.cancel()

    def start(self, body: Json) -> Json:
        """Begin, or begin anew. Raises EdgeError: there is no picture, one runs, or the page shows another draft."""
        config, problem = self._draft.for_pictures()
        check_revision(body, self._draft)
        if config is None:
            raise EdgeError(problem)
        with self._starting:
            if self._calibration is not None and self._calibration.state == "running":
                raise EdgeError(Sentence("the place is being measured already"), Sentence("wait until that has ended"))
            calibration = PlaceCalibration(config, self._clock)
            calibration.start()
            self._calibration, self._number = calibration, self._number + 1
        return self.status()

    def status(self) -> Json:
        """How far it is, and its result."""
        if self._calibration is None:
            return {"measurement": 0, "state": "idle", "progress": 0.0, "result": None}
        return {"measurement": self._number, **self._calibration.status()}

    def keep(self, body: Json) -> Json:
        """Store the numbers that the page shows: those of `measurement`.

        Raises EdgeError: there are none, they cannot be stored, or what the page shows is of before.
        """
        config, problem = self._draft.for_pictures()
        check_revision(body, self._draft)
        if config is None or self._calibration is None:
            raise EdgeError(problem or Sentence("there are no numbers yet"), Sentence("measure the place first"))
        path = place_path(config)
        with self._starting:
            if member(body, "measurement", int) != self._number:
                raise StaleMeasurementError
            self._calibration.keep(path)
        return {"kept": str(path)}


def place_routes(place: PlaceTrial) -> list[BaseRoute]:
    """The routes."""
    return [
        get_route("/api/place", place.status),
        post_route("/api/place/start", place.start),
        post_route("/api/place/keep", place.keep),
    ]
