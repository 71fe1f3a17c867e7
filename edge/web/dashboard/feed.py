"""Server-Sent Events to every open page: the state of all rooms when it opens, then what changes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

MAX_WAITING = 64  # events; a page that is further behind starts again

Event = dict[str, Any]


class Feed:
    """The open pages.

    Args:
        hello: What a page is sent first.
    """

    def __init__(self, hello: Callable[[], Event]) -> None:
        self._hello = hello
        self._pages: set[asyncio.Queue[bytes | None]] = set()

    async def listen(self) -> AsyncIterator[bytes]:
        """The events for one page, until it is too slow or goes."""
        waiting: asyncio.Queue[bytes | None] = asyncio.Queue(MAX_WAITING)
        # Nothing may happen between the state of all rooms and the first change.
        hello = encode("hello", self._hello())
        self._pages.add(waiting)
        try:
            yield b"retry: 2000\n" + hello
            while (event := await waiting.get()) is not None:
                yield event
        finally:
            self._pages.discard(waiting)

    def send(self, event: Event) -> None:
        """Send something to all pages."""
        text = encode("change", event) if self._pages else b""
        for waiting in list(self._pages):
            if waiting.full():  # it connects again by itself, and then knows everything
                self._pages.discard(waiting)
                while not waiting.empty():
                    waiting.get_nowait()
                waiting.put_nowait(None)
            else:
                waiting.put_nowait(text)


def encode(name: str, event: Event) -> bytes:
    """An event as it travels."""
    return b"event: %s\ndata: %s\n\n" % (name.encode(), dump(event))


def dump(thing: object) -> bytes:
    """Compact JSON; a NaN would be an error here, not in the browser."""
    return json.dumps(thing, separators=(",", ":"), allow_nan=False).encode()
