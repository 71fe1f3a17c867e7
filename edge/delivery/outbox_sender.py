"""One outbox on its way to the broker: what was sent, what is in flight, what the broker has."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable

from edge.contract.payloads import WindowPayload
from edge.delivery.outbox import Outbox

logger = logging.getLogger(__name__)

LIVE = 2.0  # seconds: a window sent later than this after it was stored is `replayed`, as is one stored offline
_NO_END = 2**63 - 1  # SQLite's largest integer


class OutboxSender:
    """Sends the windows of one outbox. Used by one thread.

    There are two streams, each in order: late windows, which waited for the broker, and fresh ones, which overtake
    them.
    Whatever raises `sqlite3.Error` has changed nothing and may be tried again.

    Args:
        outbox: Where the windows are.
        publish: Sends a window with its age in seconds; returns an id, None while there is no connection.
    """

    def __init__(self, outbox: Outbox, publish: Callable[[bytes, float], int | None]) -> None:
        self.outbox = outbox
        self._publish = publish
        self._in_flight: dict[int, tuple[int, float]] = {}  # message id -> seq, monotonic time; oldest first
        self._done: set[int] = set()  # the broker has them, the outbox has not yet forgotten them
        self._missed = 0  # the highest seq that is late: stored while nobody listened, or by an earlier run
        self._late = 0  # the highest seq of these that was sent
        self._fresh = 0  # the highest seq of the others that was sent
        self._grown = True

    @property
    def in_flight(self) -> int:
        """How many windows were sent and not answered."""
        return len(self._in_flight)

    @property
    def depth(self) -> int:
        """How many windows the broker does not have yet."""
        return self.outbox.depth - len(self._done)

    @property
    def unanswered(self) -> float:
        """Seconds since the oldest window in flight was sent; 0 without any."""
        return time.monotonic() - next(iter(self._in_flight.values()))[1] if self._in_flight else 0.0

    def open(self) -> None:
        """Open the outbox, or open it again. Raises ConfigError, DiskError."""
        epoch = self.outbox.epoch
        self.outbox.start()
        self._came_back(epoch)

    def set_aside(self, reason: str) -> None:
        """Begin a new outbox instead of a corrupt one. Raises ConfigError, DiskError."""
        epoch = self.outbox.epoch
        self.outbox.set_aside(reason)
        self._came_back(epoch)

    def begin_again(self) -> None:
        """There is a new connection: what was in flight goes out again, and whatever waits is late."""
        self._in_flight.clear()
        self._missed = self._fresh = self.outbox.newest
        self._late = 0

    def put(self, window: WindowPayload, *, late: bool) -> WindowPayload:
        """Store a window; returns it with its identity. Raises sqlite3.Error."""
        seq = self.outbox.put(window.to_json().decode())
        self._grown = True
        if late:
            self._missed = self._fresh = seq
        return window.model_copy(update={"epoch": self.outbox.epoch, "seq": seq})

    def send(self, limit: int, *, late: bool) -> int:
        """Send windows of one stream; returns how many. Raises sqlite3.Error."""
        # Asked four times a second, all day long: the database only when something waits.
        if limit <= 0 or self.depth <= self.in_flight:
            return 0
        sent, damaged = 0, []
        for row in self.outbox.rows(*((self._late, self._missed) if late else (self._fresh, _NO_END)), limit):
            if row.seq not in self._done:
                try:
                    # Not validated again: a window that an older version stored is sent as it was.
                    identity = {"epoch": self.outbox.epoch, "seq": row.seq, "replayed": late or row.age > LIVE}
                    payload = json.dumps({**json.loads(row.body), **identity}, separators=(",", ":")).encode()
                except (ValueError, TypeError):
                    damaged.append(row.seq)
                    continue
                message_id = self._publish(payload, row.age)
                if message_id is None:
                    break
                self._in_flight[message_id] = (row.seq, time.monotonic())
                sent += 1
            if late:
                self._late = row.seq
            else:
                self._fresh = row.seq
        if damaged:
            logger.error("outbox: windows %s are damaged and were dropped", damaged)
            self.outbox.drop(damaged)
        return sent

    def answered(self, message_id: int, *, taken: bool) -> bool:
        """The broker has answered a message; False when it was none of ours."""
        found = self._in_flight.pop(message_id, None)
        if found is not None and taken:
            self._done.add(found[0])
        return found is not None

    def tidy(self) -> int:
        """Delete what the broker has, and the oldest of what is too much; returns how many windows that cost.

        Raises:
            sqlite3.Error: The disk would not do it.
        """
        if self._done:
            self.outbox.delete(self._done)
            self._done = set()
        if not self._grown:
            return 0
        dropped = self.outbox.trim(self._kept())
        self._grown = False
        return dropped

    def expire(self, max_age: float) -> int:
        """Drop what is older than `max_age` seconds; returns how many windows. Raises sqlite3.Error."""
        return self.outbox.expire(max_age, self._kept())

    def _kept(self) -> set[int]:
        """What is in flight may yet arrive: it is not lost."""
        return {seq for seq, _ in self._in_flight.values()} | self._done

    def _came_back(self, epoch: str) -> None:
        if self.outbox.epoch != epoch:
            self._done.clear()
            self.begin_again()
