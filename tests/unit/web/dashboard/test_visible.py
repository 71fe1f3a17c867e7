"""What of the events a visitor is sent: own rooms only, and of these what the role shows."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime, timezone
from typing import Any

import pytest

from edge.web.dashboard import visible
from edge.web.dashboard.feed import Feed
from edge.web.dashboard.school import School
from edge.web.visitors import EVERYBODY, Role, Visitor
from tests.support.simulated_school import Classroom

NOW = datetime(2026, 11, 20, 8, 0, tzinfo=timezone.utc)
ROOMS = ("room-1", "room-2", "b2-01")


def school() -> School:
    """Three rooms, each with a window."""
    found = School("classroom", 4, NOW.timestamp)
    for number, room in enumerate(ROOMS):
        window = Classroom(room, number + 1).window(1, NOW).to_json()
        found.receive(f"classroom/{room}/latest", window)
        found.receive(f"classroom/{room}/availability", b"online")
    return found


def event() -> dict[str, Any]:
    """What a page is sent that may see everything."""
    rooms = {name: summary | {"machine": {"fps": 4.9}} for name, summary in school().summaries().items()}
    troubles = {"refused": 0, "lost": 0, "full": False, "newer": ["room-1", "room-9"], "ahead": ["room-1"]}
    return {"now": 1, "rooms": rooms, "removed": ["room-1", "room-9"], "troubles": troubles}


def test_everything_that_a_room_says_is_for_somebody() -> None:
    whole = event()
    assert visible.visible_event(whole, EVERYBODY) == whole
    listed = {*visible.STATE, *visible.FIGURES, *visible.MACHINES, "latest"}
    assert set(whole["rooms"]["room-1"]) == listed, "say in visible.py who may see it"
    assert set(whole["rooms"]["room-1"]["latest"]) == {*visible.LATEST, *visible.NO_FIGURES}


@pytest.mark.parametrize("role", ["all", "reader", "technician"])
def test_rooms_of_others_are_absent_wherever_they_are_named(role: Role) -> None:
    found = visible.visible_event(event(), Visitor("k", role, ("room-2", "b2-*")))
    assert set(found["rooms"]) == {"room-2", "b2-01"}
    assert found["removed"] == found["troubles"]["newer"] == found["troubles"]["ahead"] == []
    assert "room-1" not in json.dumps(found)
    assert "room-9" not in json.dumps(found)


def test_others_rooms_keep_no_room_from_being_named() -> None:
    whole = event()
    whole["troubles"] |= {
        "newer": [f"a-{number}" for number in range(9)] + ["room-2"],
        "ahead": ["a-1"] * 5 + ["room-2"],
    }
    found = visible.visible_event(whole, Visitor("k", "all", ("room-2",)))
    assert found["troubles"]["newer"] == found["troubles"]["ahead"] == ["room-2"]
    assert len(visible.visible_event(whole, EVERYBODY)["troubles"]["newer"]) == visible.MOST_NAMED


def test_a_reader_sees_no_machine_and_a_technician_no_figure() -> None:
    whole = event()["rooms"]["room-1"]
    reader = visible.visible_room(whole, Visitor("k", "reader"), "room-1")
    assert reader == {key: value for key, value in whole.items() if key != "machine"}
    technician = visible.visible_room(whole, Visitor("k", "technician"), "room-1")
    assert technician["machine"] == whole["machine"]
    assert technician["labels"] == technician["latest"]["shares"] == []
    known = {key: technician["latest"][key] for key in visible.NO_FIGURES if key != "shares"}
    assert set(known.values()) == {None}
    assert technician["latest"]["end"] == whole["latest"]["end"]


def test_each_page_is_sent_what_its_visitor_may_see() -> None:
    async def scene() -> None:
        whole = event()
        feed = Feed(lambda: whole)
        pages = [feed.listen(Visitor(room, "reader", (room,))) for room in ("room-1", "room-2")]
        for page, room in zip(pages, ("room-1", "room-2"), strict=True):
            assert _rooms(await anext(page)) == {room}
        feed.send(whole)
        for page, room in zip(pages, ("room-1", "room-2"), strict=True):
            assert _rooms(await anext(page)) == {room}

    asyncio.run(scene())


def _rooms(text: bytes) -> set[str]:
    return set(json.loads(text.split(b"data: ")[1])["rooms"])
