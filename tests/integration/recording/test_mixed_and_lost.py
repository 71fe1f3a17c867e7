"""Two devices under one name, and windows lost beside a night: a file and a database tell the same of every time."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from edge.reporting.period import Period
from edge.reporting.report_data import read_stretch
from edge.reporting.school_data import School
from edge.reporting.totals import Totals
from tests.support.recorded_school import VIENNA
from tests.support.replaced_model import smiling
from tests.support.stores import Place, as_messages

MONDAY, DAY, MINUTE = date(2026, 11, 16), timedelta(days=1), timedelta(minutes=1)
LATER = datetime(2026, 12, 1, tzinfo=VIENNA)


def at(day: int, hour: int = 0, minute: int = 0) -> datetime:
    """A time in the week from Monday on."""
    return datetime.combine(MONDAY + day * DAY, time(hour, minute), VIENNA)


def test_every_time_of_a_week_is_told_alike_by_both(place: Place) -> None:
    """An hour each morning, of Tuesday's the first 20 minutes lost; on Wednesday another device sends as well."""
    windows = [
        smiling(at(day, 8) + n * MINUTE, "room-1", 60 * day + n + 1, seconds=60)
        for day in range(3)
        for n in range(60)
        if day != 1 or n >= 20
    ]
    windows += [
        smiling(at(2, 8, 10) + (n + 0.5) * MINUTE, "room-1", n + 1, seconds=60).model_copy(update={"epoch": "bbbbbbbb"})
        for n in range(40)
    ]
    with place.opened() as store:
        store.store(as_messages(windows), LATER)

    def told(totals: Totals) -> tuple[int, int, float, float]:
        return totals.missing, totals.most_missing, totals.overlapping / 60, totals.covered / 60

    with place.read() as recording:
        lessons = [
            told(read_stretch(recording, "room-1", Period(at(day, 8), at(day, 9), VIENNA), LATER).totals)
            for day in range(3)
        ]
        school = School(recording, ["room-1"], None, VIENNA, LATER)
        days = [told(school.day(MONDAY + day * DAY).sums[0].totals) for day in range(3)]
        weeks = [told(each.sums[0].totals) for each in (school.days(MONDAY), school.term(MONDAY, MONDAY))]
        (cells,) = school.days(MONDAY).grid
    assert lessons == [(0, 0, 0, 60), (0, 20, 0, 40), (0, 0, 40, 60)]
    assert days == [(0, 20, 0, 60), (0, 20, 0, 40), (0, 0, 40, 60)]
    assert weeks == [(20, 20, 40, 160)] * 2
    assert [each and each.totals.one_device for each in cells[:3]] == [True, True, False]
