"""`edge report`: the figures add up, gaps have reasons, and the page is safe, quiet and accessible in a browser."""

from __future__ import annotations

import csv
import json
import math
import re
import signal
import sqlite3
import subprocess
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import cv2
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

from edge.cli import run_command_line
from edge.errors import ConfigError
from edge.recording.database import Database
from edge.recording.reader import Recording
from edge.recording.recorder import examine
from edge.recording.session import Delivery
from edge.recording.window_record import WindowRecord
from edge.reporting.gaps import gaps, missing
from edge.reporting.period import period, time_zone
from edge.reporting.totals import MOST_LABELS, OTHER, add_up
from tests.support.brokers import wait_for

StartEdge = Callable[..., subprocess.Popen[str]]

VIENNA = ZoneInfo("Europe/Vienna")
MONDAY = datetime(2026, 11, 16, 7, 0, tzinfo=timezone.utc)  # eight o'clock in Vienna
MINUTE = timedelta(minutes=1)
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def message(seq: int, start: datetime, **changes: Any) -> dict[str, Any]:
    """A window of a minute with 25 faces in ten frames."""
    happy = round(60 + 30 * math.sin(seq / 20))
    counts = {"angry": 10, "happy": happy, "neutral": 160 - happy, "sad": 60, "unknown": 20}
    shares = {name: n / 230 for name, n in counts.items() if name != "unknown"}
    estimate = {n: {"share": s, "low": max(0, s - 0.05), "high": min(1, s + 0.05)} for n, s in shares.items()}
    shown = {
        "faces": {"total": 250, "mean": 25.0, "min": 22, "max": 28},
        "counts": counts, "people": {name: n / 10 for name, n in counts.items()}, "estimate": estimate,
    }  # fmt: skip
    return {
        "schema": "edge.window/1", "device": "room-1", "epoch": "6f1c9a2e", "seq": seq, "replayed": False,
        "window": {"start": stamp(start), "end": stamp(start + MINUTE), "seconds": 60.0}, "frames": 10,
        **shown, "suppressed": False, "quality": {"coverage": 0.5, "too_small": 0, "clock_synced": True},
        "model": {"faces": "f@1", "emotions": "e@2"}, **changes,
    }  # fmt: skip


HIDDEN = {
    "suppressed": True, "faces": dict.fromkeys(("total", "mean", "min", "max")), "counts": None, "people": None,
    "estimate": None, "quality": {"coverage": 0.5, "too_small": None, "clock_synced": True},
}  # fmt: skip
COUNTED = {
    "counts": None, "people": None, "estimate": None, "model": {"faces": "f@1", "emotions": None},
    "quality": {"coverage": 0.5, "too_small": None, "clock_synced": True},
}  # fmt: skip


def state(mode: str, since: datetime, reason: str = "asked over MQTT") -> dict[str, Any]:
    return {"mode": mode, "reason": reason, "since": stamp(since)}


def figures(frames: int, mean: float, counts: dict[str, int]) -> dict[str, Any]:
    """What a window says about people."""
    people = {name: n / frames for name, n in counts.items()}
    faces = {"total": sum(counts.values()), "mean": mean, "min": 1, "max": 9}
    return {"frames": frames, "faces": faces, "counts": counts, "people": people}


def record(path: Path, messages: list[tuple[str, Any]], device: str = "room-1") -> Path:
    """A file as `edge record` writes it."""
    database = Database(path, "classroom")
    database.start()
    for topic, content in messages:
        payload = content if isinstance(content, bytes) else json.dumps(content).encode()
        found = examine("classroom", Delivery(f"classroom/{device}/{topic}", payload, 1, 1, 1))
        assert found is not None
        database.store([found], MONDAY)
    database.stop()
    return path


def lesson() -> list[tuple[str, Any]]:
    """An hour with everything in it: minutes 10-12 hidden, 20-24 paused, 30-33 lost, 40-44 the device off."""
    found: list[tuple[str, Any]] = [("state", state("running", MONDAY, "started"))]
    number = 0
    for minute in range(60):
        start = MONDAY + minute * MINUTE
        if minute == 20:
            found.append(("state", state("paused", start)))
        if minute == 25:
            found.append(("state", state("running", start, "resumed")))
        if 20 <= minute < 25 or 40 <= minute < 45:
            continue
        number += 1
        if not 30 <= minute < 34:
            found.append(("window", message(number, start, **(HIDDEN if 10 <= minute < 13 else {}))))
    return found


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five mornings of ten-minute steps, and a second room."""
    folder = tmp_path_factory.mktemp("week")
    windows: list[tuple[str, Any]] = []
    for step in range(5 * 24):
        start = MONDAY + timedelta(days=step // 24) + (step % 24) * 10 * MINUTE
        span = {"start": stamp(start), "end": stamp(start + 10 * MINUTE), "seconds": 600.0}
        windows.append(("window", message(step + 1, start, window=span, **(HIDDEN if step % 24 == 7 else {}))))
    path = record(folder / "week.sqlite", windows)
    return record(path, [("window", message(1, MONDAY, device="room-2"))], "room-2")


def read(path: Path) -> list[WindowRecord]:
    recording = Recording(path)
    recording.start()
    found = list(recording.windows("room-1", MONDAY - timedelta(days=9), MONDAY + timedelta(days=9)))
    recording.stop()
    return found


def report(*arguments: object) -> int:
    return run_command_line(["report", *map(str, arguments)])


# Figures


def test_counts_add_and_estimates_are_not_made_surer(tmp_path: Path) -> None:
    quarter, rest = {"share": 0.25, "low": 0.1, "high": 0.5}, {"share": 0.75, "low": 0.5, "high": 0.9}
    half = {"share": 0.5, "low": 0.4, "high": 0.6}
    few = figures(10, 4.0, {"happy": 20, "sad": 10, "unknown": 10})
    many = figures(30, 3.0, {"happy": 60, "sad": 30, "unknown": 0})
    path = record(
        tmp_path / "r.sqlite",
        [
            ("window", message(1, MONDAY, **few, estimate={"happy": quarter, "sad": rest})),
            ("window", message(2, MONDAY + MINUTE, **many, estimate={"happy": half, "sad": half}, replayed=True)),
            ("window", message(5, MONDAY + 2 * MINUTE, **HIDDEN)),
        ],
    )
    totals = add_up(read(path))
    assert totals.counts == {"happy": 80, "sad": 40, "unknown": 10}
    assert totals.shares_by("counts")["happy"].share == pytest.approx(80 / 120)
    happy = totals.estimate["happy"]
    assert (happy.share, happy.low, happy.high) == pytest.approx((0.4375, 0.325, 0.575))  # 30 and 90 named faces
    assert totals.mean == pytest.approx((4 * 10 + 3 * 30) / 40)
    assert (totals.least, totals.most, totals.windows, totals.withheld, totals.replayed) == (1, 9, 3, 1, 1)
    assert (totals.recorded, totals.analysed, totals.missing, totals.basis) == (180.0, 90.0, 2, "estimate")


def test_without_estimates_the_counts_are_drawn_and_it_says_so(tmp_path: Path) -> None:
    windows = [("window", message(n, MONDAY + n * MINUTE, estimate=None)) for n in range(1, 6)]
    path = record(tmp_path / "r.sqlite", windows)
    assert add_up(read(path)).basis == "counts"
    assert report("--database", path, "--output", tmp_path / "r.html") == 0
    assert "The shares are plain counts" in (tmp_path / "r.html").read_text()


def test_every_gap_has_its_reason(tmp_path: Path) -> None:
    path = record(tmp_path / "r.sqlite", lesson())
    recording = Recording(path)
    recording.start()
    windows = list(recording.windows("room-1", MONDAY, MONDAY + timedelta(hours=1)))
    states, availability = recording.state_changes("room-1", MONDAY + timedelta(hours=2))
    found = gaps(windows, states, availability, MONDAY, MONDAY + 75 * MINUTE)
    recording.stop()
    minutes = [((gap.start - MONDAY) // MINUTE, (gap.end - MONDAY) // MINUTE, gap.words) for gap in found]
    assert minutes == [
        (10, 13, "too few people"),
        (20, 25, "paused: asked over MQTT"),
        (30, 34, "windows missing: 4"),
        (40, 45, "device off or restarting"),
        (60, 75, "no windows"),
    ]
    assert missing(windows) == 4


def test_a_device_that_vanished_was_offline(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    windows = [("window", message(n + 1, MONDAY + minute * MINUTE)) for n, minute in enumerate((0, 1, 10))]
    record(path, windows)
    database = sqlite3.connect(path)
    for minute, online in ((2, 0), (9, 1)):
        database.execute("INSERT INTO availability VALUES ('room-1', ?, ?)", (stamp(MONDAY + minute * MINUTE), online))
    database.commit()
    database.close()
    recording = Recording(path)
    recording.start()
    end = MONDAY + 11 * MINUTE
    found = gaps(list(recording.windows("room-1", MONDAY, end)), *recording.state_changes("room-1", end), MONDAY, end)
    recording.stop()
    assert [(gap.kind, gap.end - gap.start) for gap in found] == [("offline", 8 * MINUTE)]


# Pages and pictures


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


@pytest.mark.parametrize("changes", [COUNTED, HIDDEN])
@pytest.mark.parametrize("options", [(), ("--week", "2026-W47")])
def test_rooms_without_emotions(tmp_path: Path, changes: dict[str, Any], options: tuple[str, ...]) -> None:
    path = record(tmp_path / "r.sqlite", [("window", message(n, MONDAY + n * MINUTE, **changes)) for n in (1, 2, 3)])
    for ending in ("html", "png", "csv"):
        assert report("--database", path, *options, "--output", tmp_path / f"r.{ending}") == 0
    page = (tmp_path / "r.html").read_text()
    assert "No emotions were named" in page or options
    assert ("faces were only counted" in page) == (changes is COUNTED)
    assert ("had too few people" in page) == (changes is HIDDEN)


def test_names_of_a_stranger_do_no_harm(tmp_path: Path) -> None:
    evil = ["<script>alert(1)</script>", "$\\frac{", "=HYPERLINK(1)", "a\"b'c", "\u202e\u0000\n", "名前"]
    counts = dict.fromkeys(evil, 2) | {f"e{n}": 1 for n in range(55)}
    estimate = {name: {"share": 0.1, "low": 0.0, "high": 0.2} for name in counts}
    device = "<b>$x$"
    hostile = message(1, MONDAY, device=device, **figures(10, 1.0, counts), estimate=estimate)
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


def test_a_recording_of_the_daemon(broker: int, edge: StartEdge, tmp_path: Path) -> None:
    """The sample room, recorded for some seconds and reported while it goes on."""
    path = tmp_path / "r.sqlite"
    address = f"mqtt://127.0.0.1:{broker}"
    recorder = edge("record", "--database", str(path), "--broker", address)
    assert recorder.stderr is not None
    assert any("connected to broker" in line for line in recorder.stderr)
    daemon = edge(
        "run",
        "--set",
        "camera.source=sample",
        "--set",
        f"mqtt.broker={address}",
        "--set",
        "window.seconds=1",
        "--quiet",
    )

    def stored() -> list[tuple[Any, ...]]:
        database = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)
        found = database.execute("SELECT seq, counts FROM windows ORDER BY seq").fetchall()
        database.close()
        return found

    wait_for(lambda: len(stored()) >= 5, 60)
    target = tmp_path / "r.html"
    process = edge("report", "--database", str(path), "--output", str(target), "--output", str(tmp_path / "r.csv"))
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert out.count("windows") == 2
    assert "happy" in target.read_text()
    daemon.send_signal(signal.SIGTERM)
    assert daemon.wait(30) == 0
    recorder.send_signal(signal.SIGTERM)
    assert recorder.wait(30) == 0
    rows = stored()
    assert [row[0] for row in rows] == list(range(1, len(rows) + 1))
    states = sqlite3.connect(path).execute("SELECT mode FROM states").fetchall()
    assert ("running",) in states


# What is asked for


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ({}, "2026-11-20T00:00+01:00", "2026-11-21T00:00+01:00"),
        ({"day": "2026-11-16"}, "2026-11-16T00:00+01:00", "2026-11-17T00:00+01:00"),
        ({"day": "2026-11-16", "begin": "08:00", "end": "08:45"}, "2026-11-16T08:00+01:00", "2026-11-16T08:45+01:00"),
        ({"begin": "09:30"}, "2026-11-20T09:30+01:00", "2026-11-21T00:00+01:00"),
        ({"begin": "2026-07-01T08:00", "end": "2026-07-01T07:00Z"}, "2026-07-01T08:00+02:00", "2026-07-01T09:00+02:00"),
        ({"week": "2026-W47"}, "2026-11-16T00:00+01:00", "2026-11-23T00:00+01:00"),
        ({"day": "2026-03-29"}, "2026-03-29T00:00+01:00", "2026-03-30T00:00+02:00"),  # 23 hours
    ],
)
def test_periods(asked: dict[str, str], start: str, end: str) -> None:
    newest = datetime(2026, 11, 20, 22, 59, 59, tzinfo=timezone.utc)
    options: dict[str, Any] = {"day": None, "week": None, "begin": None, "end": None, **asked}
    found = period(VIENNA, newest, **options)
    assert (found.start, found.end) == (datetime.fromisoformat(start), datetime.fromisoformat(end))


def test_the_time_zone_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    assert datetime(2026, 1, 1, tzinfo=time_zone(None)).utcoffset() == timedelta(hours=9)
    with pytest.raises(ConfigError, match="did you mean Europe/Vienna"):
        time_zone("Europe/Wien")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "holds 2 devices: name one with --device: room-1, room-2"),
        (("--device", "room-7"), "has no window of 'room-7': it has: room-1, room-2"),
        (("--device", "room-1", "--day", "2026-12-24"), "there are some from 2026-11-16 07:00 to 2026-11-20 11:00"),
        (("--device", "room-1", "--day", "24.12.2026"), "--day '24.12.2026' is no date: write it as 2026-11-20"),
        (("--device", "room-1", "--week", "2026-W99"), "--week '2026-W99' is no week: write it as 2026-W47"),
        (("--device", "room-1", "--week", "2026-W47", "--day", "2026-11-20"), "--week stands alone"),
        (("--device", "room-1", "--from", "09:00", "--to", "08:00"), "is no period: --to must be after --from"),
        (("--device", "room-1", "--from", "9 am"), "--from '9 am' is no time"),
        (("--device", "room-1", "--from", "2026-01-01T00:00", "--to", "2026-12-01T00:00"), "too long for a picture"),
        (("--device", "room-1", "--zone", "Nowhere"), "time zone 'Nowhere'"),
        (("--device", "room-1", "--output", "/no/such/folder/r.html"), "/no/such/folder/r.html cannot be written"),
    ],
)
def test_mistakes_are_explained(
    week: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
    arguments: tuple[str, ...], words: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TZ", "UTC")
    assert report("--database", week, *arguments) != 0
    assert words in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_files_that_are_no_recording(capsys: pytest.CaptureFixture[str], tmp_path: Path, week: Path) -> None:
    text, foreign, empty = tmp_path / "t", tmp_path / "f", tmp_path / "e"
    text.write_text("no database, but quite a long text " * 100)
    sqlite3.connect(foreign).execute("CREATE TABLE windows (seq)")
    record(empty, [])
    damaged = tmp_path / "d"
    damaged.write_bytes(week.read_bytes())
    database = sqlite3.connect(damaged)
    database.execute('UPDATE windows SET counts = \'{"happy": "many"}\' WHERE seq = 9')
    database.commit()
    database.close()
    for path, words in (
        (tmp_path / "none", "there is no file"),
        (text, "is no SQLite database"),
        (foreign, "is a database of another program"),
        (empty, "holds no window yet"),
        (damaged, "window 9 of room-1 is damaged"),
    ):
        output = tmp_path / "r.html"
        assert report("--database", path, "--device", "room-1", "--day", "2026-11-16", "--output", output) != 0
        assert words in capsys.readouterr().err
        assert not output.exists()


def test_without_matplotlib_a_table_is_still_made(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, week: Path
) -> None:
    monkeypatch.setattr("edge.cli.report.importlib.util.find_spec", lambda _: None)
    common = ("--database", week, "--device", "room-1", "--output")
    assert report(*common, tmp_path / "r.png") == 78
    assert "needs matplotlib" in capsys.readouterr().err
    assert report(*common, tmp_path / "r.csv") == 0
