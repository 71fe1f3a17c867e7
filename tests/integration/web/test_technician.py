"""The technician's view: what each machine says, troubled rooms first, live; filter, search, keyboard, all screens."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from edge.contract.examples import ALERT, HEALTH, INFO
from edge.contract.timestamps import format_timestamp
from edge.text import keep_units, percent
from edge.web.access_list import add_grant
from tests.support.dashboard_page import Room, see

axe = pytest.importorskip("axe_playwright_python.sync_playwright")

LONG = "कक्षा हिन्दी बारह उत्तर भवन का बड़ा कमरा " + "x" * 20
SCREENS: list[dict[str, Any]] = [
    {"viewport": {"width": 390, "height": 844}},
    {"viewport": {"width": 1440, "height": 900}},
    {"viewport": {"width": 720, "height": 450}},  # 200 % of 1440
]


@pytest.fixture
def school(broker: int) -> dict[str, Room]:
    """Twelve rooms: one without its camera, one hot."""
    rooms = {name: Room(broker, name, seconds=60) for name in [f"room-{number}" for number in range(1, 12)] + [LONG]}
    for name, room in rooms.items():
        room.window(1)
        room.say("info", INFO.model_copy(update={"version": "0.2.0" if name == "room-3" else "0.1.0"}).to_json())
        hot = {"temperature_c": 84.5 if name == LONG else 50.0, "time": format_timestamp(room.begun)}
        room.say("health", HEALTH.model_copy(update=hot).to_json(), retain=True)
        room.say(
            "info", INFO.model_copy(update={"version": "0.2.0" if name == "room-3" else "0.1.0"}).to_json(), retain=True
        )
    rooms["room-7"].say("alert/camera", ALERT.to_json(), retain=True)
    return rooms


def names(page: Any) -> list[str]:
    return [name.strip() for name in page.locator(".machine h3 bdi").all_inner_texts()]


def test_a_technician_at_work(
    school: dict[str, Room], broker: int, dashboard: Callable[..., str], open_page: Any
) -> None:
    address = dashboard(broker)
    page = open_page(f"{address}#technician")
    see(page, "#technician-sum", "12 rooms, 2 with troubles")
    assert names(page)[:3] == ["room-7", LONG.strip(), "room-1"]
    first = page.locator(".machine").first
    see(first, ".troubles", ALERT.problem)
    see(first, ".troubles", ALERT.remedy)
    see(page, "#technician-versions", "0.2.0")
    see(page, "#technician-about", "reads classroom/ at mqtt://127.0.0.1")
    assert page.locator("#technician-versions tbody tr").count() == 2
    see(page, "#technician-versions", "0.1.0, older")

    # Facts stay open while messages come, and what is told changes without a click.
    page.locator(".machine", has_text="room-7").locator("summary").click()
    see(page, ".machine dd", keep_units("50 °C"))
    school["room-7"].say("health", HEALTH.model_copy(update={"outbox_depth": 130}).to_json(), retain=True)
    see(page, ".machine dd", keep_units("130 windows wait, 21.7 min of figures"))
    school["room-7"].say("alert/camera", b"", retain=True)
    school["room-9"].say(
        "alert/disk", ALERT.model_copy(update={"problem": "<img src=x> disk full"}).to_json(), retain=True
    )
    see(page, ".machine strong", "<img src=x> disk full")
    assert names(page)[0] == "room-9"
    assert page.locator("details[open]").count() == 1
    assert page.locator("main img").count() == 0

    page.locator("#technician-only").check()
    assert names(page) == ["room-9", "room-7", LONG.strip()]
    page.locator("#technician-find").fill("disk CABLE")
    assert names(page) == ["room-9"]
    assert page.evaluate("location.hash") == "#technician/troubled/disk%20CABLE"
    page.reload()
    see(page, ".machine h3", "room-9")
    assert names(page) == ["room-9"]
    assert page.locator("#technician-find").input_value() == "disk CABLE"
    page.locator("#technician-find").fill("")
    page.locator("#technician-only").uncheck()
    see(page, ".machine h3", "room-11")
    with page.expect_download() as saved:
        page.locator("#csv").click()
    lines = saved.value.path().read_text().splitlines()
    assert len(lines) == 13
    assert lines[0].startswith("room,level,status,seen")

    # One function each in Python and JavaScript.
    shares = [0, 0.0001, 0.0049, 0.005, 0.0051, 0.015, 0.125, 0.145, 0.995, 0.9999, 1, *(n / 700 for n in range(700))]
    words = page.evaluate(
        "async (all) => { const { percent } = await import('./static/words.js'); return all.map(percent); }", shares
    )
    assert words == [percent(share) for share in shares]
    texts = [
        "14 % of 25",
        "5 min, 3 s, 61.8 °C, 21.8 GB",
        "1 h 05 min",
        "3 sensors, 5 mint, room 7 said",
        "2 days",
        "no %",
    ]
    kept = page.evaluate(
        "async (all) => (await import('./shared/texts.js')) && all.map((await import('./shared/texts.js')).keepUnits)",
        texts,
    )
    assert kept == [keep_units(text) for text in texts]


def test_focus_comes_back_and_unknown_rooms_are_answered(
    school: dict[str, Room], broker: int, dashboard: Callable[..., str], open_page: Any
) -> None:
    page = open_page(f"{dashboard(broker)}#school")
    see(page, ".tile h3", "room-5")
    see(page.locator(".tile", has_text="room-7"), ".alerts", "▲ 1 alert")
    assert page.locator(".tile .alerts:not(:empty)").count() == 1
    page.locator(".tile a", has_text="room-5").focus()
    page.keyboard.press("Enter")
    see(page, "#title", "Now")
    page.locator("#main:focus").wait_for()
    page.go_back()
    page.locator(".tile a:focus", has_text="room-5").wait_for()
    page.goto(f"{page.url.split('#')[0]}#now/room-99")
    see(page, "#empty", "no room called room-99")
    assert page.locator("#room").input_value() == ""
    page.locator("#empty-rooms a", has_text="room-11").click()
    see(page, "#now-state", "live")
    assert page.locator("#room").input_value() == "room-11"


@pytest.mark.parametrize("scheme", ["light", "dark", "forced"])
def test_every_screen_and_no_serious_fault_of_accessibility(
    school: dict[str, Room], broker: int, dashboard: Callable[..., str], open_page: Any, scheme: str
) -> None:
    forced = {"forced_colors": "active"} if scheme == "forced" else {"color_scheme": scheme}
    page = open_page(f"{dashboard(broker)}#technician", **forced)
    for screen in SCREENS:
        page.set_viewport_size(screen["viewport"])
        see(page, ".machine h3", "room-7")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), screen
    page.locator(".machine summary").first.press("Enter")
    see(page, ".machine dl", "per second")
    found = axe.Axe().run(page).response["violations"]
    assert [each["id"] for each in found if each["impact"] in ("serious", "critical")] == []


def test_who_may_not_see_figures_is_told_no_zero(
    broker: int, dashboard: Callable[..., str], open_page: Any, tmp_path: Path
) -> None:
    Room(broker, "room-1", seconds=60).window(1)
    access = tmp_path / "access.yaml"
    token = add_grant(access, "smith", "technician", ["*"], date(2026, 11, 20), None)
    address = f"{dashboard(broker, 0, '--access-file', str(access))}?token={token}"
    page = open_page(f"{address}#school")
    see(page, ".tile .state", "live")
    assert page.locator(".tile .count").inner_text() == ""
    page.locator(".tile a").click()
    see(page, "#now-state", "live")
    see(page, "#now-none", "Your token does not show what is counted in rooms.")
    assert page.locator("#now-faces").inner_text() == "\u2013"
    assert page.locator("#now-range").inner_text() == ""


def test_words_of_devices_are_only_words(broker: int, dashboard: Callable[..., str], open_page: Any) -> None:
    """Words that every object of JavaScript knows, and words that are texts of the page as well."""
    words = ["constructor", "__proto__", "Room", "neutral", "unknown"]  # "Room" is "Raum" where it is ours
    room = Room(broker, "room-1", seconds=60)
    counts = dict(zip(words, (40, 30, 20, 10, 0), strict=True))
    room.window(
        1,
        counts=counts,
        people=counts,
        estimate=None,
        frames=5,
        faces={"total": 100, "mean": 20.0, "min": 20, "max": 20},
    )
    told = {"problem": "constructor", "remedy": "Room"}
    room.say("alert/camera", ALERT.model_copy(update=told).to_json(), retain=True)
    page = open_page(f"{dashboard(broker)}?language=de#technician")
    see(page, ".troubles strong", "constructor")
    assert page.locator(".troubles .remedy").first.inner_text() == "Room"
    page.locator("nav a[data-view=school]").click()
    see(page, "#school-legend", "constructor")
    assert page.locator("#school-legend li").all_inner_texts() == ["neutral", "Room", "__proto__", "constructor"]
    page.locator("nav a[data-view=now]").click()
    see(page, "#now-chart .ytick", "constructor")
    see(page, "#now-chart .ytick", "__proto__")
    page.locator("nav a[data-view=lesson]").click()
    see(page, "#lesson-summary", "constructor 40")
    page.locator("#lesson-details summary").click()
    see(page, "#lesson-table th", "__proto__")
    assert page.locator("#lesson-table th", has_text="Room").count() == 1
