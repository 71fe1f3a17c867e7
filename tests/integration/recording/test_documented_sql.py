"""docs/record.md: its questions in SQL agree with one another, and with reports."""

from __future__ import annotations

import random
import re
import sqlite3
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from edge.recording.reader import Recording
from edge.reporting.totals import add_up
from tests.support.paths import ROOT
from tests.support.recorded_weeks import record
from tests.support.replaced_model import replaced
from tests.support.stores import as_messages

START = datetime(2026, 11, 16, 8, 0, tzinfo=ZoneInfo("UTC"))
HOUR = timedelta(hours=1)
QUESTION = re.compile(r"```sql\n-- (?:faces and plain share|the same day by day).*?;", re.DOTALL)


@pytest.mark.parametrize("seed", range(3))
def test_windows_and_roll_ups_tell_the_same_of_two_models(tmp_path: Path, seed: int) -> None:
    """A label that only one of them has is no zero in the time of the other, and what is withheld is in nothing."""
    found = replaced(START, minutes=40, withheld=random.Random(seed).sample(range(240), 60))  # noqa: S311
    path = record(tmp_path / "s.sqlite", as_messages(found))
    of_windows, of_roll_ups = (
        each.removeprefix("```sql") for each in QUESTION.findall((ROOT / "docs/record.md").read_text())
    )
    with sqlite3.connect(path) as database:
        ((_, *by_window),) = database.execute(of_windows)
        ((_, *by_roll_up),) = database.execute(of_roll_ups)
    database.close()
    recording = Recording(path)
    recording.start()
    totals = add_up(recording.windows("room-1", START, START + HOUR))
    recording.stop()
    assert by_window == pytest.approx(by_roll_up)
    assert by_window == pytest.approx([totals.mean, totals.shares_by("counts")["happy"].share])
    assert by_window[1] == pytest.approx(0.4)
