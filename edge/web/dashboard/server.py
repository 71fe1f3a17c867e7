"""The server of the page: from MQTT to Server-Sent Events, the history of a room, and the files of the page."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
import importlib.util
import itertools
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from edge.errors import EdgeError, pages_missing
from edge.mqtt.subscription import Subscription
from edge.recording.recording_service import RecordingService
from edge.reporting.gaps import Gap
from edge.web.dashboard.deletions import Deletions
from edge.web.dashboard.feed import Feed
from edge.web.dashboard.lesson import Minutes, at, packed, recent
from edge.web.dashboard.lesson_routes import lesson_routes
from edge.web.dashboard.machine_routes import machine_routes
from edge.web.dashboard.past import NO_STORE, Past, no_such_room, sentence_of
from edge.web.dashboard.questions import Questions
from edge.web.dashboard.recent import RecentMinutes
from edge.web.dashboard.school import School
from edge.web.dashboard.school_routes import school_routes
from edge.web.packed import CHUNK, PackedResponse, pack
from edge.web.shared import Revalidated, shared_routes
from edge.web.visitors import VISITOR, visitor_of

PAGE = Path(__file__).parent / "static"
PUSH_SECONDS = 0.25  # what comes within is sent to the pages together
MAX_MESSAGES = 500  # taken at once
HEARTBEAT_SECONDS = 5.0  # after which a page is told at least the time
TIDY_SECONDS = 60.0
MAX_LINKS = 200  # losses of the broker that are remembered
MAX_MINUTES = 24 * 60
LINK_LOST = "this page's server had lost the broker"
PATIENCE = 2.0  # seconds that what is in memory waits for a database, which may stand still
KEPT = 1.0  # seconds that the last minutes of a room are the same for all who ask
MOST_KEPT = 16  # answers about the present, for the next page that asks
SCRIPT = "text/javascript"
FOREVER = "public, max-age=31536000, immutable"


class Dashboard:
    """Reads MQTT while the page is served.

    Args:
        subscription: What the rooms publish; started and stopped here.
        school: Where it goes.
        past: What was recorded; None: the page knows the last hours only.
        recorder: Records meanwhile; None: nobody does, or another program.
    """

    def __init__(
        self,
        subscription: Subscription,
        school: School,
        past: Past | None = None,
        recorder: RecordingService | None = None,
    ) -> None:
        self._subscription = subscription
        self._school = school
        self._past = past
        self._present = Questions(2, MOST_KEPT, "present")
        self._recent = RecentMinutes(school, self._present)
        self._deletions = Deletions(past, school)
        self._recorder = recorder
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
            Route(f"/{charts.address}", charts.answer),
            Route("/events", self._events),
            Route("/lesson", self._lesson),
            Route("/api/about", self._about),
            *lesson_routes(self._past, lambda: set(self._school.rooms)),
            *school_routes(self._past),
            *machine_routes(self._school, self._present),
            *shared_routes(),
            Mount("/static", Revalidated(directory=PAGE)),
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
        """Read MQTT from the first to the last answer, and record it."""
        stop = threading.Event()
        recording = asyncio.create_task(asyncio.to_thread(self._record, stop))
        tasks = [asyncio.create_task(work) for work in (self._read(), self._deletions.follow())]
        try:
            yield
        finally:
            stop.set()
            for task in tasks:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
            await recording
            self._present.stop()
            if self._past is not None:
                self._past.stop()

    async def _read(self) -> None:
        try:
            self._subscription.start()
            await self._take()
        except Exception as error:  # noqa: BLE001 - raised again by whoever serves
            self.failed = error
            self._stop()
        finally:
            self._subscription.stop()

    def _record(self, stop: threading.Event) -> None:
        """Record until `stop`, in a thread of its own: whatever the page is asked, windows are stored."""
        if self._recorder is None:
            return
        try:
            self._recorder.run(stop)
        except Exception as error:  # noqa: BLE001 - raised again by whoever serves
            self.failed = error
            self._stop()

    async def _take(self) -> None:
        """Pass on what comes, for as long as it does. Raises RefusedError."""
        sent = tidied = time.monotonic()
        while True:
            # A list ends with the messages of one push, or when there are too many for one.
            for topic, payload in await asyncio.to_thread(self._messages):
                self._school.receive(topic, payload)
            now = time.monotonic()
            if now - tidied > TIDY_SECONDS:
                self._school.tidy()
                tidied = now
            changes = self._changes()
            if changes or now - sent > HEARTBEAT_SECONDS:
                self._feed.send({**(changes or {}), **self._here()})
                sent = now

    def _messages(self) -> list[tuple[str, bytes]]:
        return list(itertools.islice(self._subscription.poll(PUSH_SECONDS), MAX_MESSAGES))

    def _changes(self) -> dict[str, Any] | None:
        changes = self._school.take_changes()
        if self._subscription.connected != self._connected:
            self._connected = self._subscription.connected
            self._links.append((self._school.now(), self._connected))
            return {**(changes or {}), "links": list(self._links)}
        return changes

    def _here(self) -> dict[str, Any]:
        """What every event has."""
        troubles = {
            "refused": self._school.refused,
            "lost": self._subscription.lost,
            "full": self._school.full,
            "newer": sorted(self._school.newer),
            "ahead": self._school.ahead(),
            "recorder": self._recorder is not None and self._recorder.failing,
        }
        return {"now": self._school.now(), "connected": self._connected, "troubles": troubles}

    def _hello(self) -> dict[str, Any]:
        about = {
            "broker": str(self._subscription.url),
            "prefix": self._school.prefix,
            "hours": self._school.hours,
            "started": self._started,
        }
        return {"about": about, "rooms": self._school.summaries(), "links": list(self._links), **self._here()}

    async def _about(self, request: Request) -> Response:
        """What the page can show this visitor, and in whose time."""
        visitor, timetable = visitor_of(request), self._past and self._past.timetable
        return JSONResponse(
            {
                "name": visitor.name,
                "signed_in": VISITOR in request.scope,
                "role": visitor.role,
                "rooms": None if visitor.rooms is None else list(visitor.rooms),
                "zones": self._past.zone_names if self._past else [],
                "database": self._past is not None,
                "district": self._past is not None and self._past.district,
                "timetable": bool(timetable),
                "records": self._recorder is not None,
                "hours": self._school.hours,
                "prefix": self._school.prefix,
            },
            headers=NO_STORE,
        )

    async def _events(self, request: Request) -> Response:
        return self._feed.answer(request)

    async def _lesson(self, request: Request) -> Response:
        text, name = request.query_params.get("minutes", ""), request.query_params.get("room", "")
        if not text.isascii() or not text.isdecimal() or not 1 <= int(text[:6]) <= MAX_MINUTES:
            return PlainTextResponse(f"minutes: 1 to {MAX_MINUTES}\n", 400)
        if not visitor_of(request).may_see_figures(name) or name not in self._school.rooms:
            return no_such_room()
        try:
            newest = await self._recent.ask(request, name, int(text), self._deaf())
        except EdgeError as error:
            return sentence_of(error)
        recorded = await self._recorded(request, name, int(text))
        known = [*recorded, *([] if newest is None else [newest])]
        if not known:  # it was taken off the broker meanwhile
            return JSONResponse({}, headers=NO_STORE)
        return PackedResponse(request, max(known, key=lambda each: each.measured), NO_STORE)

    async def _recorded(self, request: Request, name: str, minutes: int) -> list[Minutes]:
        """The same from the recording: after a restart it knows more, and while it cannot be written less."""
        if self._past is None:
            return []
        now = at(self._school.now())
        start = now - timedelta(minutes=minutes)
        with contextlib.suppress(EdgeError, asyncio.TimeoutError):
            key = ("minutes", name, minutes)
            asked = self._past.ask(request, lambda file: packed(recent(file, name, start, now)), key, KEPT)
            return [await asyncio.wait_for(asked, PATIENCE if self._past.district else None)]
        return []

    def _deaf(self) -> list[Gap]:
        """When the broker was not heard: before the start, and while it could not be reached."""
        first, now = at(0), self._school.now()
        found = [Gap(first, at(self._started), "before")]
        lost: int | None = None
        for ms, connected in [*self._links, (now, True)]:
            if connected and lost is not None:
                found.append(Gap(at(lost), at(ms), "unheard", LINK_LOST))
            lost = None if connected else ms
        return found


class _Charts:
    """plotly.js as its Python package ships it, compressed once."""

    def __init__(self) -> None:
        found = importlib.util.find_spec("plotly")  # importing it would cost more memory than all rooms
        if found is None or found.origin is None:
            raise pages_missing("dashboard", "plotly")
        with (Path(found.origin).parent / "package_data" / "plotly.min.js").open("rb") as file:
            self._packed = pack(iter(partial(file.read, CHUNK), b""))
        self.address = f"charts/plotly-{importlib.metadata.version('plotly')}.js"

    def page(self) -> Response:
        """The page, which names plotly's address; like all of its addresses it is relative, for a proxy's sub-path."""
        text = (PAGE / "index.html").read_text(encoding="utf-8").replace("@CHARTS@", self.address)
        return Response(text, media_type="text/html", headers={"Cache-Control": "no-cache"})

    async def answer(self, request: Request) -> Response:
        """The library, from memory: 200 answers at once would hold as many open files."""
        return PackedResponse(request, self._packed, {"Cache-Control": FOREVER}, SCRIPT)
