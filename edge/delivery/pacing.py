"""When windows are sent: the backlog no faster than everybody can take it, what was refused again after a while."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from edge.delivery.failover_outbox import FailoverOutbox
from edge.mqtt.attempt import MAX_IN_FLIGHT

logger = logging.getLogger(__name__)

REFUSED_RETRY = 30.0  # seconds before refused windows are offered again
BACKLOG_PER_SECOND = 50.0  # after an outage, forty rooms must not drown the broker and everybody behind it
BACKLOG_IN_FLIGHT = 15  # of MAX_IN_FLIGHT: the rest is for live windows


class Pacing:
    """Sends the windows of an outbox, as many at a time as are due. Used by one thread.

    Args:
        store: Where they wait.
        clock: Monotonic seconds.
    """

    def __init__(self, store: FailoverOutbox, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._refused = False  # whether the broker throws windows away
        self._held = False  # whether it takes none, for that or another reason
        self._next_retry = 0.0  # of what was refused; monotonic
        self._allowance = 0.0  # windows of the backlog that may be sent now
        self._last_send = 0.0

    def answered(self, *, accepted: bool) -> None:
        """The broker has answered a window."""
        if accepted:
            self._refused = self._held = False
        else:  # the broker threw it away, as the log says: it stays, and is offered again after a while
            self._hold()
            self._refused = True
            self._next_retry = self._clock() + REFUSED_RETRY

    def send(self, *, connected: bool, left_out: bool) -> None:
        """Send what is due; to be called a few times a second, also without a connection.

        Args:
            connected: Whether there is a connection.
            left_out: Whether the broker takes no windows at present: see `Connection.leaves_out`.
        """
        now = self._clock()
        # What was not used is not saved up: half a second's worth at most.
        earned = BACKLOG_PER_SECOND * (now - self._last_send)
        self._allowance = min(self._allowance + earned, BACKLOG_PER_SECOND / 2)
        self._last_send = now
        if not connected:
            return
        if left_out:
            self._hold()
            return
        in_flight = self._store.in_flight
        if self._refused:
            if in_flight or now < self._next_retry:
                return
            self._store.requeue()
        # The backlog first: what waited for a moment only arrives in order, and live windows keep room of their own.
        sent = self._store.send(min(BACKLOG_IN_FLIGHT - in_flight, int(self._allowance)), backlog=True)
        self._allowance -= sent
        self._store.send(MAX_IN_FLIGHT - in_flight - sent, backlog=False)

    def _hold(self) -> None:
        if not self._held:
            logger.warning("windows wait in the outbox until the broker takes them")
        self._held = True
