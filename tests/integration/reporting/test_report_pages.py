"""What `edge report` writes: pages in a browser, pictures, tables; names of strangers do no harm."""

from __future__ import annotations

import contextlib
import csv
import re
import sqlite3
from pathlib import Path

import cv2
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

from edge.recording.reader import Recording
from edge.recording.window_record import WindowRecord
from edge.recording.window_row import DamagedError
from edge.recording.window_sums import OTHER
from edge.reporting.csv import cell_of
from edge.reporting.totals import MOST_LABELS, add_up
from tests.support import recorded_weeks
from tests.support.lessons import MINUTE, MONDAY, figures, lesson, message, record, report, stamp, state
from tests.support.recorded_school import record_school
from tests.support.simulated_lessons import Change, SimulatedLesson

PAPER, HIGH = 718, 1047  # pixels: A4 without its margins of 10 mm
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@pytest.mark.browser
def test_no_week_of_a_term_is_beyond_the_edge_of_the_paper(tmp_path: Path) -> None:
    path, page = record_school(tmp_path / "s.sqlite", ["room-1"], 65), tmp_path / "a.html"
    zone = ("--zone", "Europe/Vienna")
    assert report("--database", path, *zone, "--school", "--term", "2026-11-16", "2027-02-14", "--output", page) == 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        shown = browser.new_page(viewport={"width": PAPER, "height": 1000})
        shown.goto(page.as_uri())
        shown.emulate_media(media="print")
        assert shown.locator(".map").first.locator("thead th").count() == 14
        assert shown.evaluate("document.documentElement.scrollWidth") == PAPER
        browser.close()


@pytest.mark.browser
def test_the_chart_of_a_lesson_is_on_the_first_sheet(tmp_path: Path) -> None:
    path, page = recorded_weeks.weeks(tmp_path / "s.sqlite", 2), tmp_path / "a.html"
    lessons = ("--timetable", recorded_weeks.timetable(tmp_path), "--lesson", "2nd period")
    assert report("--database", path, *lessons, "--day", recorded_weeks.LESSON.date(), "--output", page) == 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        shown = browser.new_page(viewport={"width": PAPER, "height": HIGH})
        shown.goto(page.as_uri())
        shown.emulate_media(media="print")
        chart = shown.locator("svg").first.bounding_box()
        browser.close()
    assert chart
    assert chart["y"] + chart["height"] < HIGH


@pytest.mark.browser
def test_pages_in_a_browser(tmp_path: Path, week: Path) -> None:
    morning = record(tmp_path / "lesson.sqlite", lesson())
    zone = ("--zone", "Europe/Vienna")
    assert (
        report("--database", morning, *zone, "--from", "08:00", "--to", "09:10", "--output", tmp_path / "a.html") == 0
    )
    assert (
        report("--database", week, *zone, "--device", "room-1", "--week", "2026-W47", "--output", tmp_path / "b.html")
        == 0
    )
    told: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        for name, words in (("a", "paused: asked over MQTT"), ("b", "Tue 17 Nov")):
            for width, scheme in ((1200, "light"), (390, "dark")):
                page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
                page.on("console", lambda message: told.append(message.text))
                page.on("pageerror", lambda error: told.append(str(error)))
                page.on("request", lambda request: told.append(request.url))
                page.goto((tmp_path / f"{name}.html").as_uri())
                assert told == [(tmp_path / f"{name}.html").as_uri()]
                told.clear()
                assert words in page.inner_text("main")
                assert page.evaluate("document.documentElement.scrollWidth") <= width
                colour = page.evaluate("getComputedStyle(document.body.parentElement).backgroundColor")
                assert colour == {"light": "rgb(243, 246, 248)", "dark": "rgb(15, 23, 29)"}[scheme]
                faults = Axe().run(page).response["violations"]
                assert [fault["id"] for fault in faults if fault["impact"] in ("serious", "critical")] == []
                page.close()
        browser.close()


def test_the_page_of_a_lesson_begins_with_sentences(tmp_path: Path, week: Path) -> None:
    morning = record(tmp_path / "lesson.sqlite", lesson())
    zone = ("--zone", "Europe/Vienna")

    def page(*arguments: object) -> str:
        assert report(*zone, *arguments, "--output", tmp_path / "p.html") == 0
        return (tmp_path / "p.html").read_text().replace("\N{NO-BREAK SPACE}", "~")

    whole = page("--database", morning, "--from", "08:00", "--to", "09:10")
    first = whole.index("<p>On average 25 faces (25 to 25) were seen.</p>")
    assert first < whole.index("<dl>")
    assert "about 35~% (28 to 43~%) looked happy, and about " in whole
    assert "happy</th><td>35~%</td><td>28 to 43~%</td>" in whole, "the table has the same"
    assert "<p>Nothing changed by more than chance explains.</p>" in whole
    assert whole.count("not attention, not interest") == 1
    assert "Two lessons whose ranges overlap may have been the same." in whole

    short = page("--database", morning, "--from", "08:00", "--to", "08:08")
    assert "Too little was measured to say more of this lesson: 8~min with figures; 10~min are needed." in short
    assert "Nothing changed" not in short

    for days, told in (("--week=2026-W47", 1), ("--day=2026-11-17", 0)):
        long = page("--database", week, "--device", "room-1", days)
        assert "On average" not in long
        assert long.count("not attention") == told


def test_the_page_says_when_a_lesson_changed(tmp_path: Path) -> None:
    change = Change("happy", 0.4, start=1200, seconds=9e9)
    windows = SimulatedLesson(11, window=30, start=MONDAY, changes=(change,)).payloads()
    file = record(tmp_path / "l.sqlite", [("window", window.to_json()) for window in windows])
    target = tmp_path / "p.html"
    arguments = ("--zone", "Europe/Vienna", "--from", "08:00", "--to", "08:45", "--output", target)
    assert report("--database", file, *arguments) == 0
    page = target.read_text().replace("\N{NO-BREAK SPACE}", "~")
    assert re.search(
        r"<p>From 08:(19|20|21) about [56]\d~% looked happy, before about 1\d~%; the ranges do not overlap.</p>",
        page,
    )
    assert re.search(
        r"<p>On average 2[0-3]\.?\d? faces \([\d.]+ to [\d.]+\) were seen; of the [\d.]+ with a known "
        r"direction about [67]\d~% ",
        page,
    )


def test_pictures(tmp_path: Path, week: Path) -> None:
    for options in (("--day", "2026-11-17"), ("--week", "2026-W47")):
        assert report("--database", week, "--device", "room-1", *options, "--output", tmp_path / "p.png") == 0
        picture = cv2.imread(str(tmp_path / "p.png"))
        assert picture is not None
        assert picture.shape[1] == 1500
        happy = (abs(picture.astype(int) - (0x29, 0xB4, 0xF0)).max(axis=2) < 3).mean()  # blue, green, red
        assert 0.01 < happy < 0.5


def test_a_table_for_spreadsheets(tmp_path: Path, week: Path) -> None:
    target = tmp_path / "w.csv"
    assert report("--database", week, "--device", "room-1", "--week", "2026-W47", "--output", target) == 0
    with target.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["seq"]) for row in rows] == list(range(1, 121))
    assert (rows[7]["withheld"], rows[7]["withheld_reason"]) == ("figures", "few_people")
    assert {rows[7][name] for name in ("faces_total", "count_happy", "share_happy", "unclassified_too_small")} == {""}
    first = message(1, MONDAY)
    assert int(rows[0]["count_happy"]) == first["counts"]["happy"]
    assert float(rows[0]["high_sad"]) == first["estimate"]["sad"]["high"]


@pytest.mark.parametrize(
    ("start", "end", "first", "lacks"),
    [
        ("08:00", "08:45", "", ""),
        ("08:00", "08:45", "2026-11-20T07:20", "lacks 40 windows"),
        ("08:00", "08:45", "~", "lacks 80 windows"),
        ("08:03", "08:43", "2026-11-20T07:05", "lacks up to 10 windows"),
        ("08:03", "08:43", "2026-11-20T07:03", "lacks up to 6 windows"),
        ("08:10", "08:43", "2026-11-20T07:10", ""),
    ],
)
def test_a_table_says_which_windows_are_only_in_sums(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], start: str, end: str, first: str, lacks: str
) -> None:
    """Forty minutes in windows of 30 s, the older ones of which are deleted, as by `--keep-windows-days`."""
    path = recorded_weeks.record(tmp_path / "s.sqlite", recorded_weeks.windows(recorded_weeks.LESSON, 1, minutes=40))
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute("DELETE FROM windows WHERE start < ?", (first,))
    lesson = ("--day", "2026-11-20", "--from", start, "--to", end, "--zone", "Europe/Vienna")
    assert report("--database", path, *lesson, "--output", tmp_path / "l.csv") == 0
    said = capsys.readouterr().err
    assert lacks in said
    assert (": --output l.html has these sums" in said) == ("lacks" in said) == bool(lacks)


@pytest.mark.parametrize("damaged", ["buckets", "kept_days"])
def test_a_table_is_there_though_sums_are_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], damaged: str
) -> None:
    def fail(*_: object) -> None:
        raise DamagedError("a roll-up is damaged", "another program changed the file")

    path = recorded_weeks.record(tmp_path / "s.sqlite", recorded_weeks.windows(recorded_weeks.LESSON, 1, minutes=40))
    monkeypatch.setattr(Recording, damaged, fail)
    assert (
        report("--database", path, "--day", "2026-11-20", "--zone", "Europe/Vienna", "--output", tmp_path / "l.csv")
        == 0
    )
    assert "lacks" not in capsys.readouterr().err


@pytest.mark.parametrize("ends", [";", "\t", "\r", "\n"])
def test_no_cell_of_a_table_is_a_formula(ends: str) -> None:
    """Whatever a spreadsheet takes for the end of a cell; one that separates by semicolons does not see our quotes."""
    assert cell_of(f"name{ends}=1+1") == f"name{ends}'=1+1"
    assert cell_of(f'name{ends}"=1+1') == f"name{ends}'\"=1+1"  # which it takes off


def test_names_of_a_stranger_do_no_harm(tmp_path: Path) -> None:
    evil = ["<script>alert(1)</script>", "$\\frac{", "=HYPERLINK(1)", "a\"b'c", "名前"]
    counts = dict.fromkeys(evil, 2) | {f"e{n}": 1 for n in range(55)}
    estimate = {name: {"share": 0.1, "low": 0.0, "high": 0.2} for name in counts}
    device = "<b>$x$"
    hostile = message(1, MONDAY, device=device, **figures(10, counts), estimate=estimate)
    for name, content in (("a", hostile), ("b", {**hostile, "estimate": None})):
        messages = [("state", state("paused", MONDAY - MINUTE, "<img src=x>")), ("window", content)]
        path = record(tmp_path / f"{name}.sqlite", messages, device)
        options = ("--from", stamp(MONDAY - MINUTE), "--to", stamp(MONDAY + 5 * MINUTE))
        for ending in ("html", "png", "csv"):
            assert report("--database", path, *options, "--output", tmp_path / f"{name}.{ending}") == 0
        page = (tmp_path / f"{name}.html").read_text()
        assert {"script", "img", "b"}.isdisjoint(re.findall(r"<([a-z]+)", page))
        assert "paused: &lt;img src=x&gt;" in page
        assert ",=HYPERLINK" not in (tmp_path / f"{name}.csv").read_text()
    totals = add_up(list(_windows(tmp_path / "a.sqlite", device)))
    assert len(totals.counts) < MOST_LABELS
    assert totals.estimate.keys() == totals.counts.keys()
    assert sum(totals.counts.values()) == sum(counts.values())
    assert OTHER in totals.counts


def _windows(path: Path, device: str) -> list[WindowRecord]:
    recording = Recording(path)
    recording.start()
    found = list(recording.windows(device, MONDAY, MONDAY + MINUTE))
    recording.stop()
    return found


def test_without_matplotlib_a_table_is_still_made(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, week: Path
) -> None:
    monkeypatch.setattr("edge.cli.report_output.importlib.util.find_spec", lambda _: None)
    common = ("--database", week, "--device", "room-1", "--output")
    assert report(*common, tmp_path / "r.png") == 78
    assert "needs matplotlib" in capsys.readouterr().err
    assert report(*common, tmp_path / "r.csv") == 0
