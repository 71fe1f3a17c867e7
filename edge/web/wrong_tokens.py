"""Slows down whoever shows wrong tokens, and says so in the log; never at the cost of those who show a right one.

A whole school may come from one address, that of a proxy: no address is locked out.
"""

from __future__ import annotations

import asyncio
import logging
import time

from edge.text import printable

logger = logging.getLogger(__name__)

DELAY_SECONDS = 0.3
MAX_WAITING = 20  # who wait at once; a stranger's delay must not take the seats of others
LOG_SECONDS = 60.0


class WrongTokens:
    """Those of one page."""

    def __init__(self) -> None:
        self._waiting = 0
        self._count = 0
        self._told = float("-inf")

    async def refuse(self, address: str) -> None:
        """Wait a little.

        Args:
            address: Where the request comes from; behind a proxy the proxy's.
        """
        self._count += 1
        now = time.monotonic()
        if now - self._told > LOG_SECONDS:
            logger.warning("wrong tokens refused: %d, the last from %s", self._count, printable(address))
            self._told, self._count = now, 0
        if self._waiting >= MAX_WAITING:
            return
        self._waiting += 1
        try:
            await asyncio.sleep(DELAY_SECONDS)
        finally:
            self._waiting -= 1
