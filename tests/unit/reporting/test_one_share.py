"""One recording in every reader: the same share for the same window."""

from __future__ import annotations

import importlib.util
import json
import math
import re
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import ModuleType

import pytest

from edge.cli.summary import line
from edge.contract.examples import EMOTIONS_WITHHELD, FACING, HEADCOUNT, SUPPRESSED, WINDOW
from edge.contract.labels import LABELS, adjective, reading_order
from edge.contract.payloads import WindowPayload
from edge.contract.shares import window_shares
from edge.contract.validation import DeviceMessage
from edge.contract.version1 import WindowV1, upgrade
from edge.languages.words import Words
from edge.recording.database import Database
from edge.recording.reader import Recording
from edge.reporting.period import Period
from edge.reporting.report_data import read_report
from edge.reporting.wording import emotions
from edge.text import NO_BREAK
from edge.web.dashboard.lesson import latest
from tests.support.home_assistant import state
from tests.support.paths import ROOT

V1 = json.loads((ROOT / "tests/fixtures/0.1.0/windows.json").read_text())
ROUNDED = {"happy": 130, "neutral": 340, "sad": 10, "unknown": 280}


def possible(window: WindowPayload) -> WindowPayload:
    """The same with fewest and most around the mean, as a recorder takes it; the fixture's are made up."""
    faces = window.faces
    if faces.mean is None or faces.min is None or faces.max is None:
        return window
    around = {"min": min(faces.min, int(faces.mean)), "max": max(faces.max, math.ceil(faces.mean))}
    return window.model_copy(update={"faces": faces.model_copy(update=around)})


WINDOWS = {
    **{f"v1-{each['seq']}": possible(upgrade(WindowV1.model_validate(each))) for each in V1},
    "estimate": WINDOW,
    "counted": WINDOW.model_copy(update={"estimate": None, "estimate_absent": "few"}),
    "rounded": WINDOW.model_copy(
        update={
            "counts": ROUNDED,
            "faces": WINDOW.faces.model_copy(update={"total": sum(ROUNDED.values())}),
            "unclassified": None,
            "estimate": None,
            "estimate_absent": "rounding",
        }
    ),
    "nobody named": WINDOW.model_copy(update={"counts": {"happy": 0, "unknown": 767}, "estimate": None}),
    "emotions withheld": EMOTIONS_WITHHELD,
    "all withheld": SUPPRESSED,
    "facing": FACING,
    "headcount": HEADCOUNT,
}


@pytest.fixture
def subscriber() -> ModuleType:
    """The example of docs/subscribers."""
    spec = importlib.util.spec_from_file_location("subscribe_example", ROOT / "docs/subscribers/subscribe.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def percents(text: str) -> dict[str, int]:
    """Shares in a line for people, by label; what is less than one rounds to 0."""
    found = {label: re.search(rf"{adjective(label)} (?:[\d.]+ \()?(< )?(\d+) %", text) for label in LABELS}
    return {label: 0 if match[1] else int(match[2]) for label, match in found.items() if match}


@pytest.mark.parametrize("window", WINDOWS.values(), ids=WINDOWS)
def test_every_reader_has_the_same_share(window: WindowPayload, subscriber: ModuleType, tmp_path: Path) -> None:
    one = window_shares(window)
    expected = {label: round(100 * each.share) for label, each in one.by_label.items()} if one else {}
    assert percents(line("classroom", window)) == expected
    assert percents(subscriber.describe(json.loads(window.to_json()))) == expected
    page = {each["label"]: round(100 * each["share"]) for each in latest(window)["shares"]}
    assert page == expected
    assert list(page) == reading_order(page)
    shown = {label: state(f"share_{label}", window) for label in LABELS}
    assert {label: round(float(text)) for label, text in shown.items() if text != "None"} == expected

    database = Database(tmp_path / "recording.sqlite", "classroom")
    database.start()
    database.store([DeviceMessage(window.device, "window", window, "edge.window/2")], datetime.now(timezone.utc))
    database.stop()
    recording = Recording(tmp_path / "recording.sqlite")
    recording.start()
    day = datetime.fromisoformat(window.window.start[:10]).replace(tzinfo=timezone.utc)
    period = Period(day, day + timedelta(days=1), timezone.utc)
    report = read_report(recording, window.device, period, period.end)
    recording.stop()
    merged = report.totals.shares
    assert ({k: round(100 * v.share) for k, v in merged.by_label.items()} if merged else {}) == expected
    assert (merged and merged.basis) == (one and one.basis)
    column = 1 if one and one.basis == "estimate" else 3
    table = {row[0]: row[column] for row in emotions(report, Words())}
    for label, percent in expected.items():
        assert table[adjective(label)] in (f"{percent}{NO_BREAK}%", Words().percent(0.001) if percent == 0 else "")


def test_importing_the_example_connects_to_nobody(subscriber: ModuleType) -> None:
    assert callable(subscriber.main)
    assert "subscribe_example" not in sys.modules
