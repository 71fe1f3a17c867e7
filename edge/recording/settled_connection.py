"""Whether what a session brings was sent just now, and has not waited at the broker."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

SETTLED = 3600.0  # seconds within which a broker has sent whatever waited: it keeps 500 MB for a session


class Connected(Protocol):
    """What is asked of a session."""

    @property
    def connection(self) -> int:
        """Which connection this is."""

    @property
    def subscribed(self) -> bool:
        """Whether it is complete."""


class SettledConnection:
    """Knows how long a session has had the same connection.

    Args:
        session: Which.
        elapsed: Seconds of a clock that nobody can set.
    """

    def __init__(self, session: Connected, elapsed: Callable[[], float] = time.monotonic) -> None:
        self._session = session
        self._elapsed = elapsed
        self._connection: int | None = None
        self._since = 0.0

    def look(self) -> bool:
        """Whether it has had it for so long that nothing of former times comes; to be called again and again."""
        connection = self._session.connection if self._session.subscribed else None
        if connection != self._connection:
            self._connection, self._since = connection, self._elapsed()
        return connection is not None and self._elapsed() - self._since >= SETTLED
