"""Where windows wait for the broker: on the disk, and in memory while the disk is full or failing."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timezone

from edge.contract.payloads import Alert, WindowPayload
from edge.contract.timestamps import format_timestamp
from edge.delivery.outbox import Loss, Outbox
from edge.delivery.outbox_sender import OutboxSender
from edge.errors import EdgeError
from edge.files.disk_errors import DiskError

logger = logging.getLogger(__name__)

MEMORY_BYTES = 1_000_000  # about a thousand windows
RETRY = 10.0  # seconds before a disk that cannot be opened is tried again
REST = 1.0  # seconds before what waits to be deleted is tried again
SETTLED = 10.0  # seconds without a failure after which the disk counts as well again
EXPIRE_EVERY = 60.0
TELL_EVERY = 10.0  # seconds between two alerts that differ only in the number of lost windows
REMEMBER = 3600.0  # seconds for which the alert stays after the last loss, and after the last time that nobody heard


class FailoverOutbox:
    """Two lanes: one on the disk and, once it was needed, one in memory, which has an epoch of its own.

    So no identity is ever given twice, even when what is in memory dies with the daemon. Used by one thread.

    Args:
        outbox: The one on disk.
        publish: Sends a window with its age in seconds; returns an id, None while there is no connection.
        alert: Raises the alert of that name, or clears it.
    """

    def __init__(
        self,
        outbox: Outbox,
        publish: Callable[[bytes, float], int | None],
        alert: Callable[[str, Alert | None], None],
    ) -> None:
        self._publish = publish
        self._alert = alert
        self._disk = OutboxSender(outbox, publish)
        self._memory: OutboxSender | None = None
        self._failing: Alert | None = None  # while the disk is not well
        self._reason = ""
        self._failed_at = self._worked_at = self._retry_at = self._next_expiry = 0.0
        self._told: Loss | None = None
        self._tell_at = self._forget_at = 0.0

    def start(self) -> None:
        """Open the disk; where it is full, read-only or failing, begin in memory.

        Raises:
            ConfigError: Only a person can mend it: another daemon uses the outbox, or the path is wrong.
        """
        try:
            self._disk.open()
        except DiskError as error:
            self._disk_failed(error)

    @property
    def lanes(self) -> list[OutboxSender]:
        """Those that can be read now."""
        lanes = [self._disk] if self._memory is None else [self._disk, self._memory]
        return [lane for lane in lanes if lane.outbox.is_open]

    @property
    def depth(self) -> int:
        """How many windows the broker does not have yet."""
        return self._disk.depth + self.in_memory

    @property
    def in_memory(self) -> int:
        """How many of these would be lost with the daemon."""
        return self._memory.depth if self._memory else 0

    @property
    def unanswered(self) -> float:
        """Seconds since the oldest window in flight was sent; 0 without any."""
        return max((lane.unanswered for lane in self._all()), default=0.0)

    @property
    def in_flight(self) -> int:
        """How many windows were sent and not answered."""
        return sum(lane.in_flight for lane in self._all())

    def put(self, window: WindowPayload, *, late: bool) -> WindowPayload:
        """Store a window, on the disk if that is possible; returns it with its identity."""
        if self._disk.outbox.is_open:
            with self._watched(self._disk):
                named = self._disk.put(window, late=late)
                self._worked_at = time.monotonic()
                return named
        if self._memory is None:
            self._memory = OutboxSender(Outbox(None, MEMORY_BYTES), self._publish)
            self._memory.open()
        return self._memory.put(window, late=late)

    def send(self, limit: int, *, late: bool) -> int:
        """Send up to `limit` windows of one stream, those on the disk first; returns how many."""
        sent = 0
        for lane in self.lanes:
            with self._watched(lane, reading=True):
                sent += lane.send(limit - sent, late=late)
        return sent

    def answered(self, message_id: int, *, taken: bool) -> bool:
        """The broker has answered a message; False when it was no window."""
        return any(lane.answered(message_id, taken=taken) for lane in self._all())

    def begin_again(self) -> None:
        """There is a new connection: everything goes out again, as late."""
        for lane in self._all():
            lane.begin_again()

    def tend(self, max_age: float, *, connected: bool) -> None:
        """Look after everything: what can be deleted, what is too old or too much, the disk, the alerts.

        Args:
            max_age: Seconds after which a window is of no use.
            connected: Whether an alert reaches anybody.
        """
        now = time.monotonic()
        if not self._disk.outbox.is_open and now >= self._retry_at:
            self._retry_at = now + RETRY
            try:
                self._disk.open()
            except EdgeError as error:
                self._disk_failed(error)
        expire = now >= self._next_expiry
        if expire:
            self._next_expiry = now + EXPIRE_EVERY
        for lane in self.lanes:
            if lane is self._disk and now - self._failed_at < REST:
                continue
            with self._watched(lane):
                dropped = lane.tidy()
                dropped += lane.expire(max_age) if expire else 0
                if dropped:
                    logger.warning("outbox %s: %d windows were too old or too many and were dropped",
                                   lane.outbox, dropped)  # fmt: skip
        if self._failing is not None and self._worked_at > self._failed_at and now - self._failed_at > SETTLED:
            logger.info("outbox %s: the disk is well again", self._disk.outbox)
            self._failing, self._reason = None, ""
            self._alert("disk", None)
        self._tell_losses(now, connected=connected)

    def stop(self) -> None:
        """Close the disk."""
        self._disk.outbox.stop()

    def _all(self) -> list[OutboxSender]:
        return [self._disk] if self._memory is None else [self._disk, self._memory]

    @contextlib.contextmanager
    def _watched(self, lane: OutboxSender, *, reading: bool = False) -> Iterator[None]:
        """What goes wrong with the disk is noted, and gone on without."""
        try:
            yield
        except sqlite3.Error as error:
            if lane is not self._disk:
                raise
            self._disk_failed(error)
            try:
                # SQLite's other errors are no OperationalError: the file is not what it was.
                if not isinstance(error, sqlite3.OperationalError):
                    self._disk.set_aside(str(error))
                # A full disk can still be read. One that cannot even be read is opened anew, as is a file that
                # somebody has replaced, which SQLite calls read-only.
                elif reading or "readonly" in str(error):
                    self._close_disk()
            except EdgeError as worse:
                self._close_disk()
                self._disk_failed(worse)

    def _close_disk(self) -> None:
        self._disk.outbox.stop()
        self._retry_at = time.monotonic() + RETRY

    def _disk_failed(self, error: Exception) -> None:
        self._failed_at = time.monotonic()
        if not self._retry_at:
            self._retry_at = self._failed_at + RETRY
        reason = error.problem if isinstance(error, EdgeError) else f"outbox {self._disk.outbox}: {error}"
        if reason == self._reason:
            return
        self._reason = reason
        logger.error("%s; windows wait in memory while this lasts", reason)
        self._failing = Alert(
            problem=f"{reason}; windows wait in memory while this lasts, and are lost if the daemon ends",
            remedy="make room on the disk, or replace it; nothing has to be started again",
            since=self._failing.since if self._failing else _now(),
        )
        self._alert("disk", self._failing)

    def _tell_losses(self, now: float, *, connected: bool) -> None:
        losses = [lane.outbox.loss for lane in self._all() if lane.outbox.loss is not None]
        if not losses:
            return
        loss = Loss(
            sum(one.lost for one in losses), min(one.since for one in losses), "".join(one.aside for one in losses)
        )
        if loss != self._told and now >= self._tell_at:
            self._told, self._tell_at = loss, now + TELL_EVERY
            self._forget_at = now + REMEMBER
            self._alert("outbox", _alert(loss))
        elif not connected:
            self._forget_at = now + REMEMBER
        elif loss == self._told and now >= self._forget_at:
            for lane in self.lanes:
                with self._watched(lane):
                    lane.outbox.forget_loss()
            self._forget_at = now + TELL_EVERY
            if all(lane.outbox.loss is None for lane in self._all()):
                self._told = None
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
