"""The page of `edge dashboard` in a real browser, with real daemons and brokers behind it."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from tests.load.dashboard import CHROMIUM, FLAGS
from tests.support.brokers import Broker, Subscriber, free_port, wait_for
from tests.support.simulated_school import Classroom

playwright = pytest.importorskip("playwright.sync_api", reason="no browser on this platform")
axe = pytest.importorskip("axe_playwright_python.sync_playwright")

StartEdge = Callable[..., "subprocess.Popen[str]"]
SLOW = 30_000  # milliseconds that a busy machine may take
NOTHING = "\N{EN DASH}"
VIEWS = ("now/room-1", "lesson/room-1/15", "school")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium; only for this module, whose event loop others could not use."""
    if not Path(CHROMIUM).exists():
        pytest.skip("chromium is not installed (./test installs it)")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens pages; at the end none may have complained, or asked another host for anything."""
    opened: list[tuple[Any, str]] = []
    complaints: list[str] = []
    asked: list[str] = []

    def start(address: str, **options: Any) -> Any:
        page = browser.new_page(viewport={"width": 1280, "height": 900}, **options)
        page.set_default_timeout(SLOW)
        page.on("console", lambda message: complaints.append(message.text) if message.type != "log" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(address)
        opened.append((page, address.split("#", maxsplit=1)[0]))
        return page

    start.complaints = complaints  # type: ignore[attr-defined]
    yield start
    for page, _ in opened:
        page.close()
    assert complaints == []
    homes = tuple(address for _, address in opened) + tuple(f"blob:{address}" for _, address in opened)
    assert [url for url in asked if not url.startswith(homes)] == []


@pytest.fixture
def dashboard(edge: StartEdge) -> Callable[..., str]:
    """Starts the command on a port; returns its address."""

    def start(broker: int, port: int = 0) -> str:
        process = edge("dashboard", "--broker", f"mqtt://127.0.0.1:{broker}", "--port", str(port))
        start.process = process  # type: ignore[attr-defined]
        assert process.stdout is not None
        process.stdout.readline()
        return process.stdout.readline().strip()

    return start


class Room:
    """One simulated room that publishes."""

    def __init__(self, port: int, name: str = "room-1", **options: Any) -> None:
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self.name = name
        self.begun = datetime.now(timezone.utc)
        self.classroom = Classroom(name, 1, **options)
        self.say("availability", b"online", retain=True)
        self.say("state", self.classroom.state().to_json(), retain=True)

    def say(self, kind: str, payload: bytes, *, retain: bool = False) -> None:
        self._client.publish(f"classroom/{self.name}/{kind}", payload, 1, retain=retain).wait_for_publish(20)

    def window(self, seq: int, ago: float | None = None, *, suppressed: bool = False, **changes: Any) -> dict[str, Any]:
        """Publish one, also as the latest; returns it. It ends now, or so many seconds before the room began."""
        end = datetime.now(timezone.utc) if ago is None else self.begun - timedelta(seconds=ago)
        told = json.loads(self.classroom.window(seq, end, suppressed=suppressed).to_json()) | changes
        if "faces" in changes and told["counts"] and told["faces"]["total"] is not None:  # they sum up
            told["counts"]["neutral"] += told["faces"]["total"] - sum(told["counts"].values())
        if not told["replayed"]:
            self.say("latest", json.dumps(told).encode(), retain=True)
        self.say("window", json.dumps(told).encode())
        return dict(told)


def text(page: Any, selector: str) -> str:
    return str(page.locator(selector).inner_text())


def see(page: Any, selector: str, words: str) -> None:
    """Wait until an element shows words."""
    page.locator(selector, has_text=words).first.wait_for()


def test_a_window_is_seen_within_two_seconds(broker: int, dashboard: Callable[..., str], open_page: Any) -> None:
    address = dashboard(broker)
    room = Room(broker)
    room.window(1, 5)
    page = open_page(f"{address}#now/room-1")
    see(page, "#now-state", "● live")
    page.locator("#now-chart .bars .point").first.wait_for()
    took = []
    for seq in range(2, 5):
        mean = 20.0 + seq
        faces = {"total": 500, "mean": mean, "min": 19, "max": 30}
        begun = time.monotonic()
        room.window(seq, faces=faces)
        see(page, "#now-faces", f"{mean:.1f}")
        took.append(time.monotonic() - begun)
    assert sorted(took)[1] < 2  # the clock of a busy machine may stop once
    shares = room.window(6)["estimate"]
    page.locator("#now-details summary").click()
    page.locator("#now-chart[aria-label*='happy']").wait_for()
    happy = f"{100 * shares['happy']['share']:.0f} %"
    see(page, "#now-table tr:has-text('happy')", happy)
    assert "90 % interval" in text(page, "#now-basis")


def test_a_killed_device_leaves_a_gap(
    broker: int, edge: StartEdge, subscribe: Callable[..., Subscriber], dashboard: Callable[..., str], open_page: Any,
) -> None:  # fmt: skip
    arguments = ("run", "--set", "camera.source=sample:12", "--set", "window.seconds=1", "--set", "vision.fps=2")
    device = (*arguments, "--set", f"mqtt.broker=mqtt://127.0.0.1:{broker}", "--set", "device.name=room-1")
    heard = subscribe(broker)
    daemon = edge(*device)
    page = open_page(f"{dashboard(broker)}#lesson/room-1/15")
    heard.wait("window", 3, 60)
    page.locator("#lesson-chart .main-svg").first.wait_for()
    see(page, "#lesson-summary", "measured")
    page.locator("#lesson-chart .scatterlayer .trace .fills path").nth(4).wait_for(state="attached")
    daemon.send_signal(signal.SIGKILL)
    see(page, "#lesson-gaps li", "to now: offline")
    page.locator("#lesson-details summary").click()
    assert "offline" in page.locator("#lesson-table tr").last.inner_text()
    page.goto(page.url.split("#")[0] + "#now/room-1")
    see(page, "#now-state", "✕ offline")
    assert page.locator("#now-chart").is_hidden()
    assert text(page, "#now-faces") == NOTHING
    edge(*device)
    page.goto(page.url.split("#")[0] + "#lesson/room-1/15")
    page.locator("#lesson-gaps li:has-text('offline'):not(:has-text('to now'))").wait_for()


def test_a_gap_says_why_and_closes_when_late_windows_come(
    broker: int, dashboard: Callable[..., str], open_page: Any
) -> None:
    address = dashboard(broker)
    room = Room(broker)
    now = datetime.now(timezone.utc)
    for minutes, mode in ((10, "paused"), (8, "running")):
        since = now - timedelta(minutes=minutes)
        room.say("state", room.classroom.state(mode, "because", since).to_json(), retain=True)
    for seq in range(1, 181):  # fifteen minutes, without minutes 10 to 8 and 5 to 3
        if not (60 < seq <= 84 or 120 < seq <= 144):
            room.window(seq, 5 * (180 - seq), replayed=True)
    page = open_page(f"{address}#lesson/room-1/15")
    see(page, "#lesson-gaps li", "(2 min): paused, because")
    see(page, "#lesson-gaps li", "(2 min): before this dashboard started")
    page.locator("#lesson-chart .annotation").nth(1).wait_for()
    for seq in range(121, 145):
        room.window(seq, 5 * (180 - seq), replayed=True)
    page.locator("#lesson-gaps:not(:has-text('before'))").wait_for()
    assert "paused" in text(page, "#lesson-gaps")


def test_what_is_saved_is_what_is_shown(
    broker: int, dashboard: Callable[..., str], open_page: Any, tmp_path: Path
) -> None:
    address = dashboard(broker)
    room = Room(broker, "=room 1", seconds=60)  # so long that the page does not change while it is read
    for seq in range(1, 11):
        room.window(seq, 60 * (10 - seq), suppressed=seq in (5, 6, 7))
    page = open_page(f"{address}#lesson/{'%3Droom%201'}/15")
    see(page, "#lesson-gaps", "too few people")
    page.locator("#lesson-details summary").click()
    see(page, "#lesson-table", "too few people")

    def saved(kind: str) -> Any:
        with page.expect_download() as waiting:
            page.locator(f"#{kind}").click()
        path = tmp_path / waiting.value.suggested_filename
        waiting.value.save_as(path)
        assert path.name.startswith("edge-")
        content = path.read_text()
        return json.loads(content) if kind == "json" else list(csv.DictReader(content.splitlines()))

    rows, document = saved("csv"), saved("json")
    assert len(rows) == len(document["rows"]) == page.locator("#lesson-table tbody tr").count()
    few = [row for row in rows if row["state"] == "too few people"]
    assert len(few) == 1
    assert all(not value for key, value in few[0].items() if key.startswith(("share", "faces")))
    measured = [row for row in rows if row["state"] == "measured"]
    assert all(float(row["faces_mean"]) > 15 for row in measured)
    assert all(abs(sum(float(v) for k, v in row.items() if k.startswith("share_")) - 1) < 0.01 for row in measured)
    assert {row["room"] for row in rows} == {"'=room 1"}
    assert document["rows"][0]["room"] == "=room 1"
    page.goto(f"{address}#now/%3Droom%201")
    see(page, "#now-state", "live")
    now = saved("json")
    assert {row["emotion"] for row in now["rows"]} == set(room.window(99)["estimate"])
    page.goto(f"{address}#school")
    see(page, ".tile", "live")
    (tile,) = saved("csv")
    assert tile["state"] == "live"
    assert float(tile["share_neutral"]) > 0.1


def test_suppressed_is_suppressed_everywhere(broker: int, dashboard: Callable[..., str], open_page: Any) -> None:
    address = dashboard(broker)
    room = Room(broker)
    room.window(1, 5)
    page = open_page(f"{address}#now/room-1")
    see(page, "#now-state", "live")
    shown = room.window(2)
    figures = {key: shown[key] for key in ("faces", "counts", "people", "estimate")}
    room.window(3, suppressed=True, **figures)
    see(page, "#now-state", "◌ too few people")
    see(page, "#now-none", "Too few people")
    assert page.locator("#now-chart").is_hidden()
    assert page.locator("#now-details").is_hidden()
    assert text(page, "#now-faces") == NOTHING
    page.goto(f"{address}#school")
    see(page, ".tile .state", "too few people")
    assert "%" not in text(page, ".tile")
    assert "faces" not in text(page, ".tile")


def test_a_room_that_only_counts(broker: int, dashboard: Callable[..., str], open_page: Any) -> None:
    address = dashboard(broker)
    room = Room(broker, headcount=True)
    for seq in range(1, 4):
        room.window(seq, 15 - 5 * seq)
    page = open_page(f"{address}#now/room-1")
    see(page, "#now-none", "only counts faces")
    assert float(text(page, "#now-faces")) > 15
    page.goto(f"{address}#lesson/room-1/15")
    see(page, "#lesson-heading", "How many faces")
    see(page, "#lesson-summary", "On average")
    assert "%" not in text(page, "#lesson-summary")
    page.goto(f"{address}#school")
    see(page, ".tile", "only counted")


def test_text_from_the_network_is_only_text(broker: int, dashboard: Callable[..., str], open_page: Any) -> None:
    name = "<img src=x onerror=alert(1)>"
    address = dashboard(broker)
    room = Room(broker, name)
    room.say("state", room.classroom.state("paused", f"<script>alert(2)</script>{name}").to_json(), retain=True)
    page = open_page(f"{address}#school")
    dialogs: list[Any] = []
    page.on("dialog", lambda dialog: dialogs.append(dialog))  # noqa: PLW0108 - a builtin has no place for a mark
    see(page, ".tile h3", name)
    see(page, ".tile .words", "<script>alert(2)</script>")
    page.locator(".tile a").click()
    see(page, "#now-reason", "<script>")
    assert page.locator("#room option").inner_text() == name
    label = "<b onclick=alert(3)>x</b>"
    room.say("state", room.classroom.state().to_json(), retain=True)
    room.window(
        1, counts={label: 500}, people={label: 20}, estimate=None, faces={"total": 500, "mean": 20, "min": 2, "max": 30}
    )
    see(page, "#now-chart .ytick", label)
    page.locator("nav a[data-view=lesson]").click()
    see(page, "#lesson-legend", label)
    assert page.locator("main img, main b, main script, footer img").count() == 0
    assert dialogs == []


def test_no_server_and_no_broker_are_said(start_broker: Callable[..., Broker], dashboard: Any, open_page: Any) -> None:
    broker = start_broker()
    port = free_port()
    address = dashboard(broker.port, port)
    Room(broker.port, seconds=1).window(1)
    page = open_page(f"{address}#now/room-1")
    see(page, "#link", "● connected")
    broker.process.kill()
    broker.process.wait()
    see(page, "#trouble", "cannot reach the broker")
    see(page, "#now-state", "? not known")
    assert page.locator("#now-chart").is_hidden()
    start_broker(port=broker.port)
    see(page, "#link", "● connected")
    Room(broker.port, seconds=1).window(2)
    see(page, "#now-state", "● live")
    dashboard.process.kill()
    dashboard.process.wait()
    see(page, "#trouble", "lost its server")
    dashboard(broker.port, port)
    see(page, "#link", "● connected")
    # The browser itself notes requests that failed meanwhile.
    open_page.complaints[:] = [line for line in open_page.complaints if "ERR_" not in line]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_serious_fault_of_accessibility(
    broker: int, dashboard: Callable[..., str], open_page: Any, scheme: str
) -> None:
    address = dashboard(broker)
    # Windows so long that no state changes while it is examined.
    rooms = [Room(broker, f"room-{number}", seconds=60) for number in range(1, 6)]
    for room in rooms[:3]:
        for seq in range(1, 4):
            room.window(seq, 60 * (3 - seq), suppressed=room is rooms[2])
    paused, lost = rooms[3:]
    paused.say("state", paused.classroom.state("paused", "the schedule").to_json(), retain=True)
    lost.say("availability", b"offline", retain=True)
    page = open_page(f"{address}#school", color_scheme=scheme)
    for view in (*VIEWS, "now/room-3", "now/room-4", "now/room-5"):
        page.goto(f"{address}#{view}")
        name = view.partition("/")[0]
        page.locator(f"section#{name}:visible").wait_for()
        page.evaluate(
            "name => document.querySelectorAll(`#${name} details`).forEach(each => { each.open = true })", name
        )
        page.locator(".chart .main-svg:visible, .tile:visible, #now-none:visible").first.wait_for()
        found = axe.Axe().run(page).response["violations"]
        serious = [each for each in found if each["impact"] in ("serious", "critical")]
        assert serious == [], (view, scheme)


def test_the_keyboard_is_enough(broker: int, dashboard: Callable[..., str], open_page: Any) -> None:
    address = dashboard(broker)
    for name in ("room-1", "room-2"):
        Room(broker, name).window(1)
    page = open_page(f"{address}#now/room-1")
    see(page, "#now-state", "live")
    visited = []
    for _ in range(9):
        page.keyboard.press("Tab")
        visited.append(
            page.evaluate(
                "() => { const e = document.activeElement; return [e.id || e.textContent.trim(), "
                "getComputedStyle(e).outlineStyle] }"
            )
        )
    assert [name for name, _ in visited] == [
        "skip", "Now", "Lesson", "School", "theme", "room", "csv", "json", "The same as a table",
    ]  # fmt: skip
    assert {style for _, style in visited} <= {"solid", "auto"}
    page.locator("#room").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    wait_for(lambda: page.url.endswith("#now/room-2"), 20, "the other room")
    page.locator("#skip").focus()
    page.keyboard.press("Enter")
    assert page.evaluate("() => document.activeElement.id") == "main"


def test_colours_are_remembered(broker: int, dashboard: Callable[..., str], open_page: Any) -> None:
    page = open_page(dashboard(broker), color_scheme="dark")
    theme = "() => document.documentElement.dataset.theme"
    assert page.evaluate(theme) == "dark"
    page.locator("#theme").select_option("light")
    assert page.evaluate(theme) == "light"
    page.reload()
    assert page.evaluate(theme) == "light"
    assert page.locator("#theme").input_value() == "light"
    see(page, "#empty", "No room has told anything yet")


def test_a_hidden_page_draws_nothing(broker: int, dashboard: Callable[..., str], open_page: Any) -> None:
    address = dashboard(broker)
    room = Room(broker)
    room.window(1)
    page = open_page(f"{address}#now/room-1")
    page.locator("#now-chart .bars .point").first.wait_for()
    hide = (
        "(hidden) => { Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});"
        "document.dispatchEvent(new Event('visibilitychange')); }"
    )
    page.evaluate(hide, True)
    before = page.locator("main").inner_text()
    other = open_page(f"{address}#now/room-1")
    room.window(2, faces={"total": 500, "mean": 20.5, "min": 19, "max": 30})
    see(other, "#now-faces", "20.5")
    page.wait_for_timeout(2500)
    assert page.locator("main").inner_text() == before
    page.evaluate(hide, False)
    see(page, "#now-faces", "20.5")
