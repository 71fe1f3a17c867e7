"""Which windows of an ordinary session a share is sure to bring as well, so that they need not be stored twice.

A share is no safe place by itself: Mosquitto keeps the session of a recorder over a restart of its own, and forgets
that it belongs to a share. What rooms send before the recorder is back matches no subscription but the ordinary one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone

from edge.contract.timestamps import parse_timestamp
from edge.recording.session import Delivery, Session
from edge.timing.clock import CLOCK_SET, SystemClock, clock_synced

MARGIN = timedelta(seconds=60)  # that a clock which was set may be ahead of ours
END = re.compile(rb'"end"\s*:\s*"([^"]{20,32})"')
SYNCED = re.compile(rb'"clock_synced"\s*:\s*true')


class SharedWindows:
    """Compares two sessions at one broker.

    Args:
        ordinary: Brings every window.
        shared: Brings a part of them; the other recorders of the share get the rest.
        synced: Whether our own clock is set: one that is behind, as after the start of a board without a battery, would
            take what rooms sent before the share was known for newer.
    """

    def __init__(self, ordinary: Session, shared: Session, synced: Callable[[], bool] = clock_synced) -> None:
        self._ordinary = ordinary
        self._shared = shared
        self._clock = SystemClock()
        self._synced = synced
        self._connections = (0, 0)
        self._since: datetime | None = None
        self._zero = datetime.min.replace(tzinfo=timezone.utc)  # the time of day at monotonic 0, as of then
        self.all_taken = False
        """Whether each session of the share is somebody's: what goes to another one waits at the broker alone."""

    def look(self) -> None:
        """Notice new connections; called several times a second."""
        present = (self._ordinary.connection, self._shared.connection)
        now, elapsed = self._clock.utc(), timedelta(seconds=self._clock.monotonic())
        if self._since is not None and abs(now - elapsed - self._zero) > CLOCK_SET:
            self._since = None  # somebody has set our clock
        if not (self._ordinary.connected and self._shared.connected):
            self._since = None
            self._connections = (0, 0)
        elif present != self._connections:
            self._connections = present
            self._since = None
            # Only an answer after the ordinary connection was made is of the same run of the broker.
            self._shared.ask_again()
        elif self._since is None and self._sure and self._synced():
            self._since, self._zero = now, now - elapsed

    @property
    def _sure(self) -> bool:
        """Whether the broker has said that it knows the share."""
        return self._shared.protocol5 and self._shared.subscribed and not self._shared.refused

    def bring(self, delivery: Delivery) -> bool:
        """Whether a message of the ordinary session is a window that the share brings, too.

        It is where it ended, and so was sent, after the broker knew of the share; by a clock that was set.
        """
        if (
            not self.all_taken
            or self._since is None
            or delivery.connection != self._connections[0]
            or not delivery.topic.endswith("/window")
        ):
            return False
        found = END.search(delivery.payload)
        if found is None or not SYNCED.search(delivery.payload):
            return False
        try:
            return parse_timestamp(found[1].decode()) > self._since + MARGIN
        except ValueError:
            return False
