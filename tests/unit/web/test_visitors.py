"""What a visitor may see of which room."""

from __future__ import annotations

import pytest
from starlette.requests import HTTPConnection

from edge.web.visitors import EVERYBODY, VISITOR, Role, Visitor, visitor_of


@pytest.mark.parametrize(
    ("role", "allowed"), [("all", (True, True)), ("reader", (True, False)), ("technician", (False, True))]
)
def test_a_role_says_what_is_seen_of_the_own_rooms_and_nothing_of_others(
    role: Role, allowed: tuple[bool, bool]
) -> None:
    visitor = Visitor("k", role, ("room-1", "b2-*", "lab [1]"))
    for room in ("room-1", "b2-07", "lab [1]"):
        assert visitor.may_see(room)
        assert (visitor.may_see_figures(room), visitor.may_see_machines(room)) == allowed
    for room in ("room-10", "Room-1", "b3-07", "lab 1", ""):
        seen = (visitor.may_see(room), visitor.may_see_figures(room), visitor.may_see_machines(room))
        assert seen == (False, False, False)


def test_without_rooms_every_room_is_seen_and_with_none_named_no_room() -> None:
    assert EVERYBODY.may_see_figures("anything")
    assert not Visitor("k", "all", ()).may_see("anything")


def test_without_a_gate_everybody_asks() -> None:
    assert visitor_of(HTTPConnection({"type": "http"})) is EVERYBODY
    known = Visitor("k")
    assert visitor_of(HTTPConnection({"type": "http", VISITOR: known})) is known
