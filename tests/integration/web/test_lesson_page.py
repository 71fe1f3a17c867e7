"""The page of a lesson in a real browser: what was recorded, what goes on, on paper, and after every kill."""

from __future__ import annotations

import csv
import json
import math
import re
import sqlite3
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from edge.cli import run_command_line
from tests.support.brokers import free_port, wait_for
from tests.support.dashboard_page import Room, see
from tests.support.recorded_weeks import timetable, weeks

playwright = pytest.importorskip("playwright.sync_api", reason="no browser on this platform")
axe = pytest.importorskip("axe_playwright_python.sync_playwright")

FIRST = "lesson/room-1/2026-11-20/1st%20period"


def text(page: Any, selector: str) -> str:
    return str(page.locator(selector).inner_text()).replace("\N{NO-BREAK SPACE}", " ")


def check_interval(page: Any) -> None:
    """What is shown is no narrower than what was reckoned."""
    told = page.evaluate("() => fetch('api/lesson?room=room-1&day=2026-11-20&name=1st%20period').then((r) => r.json())")
    low, high = (100 * told["figures"][1][end] for end in ("low", "high"))
    shown = text(page, "#past-figures tbody tr:nth-child(2) td:nth-child(3)")
    assert shown == f"{math.floor(low)} % to {math.ceil(high)} %"


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """The options of a dashboard that records into a file with some weeks in it."""
    path = weeks(tmp_path / "school.sqlite", 4)
    return ["--database", str(path), "--timetable", str(timetable(tmp_path))]


def test_a_lesson_of_the_past(
    broker: int, dashboard: Callable[..., str], files: list[str], open_page: Any, tmp_path: Path
) -> None:
    address = dashboard(broker, 0, *files)
    page = open_page(f"{address}#{FIRST}")  # the broker knows nothing of the room: only the file does
    see(page, "#past-heading", "room-1, 1st period: Friday, 20 November 2026, 08:00 to 08:45")
    see(page, "#past-story", "were seen")
    assert "not attention, not interest" in text(page, "#past-notes")
    assert "Only the surest changes are named" in text(page, "#past-notes")
    see(page, "#past-gaps", "08:20:00 to 08:25:00")
    see(page, "#past-gaps", "(5 min): paused, the button")
    page.locator("#past-chart .main-svg").first.wait_for()
    assert page.locator("#past-bands figure").count() >= 3
    assert page.locator("#past-bands figure").first.locator(".band").count() == 3  # never across a gap
    rows = page.locator("#past-figures tbody tr")
    assert "turned to the front" in rows.nth(1).inner_text()
    check_interval(page)

    def saved(kind: str) -> str:
        with page.expect_download() as waiting:
            page.locator(f"#{kind}").click()
        path = tmp_path / waiting.value.suggested_filename
        assert path.name == f"edge-lesson-room-1-2026-11-20-1st_period.{kind}"
        waiting.value.save_as(path)
        return str(path.read_text())

    page.locator("#past-details summary").click()
    see(page, "#past-table", "whole lesson")
    table, document = list(csv.DictReader(saved("csv").splitlines())), json.loads(saved("json"))
    assert len(table) == len(document["rows"]) == page.locator("#past-table tbody tr").count()
    measured = [row for row in table if row["state"] == "measured"]
    assert len(measured) == 37
    for row in [table[0], *measured]:
        assert float(row["low_front"]) <= float(row["share_front"]) <= float(row["high_front"])
    (few,) = [row for row in table if row["state"] == "too few people"]
    assert all(not value for key, value in few.items() if key.startswith(("share", "low", "high", "faces")))
    assert {each["what"] for each in document["figures"]} >= {"faces", "front", "happy"}

    page.locator("#lesson-after").click()
    see(page, "#past-heading", "2nd period")
    page.locator("#lesson-before").click()
    see(page, "#past-heading", "1st period")
    page.locator("#lesson-before").click()
    see(page, "#past-heading", "6th period: Thursday, 19 November 2026")
    see(page, "#past-story", "There is nothing to show of this time: nothing was recorded, as the device sent nothing")
    assert page.locator("#past-chart").is_hidden()
    see(page, "#past-gaps", "13:00:00 to 13:45:00")  # it is over: no gap lasts until now
    page.locator("#lesson-day").fill("2026-11-20")
    see(page, "#past-heading", "1st period")
    page.locator("#lesson-name option:checked:has-text('40 min recorded')").wait_for(state="attached")
    page.locator("#lesson-day").fill("2026-10-30")
    see(page, "#lesson-holiday", "Autumn holidays")
    page.goto(f"{address}#lesson/room-1/2026-11-20/7th%20period")
    see(page, "#lesson-problem", "This day has no lesson called 7th period: choose one of the list")
    open_page.expected.update(("status of 400",))
    page.goto(f"{address}#lesson/room-9/2026-11-20")
    see(page, "#empty", "room-9")


def test_an_open_lesson_follows_what_is_deleted_and_only_what_the_server_itself_says(
    broker: int, dashboard: Callable[..., str], files: list[str], open_page: Any
) -> None:
    address = dashboard(broker, 0, *files)
    page = open_page(f"{address}#{FIRST}")
    page.clock.install()
    page.reload()
    see(page, "#past-story", "were seen")
    _refused(page, 503, json={"problem": "Too many questions are waiting", "remedy": ""})
    _refused(page, 502, content_type="text/html", body="<html>Bad Gateway</html>")
    page.goto(f"{address}#week/room-1/2026-11-20")
    see(page, "#week", "The server of this page does not answer.")
    page.goto(f"{address}#{FIRST.replace('1st', '2nd')}")
    see(page, "#lesson-problem", "The server of this page does not answer.")
    page.unroute("**/api/**")
    page.clock.fast_forward(6_000)
    see(page, "#past-heading", "2nd period")
    page.goto(f"{address}#{FIRST}")
    see(page, "#past-story", "were seen")
    day = ("--device", "room-1", "--day", "2026-11-20", "--yes")
    assert run_command_line(["delete", "--database", files[1], *day]) == 0
    page.clock.fast_forward(16_000)
    see(page, "#past-story", "what there was has been deleted on request")
    open_page.expected.update(("status of 502", "status of 503"))


def _refused(page: Any, status: int, **answer: Any) -> None:
    """Whatever the page asks from now on; what it shows stays."""
    page.route("**/api/**", lambda route: route.fulfill(status=status, **answer))
    with page.expect_response(lambda each: "api/lesson" in each.url and each.status == status):
        page.clock.fast_forward(16_000)
    page.clock.run_for(2_000)
    assert page.locator("#past-story").is_visible()


def test_the_page_is_drawn_before_the_recorded_rooms_are_known_and_asks_for_them_again(
    broker: int, dashboard: Callable[..., str], files: list[str], open_page: Any
) -> None:
    address = dashboard(broker, 0, *files)
    Room(broker, "room-live").window(1)
    page = open_page(f"{address}#now/room-live")
    page.clock.install()
    held: list[Any] = []
    page.route("**/api/rooms", lambda route: held.append(route))  # noqa: PLW0108 - playwright wants a function
    page.reload()
    page.locator("#now-chart .main-svg").first.wait_for()
    page.goto(f"{address}#{FIRST}")
    see(page, "#empty-why", "… reading")
    wrong = {"problem": {"text": "The server of this page ends", "values": {}}, "remedy": ""}
    held.pop().fulfill(status=503, json=wrong)
    see(page, "#empty-why", "The server of this page ends")
    page.unroute("**/api/rooms")
    page.clock.fast_forward(6_000)
    see(page, "#past-story", "were seen")
    open_page.expected.update(("status of 503",))


def test_a_page_that_is_refused_some_of_its_parts_begins_again(
    broker: int, dashboard: Callable[..., str], files: list[str], open_page: Any
) -> None:
    address = dashboard(broker, 0, *files)
    page = open_page(address)
    page.clock.install()
    for part in ("static/save.js", "static/theme.js", "static/views.css", "api/texts?*", "api/about"):
        left = [503, 503]

        def limit(route: Any, *, left: list[int] = left) -> None:
            route.fulfill(status=left.pop(), body="<html>busy</html>") if left else route.continue_()

        def healed() -> bool:
            page.clock.fast_forward(6_000)
            return bool(page.locator("#past-heading", has_text="Freitag, 20. November 2026").is_visible())

        page.route(f"**/{part}", limit)
        page.goto("about:blank")
        page.goto(f"{address}?language=de#{FIRST}")
        wait_for(healed, 30, part)
        assert left == []
        see(page, "#about", "in einer Datei")
        page.unroute(f"**/{part}")
    open_page.expected.update(("status of 503",))


def test_everybody_can_read_it_on_every_screen_and_on_paper(
    broker: int, dashboard: Callable[..., str], files: list[str], open_page: Any, tmp_path: Path
) -> None:
    address = dashboard(broker, 0, *files)
    page = open_page(f"{address}?language=de#{FIRST}")
    see(page, "#past-heading", "Freitag, 20. November 2026")
    page.locator("#past-chart .main-svg").first.wait_for()
    for width, scheme, colours in ((390, "dark", "none"), (720, "light", "active"), (1440, "light", "none")):
        page.set_viewport_size({"width": width, "height": 900})  # 720: as 1440 at 200 %
        page.emulate_media(color_scheme=scheme, forced_colors=colours)
        page.wait_for_timeout(1200)
        wide = page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, width
        found = axe.Axe().run(page).response["violations"]
        assert [each for each in found if each["impact"] in ("serious", "critical")] == [], width
    chart = page.locator("#past-chart .main-svg").first
    before = chart.bounding_box()
    for number in range(2):
        page.pdf(path=str(tmp_path / f"{number}.pdf"), format="A4")
        assert len(re.findall(rb"/Type /Page\b", (tmp_path / f"{number}.pdf").read_bytes())) == 1
    page.wait_for_timeout(1200)
    assert chart.bounding_box() == before  # what was done for paper is undone
    page.locator("#past-details summary").focus()
    page.keyboard.press("Enter")
    see(page, "#past-table", "ganze Unterrichtsstunde")


def test_a_lesson_goes_on_and_a_killed_server_loses_nothing(
    broker: int, dashboard: Callable[..., str], open_page: Any, tmp_path: Path
) -> None:
    # In a place where it is noon: lessons do not reach over midnight.
    zone = f"Etc/GMT{datetime.now(timezone.utc).hour - 12:+d}"
    now = datetime.now(ZoneInfo(zone))
    begin, end = now - timedelta(minutes=20), now + timedelta(minutes=40)
    names = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    lesson = f'[{{name: Maths, from: "{begin:%H:%M}", to: "{end:%H:%M}"}}]'
    plan = timetable(tmp_path, f"time_zone: {zone}\ndays:\n" + "".join(f"  {name}: {lesson}\n" for name in names))
    path, port = tmp_path / "school.sqlite", free_port()
    options = ["--database", str(path), "--timetable", str(plan)]
    address = dashboard(broker, port, *options)
    room = Room(broker, seconds=10)

    def stored(table: str = "windows") -> int:
        with sqlite3.connect(path) as file:
            return int(file.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0])  # noqa: S608

    wait_for(lambda: stored("states") == 1, 20, "the recorder")  # what is sent before it is there, nobody keeps
    for seq in range(1, 61):
        room.window(seq, 10 * (60 - seq))
    wait_for(lambda: stored() == 60, 30, "the first windows in the file")
    page = open_page(f"{address}#lesson/room-1")
    see(page, "#past-heading", "Maths")
    see(page, "#past-running", "goes on")
    see(page, "#past-story", "It still goes on")
    page.locator("#past-details summary").click()
    see(page, "#past-table", "measured")
    before = page.locator("#past-table tbody tr:has-text('measured')").count()
    assert before in (10, 11)
    page.locator("#past-chart .main-svg").first.wait_for()  # the charts are fetched once
    wrong = {"problem": "Too many questions are waiting", "remedy": ""}
    page.route("**/api/lesson*", lambda route: route.fulfill(status=503, json=wrong))
    with page.expect_response("**/api/lesson*"):
        pass
    page.wait_for_timeout(1200)  # it would have been drawn
    assert page.locator("#past-story").is_visible()
    assert page.locator("#past-running").is_visible()
    assert page.locator("#csv").is_enabled()
    page.unroute("**/api/lesson*")
    dashboard.process.kill()  # type: ignore[attr-defined]
    dashboard.process.wait()  # type: ignore[attr-defined]
    for seq in range(61, 73):
        room.window(seq, -10 * (seq - 60))
    see(page, "#trouble", "lost its server")
    see(page, "#past-story", "were seen")  # what was on screen stays
    page.locator("#past-running").wait_for(state="hidden")  # but nobody knows whether it goes on
    dashboard(broker, port, *options)
    wait_for(lambda: stored() == 72, 30, "what came while nobody was there")
    see(page, "#link", "● connected")
    wait_for(
        lambda: page.locator("#past-table tbody tr:has-text('measured')").count() > before, 15, "the lesson goes on"
    )
    page.locator("#spans input[value='45']").check(force=True)
    see(page, "#lesson-summary", "measured")
    assert "before this dashboard started" not in text(page, "#lesson-gaps")
    open_page.expected.update(("ERR_", "status of 503"))
