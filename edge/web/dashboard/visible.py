"""What of an event a visitor may see: rooms of others are absent, and so is what the role does not show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edge.web.visitors import Visitor

JSON = dict[str, Any]

STATE = ("online", "mode", "reason", "since", "heard", "silent_from", "drawn", "changes")
"""Of a room's summary, for everybody who may see the room."""
FIGURES = ("labels",)
MACHINES = ("machine",)
LATEST = ("key", "start", "end", "ms", "mode", "coverage", "unsynced", "replayed")
"""Of its newest window, for those who may not see figures: that it came. Whether it was withheld is about people."""
NO_FIGURES: JSON = {
    "mean": None, "min": None, "max": None, "front": None, "withheld": None, "unseen": None, "small": None,
    "unknown": None, "basis": None, "shares": [],
}  # fmt: skip

MOST_NAMED = 3  # rooms with one trouble, so that a sentence can be read


def visible_event(event: JSON, visitor: Visitor) -> JSON:
    """An event without what the visitor may not see.

    Args:
        event: As it is sent to those who may see everything.
        visitor: Who listens.
    """
    visible = dict(event)
    if "rooms" in event:
        visible["rooms"] = {
            name: visible_room(summary, visitor, name)
            for name, summary in event["rooms"].items()
            if visitor.may_see(name)
        }
    if "removed" in event:
        visible["removed"] = [name for name in event["removed"] if visitor.may_see(name)]
    if "troubles" in event:
        rooms = {
            which: [name for name in event["troubles"][which] if visitor.may_see(name)][:MOST_NAMED]
            for which in ("newer", "ahead")
        }
        visible["troubles"] = {**event["troubles"], **rooms}
    return visible


def visible_room(summary: JSON, visitor: Visitor, room: str) -> JSON:
    """A room's summary without what the visitor may not see; keys that are not listed above are nobody's."""
    figures = visitor.may_see_figures(room)
    kept = (*STATE, *(FIGURES if figures else ()), *(MACHINES if visitor.may_see_machines(room) else ()))
    visible = {key: summary[key] for key in kept if key in summary}
    if not figures:
        visible["labels"] = []
    window = summary.get("latest")
    visible["latest"] = window if figures or window is None else {key: window[key] for key in LATEST} | NO_FIGURES
    return visible
