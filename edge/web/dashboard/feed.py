"""Server-Sent Events to every open page: the state of all rooms when it opens, then what changes."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from edge.web.dashboard.visible import visible_event
from edge.web.gate import CONNECTION
from edge.web.seats import SEATS
from edge.web.visitors import EVERYBODY, Visitor, visitor_of

logger = logging.getLogger(__name__)

HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
LOG_SECONDS = 60.0
MAX_WAITING = 64  # events; a page that is further behind starts again

Event = dict[str, Any]
Waiting = asyncio.Queue[bytes | None]


class Feed:
    """The open pages.

    Args:
        hello: What a page is sent first.
    """

    def __init__(self, hello: Callable[[], Event]) -> None:
        self._hello = hello
        self._pages: dict[Waiting, Visitor] = {}
        self._told = float("-inf")  # that there are too many, in monotonic seconds

    def answer(self, request: Request) -> Response:
        """The events for one page; a sentence where so many are open that there is no room for it."""
        if request.scope[CONNECTION].stay():
            return StreamingResponse(self.listen(visitor_of(request)), media_type="text/event-stream", headers=HEADERS)
        most = SEATS["stream"]
        if time.monotonic() - self._told > LOG_SECONDS:
            logger.warning("%d pages are open, as many as one dashboard serves: further ones get no figures", most)
            self._told = time.monotonic()
        sentence = f"{most} pages are open, as many as one dashboard serves. Close some that nobody looks at.\n"
        return PlainTextResponse(sentence, 503, {**HEADERS, "Retry-After": "10"})

    async def listen(self, visitor: Visitor = EVERYBODY) -> AsyncIterator[bytes]:
        """The events for one page, until it is too slow or goes; with what the visitor may see, and no more."""
        waiting: Waiting = asyncio.Queue(MAX_WAITING)
        # Nothing may happen between the state of all rooms and the first change.
        hello = encode("hello", visible_event(self._hello(), visitor))
        self._pages[waiting] = visitor
        try:
            yield b"retry: 2000\n" + hello
            while (event := await waiting.get()) is not None:
                yield event
        finally:
            self._pages.pop(waiting, None)

    def send(self, event: Event) -> None:
        """Send something to all pages."""
        texts: dict[Visitor, bytes] = {}  # many pages of one visitor are common: all that show no token
        for waiting, visitor in list(self._pages.items()):
            if waiting.full():  # it connects again by itself, and then knows everything
                del self._pages[waiting]
                while not waiting.empty():
                    waiting.get_nowait()
                waiting.put_nowait(None)
                continue
            if visitor not in texts:
                texts[visitor] = encode("change", visible_event(event, visitor))
            waiting.put_nowait(texts[visitor])


def encode(name: str, event: Event) -> bytes:
    """An event as it travels."""
    return b"event: %s\ndata: %s\n\n" % (name.encode(), dump(event))


def dump(thing: object) -> bytes:
    """Compact JSON; a NaN would be an error here, not in the browser."""
    return json.dumps(thing, separators=(",", ":"), allow_nan=False).encode()
