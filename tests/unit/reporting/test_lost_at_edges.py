"""Windows lost across the edge of a time: told alike in a lesson, a day, a week and a term, and never as 0."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path

import pytest

from edge.contract.validation import DeviceMessage
from edge.languages.words import Words
from edge.recording.reader import Recording
from edge.reporting.missing_words import in_part_missing, missing_text
from edge.reporting.period import Period
from edge.reporting.report_data import read_report
from edge.reporting.school_data import School
from edge.reporting.school_sentences import room_rows
from edge.reporting.skipped_numbers import LostAtEdge
from edge.reporting.totals import Totals
from edge.reporting.wording import figures, notes
from tests.support.recorded_school import TIMETABLE, VIENNA
from tests.support.recorded_weeks import record
from tests.support.replaced_model import smiling

MONDAY, DAY, MINUTE = date(2026, 11, 16), timedelta(days=1), timedelta(minutes=1)
LATER = datetime(2026, 12, 1, tzinfo=VIENNA)


def at(day: int, hour: int = 0, minute: int = 0) -> datetime:
    """A time in the week from Monday on."""
    return datetime.combine(MONDAY + day * DAY, time(hour, minute), VIENNA)


@pytest.fixture
def recording(tmp_path: Path) -> Iterator[Recording]:
    """Windows of a minute, from eight to ten, on Friday, Monday and Tuesday; the first 40 of the last two are lost."""
    messages, seq = [], 0
    for day in (-3, 0, 1):
        for minute in range(120):
            seq += 1
            if day < 0 or minute >= 40:
                window = smiling(at(day, 8) + minute * MINUTE, "room-1", seq, seconds=60)
                messages.append(DeviceMessage("room-1", "window", window, "edge.window/2"))
    found = Recording(record(tmp_path / "s.sqlite", messages, LATER))
    found.start()
    yield found
    found.stop()


def told(totals: Totals) -> tuple[int, int]:
    return totals.missing, totals.most_missing


def test_a_lesson_a_day_a_week_and_a_term_tell_the_same(recording: Recording) -> None:
    def read(start: datetime, end: datetime) -> tuple[int, int]:
        return told(read_report(recording, "room-1", Period(start, end, VIENNA), LATER).totals)

    school = School(recording, ["room-1"], TIMETABLE, VIENNA, LATER)
    for day, since in ((0, at(-3, 10)), (1, at(0, 10))):
        whole = read_report(recording, "room-1", Period(at(day), at(day + 1), VIENNA), LATER)
        # Monday has a night at both of its ends.
        edges = [LostAtEdge(since, at(day, 8, 40), 40, 0, 40)]
        if day == 0:
            edges.append(LostAtEdge(at(0, 10), at(1, 8, 40), 40, 0, 40))
        assert [*whole.totals.lost_at_edges] == edges
        assert told(whole.totals) == told(school.day(MONDAY + day * DAY).sums[0].totals) == (0, 40 * len(edges))
        assert read(at(day, 8), at(day, 9)) == (0, 40)
        assert read(at(day, 8, 32), at(day, 9)) == (0, 8), "no more than there was time for"
        assert read(at(day, 9), at(day, 10)) == (0, 0)
    # Those before Tuesday are of this week, those before Monday may be.
    week = read(at(0), at(7))
    assert week == told(school.week("room-1", MONDAY).sums[0].totals) == told(school.days(MONDAY).sums[0].totals)
    assert week == (40, 80)
    assert read(at(-7), at(7)) == told(school.term(MONDAY - 7 * DAY, MONDAY).sums[0].totals) == (80, 80)
    assert told(school.term(MONDAY, MONDAY).sums[0].totals) == (40, 80)


def test_what_the_time_explains_is_known(tmp_path: Path) -> None:
    """Of an hour without a break 30 windows are lost, from 8:20 to 8:50: a lesson ends in between."""
    times = [(n, at(0, 8) + n * MINUTE) for n in range(60) if not 20 <= n < 50]
    messages = [
        DeviceMessage("room-1", "window", smiling(start, "room-1", n + 1, seconds=60), "edge.window/2")
        for n, start in times
    ]
    recording = Recording(record(tmp_path / "s.sqlite", messages, LATER))
    recording.start()
    found = [
        told(read_report(recording, "room-1", Period(*span, VIENNA), LATER).totals)
        for span in ((at(0, 8), at(0, 8, 32)), (at(0, 8, 32), at(0, 9)), (at(0, 8), at(0, 9)), (at(0, 8), at(0, 8, 20)))
    ]
    recording.stop()
    assert found == [(12, 12), (18, 18), (30, 30), (0, 0)]


@pytest.mark.parametrize("seconds", [10, 300])
def test_a_window_that_reaches_into_a_lesson_leaves_no_gap_at_its_start(seconds: int, tmp_path: Path) -> None:
    """Windows that begin at seven seconds past, with a gap in between."""
    width = timedelta(seconds=seconds)
    sent = [at(0, 7, 45) + timedelta(seconds=7) + n * width for n in range(3600 // seconds)]
    sent = [each for each in sent if not at(0, 8, 20) <= each < at(0, 8, 30)]
    messages = [
        DeviceMessage("room-1", "window", smiling(start, "room-1", n + 1, seconds=seconds), "edge.window/2")
        for n, start in enumerate(sent)
    ]
    recording = Recording(record(tmp_path / "s.sqlite", messages, LATER))
    recording.start()

    def gaps(start: datetime, end: datetime) -> list[tuple[str, datetime, datetime]]:
        found = read_report(recording, "room-1", Period(start, end, VIENNA), LATER)
        return [(gap.kind, gap.start, gap.end) for gap in found.gaps]

    last, next_one = max(each for each in sent if each < at(0, 8, 20)) + width, min(e for e in sent if e > at(0, 8, 30))
    assert gaps(at(0, 8), at(0, 8, 10)) == gaps(at(0, 8, 2), at(0, 8, 10)) == []
    assert gaps(at(0, 8, 22), at(0, 8, 40)) == [("nothing", max(last, at(0, 8, 22)), next_one)]
    assert gaps(at(0, 7), at(0, 8)) == [("unrecorded", at(0, 7), sent[0])]
    recording.stop()


def test_the_row_of_a_gap_tells_as_many_as_the_figures(tmp_path: Path) -> None:
    """Of 20 windows of a minute that are missing in twelve minutes, no more than six can have been in the last six."""
    times = [(n + (8 if n >= 32 else 0), at(0, 8) + n * MINUTE) for n in range(60) if not 20 <= n < 32]
    messages = [
        DeviceMessage("room-1", "window", smiling(start, "room-1", n + 1, seconds=60), "edge.window/2")
        for n, start in times
    ]
    recording = Recording(record(tmp_path / "s.sqlite", messages, LATER))
    recording.start()
    for first, last, number in ((26, 60, 6), (0, 26, 6), (0, 60, 20)):
        found = read_report(recording, "room-1", Period(at(0, 8, first), at(0, 8) + last * MINUTE, VIENNA), LATER)
        assert told(found.totals) == (number, number)
        assert [gap.missing for gap in found.gaps] == [number]
        assert in_part_missing(found.totals, VIENNA, str) == []
    recording.stop()


def test_it_is_said_with_what_is_known(recording: Recording) -> None:
    words = Words()
    found = read_report(recording, "room-1", Period(at(1, 8), at(1, 9), VIENNA), LATER)
    said = (
        "Measurements between 16 November 2026, 10:00 and 17 November 2026, 08:40 that are not here, lost "
        "or still to come: 40. How many of them are of this time is not known: 0 to 40."
    )
    assert said in [each.replace("\N{NO-BREAK SPACE}", " ") for each in notes(found, words)]
    assert dict(figures(found, words))["missing"] == missing_text(found.totals, words) == "0 to 40"
    assert len(in_part_missing(found.totals, VIENNA, str)) == 1
    week = School(recording, ["room-1"], TIMETABLE, VIENNA, LATER).days(MONDAY)
    assert room_rows(week, [], words)[0][3] == "40 to 80"


def test_what_a_clock_that_was_set_back_put_earlier_is_not_missing(tmp_path: Path) -> None:
    """At a power cut at ten it was last kept at 9:40: so Tuesday begins there, until the network sets the clock."""
    times = [at(0, 8) + n * MINUTE for n in range(120)] + [at(0, 9, 40) + (n + 0.5) * MINUTE for n in range(3)]
    times += [at(1, 8) + n * MINUTE for n in range(60)]
    messages = [
        DeviceMessage("room-1", "window", smiling(start, "room-1", n + 1, seconds=60), "edge.window/2")
        for n, start in enumerate(times)
        if n != 124  # Tuesday, 8:01
    ]
    recording = Recording(record(tmp_path / "s.sqlite", messages, LATER))
    recording.start()
    found = [
        told(read_report(recording, "room-1", Period(at(day), at(day + 1), VIENNA), LATER).totals) for day in (0, 1)
    ]
    recording.stop()
    assert found == [(0, 0), (1, 1)]
