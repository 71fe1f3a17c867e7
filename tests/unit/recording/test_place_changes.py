"""How often a device may say that something else is hidden: changes are bounded, repetitions are not."""

from __future__ import annotations

import pytest

from edge.contract.machine_messages import MachineInfo, MachineModel, MachineModels
from edge.recording.allowance import HOUR
from edge.recording.place_changes import MOST, PlaceChanges

MODELS = MachineModels(faces=MachineModel(name="f", sha256="0" * 64))


@pytest.fixture
def reported() -> list[str]:
    return []


@pytest.fixture
def changes(reported: list[str]) -> PlaceChanges:
    return PlaceChanges(reported.append)


def info(place: str | None) -> MachineInfo:
    return MachineInfo(version="", models=MODELS, camera="", window_seconds=1, place=place)


def _admitted(changes: PlaceChanges, device: str, first: int, most: int, now: float) -> int:
    return sum(changes.admits(device, info(f"{first + n:08x}"), now) for n in range(most))


def test_a_room_that_makes_up_places_changes_them_a_bounded_number_of_times_an_hour(
    changes: PlaceChanges, reported: list[str]
) -> None:
    assert _admitted(changes, "room-1", 0, 1000, 0.0) == MOST + 1, "where nothing was known, nothing has changed"
    assert changes.refused == 1000 - MOST - 1
    assert sum(_admitted(changes, "room-1", 1000 + 9 * step, 9, HOUR * step / 500) for step in range(1, 501)) == MOST
    assert reported == ["room-1", "room-1"], "once an hour"
    assert _admitted(changes, "room-2", 0, 1, HOUR) == 1


def test_what_is_said_again_costs_nothing(changes: PlaceChanges, reported: list[str]) -> None:
    assert all(changes.admits("room-1", info(None), 0.0) for _ in range(1000))
    _admitted(changes, "room-1", 0, 1000, 0.0)
    last = info(f"{MOST - 1:08x}")
    assert all(changes.admits("room-1", last, 0.0) for _ in range(1000)), "that of the last one let in"
    assert reported == ["room-1"]
