"""Faces that do not move: what the daemon keeps of them when, and what it reports."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from edge.bench.measure import FootageClock
from edge.cameras.capture_thread import Frame
from edge.cameras.supervisor import CameraSupervisor, capture_maker
from edge.config.schema import Config
from edge.contract.payloads import WindowBody
from edge.daemon.analysis import Analysis
from edge.daemon.metrics import Meter
from edge.daemon.run_state import RunState
from edge.daemon.sd_notify import Notifier
from edge.daemon.state_publisher import StatePublisher
from edge.timing.clock import SystemClock, Timestamps
from edge.vision.still_faces import LONG
from tests.unit.daemon.test_pipeline import Films

SEATS = 12
CONFIG = Config.model_validate({"mode": "headcount", "vision": {"fps": 1}, "window": {"seconds": 10}})


class Watched:
    """An analysis of twelve faces that never move, and the time in it."""

    def __init__(self, *, live: bool) -> None:
        self.windows: list[WindowBody] = []
        models: Any = Films()
        models.detector.card, models.classifier = type("Card", (), {"identity": "x@1"})(), None
        self.clock = FootageClock()
        self.analysis = Analysis(
            CONFIG, models, Meter(0.0), Timestamps(self.clock), self.clock, self.windows.append, live=live
        )  # fmt: skip
        self.analysis.begin()

    def look(self, seconds: float, size: tuple[int, int] = (100, 720)) -> None:
        image = np.ones((*size, 3), np.uint8)
        for _ in range(round(seconds)):
            self.clock.now += 1
            self.analysis.observe(Frame(image, self.clock.now), late=False)


def test_such_faces_are_counted_and_are_no_people() -> None:
    watched = Watched(live=True)
    watched.look(LONG)
    assert watched.analysis.still_faces is False
    assert {(window.faces.mean, window.withheld) for window in watched.windows} == {(SEATS, None)}
    watched.look(20)
    assert watched.analysis.still_faces is True
    watched.windows.clear()
    watched.look(100)
    assert {window.withheld.reason for window in watched.windows if window.withheld} == {"few_people"}
    assert all(window.withheld for window in watched.windows)


def test_a_recording_or_a_drawing_may_stand_still() -> None:
    watched = Watched(live=False)
    watched.look(LONG + 100)
    assert watched.analysis.still_faces is False
    assert {window.withheld for window in watched.windows} == {None}


def test_neither_another_window_length_nor_a_pause_makes_people_of_them() -> None:
    watched = Watched(live=True)
    watched.look(LONG - 20)
    watched.analysis.end(goes_on=True)  # as the command `interval` does
    watched.analysis.begin()
    watched.look(40)
    assert watched.analysis.still_faces is True
    watched.analysis.end()
    watched.clock.now += 50_000
    watched.analysis.begin()
    watched.windows.clear()
    watched.look(100)
    assert watched.analysis.still_faces is True
    assert all(window.withheld for window in watched.windows)


def test_a_pause_forgets_who_is_not_known_to_be_still() -> None:
    watched = Watched(live=True)
    watched.look(LONG - 20)
    watched.analysis.end()
    watched.analysis.begin()
    watched.look(LONG - 20)
    assert watched.analysis.still_faces is False


@pytest.mark.parametrize("section", [{"camera": {"rotation": 180}}, {"vision": {"fps": 1, "detect_width": 640}}])
def test_another_picture_or_way_to_look_begins_anew(section: dict[str, Any]) -> None:
    watched = Watched(live=True)
    watched.look(LONG + 20)
    watched.analysis.end(goes_on=True)
    same = CONFIG.model_copy(update={"mode": "facing"})
    watched.analysis.change(same, watched.analysis.models, live=True)
    assert watched.analysis.still_faces is True
    other = Config.model_validate({**CONFIG.model_dump(), **section})
    watched.analysis.change(other, watched.analysis.models, live=True)
    assert watched.analysis.still_faces is False


def test_a_picture_of_another_size_has_other_faces() -> None:
    watched = Watched(live=True)
    watched.look(LONG + 20)
    watched.look(1, (200, 1440))
    assert watched.analysis.still_faces is False


def test_they_are_one_alert_that_is_cleared() -> None:
    clock, still = SystemClock(), False
    camera = CameraSupervisor(capture_maker(CONFIG, "sample", clock.monotonic), clock.monotonic, recovers=True)
    alerts: list[Any] = []
    service: Any = SimpleNamespace(
        depth=0, publish_state=lambda _state: None, set_alert=lambda name, alert: alerts.append((name, alert))
    )
    state = StatePublisher(RunState(clock.utc), camera, service, Notifier(""), clock, lambda: still)
    state.publish()
    assert alerts == []
    still = True
    for _ in range(3):
        state.publish()
    ((name, alert),) = alerts
    assert name == "picture"
    assert alert.problem.startswith("faces have not moved for 10 minutes")
    assert "camera.masks" in alert.remedy
    assert len(alert.problem) + len(alert.remedy) < 300
    still = False
    state.publish()
    assert alerts[1:] == [("picture", None)]
