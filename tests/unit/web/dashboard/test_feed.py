"""The events of open pages: made once for all who may see the same, and little is kept for a page that is slow."""

from __future__ import annotations

import asyncio
from typing import Any

from edge.web.dashboard import feed as feed_module
from edge.web.dashboard.feed import MAX_WAITING, PIECE, Feed
from edge.web.visitors import Visitor

ALL = [Visitor(name, "reader") for name in ("ann", "ben", "cleo")]


async def hello(page: Any) -> bytes:
    """The first event, as it comes in pieces."""
    text = b""
    while not text.endswith(b"\n\n"):
        piece = await anext(page)
        assert len(piece) <= PIECE + len(b"retry: 2000\n")
        text += piece
    return text


def test_who_may_see_the_same_is_sent_the_same_bytes(monkeypatch: Any) -> None:
    asked = []
    monkeypatch.setattr(feed_module, "FRESH", 3600.0)

    def whole() -> dict[str, Any]:
        asked.append(1)
        return {"rooms": {f"room-{n}": {"latest": None, "labels": ["x" * 500]} for n in range(100)}, "n": len(asked)}

    async def scene() -> None:
        feed = Feed(whole)
        pages = [feed.listen(visitor) for visitor in ALL]
        first = {await hello(page) for page in pages}
        assert len(first) == len(asked) == 1
        assert len(first.pop()) > 3 * PIECE
        few = feed.listen(Visitor("dan", "reader", ("room-7",)))
        assert b"room-8" not in await hello(few)
        feed.send({"rooms": {"room-8": {"latest": None}}})
        events = [await anext(page) for page in pages]
        assert events[0] is events[1] is events[2]
        assert b"room-8" in events[0]
        assert b"room-8" not in await anext(few)
        assert b'"n":3}' in await hello(feed.listen(ALL[0]))  # what has changed is in it

    asyncio.run(scene())


def test_the_first_event_is_made_anew_after_a_while(monkeypatch: Any) -> None:
    monkeypatch.setattr(feed_module, "FRESH", -1.0)
    made = iter(range(9))

    async def scene() -> None:
        feed = Feed(lambda: {"now": next(made)})
        assert b'"now":0' in await hello(feed.listen())
        assert b'"now":1' in await hello(feed.listen())

    asyncio.run(scene())


def test_a_page_that_is_too_slow_is_cut() -> None:
    cut: list[str] = []

    async def scene() -> None:
        feed = Feed(dict)
        slow, quick = (feed.listen(ALL[0], lambda name=name: cut.append(name)) for name in ("slow", "quick"))  # type: ignore[misc]
        await hello(slow)
        await hello(quick)
        for number in range(MAX_WAITING + 1):
            feed.send({"number": number})
            await anext(quick)

    asyncio.run(scene())
    assert cut == ["slow"]
