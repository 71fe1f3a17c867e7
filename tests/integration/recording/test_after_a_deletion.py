"""What is left after a deletion says nothing false: neither a pause that ended in it, nor that windows were lost."""

from __future__ import annotations

import itertools
import random
import sqlite3
from collections.abc import Sequence
from datetime import timedelta, timezone
from pathlib import Path

import pytest

from edge.contract.payloads import RunMode, Span, State, WindowPayload
from edge.contract.timestamps import format_timestamp, parse_timestamp
from edge.contract.validation import DeviceMessage
from edge.recording.postgres.address import PostgresAddress
from edge.recording.window_store import WindowStore
from edge.reporting.period import Period
from edge.reporting.report_data import ReportData, read_stretch
from edge.reporting.school_data import School
from edge.web.dashboard.lesson import recent
from tests.integration.recording.test_grafana import PANELS, asked
from tests.support.stores import Place, as_messages
from tests.unit.recording.test_rollups import DAY, MONDAY, window

MINUTE, HOUR, TEN = timedelta(minutes=1), timedelta(hours=1), timedelta(seconds=10)
LATER = MONDAY + 2 * DAY
PERIOD = Period(MONDAY, MONDAY + 5 * HOUR, timezone.utc)
LESSON = MONDAY + HOUR, MONDAY + HOUR + 45 * MINUTE


def measured(first: int, last: int, number: int = 1) -> list[WindowPayload]:
    """Windows of ten seconds from one minute after seven to another, `number` being the first of the day."""
    found = []
    for n in range(first * 6, last * 6):
        one = window(number + n, MONDAY + n * TEN, random.Random(1))  # noqa: S311
        start, end = (format_timestamp(MONDAY + each * TEN) for each in (n, n + 1))
        found.append(one.model_copy(update={"window": Span(start=start, end=end, seconds=10.0), "withheld": None}))
    return found


def state(mode: RunMode, minutes: int, reason: str) -> DeviceMessage:
    since = format_timestamp(MONDAY + minutes * MINUTE)
    return DeviceMessage("room-1", "state", State(mode=mode, reason=reason, since=since))


PAUSED, RESUMED = state("paused", 20, "paused by Mrs Doe"), state("running", 65, "resumed")
OFFLINE, ONLINE = (DeviceMessage("room-1", "availability", content=each) for each in (False, True))


def store_morning(store: WindowStore) -> None:
    """Absent and paused from 7:20 to 8:05, then measured until 11, but for what was lost from 10:00 to 10:20."""
    store.store(as_messages(measured(0, 20)), MONDAY + 20 * MINUTE)
    store.store([OFFLINE, PAUSED], MONDAY + 20 * MINUTE)
    store.store([ONLINE, RESUMED], MONDAY + 65 * MINUTE)
    number = 1 - 45 * 6  # none while it was paused
    store.store(as_messages([*measured(65, 180, number), *measured(200, 240, number)]), LATER)


def read(place: Place, period: Period = PERIOD) -> ReportData:
    with place.read() as recording:
        return read_stretch(recording, "room-1", period, LATER)


def told(found: ReportData) -> list[tuple[str, float, float, int]]:
    """The times without figures, in minutes after seven."""
    return [
        (each.kind, (each.start - MONDAY) / MINUTE, (each.end - MONDAY) / MINUTE, each.missing)
        for each in found.gaps
        if each.kind not in ("few_people", "short")
    ]


AFTER = [("lost", 180, 200, 120), ("nothing", 240, 300, 0)]


def test_a_pause_that_ended_in_a_deleted_time_is_not_in_force_after_it(place: Place) -> None:
    with place.opened() as store:
        store_morning(store)
    assert told(read(place)) == [("paused", 20, 65, 0), *AFTER]
    place.delete("room-1", *LESSON, LATER)
    found = read(place)
    assert told(found) == [("paused", 20, 60, 0), ("deleted", 60, 105, 0), *AFTER]
    assert found.totals.missing == 120
    with place.read() as recording:
        states, words = recording.state_changes("room-1", LATER)
        assert [(each.since, each.mode, each.reason) for each in states[1:]] == [(LESSON[1], "running", "")]
        assert [(each.since, each.mode) for each in words[1:]] == [(LESSON[1], "online")]
        school = School(recording, ["room-1"], None, timezone.utc, LATER)
        maps = school.day(MONDAY.date()), school.days(MONDAY.date()), school.term(MONDAY.date(), MONDAY.date())
        assert [each.sums[0].totals.missing for each in maps] == [120] * 3
        gaps = recent(recording, "room-1", MONDAY, PERIOD.end)["gaps"]
        assert {each["kind"] for each in gaps} >= {"deleted", "lost", "nothing"}


def test_a_pause_that_outlasts_a_deleted_time_goes_on_at_its_end(place: Place) -> None:
    with place.opened() as store:
        store.store([*as_messages(measured(0, 20)), PAUSED], MONDAY + HOUR)
    place.delete("room-1", MONDAY + 30 * MINUTE, MONDAY + HOUR, LATER)
    assert told(read(place)) == [("paused", 20, 30, 0), ("deleted", 30, 60, 0), ("paused", 60, 300, 0)]
    assert [each.detail for each in read(place).gaps if each.kind == "paused"] == [
        "paused by a person at the device",
        "",
    ]


def test_a_room_that_came_back_in_a_lesson_that_goes_on_is_there_after_its_deletion(place: Place) -> None:
    """Asked for before the lesson is over: the time goes on, and what was kept of it lies in it."""
    with place.opened() as store:
        store.store([*as_messages(measured(0, 20)), OFFLINE], MONDAY + 20 * MINUTE)
        store.store([ONLINE, RESUMED], MONDAY + 65 * MINUTE)
    for minutes in (70, 75):
        place.delete("room-1", *LESSON, MONDAY + minutes * MINUTE)
    with place.read() as recording:
        _, words = recording.state_changes("room-1", LATER)
    assert [(each.since - MONDAY, each.mode) for each in words] == [
        (20 * MINUTE, "offline"), (75 * MINUTE, "online"),
    ]  # fmt: skip


@pytest.mark.parametrize("modes", [("running", "paused", "running"), ("paused", "running", "paused")])
def test_the_last_word_of_a_deleted_lesson_that_goes_on_is_in_force_after_it(
    modes: Sequence[RunMode], place: Place
) -> None:
    first, *later = modes
    with place.opened() as store:
        store.store([*as_messages(measured(0, 20)), state(first, 20, "by hand")], MONDAY + 20 * MINUTE)
    place.delete("room-1", *LESSON, MONDAY + 70 * MINUTE)
    for number, mode in enumerate(later):
        with place.opened() as store:  # each by itself, twice: as after a reconnect
            for again in range(2):
                store.store([state(mode, 80 + 5 * number, "by hand")], MONDAY + (80 + 5 * number + 2 * again) * MINUTE)
    with place.read() as recording:
        states, _ = recording.state_changes("room-1", LATER)
    assert (states[-1].since, states[-1].mode) == (LESSON[1], later[-1])


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_times_that_touch_or_overlap_have_one_state_at_their_end(order: Sequence[int], place: Place) -> None:
    times = [(60, 105), (100, 120), (120, 150)]
    with place.opened() as store:
        store_morning(store)
    for first, last in (times[n] for n in order):
        place.delete("room-1", MONDAY + first * MINUTE, MONDAY + last * MINUTE, LATER)
    with place.read() as recording:
        states, _ = recording.state_changes("room-1", LATER)
    assert [(each.since, each.mode) for each in states[1:]] == [(MONDAY + 150 * MINUTE, "running")]
    found = read(place)
    assert told(found) == [("paused", 20, 60, 0), ("deleted", 60, 150, 0), *AFTER]
    assert found.totals.missing == 120


def test_what_is_retained_at_the_broker_of_a_deleted_time_lasts_from_its_end(place: Place) -> None:
    with place.opened() as store:
        store.store([*as_messages(measured(0, 20)), PAUSED], MONDAY + HOUR)
        place.delete("room-1", *LESSON, LATER)
        store.store([state("paused", 63, "by Mr Roe"), RESUMED], LATER)
    with place.read() as recording:
        states, _ = recording.state_changes("room-1", LATER)
    assert (states[-1].since, states[-1].mode, states[-1].reason) == (LESSON[1], "running", "")
    assert "Roe" not in str(states)


def test_of_a_room_that_was_deleted_altogether_no_state_comes_back(place: Place) -> None:
    with place.opened() as store:
        store_morning(store)
        place.delete("room-1", None, None, LATER)
        store.store([PAUSED, RESUMED], LATER)
    with place.erasing() as eraser:
        assert eraser.devices() == []


def test_what_an_older_version_deleted_is_read_as_well_as_it_can_be(place: Place) -> None:
    with place.opened() as store:
        store_morning(store)
    place.delete("room-1", *LESSON, LATER)
    forget = "DELETE FROM {0}states WHERE since >= '2026-11-16T08:00:00.000Z'"
    forget_word = "DELETE FROM {0}availability WHERE received >= '2026-11-16T08:00:00.000Z'"
    if place.server:
        place.sql(*(each.format("edge.") for each in (forget, forget_word)))
    else:
        assert isinstance(place.target, Path)
        with sqlite3.connect(place.target) as file:
            for each in (forget, forget_word):
                file.execute(each.format(""))
    assert told(read(place)) == [("paused", 20, 60, 0), ("deleted", 60, 105, 0), *AFTER]
    with place.opened() as store:
        store.store([RESUMED], LATER)  # as a broker brings it when the recorder of this version begins
    with place.read() as recording:
        assert recording.state_changes("room-1", LATER)[0][-1].mode == "running"


def test_what_was_lost_beside_a_deleted_time_counts_still(place: Place) -> None:
    with place.opened() as store:
        store_morning(store)
    place.delete("room-1", MONDAY + 150 * MINUTE, MONDAY + 180 * MINUTE, LATER)
    found = read(place)
    assert [each[:3] for each in told(found)][1:3] == [("deleted", 150, 180), ("lost", 180, 200)]
    assert found.totals.missing == pytest.approx(120, abs=1), "at its edge a window may have gone as well"


def test_a_lesson_without_its_beginning_or_its_end_says_how_many_windows_are_missing(place: Place) -> None:
    with place.opened() as store:
        store_morning(store)
    for first, last, kind in ((190, 235, (190, 200)), (150, 190, (180, 190))):
        found = read(place, Period(MONDAY + first * MINUTE, MONDAY + last * MINUTE, timezone.utc))
        assert told(found) == [("lost", *kind, 60)]
        assert found.totals.missing == 60
    after = read(place, Period(MONDAY + 230 * MINUTE, MONDAY + 300 * MINUTE, timezone.utc))
    assert told(after) == [AFTER[1]]
    assert after.totals.missing == 0


def test_windows_that_were_lost_beside_a_night_are_not_0_on_either_side_of_it(place: Place) -> None:
    morning = 24 * 60
    with place.opened() as store:
        store.store(as_messages([*measured(0, 20), *measured(morning, morning + 20, 171 - 6 * morning)]), LATER)
    for first, last, known in ((-60, 60, 0), (morning - 60, morning + 60, 0), (-60, morning + 60, 50)):
        totals = read(place, Period(MONDAY + first * MINUTE, MONDAY + last * MINUTE, timezone.utc)).totals
        assert (totals.missing, totals.most_missing) == (known, 50)
    place.delete("room-1", MONDAY + HOUR, MONDAY + 23 * HOUR, LATER)
    totals = read(place, Period(MONDAY, MONDAY + HOUR, timezone.utc)).totals
    assert totals.most_missing == 0, "they may have been deleted"


def test_sql_and_grafana_take_nothing_that_was_deleted_for_lost_or_for_a_pause(postgres: Place) -> None:
    with postgres.opened() as store:
        store_morning(store)
    chosen = {"school": "'north'", "device": "'room-1'"}

    def ask(panel: str) -> list[list[str]]:
        return [row.split("|") for row in postgres.sql(asked(PANELS[panel], chosen, 1))]

    def missing() -> list[list[str]]:
        query = "SELECT first, last FROM edge.missing_windows('north', '2026-11-16', '2026-11-17')"
        return [row.split("|") for row in postgres.sql(query)]

    assert ask("Missing windows") == [["room-1", "120"]]
    assert missing() == [["811", "930"]]
    postgres.delete("room-1", *LESSON, LATER)
    postgres.delete(None, MONDAY + 110 * MINUTE, MONDAY + 150 * MINUTE, LATER)
    postgres.delete(None, MONDAY + 110 * MINUTE, MONDAY + 150 * MINUTE, LATER)
    assert ask("Missing windows") == [["room-1", "120"]]
    assert missing() == [["811", "930"]]
    assert [row[1:3] + row[4:5] for row in ask("What rooms say")] == [["running", "", "t"]]


REQUEST = """
INSERT INTO {0}deletions ({1}asked, by, device, start, "end", windows, finished)
VALUES ({2}'2026-11-16T07:50:00.000Z', 'anna', NULL, {3}, {4}, 0, '2026-11-16T07:50:00.000Z')
"""
WEEK = "'2026-11-16T00:00:00.000Z'", "'2026-11-23T00:00:00.000Z'"


def request(place: Place, start: str, end: str) -> None:
    """Store a request as an older version did, as SQL has its times: at 7:50, of all rooms."""
    if place.server:
        place.sql(REQUEST.format("edge.", "school, ", "1, ", start, end))
    else:
        assert isinstance(place.target, Path)
        with sqlite3.connect(place.target) as file:
            file.execute(REQUEST.format("", "", "", start, end))


def test_a_week_that_an_older_version_deleted_ends_a_day_later_for_sql_as_well(postgres: Place) -> None:
    shift = 2 * DAY
    with postgres.opened() as store:
        store.store(as_messages([moved(each, shift) for each in (*measured(0, 20), *measured(40, 60))]), LATER + DAY)
    query = "SELECT first, last FROM edge.missing_windows('north', '2026-11-16', '2026-11-30')"
    for start, end in (("NULL", "NULL"), WEEK):
        request(postgres, start, end)
        assert postgres.sql(query) == ["121|240"]
    found = read(postgres, Period(MONDAY + shift, MONDAY + shift + HOUR, timezone.utc))
    assert found.totals.missing == 120


def moved(one: WindowPayload, by: timedelta) -> WindowPayload:
    start, end = (format_timestamp(parse_timestamp(each) + by) for each in (one.window.start, one.window.end))
    return one.model_copy(update={"window": one.window.model_copy(update={"start": start, "end": end})})


def test_a_week_that_an_older_version_deleted_leaves_out_no_state_of_a_later_one(place: Place) -> None:
    with place.opened() as store:
        store_morning(store)
    request(place, *WEEK)
    later = MONDAY + 3 * DAY
    place.delete("room-1", later, later + HOUR, later + 2 * HOUR)
    with place.read() as recording:
        states, _ = recording.state_changes("room-1", later + DAY)
    assert (states[-1].since, states[-1].mode) == (later + HOUR, "running")


def test_however_many_gaps_a_room_makes_up_deletions_are_read_once_for_each_question(postgres: Place) -> None:
    assert isinstance(postgres.target, PostgresAddress)
    with postgres.opened() as store:
        store.store(as_messages(measured(0, 60)[::2]), LATER)
    for _ in range(3):
        postgres.delete(None, *LESSON, LATER)
    scans = """
    SELECT seq_scan + coalesce(idx_scan, 0) FROM pg_stat_xact_all_tables WHERE relid = 'edge.deletions'::regclass
    """
    ask = "SELECT count(*) FROM edge.missing_windows('north', '2026-11-16', '2026-11-17')"
    psycopg = pytest.importorskip("psycopg")
    with psycopg.connect(postgres.target.url) as connection:
        assert connection.execute(ask).fetchone() == (179,)
        assert connection.execute(scans).fetchone() == (1,)
