"""From the network's thread to ours: rooms take turns, and one that floods loses its own messages only."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque

MOST_OF_ONE = 1000  # messages of a room that wait
BYTES_OF_ONE = 2_000_000
MOST_ROOMS = 1000
MOST_BYTES = 32_000_000  # of all rooms together


class _Room:
    """What waits of one room: what happened, in order, and of each topic that tells how it is now the newest few."""

    def __init__(self) -> None:
        self.events: deque[tuple[str, bytes]] = deque()
        self.newest: OrderedDict[str, deque[bytes]] = OrderedDict()
        self.size = 0

    def put(self, topic: str, payload: bytes, newest: int | None) -> None:
        self.size += len(payload)
        if newest is None:
            self.events.append((topic, payload))
            return
        kept = self.newest.setdefault(topic, deque())
        kept.append(payload)
        if len(kept) > newest:
            self.size -= len(kept.popleft())

    def get(self) -> tuple[str, bytes]:
        if not self.newest:
            topic, payload = self.events.popleft()
        else:
            topic, kept = next(iter(self.newest.items()))
            payload = kept.popleft()
            if not kept:
                del self.newest[topic]
        self.size -= len(payload)
        return topic, payload

    @property
    def empty(self) -> bool:
        return not self.newest and not self.events


class FairQueue:
    """Messages of many rooms; safe between two threads.

    Args:
        most_rooms: Of how many messages may wait.
    """

    def __init__(self, most_rooms: int = MOST_ROOMS) -> None:
        self._most_rooms = most_rooms
        self._rooms: OrderedDict[str, _Room] = OrderedDict()  # whose turn is next is first
        self._size = 0
        self._changed = threading.Condition()
        self.lost = 0
        """Messages for which there was no room."""

    def put(self, room: str, topic: str, payload: bytes, *, newest: int | None = None) -> None:
        """Add a message, or count it as lost.

        Args:
            room: Whose.
            topic: Its topic.
            payload: Its payload.
            newest: So many of the topic are kept, and the newest is never lost; None: each counts, as windows do.
        """
        with self._changed:
            waiting = self._rooms.get(room)
            if waiting is None:
                if len(self._rooms) >= self._most_rooms:
                    self.lost += 1
                    return
                waiting = _Room()
            before = waiting.size
            full = len(waiting.events) >= MOST_OF_ONE or before >= BYTES_OF_ONE
            if newest is None and (full or self._size >= MOST_BYTES):
                self.lost += 1
                return
            self._rooms.setdefault(room, waiting)
            waiting.put(topic, payload, newest)
            self._size += waiting.size - before
            self._changed.notify()

    def get(self, timeout: float) -> tuple[str, bytes] | None:
        """The next message of the room whose turn it is; None when none comes in so many seconds."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while not self._rooms:
                left = deadline - time.monotonic()
                if left <= 0:
                    return None
                self._changed.wait(left)
            name, room = self._rooms.popitem(last=False)
            topic, payload = room.get()
            self._size -= len(payload)
            if not room.empty:
                self._rooms[name] = room  # at the end of the line
            return topic, payload
