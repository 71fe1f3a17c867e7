"""Server-Sent Events to every open page: the state of all rooms when it opens, then what changes."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
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
PIECE = 16 * 1024  # bytes of the first event that are sent at a time: a page that is slow holds few of them
FRESH = 0.25  # seconds for which the first event is the same for all pages that see the same

Event = dict[str, Any]


@dataclass(eq=False)
class _Page:
    """One that is open.

    Attributes:
        view: What it may show, whoever looks.
        cut: Ends its connection.
        waiting: What it is sent next; None: nothing more.
    """

    view: Visitor
    cut: Callable[[], None]
    waiting: asyncio.Queue[bytes | None] = field(default_factory=lambda: asyncio.Queue(MAX_WAITING))


class Feed:
    """The open pages.

    Texts are made for each view, not for each visitor: a whole school may look at all rooms, each with a token.

    Args:
        hello: What a page is sent first.
    """

    def __init__(self, hello: Callable[[], Event]) -> None:
        self._hello = hello
        self._pages: set[_Page] = set()
        self._hellos: dict[Visitor, bytes] = {}  # since the last event, and no older than FRESH
        self._made = float("-inf")  # the oldest of these, in monotonic seconds
        self._told = float("-inf")  # that there are too many, in monotonic seconds

    def answer(self, request: Request) -> Response:
        """The events for one page; a sentence where so many are open that there is no room for it."""
        connection = request.scope[CONNECTION]
        if connection.stay():
            events = self.listen(visitor_of(request), connection.drop)
            return StreamingResponse(events, media_type="text/event-stream", headers=HEADERS)
        most = SEATS["stream"]
        if time.monotonic() - self._told > LOG_SECONDS:
            logger.warning("%d pages are open, as many as one dashboard serves: further ones get no figures", most)
            self._told = time.monotonic()
        sentence = f"{most} pages are open, as many as one dashboard serves. Close some that nobody looks at.\n"
        return PlainTextResponse(sentence, 503, {**HEADERS, "Retry-After": "10"})

    async def listen(
        self, visitor: Visitor = EVERYBODY, cut: Callable[[], None] = lambda: None
    ) -> AsyncIterator[bytes]:
        """The events for one page, until it is too slow or goes; with what the visitor may see, and no more.

        Args:
            visitor: Who looks.
            cut: Called when it is too slow: what it was sent may wait for ever.
        """
        page = _Page(visitor.unnamed, cut)
        # Nothing may happen between the state of all rooms and the first change.
        hello = self._hello_of(page.view)
        self._pages.add(page)
        try:
            yield b"retry: 2000\n" + hello[:PIECE]
            for at in range(PIECE, len(hello), PIECE):
                yield hello[at : at + PIECE]
            del hello  # else each page would keep it for as long as it is open
            while (event := await page.waiting.get()) is not None:
                yield event
        finally:
            self._pages.discard(page)

    def _hello_of(self, view: Visitor) -> bytes:
        """The state of all rooms since the last event: what has changed since it was made comes with the next one."""
        now = time.monotonic()
        if now - self._made > FRESH:
            self._hellos.clear()
            self._made = now
        if view not in self._hellos:
            self._hellos[view] = encode("hello", visible_event(self._hello(), view))
        return self._hellos[view]

    def send(self, event: Event) -> None:
        """Send something to all pages."""
        self._hellos.clear()
        texts: dict[Visitor, bytes] = {}
        for page in list(self._pages):
            if page.waiting.full():  # it connects again by itself, and then knows everything
                self._pages.discard(page)
                while not page.waiting.empty():
                    page.waiting.get_nowait()
                page.waiting.put_nowait(None)
                page.cut()
                continue
            if page.view not in texts:
                texts[page.view] = encode("change", visible_event(event, page.view))
            page.waiting.put_nowait(texts[page.view])


def encode(name: str, event: Event) -> bytes:
    """An event as it travels."""
    return b"event: %s\ndata: %s\n\n" % (name.encode(), dump(event))


def dump(thing: object) -> bytes:
    """Compact JSON; a NaN would be an error here, not in the browser."""
    return json.dumps(thing, separators=(",", ":"), allow_nan=False).encode()
