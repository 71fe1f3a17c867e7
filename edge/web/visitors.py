"""Who asks for a page, and what they may see of which room."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal, cast

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection

Role = Literal["all", "reader", "technician"]
"""`reader`: figures of the rooms; `technician`: their state, alerts and machines; `all`: both."""

VISITOR = "edge.visitor"  # in a scope


@dataclass(frozen=True)
class Visitor:
    """Somebody who asks.

    Attributes:
        name: Of the token that was shown; empty without one.
        role: What may be seen of a room.
        rooms: Names of rooms, or patterns with `*` and `?`, such as `b2-*`; None: every room.
    """

    name: str
    role: Role = "all"
    rooms: tuple[str, ...] | None = None

    @property
    def unnamed(self) -> Visitor:
        """The same for all who may see the same."""
        return Visitor("", self.role, self.rooms)

    def may_see(self, room: str) -> bool:
        """Whether this visitor may know that the room exists, and its state."""
        return self.rooms is None or any(_matches(room, pattern) for pattern in self.rooms)

    def may_see_figures(self, room: str) -> bool:
        """Whether this visitor may see what was counted in the room."""
        return self.role != "technician" and self.may_see(room)

    def may_see_machines(self, room: str) -> bool:
        """Whether this visitor may see how the room's device is: versions, health, alerts."""
        return self.role != "reader" and self.may_see(room)


EVERYBODY = Visitor("")
"""Who asks where nobody has to show a token, or one token opens everything."""


def visitor_of(request: HTTPConnection) -> Visitor:
    """Who asks, as the gate found out; without a gate everybody."""
    return cast("Visitor", request.scope.get(VISITOR, EVERYBODY))


def _matches(room: str, pattern: str) -> bool:
    # A room may be called "lab [1]"; then no other room is meant.
    return fnmatchcase(room, pattern.replace("[", "[[]"))
