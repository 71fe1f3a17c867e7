"""What pages are sent: written and compressed once, whoever asks how often, and sent so that others have their turn."""

from __future__ import annotations

import asyncio
import json
import os
import threading
import tracemalloc
from collections.abc import Callable
from datetime import timezone
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from edge.web.dashboard.past import NO_STORE, Past
from edge.web.gate import CONNECTION
from edge.web.packed import CHUNK, PackedResponse, pack, pack_json
from edge.web.visitors import EVERYBODY, VISITOR, Visitor
from tests.support.recorded_weeks import LESSON, record, windows

if TYPE_CHECKING:
    from _collections_abc import dict_items

LARGE = {"a": [{"b": [[{"c": n, "d": "ü" * 9, "e": None}] for n in range(9000)]}, {}], "f": [], "g": {"h": 0.5}}
Answer = Callable[[Request], Any]


async def asked(route: Answer, method: str = "GET", **headers: str) -> httpx.Response:
    app = Starlette(routes=[Route("/", route)])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://page") as client:
        return await client.request(method, "/", headers={"Accept-Encoding": "identity", **headers})


@pytest.mark.parametrize("thing", [LARGE, {"few": [1, "ü"]}, {}, [], None])
@pytest.mark.parametrize("encoding", ["gzip, br", "identity"])
def test_an_answer_is_json_in_gzip_for_those_who_take_it(thing: object, encoding: str) -> None:
    packed = pack_json(thing)
    answer = asyncio.run(
        asked(lambda request: PackedResponse(request, packed, NO_STORE), **{"Accept-Encoding": encoding})
    )
    text = json.dumps(thing, ensure_ascii=False, separators=(",", ":"))
    assert answer.text == text
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    large = len(text) > 1000
    assert answer.headers.get("vary") == ("Accept-Encoding" if large else None)
    assert answer.headers.get("content-encoding") == ("gzip" if large and "gzip" in encoding else None)
    if "gzip" not in encoding:
        assert int(answer.headers["content-length"]) == len(text.encode())


def test_a_head_has_no_body() -> None:
    packed = pack_json(LARGE)
    answer = asyncio.run(asked(lambda request: PackedResponse(request, packed, NO_STORE), "HEAD"))
    assert answer.content == b""
    assert int(answer.headers["content-length"]) == packed.length


def test_no_number_is_sent_that_a_browser_would_not_read() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        pack_json({"a": float("nan")})


def test_others_have_their_turn_while_an_answer_is_sent() -> None:
    packed, turns, sizes = pack_json(LARGE), [0], list[int]()

    async def scene() -> None:
        async def others() -> None:
            while True:
                turns[0] += 1
                await asyncio.sleep(0)

        async def send(message: Any) -> None:
            sizes.append(len(message.get("body", b"")))

        async def receive() -> dict[str, Any]:
            return {}

        scope = {"type": "http", "method": "GET", "headers": []}
        task = asyncio.ensure_future(others())
        await PackedResponse(Request(scope), packed, {})(scope, receive, send)
        task.cancel()

    asyncio.run(scene())
    assert sum(sizes) == packed.length > 5 * CHUNK
    assert max(sizes) <= CHUNK
    assert turns[0] >= packed.length // CHUNK


def test_who_takes_it_slowly_holds_a_piece_of_it_only() -> None:
    noise = [os.urandom(CHUNK) for _ in range(64)]
    packed = pack(noise)
    assert b"".join(packed.chunks(compressed=False)) == b"".join(noise)
    tracemalloc.start()
    slow = [packed.chunks(compressed=False) for _ in range(10)]
    for each in slow:
        next(each)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < len(packed.data) / 4


def test_nothing_is_made_for_who_has_left() -> None:
    packed, sent = pack_json(LARGE), list[dict[str, Any]]()
    connection = SimpleNamespace(ended=False)

    async def send(message: Any) -> None:
        sent.append(message)
        connection.ended = len(sent) > 2

    async def receive() -> dict[str, Any]:
        return {}

    scope = {"type": "http", "method": "GET", "headers": [], CONNECTION: connection}
    asyncio.run(PackedResponse(Request(scope), packed, {})(scope, receive, send))
    assert len(sent) == 3


class Watched(dict[str, Any]):
    """Knows in which threads it was written out."""

    threads: list[str]

    def items(self) -> dict_items[str, Any]:
        self.threads.append(threading.current_thread().name)
        return super().items()


@pytest.mark.parametrize("visitor", [Visitor("smith", "reader"), Visitor("smith", "all", ("room-1",)), EVERYBODY])
def test_where_the_recording_is_only_those_learn_who_may_see_all(
    tmp_path: Path, visitor: Visitor, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "absent.sqlite"
    past = Past(path, None, timezone.utc)

    async def route(request: Request) -> Response:
        request.scope[VISITOR] = visitor
        return await past.answer(request, lambda recording: recording.names(), "key")

    told = asyncio.run(asked(route)).text
    past.stop()
    assert (str(path) in told) == (visitor == EVERYBODY)
    assert ("What was recorded cannot be read now" in told) == (visitor != EVERYBODY)
    assert str(path) in caplog.text


def test_an_answer_that_is_asked_for_again_is_not_written_out_again(tmp_path: Path) -> None:
    past = Past(record(tmp_path / "s.sqlite", windows(LESSON, 1, 9)), None, timezone.utc)
    answer = Watched(LARGE)
    answer.threads = []

    async def route(request: Request) -> Response:
        return await past.answer(request, lambda _recording: answer, "key", 60)

    async def scene() -> None:
        texts = {(await asked(route, **{"Accept-Encoding": each})).text for each in ("gzip", "identity") * 5}
        assert texts == {json.dumps(LARGE, ensure_ascii=False, separators=(",", ":"))}

    asyncio.run(scene())
    past.stop()
    assert len(answer.threads) == 1
    assert answer.threads[0].startswith("past")
