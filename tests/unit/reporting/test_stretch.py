"""A lesson whose times cut five minutes: its page and a heat map state the same, whatever was kept of its windows."""

from __future__ import annotations

import json
import sqlite3
from datetime import datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from edge.contract.payloads import WindowPayload
from edge.contract.validation import DeviceMessage
from edge.recording.reader import Recording
from edge.recording.rollups import Bucket
from edge.recording.runs import Run, middle_of
from edge.recording.window_record import Series
from edge.recording.window_sums import WindowSums
from edge.reporting import stretch
from edge.reporting.gaps import kept_as_days
from edge.reporting.period import Period
from edge.reporting.report_data import read_stretch
from edge.reporting.school_data import School
from edge.reporting.totals import add_up
from tests.support.recorded_weeks import LESSON, MINUTE, record, windows

VIENNA = ZoneInfo("Europe/Vienna")
START, END = LESSON + 3 * MINUTE, LESSON + 43 * MINUTE


def kept_since(path: Path, moment: str) -> None:
    """Delete older windows, as retention does; their roll-ups stay."""
    database = sqlite3.connect(path)
    database.execute("DELETE FROM windows WHERE start < ?", (moment,))
    database.commit()
    database.close()


@pytest.mark.parametrize(
    ("since", "number"),
    [
        ("", 80),  # all
        ("2026-11-20T07:10:30", 76),  # neither those from 08:03 to 08:05, nor all of the five minutes from 08:10
        ("2026-11-20T07:44:00", 70),  # none of the lesson, but others
        ("~", 70),
    ],
)
def test_page_and_map_state_the_same(tmp_path: Path, since: str, number: int) -> None:
    page_and_map(tmp_path, since, number)


@pytest.mark.parametrize(("most", "number"), [(79, 80), (5, 70)])  # the five minutes that are cut have ten each
def test_the_same_where_a_room_sent_too_many_windows(
    tmp_path: Path, most: int, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stretch, "MOST_WINDOWS", most)
    page_and_map(tmp_path, "", number, windows_read=False)


def test_what_windows_cover_of_a_time() -> None:
    runs = [run(LESSON, 20), run(LESSON + 30 * MINUTE, 30), run(LESSON + 40 * MINUTE, 20)]
    times = [(LESSON - 5 * MINUTE, LESSON + 10 * MINUTE), (LESSON + 40 * MINUTE, LESSON + 55 * MINUTE)]
    assert stretch.covered(runs, times) == [600, 900]  # what was sent twice covers no more than there is
    twice = [run(LESSON, 20), run(LESSON + MINUTE, 5), run(LESSON + MINUTE, 20)]
    assert stretch.covered(twice, [(LESSON, LESSON + 45 * MINUTE)]) == [21 * 60]
    day = datetime(2026, 10, 25, tzinfo=VIENNA), datetime(2026, 10, 26, tzinfo=VIENNA)
    assert stretch.covered([run(day[0], 25 * 60)], [day]) == [25 * 3600]  # the clock is put back


def test_runs_that_only_their_reasons_tell_apart_have_an_order_too() -> None:
    """As in a file that another program wrote."""
    shown = run(LESSON, 5)
    buckets = [
        Bucket(
            shown.start,
            Series("emotions", name, None, None),
            WindowSums(windows=1),
            json.dumps([each.as_json(shown.start)]),
        )
        for name, each in (("a", shown), ("b", shown._replace(reason="few_people")))
    ]
    assert [each.reason for each in stretch.runs_of(buckets)] == [None, "few_people"]
    assert [each.kind for each in kept_as_days(stretch.runs_of(buckets))] == ["days_only"]
    assert middle_of(stretch.runs_of(buckets)) == shown.end


def run(start: datetime, minutes: int) -> Run:
    start = start.astimezone(timezone.utc)
    return Run(start, 1, start + minutes * MINUTE, 1, "5c400100", MINUTE, MINUTE, None)


def page_and_map(tmp_path: Path, since: str, number: int, *, windows_read: bool = True) -> None:
    path = record(tmp_path / "s.sqlite", windows(LESSON, 3, 90))
    kept_since(path, since)
    recording = Recording(path)
    recording.start()
    now = LESSON + timedelta(days=3)
    page = read_stretch(recording, "room-1", Period(START, END, VIENNA, "1st"), now)
    cell = add_up(School(recording, ["room-1"], None, VIENNA, now).parts("room-1", START, END))
    recording.stop()
    assert (page.totals.windows, page.totals.mean, page.totals.recorded) == (cell.windows, cell.mean, cell.recorded)
    assert page.totals.windows == number
    assert max(part.end for part in page.parts) <= END
    assert page.gaps == []  # there were windows throughout
    assert len(page.windows) == (number if number == 80 and windows_read else 0)


def test_of_a_room_that_makes_up_interruptions_few_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    every_other = windows(LESSON, 3, 90)[::2]
    recording = Recording(record(tmp_path / "s.sqlite", every_other))
    recording.start()
    buckets = list(recording.buckets("room-1", LESSON, LESSON + timedelta(hours=2)))
    recording.stop()
    runs = list(stretch.runs_of(buckets))
    assert len(runs) == len(every_other)
    monkeypatch.setattr(stretch, "MOST_WINDOWS", len(runs) - 1)
    few = list(stretch.runs_of(buckets))
    assert len(few) == len(buckets) < len(runs)
    assert (few[0].start, few[-1].end) == (runs[0].start, runs[-1].end)


def test_windows_of_many_labels_count_as_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = windows(LESSON, 3, 90)
    labels = [*(f"mood {n}" for n in range(15)), "unknown"]
    other = {"counts": dict.fromkeys(labels, 0), "people": dict.fromkeys(labels, 0.0), "estimate": None}
    contents = [each.content for each in plain if isinstance(each.content, WindowPayload)]
    many = [DeviceMessage("room-1", "window", each.model_copy(update=other), "edge.window/2") for each in contents]
    monkeypatch.setattr(stretch, "MOST_WINDOWS", len(plain))
    for name, messages, number in (("plain", plain, len(plain)), ("many", many, 0)):
        recording = Recording(record(tmp_path / name, messages))
        recording.start()
        read = stretch.windows_between(recording, "room-1", [], LESSON, LESSON + timedelta(hours=2))
        recording.stop()
        assert len(read) == number
