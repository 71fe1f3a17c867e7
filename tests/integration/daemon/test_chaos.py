"""A short storm; the long one is `python -m tests.load.chaos`."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.load.chaos.storm import compare, storm

WINDOW = {"epoch": "a", "seq": 1, "replayed": False, "counts": {"happy": 1}}


def test_a_short_storm_loses_nothing(tmp_path: Path) -> None:
    if shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin") is None:
        pytest.skip("mosquitto is not installed (./test installs it)")
    report = storm(tmp_path, kills=3, outage=5, seed=4)
    assert not report.problems, f"{report}\n{(tmp_path / 'daemon.log').read_text()[-2000:]}"
    assert report.received > 5


def test_the_comparison_sees_what_is_wrong() -> None:
    assert not compare([WINDOW, {**WINDOW, "replayed": True}], 1, 0, "").problems
    assert "never arrived" in compare([WINDOW], 2, 0, "").problems[0]
    assert "other content" in compare([WINDOW, {**WINDOW, "counts": None}], 1, 0, "").problems[0]
    assert "still in" in compare([WINDOW], 1, 1, "").problems[0]
    assert "epochs" in compare([WINDOW, {**WINDOW, "epoch": "b"}], 1, 0, "").problems[0]
    assert "traceback" in compare([WINDOW], 1, 0, "Traceback").problems[0]
