"""What changed in a room, and when: its states, and when it came and went."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from edge.recording.recorded import StateChange
from edge.web.dashboard.lesson import at

MOST = 300  # of a room
AVAILABILITY = ("online", "offline")


class Mark(NamedTuple):
    """A change: `word` is a mode, or whether the room came or went."""

    ms: int
    word: str
    reason: str


class Marks:
    """The newest `MOST` changes of a room, in the order in which they became known."""

    def __init__(self) -> None:
        self._known: deque[Mark] = deque(maxlen=MOST)

    def __iter__(self) -> Iterator[Mark]:
        return iter(self._known)

    def add(self, mark: Mark) -> bool:
        """Know one more; whether it is new."""
        if again := mark in self._known:
            self._known.remove(mark)
        self._known.append(mark)  # of several of one moment the last one counts
        return not again

    def forget(self, first: int, last: int) -> None:
        """Forget a time which was deleted; of what lasts beyond it is known only that it does.

        Args:
            first: Milliseconds since 1970.
            last: The same; what changed from then on stays.
        """
        lasting: dict[bool, Mark] = {}
        for mark in self._in_order():
            if mark.ms < last:  # that one from before it lasts is not told apart from that another began in it
                lasting[mark.word in AVAILABILITY] = Mark(last, mark.word, "")
        others = [mark for mark in self._known if not first <= mark.ms < last]
        there = {mark.word in AVAILABILITY for mark in others if mark.ms == last}  # as when it is forgotten again
        new = [mark for kind, mark in lasting.items() if kind not in there]
        self._known = deque([*new, *others], maxlen=MOST)

    def changes(self, now: int) -> tuple[list[StateChange], list[StateChange]]:
        """The states until now, and when it came and went, both in order of time."""
        known = [mark for mark in self._in_order() if mark.ms <= now]
        states, availability = (
            [
                StateChange(at(mark.ms), mark.word, mark.reason)
                for mark in known
                if (mark.word in AVAILABILITY) is wanted
            ]
            for wanted in (False, True)
        )
        return states, availability

    def _in_order(self) -> list[Mark]:
        return sorted(self._known, key=lambda mark: mark.ms)
