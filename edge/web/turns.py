"""Whose answer begins next: in each pass of the event loop at most one of each visitor, and one of all strangers.

So a pass is short, however many requests somebody makes at once, and what others ask waits for a few passes only.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Hashable
from typing import Protocol

PASS_SECONDS = 0.001  # at least, between two turns of the same; also bounds what strangers cost while nobody else asks


class Leaving(Protocol):
    """What may have ended before its turn comes."""

    @property
    def ended(self) -> bool:
        """Whether nobody waits for the answer any more."""


class Turns:
    """Those who wait. Not thread-safe: it belongs to the event loop."""

    def __init__(self) -> None:
        self._waiting: dict[Hashable, deque[tuple[Leaving, asyncio.Future[bool]]]] = {}
        """Of all who had a turn in this pass, the rest."""

    async def take(self, whose: Hashable, connection: Leaving) -> bool:
        """Wait for a turn; those of the same wait in the order in which they came.

        Args:
            whose: Takes turns with others.
            connection: Where the answer goes.

        Returns:
            Whether it is still open. Those that are not cost nobody a turn.
        """
        loop = asyncio.get_running_loop()
        if whose not in self._waiting:
            if not self._waiting:
                loop.call_later(PASS_SECONDS, self._next)
            self._waiting[whose] = deque()
            return True
        turn: asyncio.Future[bool] = loop.create_future()
        self._waiting[whose].append((connection, turn))
        return await turn

    def _next(self) -> None:
        for whose, waiting in list(self._waiting.items()):
            if not _call(waiting):
                del self._waiting[whose]
        if self._waiting:
            asyncio.get_running_loop().call_later(PASS_SECONDS, self._next)


def _call(waiting: deque[tuple[Leaving, asyncio.Future[bool]]]) -> bool:
    """Give one the turn; False: nobody wants it."""
    while waiting:
        connection, turn = waiting.popleft()
        if not turn.done():  # it was not cancelled
            turn.set_result(not connection.ended)
            if not connection.ended:
                return True
    return False
