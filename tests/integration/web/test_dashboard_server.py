"""The server of `edge dashboard` without its page: what browsers are sent, and the command."""

from __future__ import annotations

import asyncio
import gzip
import json
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import httpx
import pytest
from paho.mqtt import publish as paho

from edge.web.dashboard.feed import MAX_WAITING, Feed
from tests.support.brokers import Broker, wait_for
from tests.support.simulated_school import LABELS, Classroom

ROOM = Classroom("room-1", 1)
StartEdge = Callable[..., "subprocess.Popen[str]"]


def test_a_page_that_is_too_slow_starts_again() -> None:
    async def scene() -> None:
        feed = Feed(lambda: {"hello": 1})
        slow, quick = feed.listen(), feed.listen()
        assert (await anext(slow)).startswith(b"retry: 2000\nevent: hello\n")
        await anext(quick)
        for number in range(MAX_WAITING + 1):
            feed.send({"number": number})
            assert await anext(quick) == b'event: change\ndata: {"number":%d}\n\n' % number
        with pytest.raises(StopAsyncIteration):
            await anext(slow)

    asyncio.run(scene())


class Page:
    """What a browser would hear: the events of the page's server, in order."""

    def __init__(self, address: str) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []
        self._client = httpx.Client(base_url=address, timeout=30)
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()
        wait_for(lambda: len(self.events) > 0, 20, "the first event")

    def _listen(self) -> None:
        name = ""
        try:
            with self._client.stream("GET", "/events") as answer:
                for line in answer.iter_lines():
                    if line.startswith("event: "):
                        name = line[7:]
                    elif line.startswith("data: "):
                        self.events.append((name, json.loads(line[6:])))
        except httpx.HTTPError:
            return  # the server has ended

    def heard(self, what: Callable[[dict[str, Any]], object], seconds: float = 20) -> None:
        wait_for(lambda: any(what(event) for _, event in self.events), seconds, "an event")


@pytest.fixture
def dashboard(edge: StartEdge) -> Iterator[Callable[..., str]]:
    """Starts the command; returns the page's address. Ends it properly."""
    started: list[subprocess.Popen[str]] = []

    def start(port: int, *arguments: str) -> str:
        process = edge("dashboard", "--broker", f"mqtt://127.0.0.1:{port}", "--port", "0", *arguments)
        started.append(process)
        assert process.stdout is not None
        process.stdout.readline()
        return process.stdout.readline().strip()

    yield start
    for process in started:
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def test_an_address_of_this_machine_alone_comes_with_the_way_from_another(broker: int, edge: StartEdge) -> None:
    process = edge("dashboard", "--broker", f"mqtt://127.0.0.1:{broker}", "--port", "0")
    assert process.stdout is not None
    _, address, way = (process.stdout.readline().strip() for _ in range(3))
    port = address.rstrip("/").rpartition(":")[2]
    assert way.startswith(f"On another computer: ssh -L {port}:127.0.0.1:{port} ")


def test_the_page_is_told_every_window_as_it_comes(broker: int, dashboard: Callable[..., str]) -> None:
    now = datetime.now(timezone.utc)
    latest = ROOM.window(1, now - timedelta(seconds=5)).to_json()
    paho.single("classroom/room-1/latest", latest, 1, retain=True, port=broker)
    address = dashboard(broker, "--hours", "2")
    page = Page(address)
    page.heard(lambda event: event["rooms"].get("room-1"))
    assert page.events[0][0] == "hello"
    about = page.events[0][1]["about"]
    assert (about["hours"], about["prefix"], about["broker"]) == (2, "classroom", f"mqtt://127.0.0.1:{broker}")
    page.heard(lambda event: event["connected"])
    paho.single("classroom/room-1/window", latest, 1, port=broker)
    second = ROOM.window(2, now).to_json()
    paho.single("classroom/room-1/window", second, 1, port=broker)
    page.heard(lambda event: event["rooms"].get("room-1", {}).get("latest", {}).get("key", "").endswith("/2"))
    lesson = httpx.get(f"{address}lesson", params={"room": "room-1", "minutes": 15}).json()
    assert sum(piece["windows"] for piece in lesson["pieces"]) == 2
    assert {share["label"] for share in lesson["shares"]} == set(LABELS)
    assert httpx.get(f"{address}lesson", params={"room": "room-2", "minutes": 15}).status_code == 404


def test_the_broker_may_go_and_come_back(start_broker: Callable[..., Broker], dashboard: Callable[..., str]) -> None:
    broker = start_broker()
    page = Page(dashboard(broker.port))
    page.heard(lambda event: event["connected"])
    broker.process.kill()
    broker.process.wait()
    page.heard(lambda event: event.get("links") and not event["connected"])
    start_broker(port=broker.port)
    page.heard(lambda event: [up for _, up in event.get("links", [])] == [True, False, True], 60)
    paho.single("classroom/room-1/availability", b"online", 1, port=broker.port)
    page.heard(lambda event: event.get("rooms", {}).get("room-1", {}).get("online"))


def test_files_of_the_page(broker: int, dashboard: Callable[..., str]) -> None:
    with httpx.Client(base_url=dashboard(broker)) as client:
        page = client.get("/")
        assert "default-src 'self'" in page.headers["content-security-policy"]
        address = page.text.split('name="charts" content="')[1].split('"')[0]
        assert "plotly" in address
        packed = client.get(address)
        assert packed.headers["content-encoding"] == "gzip"
        assert "immutable" in packed.headers["cache-control"]
        plain = client.get(address, headers={"Accept-Encoding": "identity"})
        assert "content-encoding" not in plain.headers
        assert plain.content == packed.content
        assert plain.headers["vary"] == packed.headers["vary"] == "Accept-Encoding"
        assert client.get(address, headers={"Range": "bytes=0-9"}).content == plain.content  # no file is kept open
        assert plain.content[:2] != gzip.compress(b"")[:2]
        style = client.get("/static/style.css")
        again = client.get("/static/style.css", headers={"If-None-Match": style.headers["etag"]})
        assert (again.status_code, again.headers["cache-control"]) == (304, "no-cache")
        for wrong in ("/static/../server.py", "/static/%2e%2e/server.py", "/static/", "/docs"):
            assert client.get(wrong).status_code == 404


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--host", "0.0.0.0"], 78, "--token-file"),
        (["--token-file", "nowhere"], 78, "cannot be read"),
        (["--access-file", "nowhere"], 78, "edge access add NAME"),
        (["--public-url", "https://school.example/"], 78, "--access-file"),
        (["--public-url", "school.example"], 2, "https://school.example/rooms/"),
        (["--hours", "0"], 2, "0.1 to 24"),
        (["--hours", "x"], 2, "--hours"),
        (["--port", "70000"], 2, "0 to 65535"),
    ],
)
def test_refusals(edge: StartEdge, arguments: list[str], code: int, words: str) -> None:
    process = edge("dashboard", "--port", "0", *arguments)
    _, errors = process.communicate(timeout=30)
    assert words in errors
    assert process.returncode == code
    assert "Traceback" not in errors


def test_a_broker_that_refuses_us_ends_it_with_a_sentence(start_broker: Callable[..., Broker], edge: StartEdge) -> None:
    port = start_broker("allow_anonymous false").port
    process = edge("dashboard", "--broker", f"mqtt://127.0.0.1:{port}", "--port", "0")
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 77
    assert "Traceback" not in errors


def test_a_token_opens_it(broker: int, dashboard: Callable[..., str], tmp_path: Path) -> None:
    token = "correct-horse-battery-staple"
    (tmp_path / "token").write_text(token)
    address = dashboard(broker, "--token-file", str(tmp_path / "token")).split("?")[0]
    assert httpx.get(f"{address}events").status_code == 403
    with httpx.Client(base_url=address, follow_redirects=True) as client:
        assert client.get("/", params={"token": token}).status_code == 200
        assert client.get("/static/app.js").status_code == 200
