"""Two people measure one place: nobody's measurement is thrown away unseen, and nothing that nobody saw is kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edge.config.draft import Draft, StaleDraftError
from edge.errors import EdgeError
from edge.web.setup.frame_facts import FaceFacts, FrameFacts
from edge.web.setup.json_requests import BadRequestError
from edge.web.setup.place import SECONDS
from edge.web.setup.place_routes import PlaceTrial, StaleMeasurementError

FACE = FaceFacts((100, 100, 40, 50), large=True, front=True, side=0, lit=True, inside=True)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Page:
    """A trial, and a browser that shows its draft and its numbers."""

    def __init__(self, folder: Path) -> None:
        text = f"mode: headcount\ncamera: {{source: sample}}\noutbox: {{path: {folder / 'outbox.sqlite'}}}\n"
        self.draft = Draft(text.encode(), Path("config.yaml"))
        self.clock = Clock()
        self.trial = PlaceTrial(self.draft, self.clock)

    def shown(self) -> dict[str, Any]:
        return {"revision": self.draft.revision, "measurement": self.trial.status()["measurement"]}

    def measure(self, people: int) -> None:
        self.trial.start(self.shown())
        for _ in range(SECONDS):
            self.trial.add(FrameFacts(self.clock.now, (1280, 720), (FACE,) * people, against=False, sharpness=10))
            self.clock.now += 1


@pytest.fixture
def page(tmp_path: Path) -> Page:
    return Page(tmp_path)


def kept(answer: dict[str, Any]) -> Any:
    return json.loads(Path(answer["kept"]).read_text())["figures"]["people"]


def test_numbers_are_kept_as_they_are_in_sight(page: Page) -> None:
    page.measure(6)
    seen = page.shown()
    assert kept(page.trial.keep(seen)) == [6, 6, 6]
    page.measure(9)  # by somebody else
    with pytest.raises(StaleMeasurementError):
        page.trial.keep(seen)
    assert kept(page.trial.keep(page.shown())) == [9, 9, 9]


def test_nothing_is_measured_or_kept_by_a_page_that_shows_another_draft(page: Page) -> None:
    page.measure(6)
    seen = page.shown()
    page.draft.change(page.draft.revision, {"device.name": "hall"})
    for act in (page.trial.start, page.trial.keep):
        with pytest.raises(StaleDraftError):
            act(seen)
        with pytest.raises(BadRequestError):
            act({"measurement": 1})
    assert page.trial.status()["measurement"] == seen["measurement"]
    assert kept(page.trial.keep(page.shown())) == [6, 6, 6]


def test_a_measurement_that_runs_is_not_begun_anew_by_somebody_else(page: Page) -> None:
    begun = page.trial.start(page.shown())["measurement"]
    page.clock.now += 5
    with pytest.raises(EdgeError, match="is being measured already"):
        page.trial.start(page.shown())
    assert page.trial.status()["measurement"] == begun
    page.trial.cancel()  # the camera is another one
    assert page.trial.start(page.shown())["measurement"] == begun + 1


def test_numbers_of_a_former_page_are_not_those_of_the_next(page: Page, tmp_path: Path) -> None:
    page.measure(6)
    seen = page.shown()["measurement"]
    again = Page(tmp_path)
    again.measure(9)
    with pytest.raises(StaleMeasurementError):
        again.trial.keep({**again.shown(), "measurement": seen})
