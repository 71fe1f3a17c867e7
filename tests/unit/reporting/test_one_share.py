"""One recording in every reader: the same share for the same windows. Home Assistant's templates: to be added."""

from __future__ import annotations

import importlib.util
import json
import re
from datetime import datetime, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from edge.cli.summary import line
from edge.contract.payloads import WindowPayload
from edge.contract.version1 import WindowV1, upgrade
from edge.recording.reader import Recording
from edge.reporting.totals import add_up
from edge.web.dashboard.lesson import latest

ROOT = Path(__file__).parents[3]
FIXTURE = ROOT / "tests" / "fixtures" / "0.1.0"
WINDOWS = [upgrade(WindowV1.model_validate(each)) for each in json.loads((FIXTURE / "windows.json").read_text())]
FIRST, LAST = (datetime(year, 1, 1, tzinfo=timezone.utc) for year in (2026, 2027))
HAPPY = {1: 30, 2: 90}  # percent by seq: an estimate, a count; of all others nobody knows


@pytest.fixture
def describe(monkeypatch: pytest.MonkeyPatch) -> Any:
    """`describe` of the example subscriber, whose script connects when it is imported."""
    from paho.mqtt import client  # noqa: PLC0415

    dummy = SimpleNamespace(
        subscribe=lambda *_: None,
        message_callback=lambda: lambda f: f,
        connect=lambda *_: None,
        loop_forever=lambda: None,
    )
    monkeypatch.setattr(client, "Client", lambda *_: dummy)
    spec = importlib.util.spec_from_file_location("subscribe_example", ROOT / "docs/subscribers/subscribe.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setattr("sys.argv", ["subscribe.py"])
    spec.loader.exec_module(module)
    return module.describe


@pytest.mark.parametrize("window", WINDOWS, ids=lambda window: str(window.seq))
def test_every_reader_has_the_same_share(window: WindowPayload, describe: Any) -> None:
    expected = HAPPY.get(window.seq)
    recording = Recording(FIXTURE / "recording.sqlite")
    recording.start()
    (record,) = [each for each in recording.windows("room-1", FIRST, LAST) if each.seq == window.seq]
    recording.stop()
    shares = add_up([record]).shares
    assert (shares and round(100 * shares.by_label["happy"].share)) == expected
    page = {each["label"]: round(100 * each["share"]) for each in latest(window)["shares"]}
    assert page.get("happy") == expected
    for text in (line("classroom", window), describe(json.loads(window.to_json()))):
        found = re.search(r"happy [^%a-z]*?(\d+) %", text)
        assert (int(found[1]) if found else None) == expected
