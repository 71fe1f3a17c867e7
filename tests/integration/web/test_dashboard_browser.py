"""The page of `edge dashboard` in a real browser, with real daemons and brokers behind it."""

from __future__ import annotations

import csv
import io
import json
import signal
import subprocess
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import httpx
import pytest

from edge.contract.examples import INFO
from edge.reporting.csv import cell_of
from tests.support.brokers import Subscriber
from tests.support.dashboard_page import Room, see
from tests.support.lessons import MONDAY
from tests.support.recorded_school import TIMETABLE_TEXT, record_school

playwright = pytest.importorskip("playwright.sync_api", reason="no browser on this platform")

StartEdge = Callable[..., "subprocess.Popen[str]"]
SLOW = 30_000  # milliseconds that a busy machine may take
NOTHING = "\N{EN DASH}"


def text(page: Any, selector: str) -> str:
    return str(page.locator(selector).inner_text()).replace("\N{NO-BREAK SPACE}", " ")


def test_a_window_is_seen_within_two_seconds(broker: int, dashboard: Callable[..., str], open_page: Any) -> None:
    address = dashboard(broker)
    room = Room(broker)
    room.window(1, 5)
    page = open_page(f"{address}#now/room-1")
    see(page, "#now-state", "● live")
    assert page.locator("#drawn").is_hidden()
    room.say("info", INFO.model_copy(update={"camera": "sample"}).to_json(), retain=True)
    see(page, "#drawn", "room-1 is the drawn sample room: there is no camera and nobody in front of one")
    page.locator("#now-chart .bars .point").first.wait_for()
    took = []
    for seq in range(2, 5):
        mean = 20.0 + seq  # of 25 frames
        faces = {"total": round(25 * mean), "mean": mean, "min": 19, "max": 30}
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

    page.goto(f"{address}#lesson/room-1")
    page.locator("#lesson-chart .xtick text").nth(1).wait_for()
    times = page.locator("#lesson-chart .xtick text").all_text_contents()
    assert len(set(times)) == len(times)  # of the first seconds, too


def test_a_server_whose_clock_is_behind_says_why_lines_have_no_windows(
    broker: int, dashboard: Callable[..., str], open_page: Any
) -> None:
    address = dashboard(broker)
    room, right = Room(broker), Room(broker, "room-2")
    for seq in range(1, 4):
        room.window(seq, 5 * (3 - seq) - 900)  # as if the server were a quarter of an hour behind
    right.window(1, 5)
    page = open_page(f"{address}#now/room-1")
    see(page, "#trouble", "room-1: the times of the measurements are later than the clock of this page's server")
    assert "room-2" not in text(page, "#trouble")
    room.window(9, 0)
    page.locator("#trouble").wait_for(state="hidden")


def test_a_paused_room_that_has_vanished_is_not_called_paused(
    broker: int, dashboard: Callable[..., str], open_page: Any
) -> None:
    address = dashboard(broker)
    room = Room(broker)
    room.say("info", INFO.to_json(), retain=True)
    room.say("state", room.classroom.state("paused", "by its button", room.begun).to_json(), retain=True)
    page = open_page(f"{address}#now/room-1")
    see(page, "#now-state", "■ paused")
    with httpx.stream("GET", f"{address}events", timeout=20) as events:
        told = next(json.loads(line[6:]) for line in events.iter_lines() if line.startswith("data: "))
    silent_from = told["rooms"]["room-1"]["silent_from"]
    assert silent_from > told["now"]
    # As two hours later, without a word.
    page.add_init_script(
        "const parse = JSON.parse; JSON.parse = (text) => { const told = parse(text); "
        "for (const room of Object.values(told?.rooms ?? {})) room.silent_from = told.now - 1; return told; };"
    )
    page.reload()
    see(page, "#now-state", "◇ no measurements")
    see(page, "#now-none", "It was paused, or had lost its camera, and has said nothing for two hours")
    page.goto(f"{address}#school")
    see(page, ".tile .state", "◇ no measurements")


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
    see(page, "#lesson-gaps li", "to now: device offline")
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
    page = open_page(f"{dashboard(broker)}#lesson/room-1/15")
    page.locator("#link[data-state=live]").wait_for()  # else it hears the newest state only
    room = Room(broker)
    see(page, "#lesson-none", "There is nothing to show yet: this dashboard had not started yet")
    assert page.locator("#lesson-chart").is_hidden()
    now = datetime.now(timezone.utc)
    for minutes, mode in ((10, "paused"), (8, "running")):
        since = now - timedelta(minutes=minutes)
        room.say("state", room.classroom.state(mode, "because", since).to_json(), retain=True)
    for seq in range(1, 181):  # fifteen minutes, without minutes 10 to 8 and 5 to 3
        if not (60 < seq <= 84 or 120 < seq <= 144):
            room.window(seq, 5 * (180 - seq), replayed=True)
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
    hostile = ["=1", 'x;"=1', 'x\t""+1', "x\n@1", "a-b", "a;b"]
    told = "(rows) => import(`./static/save.js`).then(({ csv }) => csv({ columns: [{ key: `a` }], rows }))"
    written = page.evaluate(told, [{"a": each} for each in hostile])
    assert [row["a"] for row in csv.DictReader(io.StringIO(written, newline=""))] == [cell_of(each) for each in hostile]
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
    figures = {key: shown[key] for key in ("faces", "counts", "unclassified", "people", "estimate")}
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


def test_how_many_are_turned_to_the_front_is_on_every_page(
    broker: int, dashboard: Callable[..., str], open_page: Any
) -> None:
    address = dashboard(broker)
    facing = Room(broker).window(1, 5)["facing"]
    words = f"{100 * facing['front'] / (facing['front'] + facing['away']):.0f} % turned to the front"
    page = open_page(f"{address}#now/room-1")
    see(page, "#now-range", words)
    page.goto(f"{address}#lesson/room-1/15")
    see(page, "#lesson-summary", words)
    page.goto(f"{address}#school")
    see(page, ".tile .front", words)


def test_a_room_that_only_counts(broker: int, dashboard: Callable[..., str], open_page: Any) -> None:
    address = dashboard(broker)
    room = Room(broker, headcount=True)
    for seq in range(1, 4):
        room.window(seq, 15 - 5 * seq)
    page = open_page(f"{address}#now/room-1")
    see(page, "#now-faces", ".")
    assert float(text(page, "#now-faces")) > 15
    assert page.locator("#now-figure").is_hidden()  # nothing would be in it
    footer = text(page, "footer")
    assert "Only numbers about the room" in footer
    assert "feelings" not in footer
    page.goto(f"{address}#lesson/room-1/15")
    see(page, "#lesson-heading", "How many faces")
    see(page, "#lesson-summary", "On average")
    assert "%" not in text(page, "#lesson-summary")
    assert "feelings" not in text(page, "footer")
    page.goto(f"{address}#school")
    see(page, "#school-counted", "Faces are only counted.")  # once, and not on each tile
    assert "only counted" not in text(page, "#school-tiles")


OLD_BROWSER = """(unknown) => {
  const { DateTimeFormat } = Intl;
  Intl.DateTimeFormat = function (locale, options) {
    if (unknown.includes(options?.timeZone)) throw new RangeError(`Invalid time zone specified: ${options.timeZone}`);
    return new DateTimeFormat(locale, options);
  };
  Intl.DateTimeFormat.prototype = DateTimeFormat.prototype;
}"""
KYIV = ["Europe/Kyiv", "Europe/Kiev", "Europe/Uzhgorod", "Europe/Zaporozhye"]


@pytest.mark.parametrize(
    ("zone", "unknown", "shown"),
    [
        ("Europe/Kyiv", KYIV[:1], "Europe/Kiev"),
        ("Europe/Kyiv", KYIV, "UTC"),
        ("posix/Europe/Berlin", [], "Europe/Berlin"),
    ],
)
def test_a_browser_that_does_not_know_the_zone_shows_figures_and_says_which_clock(
    zone: str, unknown: list[str], shown: str, broker: int, dashboard: Callable[..., str], browser: Any, tmp_path: Path
) -> None:
    lessons = tmp_path / "timetable.yaml"
    lessons.write_text(TIMETABLE_TEXT.replace("Europe/Vienna", zone))
    path = record_school(tmp_path / "school.sqlite", ["room-1"], 1)
    address = dashboard(broker, 0, "--database", str(path), "--show-only", "--timetable", str(lessons))
    room = Room(broker)
    room.window(1, 2)
    context = browser.new_context(locale="en", timezone_id="Asia/Tokyo")
    context.add_init_script(f"({OLD_BROWSER})({json.dumps(unknown)})")
    page, complaints = context.new_page(), []
    page.set_default_timeout(SLOW)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{address}#now/room-1")
    see(page, "#now-state", "live")
    see(page, "#about", f"Times are shown in {shown};")
    assert page.locator("#trouble").is_visible() == (shown == "UTC")
    if shown == "UTC":
        see(page, "#trouble", f"This browser does not know the time zone {zone} of the server. Times are shown in UTC;")
    page.goto(f"{address}#lesson/room-1/{MONDAY:%Y-%m-%d}")
    page.locator("#past-chart .main-svg").first.wait_for()
    assert complaints == []
    context.close()
