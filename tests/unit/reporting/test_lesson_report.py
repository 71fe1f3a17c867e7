"""What is said of a lesson: the same on its page and in `edge report`, compared with what is comparable only."""

from __future__ import annotations

import html
import re
import shutil
import sqlite3
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from edge.cli.report import reader
from edge.contract.machine_messages import MachineInfo
from edge.contract.payloads import WindowPayload
from edge.contract.validation import DeviceMessage
from edge.languages.words import Words
from edge.recording.database import Database
from edge.recording.reader import Recording
from edge.reporting.comparison_sentences import MAY_BE_EQUAL, OVERLAPPING
from edge.reporting.gaps import Gap
from edge.reporting.html import page
from edge.reporting.lesson_comparison import EarlierLessons
from edge.reporting.lesson_report import (
    CHANGES_LATER,
    GOES_ON,
    MASKS_UNKNOWN,
    UNEVEN,
    LessonReport,
    compare_with_earlier,
    report_lesson,
)
from edge.reporting.lesson_sentences import clock_not_set, rounding
from edge.reporting.period import Period
from edge.reporting.png import head
from edge.reporting.report_data import read_stretch
from edge.reporting.wording import made, notes, outages
from edge.text import NO_BREAK, Sentence
from edge.timing.timetable import Lesson, Timetable
from edge.web.dashboard.lesson_page import lesson_json
from tests.support.lessons import report
from tests.support.recorded_weeks import LESSON, MINUTE, WEEK, info, record, timetable, weeks, windows

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=timezone.utc)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return weeks(tmp_path_factory.mktemp("weeks") / "school.sqlite")


@pytest.fixture
def path(recorded: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(recorded, tmp_path))


def told(
    path: Path, start: datetime = LESSON, name: str = "1st period", now: datetime = NOW
) -> tuple[LessonReport, EarlierLessons]:
    plan = Timetable.read(timetable(path.parent))
    lesson = plan.named("room-1", start.date(), name)
    assert lesson is not None
    recording = Recording(path)
    recording.start()
    try:
        period = Period(lesson.start, lesson.end, plan.zone, lesson.name)
        found = report_lesson(read_stretch(recording, "room-1", period, now))
        return found, compare_with_earlier(recording, found.data, plan, Lesson(name, lesson.start, lesson.end), now)
    finally:
        recording.stop()


def test_page_and_report_state_the_same(path: Path) -> None:
    found, earlier = told(path)
    output = path.parent / "lesson.html"
    day = LESSON.date().isoformat()
    code = report(
        "--database", path, "--day", day, "--timetable", path.parent / "timetable.yaml", "--lesson", "1st period",
        "--output", output, "--language", "en",
    )  # fmt: skip
    assert code == 0
    written = html.unescape(output.read_text())
    sentences = found.sentences(earlier)
    assert len(sentences) >= 3
    for each in sentences:
        assert Words("en").say(each) in written
    page = lesson_json(found, earlier, NOW)
    assert page["sentences"] == [each.as_json() for each in sentences]
    assert page["mean"] == found.data.totals.mean
    assert {each["what"]: each["value"] for each in page["figures"]}["faces"] == found.data.totals.mean
    assert page["shares"][0]["share"] == next(iter(found.data.summary.expressions.values())).value


def test_a_device_that_slowed_down_is_told(tmp_path: Path) -> None:
    """Means count frames: a time with a tenth of the frames has a tenth of the weight."""
    sent = windows(LESSON, 1)
    for number, slow in (("few", 5), ("half", 45)):
        slower = [
            message._replace(content=message.content.model_copy(update={"frames": 10 * message.content.frames}))
            if isinstance(message.content, WindowPayload) and n >= slow
            else message
            for n, message in enumerate(sent)
        ]
        path = record(tmp_path / f"{number}.sqlite", slower)
        timetable(tmp_path)
        found, earlier = told(path)
        assert (UNEVEN in found.sentences(earlier)) == (number == "half")


def test_the_same_lesson_of_the_weeks_before_is_what_it_is_compared_with(path: Path) -> None:
    found, earlier = told(path)
    assert earlier.comparison is not None
    assert earlier.comparison.lessons == 4  # the holiday is left out, and so is the 2nd period
    assert earlier.comparison.verdict in ("same", "different")
    assert "earlier lessons" in str(found.sentences(earlier)[-1])


def unset(sent: list[DeviceMessage], number: int) -> list[DeviceMessage]:
    """The first of them with a clock that was not set."""
    found = []
    for n, message in enumerate(sent):
        assert isinstance(message.content, WindowPayload)
        quality = message.content.quality.model_copy(update={"clock_synced": n >= number})
        found.append(message._replace(content=message.content.model_copy(update={"quality": quality})))
    return found


@pytest.mark.parametrize("headcount", [False, True])
def test_changes_are_told_of_no_lesson_of_heads(tmp_path: Path, *, headcount: bool) -> None:
    found, earlier = told(record(tmp_path / "r.sqlite", windows(LESSON, 7, headcount=headcount)))
    assert (found.changes is None) is headcount
    for note in (lesson_json(found, earlier, NOW)["notes"], notes(found.data, Words())):
        assert ("Only the surest changes" in str(note)) is not headcount


def test_a_lesson_whose_clock_was_not_set_is_said_so_and_compared_with_none(tmp_path: Path) -> None:
    path = tmp_path / "unset.sqlite"
    # Of 90 windows: a few as the device starts are no matter.
    for week, number in ((5, 0), (4, 0), (3, 8), (2, 9), (1, 90)):
        record(path, unset(windows(LESSON - week * WEEK, week), number))
    record(path, windows(LESSON, 7))
    record(path, unset(windows(LESSON + 50 * MINUTE, 8), 90))
    record(path, windows(LESSON + 50 * MINUTE - WEEK, 9))
    found, earlier = told(path)
    assert earlier.comparison is not None
    assert (earlier.comparison.lessons, earlier.comparison.left_out) == (2, {"clock_set": 2})
    assert str(found.sentences(earlier)[-1]).startswith("Earlier lessons that were measured under other conditions")
    assert clock_not_set(0).template not in str(lesson_json(found, earlier, NOW)["notes"])
    found, earlier = told(path, LESSON + 50 * MINUTE, "2nd period")
    assert "the clock of the device was not set" in str(found.sentences(earlier)[-1])
    for note in (lesson_json(found, earlier, NOW)["notes"], notes(found.data, Words())):
        assert "another time: 90." in str(note) or "'n': 90" in str(note)
        assert "clock of the device was not set" in str(note)


@pytest.mark.parametrize("earlier_lessons", [1, 2])
def test_that_two_lessons_may_have_been_the_same_is_said_once(tmp_path: Path, earlier_lessons: int) -> None:
    path = record(tmp_path / "school.sqlite", windows(LESSON, 7))
    for week in range(1, earlier_lessons + 1):
        record(path, windows(LESSON - week * WEEK, 7))
    found, earlier = told(path)
    sentence = OVERLAPPING in found.sentences(earlier)
    assert sentence == (earlier_lessons == 1)
    assert (MAY_BE_EQUAL.as_json() in lesson_json(found, earlier, NOW)["notes"]) != sentence
    assert (Words().say(MAY_BE_EQUAL) in notes(replace(found.data, earlier=earlier), Words())) != sentence


@pytest.mark.parametrize("step", [1, 50])
def test_it_is_said_that_counts_are_rounded(tmp_path: Path, step: int) -> None:
    told_first = info(None, 5)
    assert isinstance(told_first.content, MachineInfo)
    assert told_first.content.privacy is not None
    privacy = told_first.content.privacy.model_copy(update={"round_to": step})
    changed = told_first._replace(content=told_first.content.model_copy(update={"privacy": privacy}))
    path = record(tmp_path / "rounded.sqlite", [changed, *windows(LESSON, 7)], LESSON - MINUTE)
    found, earlier = told(path)
    said = rounding(step)
    assert (said.as_json() in lesson_json(found, earlier, NOW)["notes"]) == (step == 50)
    assert (Words().say(said) in notes(found.data, Words())) == (step == 50)


def test_a_first_lesson_has_nothing_to_compare_it_with(path: Path) -> None:
    found, earlier = told(path, LESSON + 50 * MINUTE, "2nd period")
    assert earlier.comparison is not None
    assert (earlier.comparison.verdict, earlier.comparison.lessons) == ("not_enough", 0)
    assert str(found.sentences(earlier)[-1]) == "There is nothing to compare it with."


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        (info("aaaaaaaa"), info("bbbbbbbb"), "or faces were named by other limits then"),
        (info("aaaaaaaa", 5), info("aaaaaaaa", 10), "other figures were withheld then"),
        (info(None, 5), info(None, 10), "other figures were withheld then"),
    ],
)
def test_another_mask_or_rule_refuses_the_comparison(
    tmp_path: Path, before: DeviceMessage, after: DeviceMessage, why: str
) -> None:
    path = record(tmp_path / "changed.sqlite", [before], LESSON - 9 * WEEK)
    for week in (1, 2):
        record(path, windows(LESSON - week * WEEK, week))
    record(path, [after], LESSON - MINUTE)
    record(path, windows(LESSON, 7))
    found, earlier = told(path)
    assert earlier.comparison is not None
    assert earlier.comparison.verdict == "refused"
    assert why in str(found.sentences(earlier)[-1])


def test_masks_that_changed_before_a_lesson_and_were_heard_of_after_it_refuse_the_comparison(tmp_path: Path) -> None:
    """Nobody recorded from the day before until noon: the lesson came late, and only then what is hidden."""
    path = record(tmp_path / "late.sqlite", [info("aaaaaaaa", 5)], LESSON - 9 * WEEK)
    rounded = info("bbbbbbbb", 5)
    assert isinstance(rounded.content, MachineInfo)
    assert rounded.content.privacy is not None
    privacy = rounded.content.privacy.model_copy(update={"round_to": 50})
    for week in (3, 2, 1):
        record(path, windows(LESSON - week * WEEK, week), LESSON - week * WEEK + 45 * MINUTE)
    changed = rounded._replace(content=rounded.content.model_copy(update={"privacy": privacy}))
    back = LESSON + 240 * MINUTE
    database = Database(path, "classroom")
    database.start()
    database.store(windows(LESSON, 7), back, back, back)
    database.store([changed], back + MINUTE, back, back)
    database.stop()
    found, earlier = told(path)
    assert earlier.comparison is not None
    assert (earlier.comparison.verdict, earlier.comparison.lessons) == ("refused", 0)
    assert rounding(50).as_json() in lesson_json(found, earlier, NOW)["notes"]


def test_masks_that_nobody_knows_are_said(path: Path) -> None:
    assert not told(path)[1].masks_unknown  # of none of them: there is nothing to tell apart
    record(path, [info("aaaaaaaa")], LESSON - MINUTE)
    found, earlier = told(path)
    assert earlier.masks_unknown
    assert found.sentences(earlier)[-1] == MASKS_UNKNOWN


def test_a_lesson_that_goes_on_is_not_compared_yet(path: Path) -> None:
    found, earlier = told(path, now=LESSON + 44 * MINUTE)
    assert earlier.comparison is None
    assert found.sentences(earlier)[-1] == GOES_ON
    page = lesson_json(found, earlier, LESSON + 44 * MINUTE)
    assert page["running"]
    assert page["verdict"] is None


@pytest.mark.parametrize("headcount", [False, True])
def test_changes_are_told_when_a_lesson_is_over(tmp_path: Path, *, headcount: bool) -> None:
    """Whoever looks anew every few seconds finds by chance, again and again, what is told of one lesson in twenty."""
    path = record(tmp_path / "school.sqlite", windows(LESSON, 7, headcount=headcount))
    for minutes, goes_on in ((44, True), (45, False)):
        now = LESSON + minutes * MINUTE
        found, earlier = told(path, now=now)
        assert (found.changes is None) == (goes_on or headcount)
        assert (CHANGES_LATER in found.sentences(earlier)) == (goes_on and not headcount)
        for note in (lesson_json(found, earlier, now)["notes"], notes(found.data, Words())):
            assert ("Only the surest changes" in str(note)) == (not goes_on and not headcount)


def test_all_files_of_a_report_are_read_once(tmp_path: Path) -> None:
    """A page and a picture of a lesson that goes on tell the same."""
    sent, zone = windows(LESSON, 7), NOW.tzinfo or timezone.utc
    recording = Recording(record(tmp_path / "school.sqlite", sent[:60]))
    recording.start()
    read = reader(recording, "room-1", Period(LESSON, LESSON + 45 * MINUTE, zone), LESSON + 31 * MINUTE, None)
    first, _ = read()
    record(tmp_path / "school.sqlite", sent[60:])
    second, _ = read()
    recording.stop()
    assert first.totals.windows == second.totals.windows == 60


def test_a_page_and_a_picture_say_when_they_were_made_and_by_which_clock(path: Path) -> None:
    found, _ = told(path)
    said = made(found.data.period.zone, NOW, Words())
    assert "21 November 2026, 13:00" in said
    assert "Times are in Europe/Vienna." in said
    assert said in page(found.data, NOW, Words())
    assert said in [each.get_text() for each in head("room-1", "Friday", said).texts]


def test_what_is_shorter_than_a_second_has_no_row(path: Path) -> None:
    found, _ = told(path)
    second = timedelta(seconds=1)
    short = [
        Gap(LESSON, LESSON + second / 2, "nothing"), Gap(LESSON + second, LESSON + 3 * second, "nothing"),
        Gap(LESSON + 9 * second, LESSON + 9.5 * second, "lost", missing=2),
    ]  # fmt: skip
    rows = outages(replace(found.data, gaps=short), Words())
    assert [row[2].replace(NO_BREAK, " ") for row in rows] == ["2 s", "0 s"]
    assert rows[1][3] == "measurements missing: 2"


def test_the_first_minutes_say_what_is_waited_for_and_until_when(tmp_path: Path) -> None:
    """Of a lesson from 8:00 to 8:45 there are figures from 8:00 to 8:04, and it is 8:05; later, the same at 8:40."""
    path = record(tmp_path / "school.sqlite", windows(LESSON, 1, minutes=4))
    found, earlier = told(path, now=LESSON + 5 * MINUTE)
    page = lesson_json(found, earlier, LESSON + 5 * MINUTE)
    faces, said = sentences(page)
    assert re.fullmatch(r"On average \d+\.\d faces were seen\.", faces)  # which nobody has to wait for
    assert said.startswith("So far: 4 min with figures. From 10 min on it says here what this lesson is like:")
    assert said.endswith(": at 08:11 at the earliest.")
    assert page["running"]
    page = lesson_json(found, earlier, LESSON + 40 * MINUTE)
    assert "ends before" in sentences(page)[1]
    assert "08:46" not in sentences(page)[1]
    page = lesson_json(found, earlier, NOW)
    assert not page["running"]
    assert sentences(page)[0] == faces
    assert sentences(page)[1].startswith("Too little was measured")


def test_nothing_is_waited_for_before_a_lesson_begins(path: Path) -> None:
    """Whoever has its address sees no time at which it cannot say anything yet."""
    now = LESSON - 10 * MINUTE
    recording = Recording(path)
    recording.start()
    try:
        period = Period(LESSON + WEEK, LESSON + WEEK + 45 * MINUTE, NOW.tzinfo or timezone.utc, "1st period")
        page = lesson_json(report_lesson(read_stretch(recording, "room-1", period, now)), None, now, period.end)
    finally:
        recording.stop()
    assert not page["running"]
    assert sentences(page) == []


def test_a_day_without_a_timetable_waits_as_well(tmp_path: Path) -> None:
    """It is drawn to its last window, and goes on until midnight."""
    path, now = record(tmp_path / "school.sqlite", windows(LESSON, 1, minutes=4)), LESSON + 5 * MINUTE
    recording = Recording(path)
    recording.start()
    try:
        period = Period(LESSON, LESSON + 4 * MINUTE, NOW.tzinfo or timezone.utc)
        page = lesson_json(report_lesson(read_stretch(recording, "room-1", period, now)), None, now, NOW)
    finally:
        recording.stop()
    assert "at 07:11 at the earliest" in sentences(page)[1]
    assert page["running"], "the page asks again"


def sentences(page: dict[str, Any]) -> list[str]:
    """As they are read."""
    said = [Sentence(each["text"], each["values"]) for each in page["sentences"]]
    return [Words("en").say(each).replace(NO_BREAK, " ") for each in said]


def test_gaps_have_their_reasons_and_no_line_crosses_them(path: Path) -> None:
    found, earlier = told(path)
    page = lesson_json(found, earlier, NOW)
    assert [(gap["kind"], gap["reason"]) for gap in page["gaps"]] == [("paused", ["the button"]), ("few_people", [])]
    for line in page["lines"]:
        assert len(line["pieces"]) == 3
    starts = {(minute["start"] - page["from"]) / 60_000 for minute in page["minutes"]}
    assert starts == {minute for minute in range(45) if not (20 <= minute < 25 or 30 <= minute < 33)}


def test_figures_of_fuller_moments_are_said_to_be_so(path: Path) -> None:
    found, earlier = told(path)
    said = "In 8 % of the time too few people were in the picture for figures: all figures are of the fuller moments."
    assert said in [str(each).replace(NO_BREAK, " ") for each in found.sentences(earlier)]
    full, _ = told(path, LESSON - WEEK)
    assert not any("fuller" in each.template for each in full.sentences())


def test_where_windows_are_gone_their_sums_are_left(path: Path) -> None:

    before, _ = told(path, LESSON - WEEK)
    with sqlite3.connect(path) as file:
        file.execute("DELETE FROM windows WHERE start < ?", ((LESSON - WEEK + 60 * MINUTE).isoformat(),))
    file.close()
    after, earlier = told(path, LESSON - WEEK)
    assert after.data.totals == before.data.totals
    assert after.changes is None
    page = lesson_json(after, earlier, NOW)
    assert page["rolled_up"]
    assert page["mean"] == before.data.totals.mean
    assert len(page["pieces"]) == 9
