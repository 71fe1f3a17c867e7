"""One made-up week, with all that makes figures differ: reports, pages, maps and SQL say the same of it."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from edge.contract.payloads import WindowPayload
from edge.contract.timestamps import parse_timestamp
from edge.reporting.period import Period
from edge.reporting.report_data import read_stretch
from edge.reporting.school_data import School
from edge.reporting.totals import Totals
from edge.web.dashboard.lesson import lesson, recent
from tests.integration.recording.test_grafana import PANELS, asked
from tests.support.paths import ROOT
from tests.support.replaced_model import NEW, OLD, SECONDS, smiling
from tests.support.stores import Place, as_messages

VIENNA = ZoneInfo("Europe/Vienna")
MONDAY = date(2026, 10, 19)  # in the night to its Sunday the clock is put back
DAY, TEN = timedelta(days=1), timedelta(seconds=SECONDS)
START, END = datetime(2026, 10, 19, tzinfo=VIENNA), datetime(2026, 10, 26, tzinfo=VIENNA)
LATER = END + DAY
DELETED = datetime(2026, 10, 20, 8, 10, tzinfo=VIENNA), datetime(2026, 10, 20, 8, 31, 7, tzinfo=VIENNA)
LOST = range(700, 760)  # the last of Monday, and the first of Tuesday
QUESTION = re.compile(r"```sql\n(-- (?:faces and plain share|the same day by day).*?;)", re.DOTALL)


def sent() -> list[WindowPayload]:
    """Two hours each morning, another model from Wednesday 08:40 on; the night in which an hour comes twice.

    On Friday windows are of a minute.
    """
    times = [(datetime(2026, 10, day, 8, tzinfo=VIENNA), 720, SECONDS) for day in range(19, 23)]
    times.append((datetime(2026, 10, 23, 8, tzinfo=VIENNA), 120, 60))
    times.append((datetime(2026, 10, 25, 1, tzinfo=VIENNA), 4 * 360, SECONDS))
    replaced = datetime(2026, 10, 21, 8, 40, tzinfo=VIENNA)
    found: list[WindowPayload] = []
    for begins, number, seconds in times:
        for n in range(number):
            start = begins.astimezone(timezone.utc) + n * timedelta(seconds=seconds)
            label = "happy" if start < replaced else "joy"
            hidden = n % 7 in (2, 3, 4) or n // 60 % 5 == 1
            share = 0.2 + 0.05 * (len(found) // 100 % 8)
            people = 12 + len(found) // 90 % 11
            one = smiling(
                start, "room-1", len(found) + 1, label=label, share=share, people=people, withheld=hidden,
                estimated=n % 11 > 0, seconds=seconds,
            )  # fmt: skip
            found.append(one)
    return found


class Truth:
    """What windows add up to, written down once more in the simplest way."""

    def __init__(self, windows: Sequence[WindowPayload]) -> None:
        shown = [each for each in windows if each.faces.mean is not None and each.counts]
        self.windows, self.withheld = len(windows), len(windows) - len(shown)
        self.recorded = round(1000 * sum(each.window.seconds for each in windows))
        self.milliseconds = round(1000 * sum(each.window.seconds for each in shown))
        frames = sum(each.frames for each in shown)
        self.mean = sum((each.faces.mean or 0) * each.frames for each in shown) / frames if frames else None
        self.counts: dict[str, float] = {}
        self.estimate: dict[str, float] = {}
        for label in sorted({name for each in shown for name in each.counts or {}} - {"unknown"}):
            having = [(each, each.counts) for each in shown if each.counts and label in each.counts]
            self.counts[label] = sum(n[label] for _, n in having) / sum(sum(n.values()) for _, n in having)
            told = [(each.estimate[label].share, sum(n.values())) for each, n in having if each.estimate]
            self.estimate[label] = sum(share * n for share, n in told) / sum(n for _, n in told)

    def is_told_by(self, totals: Totals) -> bool:
        assert (totals.windows, totals.withheld) == (self.windows, self.withheld)
        assert totals.time.figures == totals.time.expressions == self.milliseconds
        assert totals.time.withheld == totals.time.few == self.recorded - self.milliseconds
        assert totals.mean == pytest.approx(self.mean)
        assert {name: each.share for name, each in totals.shares_by("counts").items()} == pytest.approx(self.counts)
        assert {name: each.share for name, each in totals.estimate.items()} == pytest.approx(self.estimate)
        return True


def begins(window: WindowPayload) -> datetime:
    return parse_timestamp(window.window.start).astimezone(VIENNA)


def between(windows: Sequence[WindowPayload], start: datetime, end: datetime) -> list[WindowPayload]:
    return [each for each in windows if start.timestamp() <= begins(each).timestamp() < end.timestamp()]


def stored(place: Place) -> list[WindowPayload]:
    """Store it, and delete some of it; what is left."""
    every = sent()
    with place.opened() as store:
        there = [each for each in every if each.seq not in LOST]
        for n in range(0, len(there), 1000):
            store.store(as_messages(there[n : n + 1000]), LATER)
    kept = [each for each in there if begins(each) + TEN <= DELETED[0] or begins(each) >= DELETED[1]]
    assert place.delete("room-1", *DELETED, LATER) == len(there) - len(kept) > 0
    return kept


def test_reports_pages_and_maps_tell_the_same_week(place: Place) -> None:
    week = stored(place)
    truth = Truth(week)
    assert truth.counts.keys() == {"happy", "joy", "neutral"}
    with place.read() as recording:
        found = read_stretch(recording, "room-1", Period(START, END, VIENNA), LATER).totals
        assert truth.is_told_by(found)
        assert found.missing == len(LOST)
        school = School(recording, ["room-1"], None, VIENNA, LATER)
        room, rooms, term = school.week("room-1", MONDAY), school.days(MONDAY), school.term(MONDAY, MONDAY)
        for each in (room, rooms, term):
            assert truth.is_told_by(each.sums[0].totals)
            assert each.sums[0].totals.missing == len(LOST)
            assert each.sums[0].summary.measured == truth.milliseconds / 1000
        assert [cell.totals.windows for cell in rooms.grid[0] if cell] == [
            len(between(week, *_midnights(day))) for day in rooms.columns if isinstance(day, date)
        ]
        hours = 0
        for name, row in zip(room.rows, room.grid, strict=True):
            for day, cell in zip(room.columns, row, strict=True):
                assert isinstance(day, date)
                those = [each for each in between(week, *_midnights(day)) if f"{begins(each):%H}:00" == name]
                hours += len(those)
                assert Truth(those).is_told_by(cell.totals) if cell else not those
        assert hours == len(week)
        assert 720 in {cell.totals.windows for row in room.grid for cell in row if cell}, "the hour that comes twice"
        page = recent(recording, "room-1", START, END)
        assert (page["measured"], page["mean"]) == (truth.milliseconds, pytest.approx(truth.mean))
        parts = [each for n in range(7) for each in recording.windows("room-1", *_midnights(MONDAY + n * DAY))]
    of_windows = lesson(parts, [], [], [], START, END)
    assert {name: page[name] for name in ("measured", "models", "mean", "front")} == pytest.approx(
        {name: of_windows[name] for name in ("measured", "models", "mean", "front")}
    )


def _midnights(day: date) -> tuple[datetime, datetime]:
    first, last = (datetime(each.year, each.month, each.day, tzinfo=VIENNA) for each in (day, day + DAY))
    return first, last


def test_sql_of_a_file_tells_the_same_week(tmp_path: Path) -> None:
    kept = stored(Place(tmp_path / "s.sqlite"))
    by_hour, by_day = QUESTION.findall((ROOT / "docs/record.md").read_text())
    with sqlite3.connect(tmp_path / "s.sqlite") as database:
        for question, letters in ((by_hour, 13), (by_day, 10)):
            rows = database.execute(question).fetchall()
            assert {row[0] for row in rows} == {each.window.start[:letters] for each in kept}
            for name, *told in rows:
                truth = Truth([each for each in kept if each.window.start[:letters] == name])
                assert told == pytest.approx([truth.mean, truth.counts.get("happy")])
    database.close()


def test_sql_of_a_database_tells_the_same_week(postgres: Place) -> None:
    kept = stored(postgres)

    def ask(query: str) -> list[list[str]]:
        return [row.split("|") for row in postgres.sql(query)]

    for model in (OLD, NEW):
        truth = Truth([each for each in kept if each.model.emotions == model])
        ((series,),) = ask(f"SELECT id FROM edge.series WHERE model_emotions = '{model}'")  # noqa: S608
        chosen = {"school": "'north'", "device": "'room-1'", "series": series}
        panels = {
            name: ask(asked(PANELS[name], chosen, 100_000, START, END))
            for name in ("Faces", "Expressions", "Estimated shares")
        }
        assert [float(row[-1]) for row in panels["Faces"]] == pytest.approx([truth.mean])
        assert {name: float(share) for _, name, share in panels["Expressions"]} == pytest.approx(truth.counts)
        assert {name: float(share) for _, name, share in panels["Estimated shares"]} == pytest.approx(truth.estimate)
    truth = Truth(kept)
    measured = "recorded_ms::numeric * (windows - figures_withheld) / windows"
    ((recorded, shown),) = ask(f"SELECT sum(recorded_ms), sum({measured}) FROM edge.days")  # noqa: S608
    assert [float(recorded), float(shown)] == pytest.approx([truth.recorded, truth.milliseconds])
    skipped = f"SELECT sum(last - first + 1) FROM edge.missing_windows('north', '{START}', '{END}')"  # noqa: S608
    assert ask(skipped) == [[str(len(LOST))]]
