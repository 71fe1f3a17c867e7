"""`edge report`: the figures add up, gaps have reasons, and the page is safe, quiet and accessible in a browser."""

from __future__ import annotations

import re
import signal
import sqlite3
import subprocess
from collections.abc import Callable
from datetime import timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from edge.languages.words import Words
from edge.recording.reader import Recording
from edge.recording.window_record import WindowRecord
from edge.reporting.gaps import gaps
from edge.reporting.period import Period
from edge.reporting.report_data import read_report
from edge.reporting.totals import add_up
from edge.reporting.wording import reason
from tests.support.brokers import wait_for
from tests.support.lessons import HIDDEN, MINUTE, MONDAY, figures, lesson, message, record, report, stamp

StartEdge = Callable[..., subprocess.Popen[str]]
COUNTED = {
    "counts": None, "people": None, "estimate": None, "model": {"faces": "f@1", "emotions": None},
    "quality": {"coverage": 0.5, "too_small": None, "clock_synced": True},
}  # fmt: skip


def read(path: Path) -> list[WindowRecord]:
    recording = Recording(path)
    recording.start()
    found = list(recording.windows("room-1", MONDAY - timedelta(days=9), MONDAY + timedelta(days=9)))
    recording.stop()
    return found


def test_counts_add_and_estimates_are_not_made_surer(tmp_path: Path) -> None:
    quarter, rest = {"share": 0.25, "low": 0.1, "high": 0.5}, {"share": 0.75, "low": 0.5, "high": 0.9}
    half = {"share": 0.5, "low": 0.4, "high": 0.6}
    few = figures(10, {"happy": 20, "sad": 10, "unknown": 10})
    many = figures(30, {"happy": 60, "sad": 30, "unknown": 0})
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
    minutes = [((gap.start - MONDAY) // MINUTE, (gap.end - MONDAY) // MINUTE, reason(gap, Words())) for gap in found]
    assert minutes == [
        (10, 13, "too few people"),
        (20, 25, "paused: asked over MQTT"),
        (30, 34, "measurements missing: 4"),
        (40, 45, "device off or restarting"),
        (60, 75, "no measurements"),
    ]
    assert add_up(windows).missing == 4


def test_before_the_first_window_of_any_room_nobody_recorded(tmp_path: Path) -> None:
    path = record(tmp_path / "r.sqlite", lesson())
    recording = Recording(path)
    recording.start()
    period = Period(MONDAY - 75 * MINUTE, MONDAY + 75 * MINUTE, timezone.utc)
    found = read_report(recording, "room-1", period, period.end).gaps
    recording.stop()
    assert [(gap.kind, gap.start, gap.end) for gap in (found[0], found[-1])] == [
        ("unrecorded", period.start, MONDAY),
        ("nothing", MONDAY + 60 * MINUTE, period.end),
    ]


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


@pytest.mark.parametrize("changes", [COUNTED, HIDDEN])
@pytest.mark.parametrize("options", [(), ("--week", "2026-W47")])
def test_rooms_without_emotions(tmp_path: Path, changes: dict[str, Any], options: tuple[str, ...]) -> None:
    path = record(tmp_path / "r.sqlite", [("window", message(n, MONDAY + n * MINUTE, **changes)) for n in (1, 2, 3)])
    for ending in ("html", "png", "csv"):
        assert report("--database", path, *options, "--output", tmp_path / f"r.{ending}") == 0
    page = (tmp_path / "r.html").read_text()
    assert ("No emotions were named" in page) == (changes is HIDDEN and not options)
    words = re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)
    assert bool(re.search("emotion|expression|classifier", words)) == (changes is HIDDEN), "heads talk of none"
    assert ("Measurements with too few people" in page) == (changes is HIDDEN)


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
