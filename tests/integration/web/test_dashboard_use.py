"""The dashboard for whoever uses it: keyboard, screen reader, colours, hidden pages, what strangers send."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import pytest

from tests.support.brokers import Broker, free_port, wait_for
from tests.support.dashboard_page import Room, see

playwright = pytest.importorskip("playwright.sync_api", reason="no browser on this platform")
axe = pytest.importorskip("axe_playwright_python.sync_playwright")

StartEdge = Callable[..., "subprocess.Popen[str]"]
SLOW = 30_000  # milliseconds that a busy machine may take
VIEWS = ("now/room-1", "lesson/room-1/15", "school", "technician")


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
    highest, chart = page.locator("#lesson-chart .ytick text", has_text="100").first, page.locator("#lesson-chart")
    boxes: list[Any] = []

    def drawn() -> bool:
        boxes[:] = highest.bounding_box(), chart.bounding_box()
        return None not in boxes  # it is drawn anew with each window

    wait_for(drawn, 20)
    label_box, box = boxes
    # Room for the half of it that is above, in any font.
    assert label_box["y"] + label_box["height"] / 2 - box["y"] > 12
    assert page.locator("main img, main b, main script, footer img").count() == 0
    assert dialogs == []


def test_no_gap_lasts_until_now_on_a_page_that_has_lost_the_broker(
    start_broker: Callable[..., Broker], dashboard: Any, open_page: Any
) -> None:
    broker = start_broker()
    address = dashboard(broker.port, free_port())
    Room(broker.port, seconds=1).window(1, 90)
    page = open_page(f"{address}#lesson/room-1/15")
    page.locator("#lesson-gaps li:has-text('to now')").wait_for()
    broker.process.kill()
    broker.process.wait()
    page.locator("#lesson-gaps:not(:has-text('to now')) li").first.wait_for()


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
    open_page.expected.update(("ERR_",))


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
        page.locator(".chart .main-svg:visible, .tile:visible, .machine:visible, #now-none:visible").first.wait_for()
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
    for _ in range(11):
        page.keyboard.press("Tab")
        visited.append(
            page.evaluate(
                "() => { const e = document.activeElement; return [e.id || e.textContent.trim(), "
                "getComputedStyle(e).outlineStyle] }"
            )
        )
    assert [name for name, _ in visited] == [
        "skip", "Now", "Lesson", "School", "Technician", "language", "theme", "room", "csv", "json",
        "The same as a table",
    ]  # fmt: skip
    assert {style for _, style in visited} <= {"solid", "auto"}
    page.locator("#room").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    wait_for(lambda: page.url.endswith("#now/room-2"), 20, "the other room")
    page.locator("#skip").focus()
    page.keyboard.press("Enter")
    assert page.evaluate("() => document.activeElement.id") == "main"


def test_paper_says_which_room_and_when(broker: int, dashboard: Any, open_page: Any) -> None:
    address = dashboard(broker)
    Room(broker).window(1)
    page = open_page(f"{address}#now/room-1")
    see(page, "#now-state", "live")
    for view, named in (("now/room-1", "room-1: Now"), ("lesson/room-1/15", "room-1: Lesson"), ("school", "School")):
        page.goto(f"{address}#{view}")
        told = page.locator("#on-paper", has_text=f"{named}, ")
        told.wait_for(state="attached")
        assert told.is_hidden()
        page.emulate_media(media="print")
        assert str(datetime.now(timezone.utc).year) in told.inner_text()
        page.emulate_media(media="screen")
    dashboard.process.kill()
    see(page, "#trouble", "lost its server")
    page.emulate_media(media="print")
    assert page.locator("#trouble").is_visible()
    # The browser itself notes requests that failed meanwhile.
    open_page.expected.update(("ERR_",))


def test_colours_are_remembered(broker: int, dashboard: Callable[..., str], open_page: Any) -> None:
    page = open_page(dashboard(broker), color_scheme="dark")
    theme = "() => document.documentElement.dataset.theme"
    assert page.evaluate(theme) == "dark"
    page.locator("#theme").select_option("light")
    assert page.evaluate(theme) == "light"
    page.reload()
    assert page.evaluate(theme) == "light"
    assert page.locator("#theme").input_value() == "light"
    see(page, "#empty", "Nothing has been received yet")


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
    page.wait_for_timeout(500)  # what was to be drawn already
    before = page.locator("main").inner_text()
    other = open_page(f"{address}#now/room-1")
    room.window(2, frames=20, faces={"total": 410, "mean": 20.5, "min": 19, "max": 30})
    see(other, "#now-faces", "20.5")
    page.wait_for_timeout(2500)
    assert page.locator("main").inner_text() == before
    page.evaluate(hide, False)
    see(page, "#now-faces", "20.5")
