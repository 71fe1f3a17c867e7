"""All rooms: what each does now, and its history; from untrusted messages."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

from edge.contract.causes import without_names
from edge.contract.machine_messages import is_about_machine, read_machine_message
from edge.contract.payloads import State, WindowPayload
from edge.contract.timestamps import milliseconds_of
from edge.contract.validation import NewerWindow, newer, read_message
from edge.recording.deleted_spans import DeletedSpans
from edge.recording.window_record import WindowRecord
from edge.recording.window_row import FIRST, LAST
from edge.reporting import machine_report
from edge.reporting.gaps import Gap
from edge.reporting.machine_report import MachineReport
from edge.reporting.silence import is_gone, resumes
from edge.reporting.stretch import USUAL_LABELS
from edge.text import printable
from edge.web.dashboard.lesson import at, latest, lesson, milliseconds
from edge.web.dashboard.marks import Mark
from edge.web.dashboard.room import MAX_REASON, Room

logger = logging.getLogger(__name__)

MAX_ROOMS = 200
MAX_WINDOWS = 400_000  # of all rooms together: by docs/dashboard.md (53 MiB for 115,155) about 185 MiB
MAX_WINDOWS_OF_ONE = 20_000  # a day of windows of 5 s; a window is put into its place among them
LONGEST = 86_400_000  # milliseconds of a window
LATE = 2000  # milliseconds that a window may end after now
BEAT = 5000  # milliseconds for which a lesson without new windows is the same
FUTURE = 300_000  # milliseconds that the clock of a device may be ahead of ours for its windows to be kept
AHEAD = 60_000  # milliseconds from which on it is said that it is


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
        self.newer: set[str] = set()
        """Rooms that send a newer schema than this program reads."""
        self.changes = 0
        """How many messages were taken, or times forgotten."""
        self.full = False
        """There are more rooms than are shown."""
        self.deleted = DeletedSpans(quiet=True)
        """Times that were deleted on request: nothing of them is taken any more."""
        self._told_ahead = False  # whether the log has said that a room is
        self._now = now
        self._changed: set[str] = set()
        self._removed: set[str] = set()

    def now(self) -> int:
        """Milliseconds since 1970."""
        return round(self._now() * 1000)

    def receive(self, topic: str, payload: bytes) -> None:
        """Take a message from the broker."""
        self.changes += 1
        try:
            if is_about_machine(topic):
                self._take_machine(topic, payload)
                return
            name, kind, content, _ = read_message(self.prefix, topic, payload)
            if isinstance(content, NewerWindow):
                self._take_newer(name)
                return
            if isinstance(content, State):
                milliseconds_of(content.since)
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

    def machines(self) -> list[MachineReport]:
        """What a technician is told of each room, troubled rooms first."""
        now = self.now()
        known = (
            machine_report.Room(name, room.online, room.state, room.machine, room.first)
            for name, room in self.rooms.items()
        )
        return machine_report.in_order(machine_report.report(room, now) for room in known)

    def ahead(self) -> list[str]:
        """Rooms whose windows end in the future: their clock is ahead of ours, or ours is behind."""
        return sorted(name for name, room in self.rooms.items() if self._ahead(room))

    def tidy(self) -> None:
        """Drop what is too old, also in rooms that are silent. To be called now and then."""
        first, last = self._kept()
        for room in self.rooms.values():
            room.history.keep(first, last)

    def forget_deleted(self) -> None:
        """Forget, of all rooms, what was deleted on request: again and again the same changes nothing."""
        self.changes += 1
        kept, _ = self._kept()
        for name, room in self.rooms.items():
            known = [kept - LONGEST, *(mark.ms for mark in room.marks)]
            since = min([*known, room.latest["start"]] if room.latest else known)
            for start, end in self.deleted.between(name, at(max(0, since)), LAST):
                self.forget(name, 0 if start == FIRST else milliseconds(start), milliseconds(end))

    def forget(self, name: str, first: int, last: int) -> None:
        """Forget a time of a room.

        Args:
            name: Of the room, which there is.
            first: Milliseconds since 1970.
            last: The same; what is measured from then on is kept.
        """
        room = self.rooms[name]
        if last > self._kept()[0] - LONGEST:  # else no window is of that time
            room.history.drop_between(first, last)
        room.marks.forget(first, last)
        if room.latest is not None and room.latest["end"] > first and room.latest["start"] < last:
            room.latest = None
        room.changes += 1
        self._changed.add(name)

    def summaries(self) -> dict[str, Any]:
        """Every room without its history, for a page that opens."""
        return {name: room.summary() for name, room in self.rooms.items()}

    def take_changes(self) -> dict[str, Any] | None:
        """What changed since the last call; None when nothing did."""
        if not (self._changed or self._removed):
            return None
        changes = {
            "rooms": {name: self.rooms[name].summary() for name in self._changed},
            "removed": list(self._removed),
        }
        self._changed, self._removed = set(), set()
        return changes

    def version(self, name: str, deaf: int) -> tuple[int, int, int] | None:
        """What changes when the last minutes of a room may have; None when there is no such room.

        Args:
            name: Of the room.
            deaf: How often the broker was not heard.
        """
        room = self.rooms.get(name)
        return None if room is None else (room.changes, deaf, self.now() // BEAT)

    def lesson(self, name: str, minutes: int, deaf: Sequence[Gap]) -> Callable[[], dict[str, Any]]:
        """What makes the answer for a room over the last minutes; it may be called in another thread.

        Args:
            name: Of the room, which there is.
            minutes: How many.
            deaf: When nothing was heard from the broker.
        """
        room, now = self.rooms[name], self.now()
        self.tidy()
        start = now - minutes * 60_000
        history, number, deaf = room.history.part(start, now + LATE), room.changes, tuple(deaf)
        states, availability = room.marks.changes(now)
        deleted = self.deleted.between(name, at(start), at(now))

        def answer() -> dict[str, Any]:
            return {
                "changes": number,
                **lesson(history.records(), states, availability, deaf, at(start), at(now), deleted),
            }

        return answer

    def _join(self, name: str, content: object) -> Room | None:
        """A new room; None for one that only says that it is not there, or when there are too many."""
        if content is None:
            return None
        if len(self.rooms) >= MAX_ROOMS:
            self.full = True
            return None
        self.rooms[name] = Room(first=self.now())
        self._removed.discard(name)
        self._changed.add(name)
        return self.rooms[name]

    def _take_machine(self, topic: str, payload: bytes) -> None:
        message = read_machine_message(self.prefix, topic, payload)
        room = self.rooms.get(message.device) or self._join(message.device, message.content)
        if room is not None:
            room.machine.take(message, self.now())
            room.machine_changes += 1
            self._changed.add(message.device)

    def _accept(self, name: str, room: Room, window: WindowPayload) -> None:
        room.history.check(window)
        heard = room.machine.heard
        room.machine.hear(window, self.now())
        if room.machine.heard != heard:
            self._changed.add(name)
        if not window.replayed:
            room.until = milliseconds_of(window.window.end)
            self._tell_if_ahead(name, room)
        if self.deleted.number and self.deleted.leaves_out(name, WindowRecord.of(window), at(self.now())):
            return
        window = room.history.fold(window)
        if not room.history.add(window):
            return
        room.history.keep(*self._kept())
        # Each look at a room reads all that is kept of it: more labels take the place of windows.
        most = MAX_WINDOWS_OF_ONE * USUAL_LABELS // max(USUAL_LABELS, len(room.history.labels))
        room.history.drop_oldest(max(0, len(room.history) - most))
        self._make_room()
        room.changes += 1
        self._changed.add(name)
        if room.window is None or newer(window, room.window):
            room.window, room.latest, room.heard = window, latest(window), self.now()

    def _take_newer(self, name: str) -> None:
        """A window that cannot be read: a sign of life, and what was read before is not of now."""
        if len(self.newer) < MAX_ROOMS:
            self.newer.add(name)
        if (room := self.rooms.get(name)) is not None:
            room.machine.newer, room.latest = self.now(), None
            self._changed.add(name)

    def _set_online(self, name: str, room: Room, *, online: bool | None) -> None:
        if online is not None and online != room.online:
            self._mark(room, Mark(self.now(), "online" if online else "offline", ""))
        room.online = online
        self._changed.add(name)
        self._remove_if_gone(name, room)

    def _set_state(self, name: str, room: Room, state: State | None) -> None:
        if resumes(room.state, state):
            room.machine.resumed, room.latest = self.now(), None  # what it measured before is not of now
        room.state = state
        if state is not None:
            since, reason = state.since, printable(without_names(state.reason), MAX_REASON)
            if deleted := self.deleted.until(name, since):
                since, reason = deleted, ""  # when and why it began was deleted, not that it lasts
            self._mark(room, Mark(milliseconds_of(since), state.mode, reason))
        self._changed.add(name)
        self._remove_if_gone(name, room)

    def _remove_if_gone(self, name: str, room: Room) -> None:
        """A device that was taken off the broker."""
        if is_gone(room.online, room.state):
            del self.rooms[name]
            self.newer.discard(name)
            self._changed.discard(name)
            self._removed.add(name)

    def _ahead(self, room: Room) -> bool:
        return room.online is not False and room.until > self.now() + AHEAD

    def _tell_if_ahead(self, name: str, room: Room) -> None:
        if self._told_ahead or not self._ahead(room):
            return
        self._told_ahead = True
        logger.warning(
            "%s sends windows that end %d s after the time of this machine: they are shown late, and dropped if they "
            "are more than %d s ahead; set the clock of this machine (timedatectl), or that of the room",
            printable(name), (room.until - self.now()) // 1000, FUTURE // 1000,
        )  # fmt: skip

    def _kept(self) -> tuple[int, int]:
        now = self.now()
        return now - round(self.hours * 3_600_000), now + FUTURE

    def _make_room(self) -> None:
        while sum(len(room.history) for room in self.rooms.values()) > MAX_WINDOWS:
            max((room.history for room in self.rooms.values()), key=len).drop_oldest()

    def _mark(self, room: Room, mark: Mark) -> None:
        room.changes += room.marks.add(mark)
