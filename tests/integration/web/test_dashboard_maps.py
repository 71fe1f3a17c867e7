"""Weeks, days and terms in a real browser: what is said, coloured, chosen, saved and printed."""

from __future__ import annotations

import csv
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.support.dashboard_page import Room, see
from tests.support.recorded_school import TIMETABLE_TEXT, record_school, usual

pytest.importorskip("playwright.sync_api", reason="no browser on this platform")

StartEdge = Callable[..., "subprocess.Popen[str]"]
ROOMS = ["room-1", "room-2"]
HAPPY = {("room-1", 3, 2): usual(50, happy=0.7), ("room-1", 1, 1): usual(51, people=3)}
TABLE = "section:not([hidden]) .map table"


@pytest.fixture
def address(edge: StartEdge, broker: int, tmp_path: Path) -> str:
    """A dashboard that shows what was recorded."""
    (tmp_path / "timetable.yaml").write_text(TIMETABLE_TEXT)
    options = ("--database", record_school(tmp_path / "s.sqlite", ROOMS, 5, HAPPY), "--show-only")
    process = edge(
        "dashboard", "--broker", f"mqtt://127.0.0.1:{broker}", "--port", "0",
        *map(str, (*options, "--timetable", tmp_path / "timetable.yaml")),
    )  # fmt: skip
    assert process.stdout is not None
    process.stdout.readline()
    return process.stdout.readline().strip()


def faults(page: Any) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [fault["id"] for fault in found if fault["impact"] in ("serious", "critical")]


def lines(page: Any, selector: str) -> set[int]:
    """Where the middles of elements are, from the top, in steps of 20 px: one for each line."""
    middle = "all => all.map(each => each.getBoundingClientRect()).map(box => (box.top + box.bottom) / 2)"
    return {round(each / 20) for each in page.locator(selector).evaluate_all(middle)}


def saved_rows(page: Any, folder: Path) -> list[dict[str, str]]:
    """What the button CSV saves."""
    with page.expect_download() as saved:
        page.click("#csv")
    saved.value.save_as(folder / "saved.csv")
    with (folder / "saved.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_week_day_and_term(address: str, broker: int, open_page: Any, tmp_path: Path) -> None:
    Room(broker, "room-1")
    page = open_page(f"{address}#week/room-1/2026-11-16", locale="en")
    see(page, TABLE, "Faces in the picture")
    assert len(lines(page, "header > *")) == 1
    assert page.locator(f"{TABLE} td.above, {TABLE} td.below").count() == 0
    assert page.locator(f"{TABLE} td").nth(6).inner_text() == "withheld"
    see(page, "#week .map-story", "room-1, Thu 19 Nov, 3rd: about 6")

    page.locator("#week label", has_text="Looked happy ▲").click()
    coloured = page.locator(f"{TABLE} td.above")
    see(page, TABLE, "Looked happy")
    assert coloured.count() == 1
    assert coloured.inner_text().replace("\N{NO-BREAK SPACE}", " ").startswith("▲ 6")
    assert "more than usual" in coloured.text_content()
    assert coloured.evaluate("each => getComputedStyle(each).backgroundColor") == "rgb(251, 220, 166)"
    assert faults(page) == []
    rows = saved_rows(page, tmp_path)
    assert rows[0]["start"] == "2026-11-16T07:00:00.000Z"  # eight o'clock in Vienna
    assert [row["row"] for row in rows if row["state"] == "above"] == ["3rd"]
    assert {row["value"] for row in rows if row["state"] == "withheld"} == {""}

    page.emulate_media(forced_colors="active")
    assert coloured.evaluate("each => getComputedStyle(each).outlineStyle") == "solid"
    page.emulate_media(forced_colors="none", media="print")
    assert page.locator("header").is_hidden()
    assert coloured.is_visible()
    page.emulate_media(media="screen", color_scheme="dark")
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert len(lines(page, "header select")) == 1  # none stands alone in a line
    assert faults(page) == []

    page.locator("#week a", has_text="earlier").press("Enter")
    see(page, "#week .when", "week 46")
    see(page, "#week .map-card", "Nothing was recorded in this time.")
    assert page.locator("#week .map-story, #week .choices, #week .hint").locator("visible=true").count() == 0
    page.go_back()
    page.locator(f"{TABLE} thead a", has_text="Thu 19 Nov").click()
    see(page, "#day .when", "All rooms: Thursday, 19 November 2026")
    see(page, "#day .map-story", "Rooms that were recorded: 2 of 2")
    assert faults(page) == []
    page.locator(f"{TABLE} tbody th a", has_text="room-2").click()
    see(page, "#week .when", "room-2: week 47")
    page.goto(f"{address}?language=de#term/2026-11-16/2026-11-20")  # as it was called before
    see(page, TABLE, "KW 47")
    see(page, "#weeks .when", "Alle Räume: 16. November bis")
    see(page, "#views", "Wochen")
    see(page, "#weeks .map-story", "Aufgezeichnete Räume: 2 von 2")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.locator(f"{TABLE} td a").first.click()
    see(page, "#week .when", "room-1: KW 47")


def test_only_what_is_on_screen_is_saved_and_what_was_refused_is_asked_again(address: str, open_page: Any) -> None:
    page = open_page(f"{address}#week/room-1/2026-11-16", locale="en")
    page.clock.install()
    see(page, TABLE, "Faces in the picture")
    held: list[Any] = []
    page.route("**/api/maps/**", lambda route: held.append(route))  # noqa: PLW0108 - playwright wants a function
    page.goto(f"{address}#week/room-2/2026-11-16")
    see(page, "#week .message", "… reading")
    assert page.locator("#csv").is_disabled()
    assert page.locator("#json").is_disabled()
    held.pop().fulfill(status=503, json={"problem": "Too many questions are waiting", "remedy": ""})
    see(page, "#week .message", "Too many questions are waiting")
    assert page.locator("#csv").is_disabled()
    page.unroute("**/api/maps/**")
    page.clock.fast_forward(6_000)
    see(page, "#week .when", "room-2: week 47")
    page.route("**/api/maps/**", lambda route: route.fulfill(status=502, body="<html>Bad Gateway</html>"))
    with page.expect_response("**/api/maps/**"):
        page.clock.fast_forward(31_000)
    page.clock.run_for(2_000)
    assert page.locator(TABLE).is_visible()
    assert page.locator("#csv").is_enabled()
    page.clock.fast_forward(40_000)  # but not without a word
    see(page, "#week .message", "The server of this page does not answer.")
    open_page.expected.update(("status of 502", "status of 503"))


def test_no_week_of_a_year_is_beyond_the_edge_of_the_paper(address: str, open_page: Any) -> None:
    page = open_page(f"{address}#weeks/2026-11-16/2027-09-26")
    page.locator(f"{TABLE} thead th").nth(45).wait_for()
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 1062, "height": 700})  # A4 along, without its margins
    # Browsers print what is wider at down to half of its size.
    assert page.evaluate("document.documentElement.scrollWidth") < 1.5 * 1062
