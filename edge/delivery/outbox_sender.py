"""One outbox on its way to the broker: what was sent, what is in flight, what the broker has."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from itertools import islice

from edge.contract.identity import Identity, complete_json
from edge.delivery.outbox import Outbox
from edge.delivery.outbox_tables import Row
from edge.mqtt.refusals import MessageTooLargeError
from edge.text import printable

logger = logging.getLogger(__name__)

LIVE = 2.0  # seconds: a window sent later than this after it was stored is `replayed`, as is one stored offline
_NO_END = 2**63 - 1  # SQLite's largest integer

STAYS = -1  # in place of an id
MOST_LOOKED = 500  # windows in one call: between two calls the connection is looked after


class OtherDeviceError(Exception):
    """The window is of a device with another name. Readers believe no window below a name that is not its own.

    Attributes:
        device: That name.
    """

    def __init__(self, device: str) -> None:
        super().__init__(device)
        self.device = device


Publish = Callable[[bytes, str, float], int | None]
"""Sends a window: payload, name of its schema, age in seconds; returns an id, None while there is no connection.

Raises:
    MessageTooLargeError: The broker does not take a message of that size.
    OtherDeviceError: It may not be sent as ours.
"""


class OutboxSender:
    """Sends the windows of one outbox. Used by one thread; only `depth` may be read by any.

    There are two streams, each in order: the backlog, which waited for the broker, and live windows, which overtake it.
    Whatever raises `sqlite3.Error` has changed nothing and may be tried again.

    Args:
        outbox: Where the windows are.
        publish: Sends a window.
    """

    def __init__(self, outbox: Outbox, publish: Publish) -> None:
        self.outbox = outbox
        self._publish = publish
        self._in_flight: dict[int, int] = {}  # message id -> seq
        self._backlog_end = 0  # the highest seq of the backlog: stored without a connection, or by an earlier run
        self._backlog_sent = 0  # the highest seq of the backlog that was sent
        self._live_sent = 0  # the highest seq of the live windows that was sent
        self._grown = True
        self._others: set[str] = set()  # devices of which windows wait here, and cannot be sent

    @property
    def in_flight(self) -> int:
        """How many windows were sent and not answered."""
        return len(self._in_flight)

    @property
    def depth(self) -> int:
        """How many windows the broker does not have yet."""
        return self.outbox.depth

    def open(self, progress: Callable[[], None] = lambda: None) -> None:
        """Open the outbox, or open it again: see `Outbox.start`. Raises BusyError, ConfigError, DiskError."""
        epoch = self.outbox.epoch
        self.outbox.start(progress)
        self._handle_opened(epoch)

    def set_aside(self, reason: str) -> None:
        """Begin a new outbox instead of a corrupt one. Raises BusyError, ConfigError, DiskError."""
        epoch = self.outbox.epoch
        self.outbox.set_aside(reason)
        self._handle_opened(epoch)

    def requeue(self) -> None:
        """There is a new connection: what was in flight goes out again, and whatever waits is backlog."""
        self._in_flight.clear()
        self._backlog_end = self._live_sent = self.outbox.newest
        self._backlog_sent = 0

    def put(self, body: str, schema: str, *, backlog: bool) -> Identity:
        """Store a window.

        Args:
            body: The window without identity, as JSON.
            schema: The name of its schema.
            backlog: Whether it has to wait for the broker.

        Raises:
            sqlite3.Error: The disk is full, read-only or broken.
        """
        seq = self.outbox.put(body, schema)
        self._grown = True
        if backlog:
            self._backlog_end = self._live_sent = seq
        return Identity(self.outbox.epoch, seq)

    def send(self, limit: int, *, backlog: bool) -> int:
        """Send windows of one stream; returns how many. Raises sqlite3.Error."""
        # Asked four times a second, all day long: the database only when something waits.
        if limit <= 0 or self.depth <= self.in_flight:
            return 0
        after, upto = (self._backlog_sent, self._backlog_end) if backlog else (self._live_sent, _NO_END)
        sent, damaged = 0, []
        for row in islice(self._rows(after, upto, limit), MOST_LOOKED):
            if row.seq not in self.outbox.acknowledged:
                identity = Identity(self.outbox.epoch, row.seq, backlog or row.age > LIVE)
                payload = _complete(row, identity)
                if payload is None:
                    damaged.append(row.seq)
                    continue
                message_id = self._hand_over(payload, row)
                if message_id is None:
                    break
                if message_id != STAYS:  # else it is tried over the next connection
                    self._in_flight[message_id] = row.seq
                    sent += 1
            if backlog:
                self._backlog_sent = row.seq
            else:
                self._live_sent = row.seq
            if sent >= limit:
                break
        if damaged:
            logger.error("outbox: windows %s are damaged and were dropped", damaged)
            self.outbox.drop(damaged)
        return sent

    def answered(self, message_id: int, *, accepted: bool) -> bool:
        """The broker has answered a message; False when it was none of ours."""
        found = self._in_flight.pop(message_id, None)
        if found is not None and accepted:
            self.outbox.acknowledge(found)
        return found is not None

    def clean_up(self) -> int:
        """Delete what the broker has, and the oldest of what is too much; returns how many windows that cost.

        Raises:
            sqlite3.Error: The disk would not do it.
        """
        self.outbox.delete_acknowledged()
        if not self._grown:
            return 0
        dropped = self.outbox.trim(self._sent())
        self._grown = False
        return dropped

    def expire(self, max_age: float) -> int:
        """Drop what is older than `max_age` seconds; returns how many windows. Raises sqlite3.Error."""
        return self.outbox.expire(max_age, self._sent())

    def _sent(self) -> set[int]:
        """What is in flight may yet arrive: it is not lost."""
        return set(self._in_flight.values())

    def _rows(self, after: int, upto: int, some: int) -> Iterator[Row]:
        """Those after a number, read some at a time: of many that stay here, none holds up what comes after them."""
        while rows := self.outbox.rows(after, upto, some):
            yield from rows
            after = rows[-1].seq

    def _hand_over(self, payload: bytes, row: Row) -> int | None:
        try:
            return self._publish(payload, row.schema, row.age)
        except MessageTooLargeError:  # the log has named it
            return STAYS
        except OtherDeviceError as error:
            self._report_other(error.device)
            return STAYS

    def _report_other(self, device: str) -> None:
        """The device was given another name while its windows waited: they can be sent under their own name alone."""
        if device not in self._others:
            self._others.add(device)
            ends = "lost when the daemon ends" if self.outbox.in_memory else "dropped after outbox.max_age_hours"
            logger.warning(
                "outbox %s: windows of %s wait in it, and are taken under that name alone. Set device.name to it and "
                "reload until the outbox is empty, or they are %s, and counted as lost",
                self.outbox,
                printable(device),
                ends,
            )

    def _handle_opened(self, epoch: str) -> None:
        if self.outbox.epoch != epoch:
            self.requeue()


def _complete(row: Row, identity: Identity) -> bytes | None:
    """The payload of a row; None when it is damaged."""
    if not row.sound:
        return None
    if row.checksum is not None:
        return complete_json(row.body, identity)
    # Version 0.1.0 stored windows with a placeholder in the place of their identity, and without a checksum.
    try:
        return json.dumps({**json.loads(row.body), **identity._asdict()}, separators=(",", ":")).encode()
    except (ValueError, TypeError):
        return None
