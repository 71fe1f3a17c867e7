"""Where windows wait for the broker: on the disk, and in memory while the disk is full or failing."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timezone

from edge.contract.alerts import AlertId
from edge.contract.identity import Identity
from edge.contract.payloads import Alert
from edge.contract.timestamps import format_timestamp
from edge.delivery.outbox import Outbox
from edge.delivery.outbox_sender import OutboxSender, Publish
from edge.delivery.outbox_tables import Loss
from edge.errors import EdgeError
from edge.files.disk_errors import DiskError

logger = logging.getLogger(__name__)

MEMORY_BYTES = 1_000_000  # about a thousand windows
OPEN_RETRY = 10.0  # seconds before a disk that cannot be opened is tried again
DELETE_RETRY = 1.0  # seconds before what waits to be deleted is tried again
RECOVERED_AFTER = 10.0  # seconds without a failure after which the disk counts as working again
EXPIRE_EVERY = 60.0
LOOK_EVERY = 5.0  # seconds between two looks at how long the oldest window has waited
REPORT_EVERY = 10.0  # seconds between two alerts that differ only in the number of lost windows
LOSS_SHOWN = 3600.0  # seconds of connection for which the alert stays after the last loss


class FailoverOutbox:
    """An outbox on the disk and, once it was needed, one in memory, which has an epoch of its own.

    So no identity is ever given twice, even when what is in memory dies with the daemon. Used by one thread; only
    `depth`, `in_memory` and `oldest_age` may be read by any.

    Args:
        outbox: The one on disk.
        publish: Sends a window.
        alert: Raises the alert of that name, or clears it.
    """

    def __init__(
        self,
        outbox: Outbox,
        publish: Publish,
        alert: Callable[[AlertId, Alert | None], None],
    ) -> None:
        self._publish = publish
        self._alert = alert
        self._disk = OutboxSender(outbox, publish)
        self._memory: OutboxSender | None = None
        self._failing: Alert | None = None  # while the disk is not well
        self._reason = ""
        self._failed_at = self._worked_at = self._next_retry = self._next_expiry = 0.0
        self._next_look = 0.0
        self.oldest_age: float | None = None
        """Seconds for which the oldest window had waited when it was last looked at; None: none waited."""
        self._reported: Loss | None = None
        self._next_report = self._clear_loss_at = 0.0

    def start(self, progress: Callable[[], None] = lambda: None, memory: Outbox | None = None) -> None:
        """Open the disk; where it is full, read-only or failing, begin in memory.

        Args:
            progress: As `Outbox.start`.
            memory: What the one before had in memory: it is sent, too.

        Raises:
            BusyError: Another program uses the outbox.
            ConfigError: Only a person can mend it: the path is wrong.
        """
        try:
            self._disk.open(progress)
        except DiskError as error:
            self._disk_failed(error)
        if memory is not None:
            self._memory = OutboxSender(memory, self._publish)
            self._memory.requeue()

    @property
    def memory(self) -> Outbox | None:
        """The outbox in memory, None where none was needed."""
        return self._memory.outbox if self._memory else None

    @property
    def depth(self) -> int:
        """How many windows the broker does not have yet."""
        return self._disk.depth + self.in_memory

    @property
    def in_memory(self) -> int:
        """How many of these would be lost with the daemon."""
        return self._memory.depth if self._memory else 0

    @property
    def in_flight(self) -> int:
        """How many windows were sent and not answered."""
        return sum(sender.in_flight for sender in self._all())

    def put(self, body: str, schema: str, *, backlog: bool) -> Identity:
        """Store a window, on the disk if that is possible: see `OutboxSender.put`."""
        if self._disk.outbox.is_open:
            with self._survives(self._disk):
                identity = self._disk.put(body, schema, backlog=backlog)
                self._worked_at = time.monotonic()
                return identity
        if self._memory is None:
            self._memory = OutboxSender(Outbox(None, MEMORY_BYTES), self._publish)
            self._memory.open()
        return self._memory.put(body, schema, backlog=backlog)

    def send(self, limit: int, *, backlog: bool) -> int:
        """Send up to `limit` windows of one stream, those on the disk first; returns how many."""
        sent = 0
        for sender in self._open():
            with self._survives(sender, reading=True):
                sent += sender.send(limit - sent, backlog=backlog)
        return sent

    def answered(self, message_id: int, *, accepted: bool) -> bool:
        """The broker has answered a message; False when it was no window."""
        return any(sender.answered(message_id, accepted=accepted) for sender in self._all())

    def requeue(self) -> None:
        """There is a new connection: everything goes out again, as backlog."""
        for sender in self._all():
            sender.requeue()

    def maintain(self, max_age: float, *, connected: bool) -> None:
        """Delete what the broker has, drop what is too old or too much, retry the disk, keep the alerts true.

        Args:
            max_age: Seconds after which a window is of no use.
            connected: Whether an alert reaches anybody.
        """
        now = time.monotonic()
        if self._failing is not None and self._disk.outbox.is_open and self._disk.outbox.is_replaced:
            self._disk.outbox.stop()
            self._next_retry = now
        if not self._disk.outbox.is_open and now >= self._next_retry:
            self._next_retry = now + OPEN_RETRY
            try:
                self._disk.open()
            except EdgeError as error:
                self._disk_failed(error)
        expire = now >= self._next_expiry
        if expire:
            self._next_expiry = now + EXPIRE_EVERY
        for sender in self._open():
            if sender is self._disk and now - self._failed_at < DELETE_RETRY:
                continue
            with self._survives(sender):
                dropped = sender.clean_up()
                dropped += sender.expire(max_age) if expire else 0
                if dropped:
                    logger.warning("outbox %s: %d windows were too old or too many and were dropped",
                                   sender.outbox, dropped)  # fmt: skip
        if self._failing is not None and self._worked_at > self._failed_at and now - self._failed_at > RECOVERED_AFTER:
            logger.info("outbox %s: the disk works again", self._disk.outbox)
            self._failing, self._reason = None, ""
            self._alert("disk", None)
        if now >= self._next_look:
            self._next_look = now + LOOK_EVERY
            self.oldest_age = self._oldest_age()
        self._report_losses(now, connected=connected)

    def _oldest_age(self) -> float | None:
        ages: list[float | None] = []
        for sender in self._open():
            with self._survives(sender, reading=True):
                ages.append(sender.outbox.oldest_age() if sender.depth else None)
        return max((age for age in ages if age is not None), default=None)

    def stop(self) -> None:
        """Close the disk."""
        self._disk.outbox.stop()

    def _all(self) -> list[OutboxSender]:
        return [self._disk] if self._memory is None else [self._disk, self._memory]

    def _open(self) -> list[OutboxSender]:
        """Those that can be read now."""
        return [sender for sender in self._all() if sender.outbox.is_open]

    @contextlib.contextmanager
    def _survives(self, sender: OutboxSender, *, reading: bool = False) -> Iterator[None]:
        """Notes what goes wrong with the disk, and goes on without it."""
        try:
            yield
        except sqlite3.Error as error:
            if sender is not self._disk:
                raise
            self._disk_failed(error)
            try:
                # SQLite's other errors are no OperationalError: the file is not what it was.
                if not isinstance(error, sqlite3.OperationalError):
                    self._disk.set_aside(str(error))
                # A full disk can still be read. One that cannot even be read is opened again, as is a file that
                # somebody has replaced, which SQLite calls read-only.
                elif reading or "readonly" in str(error):
                    self._close_disk()
            except EdgeError as worse:
                self._close_disk()
                self._disk_failed(worse)

    def _close_disk(self) -> None:
        self._disk.outbox.stop()
        self._next_retry = time.monotonic() + OPEN_RETRY

    def _disk_failed(self, error: Exception) -> None:
        self._failed_at = time.monotonic()
        if not self._next_retry:
            self._next_retry = self._failed_at + OPEN_RETRY
        reason = error.problem if isinstance(error, EdgeError) else f"outbox {self._disk.outbox}: {error}"
        if reason == self._reason:
            return
        self._reason = reason
        logger.error("%s; windows are kept in memory until the disk works", reason)
        self._failing = Alert(
            problem=f"{reason}; windows are kept in memory until the disk works, and are lost if the daemon ends",
            remedy="make room on the disk, or replace it; nothing has to be started again",
            since=self._failing.since if self._failing else _now(),
        )
        self._alert("disk", self._failing)

    def _report_losses(self, now: float, *, connected: bool) -> None:
        losses = [sender.outbox.loss for sender in self._all() if sender.outbox.loss is not None]
        if not losses:
            return
        loss = Loss(
            sum(one.lost for one in losses), min(one.since for one in losses), "".join(one.aside for one in losses)
        )
        if loss != self._reported and now >= self._next_report:
            self._reported, self._next_report = loss, now + REPORT_EVERY
            self._clear_loss_at = now + LOSS_SHOWN
            self._alert("outbox", _alert(loss))
        elif not connected:  # nobody can have seen it
            self._clear_loss_at = now + LOSS_SHOWN
        elif loss == self._reported and now >= self._clear_loss_at:
            for sender in self._open():
                with self._survives(sender):
                    sender.outbox.clear_loss()
            self._clear_loss_at = now + REPORT_EVERY
            if all(sender.outbox.loss is None for sender in self._all()):
                self._reported = None
                self._alert("outbox", None)


def _alert(loss: Loss) -> Alert:
    parts = []
    if loss.lost:
        parts.append(f"{loss.lost} windows were dropped before the broker had them: too old, too many, or damaged")
    if loss.aside:
        parts.append(f"the outbox was corrupt; what waited in it is lost, and kept as {loss.aside}; a new epoch began")
    return Alert(
        problem="; ".join(parts),
        remedy="look after the broker and the network, outbox.max_age_hours, outbox.max_megabytes, and the disk",
        since=loss.since,
        lost=loss.lost,
    )


def _now() -> str:
    return format_timestamp(datetime.now(timezone.utc))
