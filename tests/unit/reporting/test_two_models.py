"""A label that a model does not have is not zero in its time: shares are of the time in which it could be named."""

from __future__ import annotations

import html
from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from edge.contract.payloads import WindowPayload
from edge.contract.shares import ShareRange
from edge.languages.words import Words
from edge.recording.reader import Recording
from edge.recording.window_record import WindowRecord
from edge.reporting.charts import stack
from edge.reporting.heat_map import heat_map
from edge.reporting.html import page
from edge.reporting.intervals import estimate_interval, wilson
from edge.reporting.lesson_report import MODEL_REPLACED, report_lesson
from edge.reporting.lesson_sentences import MODELS
from edge.reporting.map_data import MapData, maps_of
from edge.reporting.period import Period
from edge.reporting.report_data import read_stretch
from edge.reporting.school_data import School
from edge.reporting.school_sentences import differences, room_head, room_rows
from edge.reporting.totals import add_up, binned
from edge.reporting.wording import emotions, notes
from edge.text import NO_BREAK
from edge.web.dashboard.lesson import lesson
from edge.web.dashboard.lesson_page import lesson_json
from tests.support.recorded_school import VIENNA
from tests.support.recorded_weeks import record
from tests.support.replaced_model import replaced
from tests.support.stores import as_messages

START = datetime(2026, 11, 16, 8, 0, tzinfo=VIENNA)
MONDAY = START.date()
LATER = datetime(2026, 12, 1, tzinfo=timezone.utc)
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
BY_TWENTY = Words().share_range(*wilson(0.4, 20))  # faces: wider than the windows' own 30 to 50 %
OF_ROOMS = Words().share_range(*estimate_interval(ShareRange(0.4, 0.3, 0.5), 20))


def records(windows: list[WindowPayload]) -> list[WindowRecord]:
    return [WindowRecord.of(each) for each in windows]


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recording]:
    """A week from Monday to Saturday, told by one model until Wednesday, and by another one from Thursday on."""
    sent: list[WindowPayload] = []
    for day in range(6):
        sent += replaced(START + day * DAY, minutes=135, after=135 if day < 3 else 0, first=len(sent) + 1)
    found = Recording(record(tmp_path_factory.mktemp("models") / "s.sqlite", as_messages(sent)))
    found.start()
    yield found
    found.stop()


@pytest.fixture
def school(recording: Recording) -> School:
    return School(recording, ["room-1"], None, VIENNA, LATER)


@pytest.mark.parametrize("estimated", [True, False])
@pytest.mark.parametrize("after", [5, 15, 29])
def test_a_share_is_of_the_time_in_which_it_could_be_named(after: int, *, estimated: bool) -> None:
    totals = add_up(records(replaced(START, minutes=30, after=after, estimated=estimated)))
    shares = totals.shares
    assert shares
    assert shares.basis == ("estimate" if estimated else "counts")
    assert {name: each.share for name, each in shares.by_label.items()} == pytest.approx(
        {"happy": 0.4, "joy": 0.4, "neutral": 0.6}
    )
    if estimated:
        assert shares.by_label["happy"] == pytest.approx((0.4, 0.3, 0.5))
    assert totals.models == 2


def test_one_model_says_what_it_said() -> None:
    totals = add_up(records(replaced(START, minutes=30, after=30)))
    assert totals.models == 1
    assert {base.named for base in totals.bases.values()} == {totals.named}
    assert {base.frames for base in totals.bases.values()} == {totals.named_frames}


def test_labels_that_share_a_name_go_by_the_models_of_any_of_them() -> None:
    """More than twelve are not shown each by itself."""
    first, second = (
        window.model_copy(
            update={
                "counts": {f"{prefix}{n:02}": 10 for n in range(20)} | {"unknown": 0}, "estimate": None,
                "faces": window.faces.model_copy(update={"total": 200, "mean": 10.0, "min": 10, "max": 10}),
            }
        )
        for prefix, window in zip("ab", replaced(START, minutes=1, after=0)[:2], strict=True)
    )  # fmt: skip
    second = second.model_copy(update={"model": second.model.model_copy(update={"emotions": "third@4"})})
    shares = add_up(records([first, second])).shares_by("counts")
    assert {name: each.share for name, each in shares.items()} == pytest.approx(
        dict.fromkeys((f"a{n:02}" for n in range(10)), 0.05) | {"other": 0.75}
    )


def test_a_week_has_each_share_of_its_own_days(recording: Recording) -> None:
    week = Period(START.replace(hour=0), START.replace(hour=0) + 7 * DAY, VIENNA)
    report, words = read_stretch(recording, "room-1", week, LATER), Words()
    rows = {row[0]: row[1:] for row in emotions(report, words)}
    assert rows["happy"][:3] == rows["joy"][:3] == (f"40{NO_BREAK}%", BY_TWENTY, f"40{NO_BREAK}%")
    assert rows["happy"][-1] == rows["joy"][-1] == "8.00", "people in a frame of the model that has the label"
    assert words.say(MODELS) in notes(report, words)
    assert words.say(MODELS) in html.unescape(page(report, LATER, words))
    one = Period(week.start, week.start + DAY, VIENNA)
    assert words.say(MODELS) not in notes(read_stretch(recording, "room-1", one, LATER), words)


def test_a_map_tells_what_was_not_measured_from_what_was_too_short(school: School) -> None:
    data = school.week("room-1", MONDAY)
    for row in heat_map(data.grid, "happy", data.rooms):
        assert [cell and cell.state for cell in row] == [*["usual"] * 3, *["nothing"] * 3]
    for row in heat_map(data.grid, "joy", data.rooms):
        assert [cell and cell.state for cell in row] == [*["nothing"] * 3, *["usual"] * 3]


@pytest.mark.parametrize("kind", ["days", "term", "week"])
def test_a_room_has_each_share_of_its_own_days_and_the_report_says_so(school: School, kind: str) -> None:
    data: MapData = {
        "days": lambda: school.days(MONDAY),
        "term": lambda: school.term(MONDAY, date(2026, 11, 20)),
        "week": lambda: school.week("room-1", MONDAY),
    }[kind]()
    maps, words = maps_of(data), Words()
    (row,) = room_rows(data, maps, words)
    told = dict(zip(room_head(maps, words), row, strict=True))
    share = f"40{NO_BREAK}% ({OF_ROOMS})"
    assert [told["Looked happy"], told["Looked joy"]] == [share, share]
    assert any(
        "More than one model named the expressions in: room-1." in words.say(each)
        for each in differences(data, maps, words)
    )


def test_a_lesson_in_which_the_model_was_replaced(tmp_path: Path) -> None:
    found = Recording(record(tmp_path / "s.sqlite", as_messages(replaced(START, minutes=45, after=25))))
    found.start()
    report = report_lesson(read_stretch(found, "room-1", Period(START, START + 45 * MINUTE, VIENNA), LATER))
    found.stop()
    assert {name: figure.value for name, figure in report.data.summary.expressions.items()} == pytest.approx(
        {"happy": 0.4, "joy": 0.4, "neutral": 0.6}
    )
    assert MODELS.as_json() in lesson_json(report, None, LATER)["notes"]


def test_a_label_that_was_named_for_less_than_ten_minutes_has_no_figure(tmp_path: Path) -> None:
    found = Recording(record(tmp_path / "s.sqlite", as_messages(replaced(START, minutes=45, after=8))))
    found.start()
    report = report_lesson(read_stretch(found, "room-1", Period(START, START + 45 * MINUTE, VIENNA), LATER))
    found.stop()
    assert report.data.summary.expressions.keys() == {"joy", "neutral"}


def test_what_two_models_name_is_not_told_as_a_change(tmp_path: Path) -> None:
    """The newer model calls many neutral that the older one called sad: nobody in the room has changed."""
    sent = []
    for number, window in enumerate(replaced(START, minutes=45, after=0)):
        neutral = 0.9 if number < 135 else 0.3
        counts = {"joy": round((1 - neutral) * 400), "neutral": round(neutral * 400), "unknown": 0}
        model = window.model.model_copy(update={"emotions": "a@1" if number < 135 else "b@2"})
        sent.append(window.model_copy(update={"counts": counts, "estimate": None, "model": model}))
    found = Recording(record(tmp_path / "s.sqlite", as_messages(sent)))
    found.start()
    report = report_lesson(read_stretch(found, "room-1", Period(START, START + 45 * MINUTE, VIENNA), LATER))
    found.stop()
    assert report.data.windows
    assert report.changes == []
    assert MODEL_REPLACED in report.sentences()


def test_areas_of_two_models_fit_and_are_not_drawn_into_one_another() -> None:
    points = binned(records(replaced(START, minutes=10, after=5)), START, 2 * MINUTE)
    axes = Figure().subplots()
    stack(axes, points, "estimate", ["happy", "neutral", "joy"], lambda at: (at - START) / MINUTE, START, 2 * MINUTE)
    areas = axes.collections
    assert len(areas) == 3 * 3, "of one model, of both in one point, of the other"
    tops = [float(np.asarray(area.get_paths()[0].vertices)[:, 1].max()) for area in areas]
    assert max(tops) <= 1 + 1e-9


def test_the_dashboard_draws_no_piece_of_two_models_and_says_that_there_were_two() -> None:
    windows = records(replaced(START, minutes=15, after=7))
    told = lesson(windows, [], [], [], START, START + 15 * MINUTE)
    assert told["models"] == 2
    assert {each["label"]: each["share"] for each in told["shares"]} == pytest.approx(
        {"happy": 0.4, "joy": 0.4, "neutral": 0.6}
    )
    hours = lesson(windows, [], [], [], START, START + 10 * 60 * MINUTE)
    for piece in (*told["pieces"], *hours["pieces"]):
        assert sum(each["share"] for each in piece["shares"]) == pytest.approx(1)
