"""A browser, a dashboard, and a server with a few pages."""

from __future__ import annotations

import asyncio
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from edge.web import server
from edge.web.dashboard.feed import Feed
from edge.web.keys import Keys, OneToken
from tests.load.dashboard import CHROMIUM, FLAGS
from tests.support.dashboard_page import wait_until_heard
from tests.support.web import endless

StartEdge = Callable[..., "subprocess.Popen[str]"]
SLOW = 30_000  # milliseconds that a busy machine may take
NEWER = {
    "Array": ["fromAsync"],
    "Array.prototype": ["toSorted", "toReversed", "toSpliced", "with", "findLast", "findLastIndex"],
    "Set.prototype": ["union", "intersection", "difference", "isSubsetOf", "isSupersetOf", "isDisjointFrom"],
    "String.prototype": ["isWellFormed", "toWellFormed"],
    "Object": ["groupBy"],
    "Map": ["groupBy"],
    "Promise": ["withResolvers", "try"],
    "AbortSignal": ["timeout", "any"],
    "URL": ["canParse", "parse"],
    "Intl": ["Segmenter", "DurationFormat"],
    "Element.prototype": ["checkVisibility"],
    "HTMLElement.prototype": ["showPopover", "hidePopover", "togglePopover"],
    "window": ["requestIdleCallback", "Iterator", "scheduler", "navigation"],
}
"""What browsers of spring 2022 did not have (those of iPads that get no newer one): no page may need it."""
OLD_BROWSER = "".join(f"delete {of}.{name};" for of, names in NEWER.items() for name in names)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium; only for this module, whose event loop others could not use."""
    playwright = pytest.importorskip("playwright.sync_api", reason="no browser on this platform")
    if not Path(CHROMIUM).exists():
        pytest.skip("chromium is not installed (./test installs it)")
    with playwright.sync_playwright() as started:
        # Names that are not of this machine: browsers trust what is called localhost with more.
        flags = [*FLAGS, "--host-resolver-rules=MAP *.example 127.0.0.1"]
        browser = started.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens pages; at the end none may have complained of more than `expected`, or asked another host for anything."""
    opened: list[tuple[Any, str]] = []
    complaints: list[str] = []
    asked: list[str] = []

    def start(address: str, **options: Any) -> Any:
        page = browser.new_page(viewport={"width": 1280, "height": 900}, **options)
        page.set_default_timeout(SLOW)
        page.add_init_script(OLD_BROWSER)
        page.on("console", lambda message: complaints.append(message.text) if message.type != "log" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(address)
        opened.append((page, re.split("[?#]", address)[0]))
        return page

    expected = set[str]()
    start.expected = expected  # type: ignore[attr-defined]
    yield start
    for page, _ in opened:
        page.close()
    assert [line for line in complaints if not any(word in line for word in expected)] == []
    homes = tuple(address for _, address in opened) + tuple(f"blob:{address}" for _, address in opened)
    assert [url for url in asked if not url.startswith(homes)] == []


@pytest.fixture
def dashboard(edge: StartEdge) -> Callable[..., str]:
    """Starts the command on a port; returns its address once it hears the broker."""

    def start(broker: int, port: int = 0, *arguments: str) -> str:
        process = edge("dashboard", "--broker", f"mqtt://127.0.0.1:{broker}", "--port", str(port), *arguments)
        start.process = process  # type: ignore[attr-defined]
        assert process.stdout is not None
        process.stdout.readline()
        address = process.stdout.readline().strip()
        wait_until_heard(address)
        return address

    return start


Serve = Callable[..., int]


async def page(request: Request) -> Response:
    return PlainTextResponse(f"page {request.query_params.get('room', '')}")


async def echo(request: Request) -> Response:
    return PlainTextResponse(await request.body())


async def dear(_request: Request) -> Response:
    time.sleep(0.03)  # noqa: ASYNC251 - keeps the loop busy, as making a large answer does
    return PlainTextResponse("dear")


class Lingering:
    """A program that goes on for a while after its answer has been read, as background tasks do."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse("whole")(scope, receive, send)
        await asyncio.sleep(0.5)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Serves a few pages; all end at the end, streams too."""
    (tmp_path / "static").mkdir()
    (tmp_path / "static/a.txt").write_text("public")
    (tmp_path / "secret.txt").write_text("secret")
    running: list[tuple[threading.Thread, Callable[[], None]]] = []

    def start(
        token: str | None = None,
        hosts: tuple[str, ...] | None = None,
        keys: Keys | None = None,
        more: Sequence[BaseRoute] = (),
    ) -> int:
        feed = Feed(dict)

        async def events(request: Request) -> Response:
            return feed.answer(request)

        routes = [
            *more,
            Route("/", page),
            Route("/echo", echo, methods=["POST"]),
            Route("/dear", dear),
            Route("/endless", endless),
            Route("/events", events),
            Route("/lingering", Lingering()),
            Mount("/static", StaticFiles(directory=tmp_path / "static")),
        ]
        keys = keys if token is None else OneToken(token)
        app = server.application(routes, keys=keys, hosts=hosts)
        ready, told = threading.Event(), []

        def started(port: int, stop: Callable[[], None]) -> None:
            told.append((port, stop))
            ready.set()

        thread = threading.Thread(target=server.serve, args=(app, "127.0.0.1", 0, started))
        thread.start()
        assert ready.wait(20)
        running.append((thread, told[0][1]))
        return int(told[0][0])

    yield start
    for thread, stop in running:
        stop()
        thread.join(20)
        assert not thread.is_alive()
