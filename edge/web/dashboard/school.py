"""All rooms: what each does now, and its history; from messages that anybody may have sent."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from edge.contract.payloads import State, WindowPayload
from edge.contract.validation import moment, newer, read_message
from edge.text import printable
from edge.web.dashboard.history import History, Row

MAX_ROOMS = 200
MAX_WINDOWS = 400_000  # of all rooms together: about 60 MB
MAX_WINDOWS_OF_ONE = 20_000  # a day of windows of 5 s; a window is put into its place among them
MAX_MARKS = 300  # changes of state remembered per room
MAX_REASON = 200  # characters
FUTURE = 300_000  # milliseconds that the clock of a device may be ahead of ours for its windows to be kept

Mark = list[Any]
"""[ms, "online" or "offline", ""] or [ms, mode, reason]: what changed when."""


@dataclass
class Room:
    """What is known about one room.

    Attributes:
        online: None when nobody knows.
        latest: The newest window, as a row of the history; it may be too old, or of too wrong a clock, to be in there.
        heard: When it came, milliseconds of our own clock; 0 without one.
    """

    online: bool | None = None
    state: State | None = None
    window: WindowPayload | None = None
    latest: Row | None = None
    heard: int = 0
    history: History = field(default_factory=History)
    marks: deque[Mark] = field(default_factory=lambda: deque(maxlen=MAX_MARKS))

    def told(self) -> dict[str, Any]:
        """All but the history, for the page."""
        state = self.state
        return {
            "online": self.online,
            "mode": state.mode if state else None,
            "reason": printable(state.reason, MAX_REASON) if state else "",
            "since": _milliseconds(state.since) if state else None,
            "labels": self.history.labels,
            "latest": self.latest,
            "heard": self.heard,
        }


class School:
    """Every room under one prefix. Not thread-safe.

    Args:
        prefix: The first level of the topics.
        hours: How long windows are kept.
        now: The time of day in seconds since 1970.
    """

    def __init__(self, prefix: str, hours: float, now: Callable[[], float]) -> None:
        self.prefix = prefix
        self.hours = hours
        self.rooms: dict[str, Room] = {}
        self.refused = 0
        """Messages that were not what they should be."""
        self.full = False
        """There are more rooms than are shown."""
        self._now = now
        self._changed: set[str] = set()
        self._removed: set[str] = set()
        self._rows: list[tuple[str, Row]] = []
        self._marks: list[tuple[str, Mark]] = []

    def now(self) -> int:
        """Milliseconds since 1970."""
        return round(self._now() * 1000)

    def receive(self, topic: str, payload: bytes) -> None:
        """Take a message from the broker."""
        try:
            name, kind, content = read_message(self.prefix, topic, payload)
            if isinstance(content, State):
                _milliseconds(content.since)
            room = self.rooms.get(name) or self._join(name, content)
            if room is None:
                return
            if isinstance(content, WindowPayload):
                self._accept(name, room, content)
        except (ValueError, OverflowError):  # pydantic's error is a ValueError
            self.refused += 1
            return
        if kind == "availability":
            self._set_online(name, room, online=content if isinstance(content, bool) else None)
        elif kind == "state":
            self._set_state(name, room, content if isinstance(content, State) else None)

    def tidy(self) -> None:
        """Forget what is too old, also in rooms that are silent. To be called now and then."""
        first, last = self._kept()
        for room in self.rooms.values():
            room.history.keep(first, last)

    def everything(self) -> dict[str, Any]:
        """Every room without its history, for a page that opens."""
        return {name: room.told() for name, room in self.rooms.items()}

    def news(self) -> dict[str, Any] | None:
        """What changed since the last call; None when nothing did."""
        if not (self._changed or self._removed or self._rows or self._marks):
            return None
        news = {
            "rooms": {name: self.rooms[name].told() for name in self._changed},
            "removed": list(self._removed),
            "rows": self._rows,
            "marks": self._marks,
        }
        self._changed, self._removed, self._rows, self._marks = set(), set(), [], []
        return news

    def lesson(self, name: str) -> dict[str, Any] | None:
        """The history of a room; None when there is no such room."""
        room = self.rooms.get(name)
        if room is None:
            return None
        self.tidy()
        return {"labels": room.history.labels, "rows": room.history.rows(), "marks": list(room.marks)}

    def _join(self, name: str, content: object) -> Room | None:
        """A new room; None for one that only says that it is not there, or when there are too many."""
        if content is None:
            return None
        if len(self.rooms) >= MAX_ROOMS:
            self.full = True
            return None
        self.rooms[name] = Room()
        self._removed.discard(name)
        self._changed.add(name)
        return self.rooms[name]

    def _accept(self, name: str, room: Room, window: WindowPayload) -> None:
        room.history.check(window)
        row = room.history.add(window)
        if row is None:
            return
        room.history.keep(*self._kept())
        if len(room.history) > MAX_WINDOWS_OF_ONE:
            room.history.forget_oldest()
        self._make_room()
        self._rows.append((name, row))
        if room.window is None or newer(window, room.window):
            room.window, room.latest, room.heard = window, row, self.now()
            self._changed.add(name)

    def _set_online(self, name: str, room: Room, *, online: bool | None) -> None:
        if online is not None and online != room.online:
            self._mark(name, room, [self.now(), "online" if online else "offline", ""])
        room.online = online
        self._changed.add(name)
        self._forget_if_gone(name, room)

    def _set_state(self, name: str, room: Room, state: State | None) -> None:
        room.state = state
        if state is not None:
            mark = [_milliseconds(state.since), state.mode, printable(state.reason, MAX_REASON)]
            if mark not in room.marks:
                self._mark(name, room, mark)
        self._changed.add(name)
        self._forget_if_gone(name, room)

    def _forget_if_gone(self, name: str, room: Room) -> None:
        """A device that was taken off the broker."""
        if room.online is None and room.state is None:
            del self.rooms[name]
            self._changed.discard(name)
            self._removed.add(name)

    def _kept(self) -> tuple[int, int]:
        now = self.now()
        return now - round(self.hours * 3_600_000), now + FUTURE

    def _make_room(self) -> None:
        while sum(len(room.history) for room in self.rooms.values()) > MAX_WINDOWS:
            max((room.history for room in self.rooms.values()), key=len).forget_oldest()

    def _mark(self, name: str, room: Room, mark: Mark) -> None:
        room.marks.append(mark)
        self._marks.append((name, mark))


def _milliseconds(stamp: str) -> int:
    """Raises ValueError for a date that does not exist."""
    return round(moment(stamp).timestamp() * 1000)
