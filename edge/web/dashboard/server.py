"""The server of the page: from MQTT to Server-Sent Events, the history of a room, and the files of the page."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
import importlib.util
import itertools
import time
import zlib
from collections import deque
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from edge.errors import pages_missing
from edge.mqtt.subscription import Subscription
from edge.web.dashboard.feed import Feed, dump
from edge.web.dashboard.school import School

PAGE = Path(__file__).parent / "static"
PUSH_SECONDS = 0.25  # what comes within is sent to the pages together
MAX_MESSAGES = 500  # taken at once
HEARTBEAT_SECONDS = 5.0  # after which a page is told at least the time
TIDY_SECONDS = 60.0
MAX_LINKS = 200  # losses of the broker that are remembered
FOREVER = "public, max-age=31536000, immutable"


class Dashboard:
    """Reads MQTT while the page is served.

    Args:
        subscription: What the rooms publish; started and stopped here.
        school: Where it goes.
        broker: The broker's address, for people.
    """

    def __init__(self, subscription: Subscription, school: School, broker: str) -> None:
        self._subscription = subscription
        self._school = school
        self._broker = broker
        self._feed = Feed(self._hello)
        self._started = school.now()
        self._links: deque[tuple[int, bool]] = deque(maxlen=MAX_LINKS)
        self._connected = False
        self.failed: BaseException | None = None
        """Why reading has ended, if it did."""
        self._stop: Callable[[], None] = lambda: None

    def routes(self) -> list[BaseRoute]:
        """All addresses of the page. Raises EdgeError without plotly."""
        charts = _Charts()
        return [
            Route("/", lambda _request: charts.page()),
            Route(charts.address, charts.answer),
            Route("/events", self._events),
            Route("/history", self._history),
            Mount("/static", _Revalidated(directory=PAGE)),
        ]

    def listening(self, stop: Callable[[], None]) -> None:
        """The page can be opened now, until reading fails.

        Args:
            stop: Ends the server.
        """
        self._stop = stop
        if self.failed is not None:
            stop()

    @contextlib.asynccontextmanager
    async def lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        """Read MQTT from the first to the last answer."""
        reading = asyncio.create_task(self._read())
        try:
            yield
        finally:
            reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await reading

    async def _read(self) -> None:
        try:
            self._subscription.start()
            await self._take()
        except Exception as error:  # noqa: BLE001 - raised again by whoever serves
            self.failed = error
            self._stop()
        finally:
            self._subscription.stop()

    async def _take(self) -> None:
        """Pass on what comes, for as long as it does. Raises RefusedError."""
        told = tidied = time.monotonic()
        while True:
            # A list ends with the messages of one push, or when there are too many for one.
            for topic, payload in await asyncio.to_thread(self._messages):
                self._school.receive(topic, payload)
            now = time.monotonic()
            if now - tidied > TIDY_SECONDS:
                self._school.tidy()
                tidied = now
            news = self._news()
            if news or now - told > HEARTBEAT_SECONDS:
                self._feed.tell({**(news or {}), **self._here()})
                told = now

    def _messages(self) -> list[tuple[str, bytes]]:
        return list(itertools.islice(self._subscription.poll(PUSH_SECONDS), MAX_MESSAGES))

    def _news(self) -> dict[str, Any] | None:
        news = self._school.news()
        if self._subscription.connected != self._connected:
            self._connected = self._subscription.connected
            self._links.append((self._school.now(), self._connected))
            return {**(news or {}), "links": list(self._links)}
        return news

    def _here(self) -> dict[str, Any]:
        """What every event tells."""
        troubles = {
            "refused": self._school.refused,
            "lost": self._subscription.lost,
            "full": self._school.full,
        }
        return {"now": self._school.now(), "connected": self._connected, "troubles": troubles}

    def _hello(self) -> dict[str, Any]:
        about = {
            "broker": self._broker,
            "prefix": self._school.prefix,
            "hours": self._school.hours,
            "started": self._started,
        }
        return {"about": about, "rooms": self._school.everything(), "links": list(self._links), **self._here()}

    async def _events(self, _request: Request) -> Response:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(self._feed.listen(), media_type="text/event-stream", headers=headers)

    async def _history(self, request: Request) -> Response:
        lesson = self._school.lesson(request.query_params.get("room", ""))
        if lesson is None:
            return PlainTextResponse("There is no such room.\n", 404)
        return _packed(request, dump(lesson), "application/json")


class _Revalidated(StaticFiles):
    """Files that a browser may keep if it asks every time whether they are still the same."""

    def file_response(self, *args: Any, **options: Any) -> Response:  # noqa: ANN401 - as StaticFiles has it
        answer = super().file_response(*args, **options)
        answer.headers["Cache-Control"] = "no-cache"
        return answer


class _Charts:
    """plotly.js as its Python package ships it; packed once, when the first page asks for it."""

    def __init__(self) -> None:
        found = importlib.util.find_spec("plotly")  # importing it would cost more memory than all rooms
        if found is None or found.origin is None:
            raise pages_missing("dashboard", "plotly")
        self._file = Path(found.origin).parent / "package_data" / "plotly.min.js"
        self.address = f"/charts/plotly-{importlib.metadata.version('plotly')}.js"
        self._gzip = b""

    def page(self) -> Response:
        """The page, which names plotly's address."""
        text = (PAGE / "index.html").read_text(encoding="utf-8").replace("@CHARTS@", self.address)
        return Response(text, media_type="text/html", headers={"Cache-Control": "no-cache"})

    async def answer(self, request: Request) -> Response:
        """The library, packed for whoever takes it so."""
        headers = {"Cache-Control": FOREVER, "Vary": "Accept-Encoding"}
        if not _takes_gzip(request):
            return FileResponse(self._file, media_type="text/javascript", headers=headers)
        if not self._gzip:
            self._gzip = await asyncio.to_thread(_gzip_file, self._file)
        return Response(self._gzip, media_type="text/javascript", headers={**headers, "Content-Encoding": "gzip"})


def _takes_gzip(request: Request) -> bool:
    return "gzip" in request.headers.get("accept-encoding", "")


def _packed(request: Request, content: bytes, media_type: str) -> Response:
    if not _takes_gzip(request):
        return Response(content, media_type=media_type)
    packer = zlib.compressobj(1, wbits=31)
    packed = packer.compress(content) + packer.flush()
    return Response(packed, media_type=media_type, headers={"Content-Encoding": "gzip", "Vary": "Accept-Encoding"})


def _gzip_file(path: Path) -> bytes:
    packer = zlib.compressobj(9, wbits=31)
    with path.open("rb") as file:
        parts = [packer.compress(part) for part in iter(lambda: file.read(65536), b"")]
    return b"".join([*parts, packer.flush()])
