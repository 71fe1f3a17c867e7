"""Times that were deleted on request: nothing that is measured later is left out, whichever clock was wrong."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from edge.contract.timestamps import format_timestamp
from edge.errors import ConfigError
from edge.files.disk_errors import DiskError
from edge.recording.deleted_spans import LONGEST_WAIT, MOST_WARNED, DeletedSpans
from edge.recording.deletion_requests import Request
from edge.recording.layout import create
from edge.recording.window_record import WindowRecord
from edge.recording.window_row import INSERT_WINDOW, window_row
from tests.unit.recording.test_rollups import window

NOW = datetime(2026, 11, 20, 9, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)
SECONDS = timedelta(seconds=10)
Given = tuple["str | None", "datetime | None", "datetime | None", datetime]


class Reading:
    """A recording whose last window came now, and somebody who reads what was deleted from it."""

    def __init__(self, *requests: Given, synced: bool = False) -> None:
        self.database = sqlite3.connect(":memory:", isolation_level=None)
        create(self.database, "classroom")
        last = window(1, NOW - SECONDS, random.Random(1))  # noqa: S311
        self.database.execute(INSERT_WINDOW, window_row(last, format_timestamp(NOW), "edge.window/2"))
        self.elapsed = 0.0
        self.found = DeletedSpans(lambda: synced, lambda: self.elapsed)
        self.ask(*requests)
        self.read(NOW)

    def ask(self, *requests: Given) -> None:
        for device, start, end, asked in requests:
            times = [None if each is None else format_timestamp(each) for each in (start, end)]
            query = 'INSERT INTO deletions (asked, by, device, start, "end", windows) VALUES (?, ?, ?, ?, ?, 0)'
            self.database.execute(query, (format_timestamp(asked), "anna", device, *times))

    def read(self, now: datetime) -> None:
        """As before each batch."""
        self.found.load(self.database, now)

    def pass_to(self, now: datetime) -> None:
        """Let time pass, while nobody sets the clock."""
        self.elapsed = (now - NOW).total_seconds()
        self.read(now)

    def leaves_out(self, end: datetime) -> bool:
        return self.found.covers("room-1", end - SECONDS, end)


def spans(*requests: Given) -> DeletedSpans:
    return Reading(*requests).found


def test_a_lesson_that_goes_on_is_left_out_to_its_end_and_a_room_is_used_again() -> None:
    found = spans(("room-1", NOW - HOUR, NOW + HOUR, NOW), ("room-2", None, None, NOW - HOUR))
    assert found.covers("room-1", NOW + HOUR / 2, NOW + HOUR)
    assert not found.covers("room-1", NOW + HOUR, NOW + 2 * HOUR)
    assert found.covers("room-2", NOW - 2 * HOUR, NOW - HOUR)
    assert not found.covers("room-2", NOW - HOUR, NOW)


@pytest.mark.parametrize(
    ("asked", "last"), [(NOW - 48 * HOUR, NOW - 24 * HOUR), (NOW + 9999 * HOUR, NOW)], ids=["long ago", "to come"]
)
def test_no_request_keeps_out_what_is_measured_for_ever(asked: datetime, last: datetime) -> None:
    found = spans((None, None, NOW + 99999 * HOUR, asked))
    assert found.covers("room-1", last - HOUR, last)
    assert not found.covers("room-1", last, last + HOUR)
    assert not found.covers_moment("room-1", format_timestamp(last))


def test_a_clock_that_is_behind_lets_nothing_back_in() -> None:
    asked = NOW + 20 * 24 * HOUR  # by a clock that was right
    found = spans(("room-1", asked - 2 * HOUR, asked - HOUR, asked))
    assert found.covers("room-1", asked - 2 * HOUR, asked - HOUR)
    assert not found.covers("room-1", asked - HOUR, asked)


def test_nor_does_it_once_it_is_set() -> None:
    asked = NOW + 5 * HOUR
    reading = Reading((None, None, None, asked))
    assert reading.leaves_out(asked)
    assert not reading.leaves_out(asked + 2 * SECONDS)
    reading.read(asked + HOUR)  # while no time has passed
    assert reading.leaves_out(asked)
    assert not reading.leaves_out(asked + 2 * SECONDS)


@pytest.mark.parametrize("synced", [True, False])
@pytest.mark.parametrize("ahead", [2 * HOUR, 20 * 24 * HOUR, 31 * 24 * HOUR, 9999 * HOUR])
def test_a_request_of_a_time_to_come_ends_with_what_was_there(ahead: timedelta, *, synced: bool) -> None:
    """Another clock was ahead, or somebody prepared the recording: what is measured until then must not be lost."""
    reading = Reading((None, None, None, NOW + ahead), ("room-1", None, NOW + 9999 * HOUR, NOW + ahead), synced=synced)
    assert reading.leaves_out(NOW)
    for later in (2 * SECONDS, HOUR, 3 * HOUR):
        reading.pass_to(NOW + later)
        assert not reading.leaves_out(NOW + later)
    reading.ask(("room-2", NOW, NOW + HOUR, NOW + 3 * HOUR))  # which has all read again
    reading.pass_to(NOW + ahead + HOUR)
    assert not reading.leaves_out(NOW + 2 * SECONDS), "from an outbox"
    assert reading.leaves_out(NOW)


def test_where_our_clock_is_set_such_a_request_is_corrected_for_good() -> None:
    days = 20 * 24 * HOUR
    reading = Reading((None, None, None, NOW + days), ("room-1", None, NOW + HOUR, NOW + days), synced=True)
    reading.found = DeletedSpans(lambda: False)  # a restart, when that time has come
    reading.read(NOW + days + HOUR)
    assert reading.leaves_out(NOW)
    assert not reading.leaves_out(NOW + 2 * SECONDS)
    found = reading.database.execute('SELECT asked, "end" FROM deletions ORDER BY id').fetchall()
    assert found == [(format_timestamp(NOW), None), (format_timestamp(NOW), format_timestamp(NOW))]


def test_a_clock_that_was_set_wrong_is_known_by_what_came_later() -> None:
    """By whoever answers for the time server; what was deleted must not come back by it."""
    reading = Reading(synced=True)
    reading.ask(("room-1", None, None, NOW))
    reading.read(NOW - 5 * HOUR)
    assert reading.leaves_out(NOW - HOUR)
    assert reading.database.execute("SELECT asked FROM deletions").fetchall() == [(format_timestamp(NOW),)]


def test_a_room_that_is_ahead_is_no_sign_of_a_clock_that_is_behind_where_that_is_set() -> None:
    reading = Reading((None, None, None, NOW + 5 * HOUR), synced=True)
    assert not reading.leaves_out(NOW + HOUR)


def test_what_is_left_out_as_it_is_measured_is_said_once_an_hour(caplog: pytest.LogCaptureFixture) -> None:
    reading = Reading(("room-1", NOW - 2 * HOUR, NOW + 9 * HOUR, NOW))
    for minutes in range(180):
        now = NOW + minutes * timedelta(minutes=1)
        reading.pass_to(now)
        assert reading.leaves_out(now - HOUR)  # late ones are meant
        assert reading.leaves_out(now)
    said = [each.getMessage() for each in caplog.records if each.levelname == "WARNING"]
    assert len(said) == 3
    assert said[0].startswith("what room-1 measures now is left out until 2026-11-20T18:00:00.000Z, because")


def measured(end: datetime, *, synced: bool = False, replayed: bool = False) -> WindowRecord:
    """A window of ten seconds, by a room whose clock shows this."""
    made = WindowRecord.of(window(1, end - SECONDS, random.Random(1)))  # noqa: S311
    return replace(made, start=end - SECONDS, end=end, clock_synced=synced, replayed=replayed)


def test_what_is_measured_after_a_deletion_by_a_clock_that_is_not_set_is_recorded() -> None:
    """As of a board that goes on with the time of its last shutdown, after a summer."""
    reading = Reading(("room-1", None, None, NOW), ("room-2", None, NOW - 9 * HOUR, NOW))
    behind, later = measured(NOW - 10 * HOUR), NOW + 40 * 24 * HOUR
    reading.pass_to(later)
    for room in ("room-1", "room-2"):
        assert not reading.found.leaves_out(room, behind, later)
        assert reading.found.leaves_out(room, behind, None), "it comes from another recording"
        assert reading.found.leaves_out(room, replace(behind, replayed=True), later), "it waited in the room's outbox"
        assert reading.found.leaves_out(room, replace(behind, clock_synced=True), later)
    assert not reading.found.leaves_out("room-2", measured(NOW - 5 * HOUR), None)


@pytest.mark.parametrize("late", [HOUR, 3 * 24 * HOUR, LONGEST_WAIT - HOUR])
def test_what_has_waited_stays_out_though_the_room_did_not_know_the_time(late: timedelta) -> None:
    """At a school's bridge, or at the broker while the database could not be written: the recorder cannot tell."""
    reading = Reading(("room-1", None, None, NOW))
    reading.pass_to(NOW - HOUR + late)
    assert reading.found.leaves_out("room-1", measured(NOW - HOUR), NOW - HOUR + late)
    assert not reading.found.leaves_out("room-1", measured(NOW - HOUR), NOW - HOUR + LONGEST_WAIT + SECONDS)


@pytest.mark.parametrize("device", ["room-1", None])
@pytest.mark.parametrize("late", [2 * HOUR, 40 * 24 * HOUR, 400 * 24 * HOUR])
def test_a_lesson_stays_out_whenever_it_comes(late: timedelta, device: str | None) -> None:
    reading = Reading(("room-1", None, NOW - 5 * HOUR, NOW), (device, NOW - 2 * HOUR, NOW - HOUR, NOW))
    reading.pass_to(NOW + late)
    assert reading.found.leaves_out("room-1", measured(NOW - 1.5 * HOUR), NOW + late)


def test_what_comes_in_a_lesson_that_was_deleted_is_left_out_whatever_its_clock_says() -> None:
    later = NOW + 40 * 24 * HOUR
    reading = Reading(("room-1", None, None, NOW))
    reading.ask(("room-1", later - HOUR, later + HOUR, later))
    reading.pass_to(later)
    assert reading.found.leaves_out("room-1", measured(NOW - HOUR), later)
    assert not reading.found.leaves_out("room-1", measured(NOW - HOUR), later + 2 * HOUR)


def test_what_could_not_be_read_to_its_end_is_read_again() -> None:
    """A disk that fails in the middle of it must not have what was deleted recorded."""
    reading = Reading(("room-1", NOW - HOUR, NOW, NOW))
    reading.ask(("room-2", NOW - HOUR, NOW, NOW))

    def some() -> Iterator[Request]:
        yield Request(1, "room-1", format_timestamp(NOW - HOUR), format_timestamp(NOW), format_timestamp(NOW))
        raise DiskError("the disk failed")

    with pytest.raises(DiskError):
        reading.found.replace(Request(2, "room-2", None, None, ""), some(), NOW, NOW)
    assert reading.leaves_out(NOW)
    reading.read(NOW)
    assert reading.found.covers("room-2", NOW - SECONDS, NOW)


def test_of_a_backup_that_was_put_back_others_are_known_under_the_same_numbers() -> None:
    reading = Reading(("room-1", NOW - HOUR, NOW, NOW))
    reading.database.execute("DELETE FROM deletions")
    reading.ask(("room-2", NOW - HOUR, NOW, NOW + SECONDS))
    reading.read(NOW + SECONDS)
    assert reading.found.covers("room-2", NOW - SECONDS, NOW)
    assert not reading.found.covers("room-1", NOW - SECONDS, NOW)


def test_nor_does_one_of_a_time_to_come_end_another_with_its_number() -> None:
    reading = Reading(("room-1", None, None, NOW + 5 * HOUR))  # ends with what is there now
    reading.database.execute("DELETE FROM deletions")
    reading.ask(("room-1", None, None, NOW + 2 * HOUR))
    reading.pass_to(NOW + 2 * HOUR)
    assert reading.leaves_out(NOW + HOUR)
    assert not reading.leaves_out(NOW + 3 * HOUR)


def test_what_was_measured_just_before_the_request_or_while_a_lesson_goes_on_is_left_out() -> None:
    reading = Reading(("room-1", None, None, NOW), ("room-2", NOW - HOUR, NOW + HOUR, NOW))
    for behind in (timedelta(), HOUR / 2):
        assert reading.found.leaves_out("room-1", measured(NOW - behind), NOW + 5 * SECONDS)
    reading.pass_to(NOW + HOUR / 2)
    assert reading.found.leaves_out("room-2", measured(NOW - HOUR / 2), NOW + HOUR / 2)


@pytest.mark.parametrize("synced", [True, False])
def test_rooms_that_are_left_out_live_are_named_some_in_an_hour(
    caplog: pytest.LogCaptureFixture, *, synced: bool
) -> None:
    reading = Reading((None, None, None, NOW))
    behind = measured(NOW - 9 * HOUR, synced=synced)
    for minutes in range(120):
        now = NOW + HOUR + minutes * timedelta(minutes=1)
        reading.pass_to(now)
        assert all(reading.found.leaves_out(f"room-{number}", behind, now) for number in range(40))
    said = [each.getMessage() for each in caplog.records if each.levelname == "WARNING"]
    assert len(said) == 2 * MOST_WARNED
    assert said[0].startswith("what comes from room-0 is left out: by its clock it is of 2026-11-19T23:59:50.000Z")
    assert len(set(said)) == MOST_WARNED
    caplog.clear()
    assert reading.found.leaves_out("room-99", replace(behind, replayed=True), now)
    assert not caplog.records, "what was on its way is meant"


def test_many_that_overlap_are_as_quick_as_one() -> None:
    found = spans(
        ("room-1", NOW - 9 * HOUR, NOW - 7 * HOUR, NOW), ("room-1", NOW - 8 * HOUR, NOW - 6 * HOUR, NOW),
        ("room-1", NOW - 4 * HOUR, NOW - 3 * HOUR, NOW), (None, NOW - 3 * HOUR, NOW - 2 * HOUR, NOW),
    )  # fmt: skip
    covered = [found.covers("room-1", NOW - n * HOUR, NOW - (n - 1) * HOUR) for n in range(10, 0, -1)]
    assert covered == [False, True, True, True, False, False, True, True, False, False]
    assert [found.covers("room-2", NOW - n * HOUR, NOW - (n - 1) * HOUR) for n in (4, 3, 2)] == [False, True, False]
    moments = [NOW - 9 * HOUR, NOW - 6 * HOUR - timedelta(milliseconds=1), NOW - 6 * HOUR]
    assert [found.covers_moment("room-1", format_timestamp(each)) for each in moments] == [True, True, False]


def test_none_is_forgotten_because_newer_ones_are_many() -> None:
    lesson = ("room-1", NOW - 2 * HOUR, NOW - HOUR, NOW)
    days = [("room-2", NOW - n * HOUR, NOW - n * HOUR + SECONDS, NOW) for n in range(10_001)]
    found = spans(lesson, *days)
    assert found.number == len(days) + 1
    assert found.covers("room-1", NOW - 2 * HOUR, NOW - HOUR)
    assert found.covers("room-2", days[-1][1], days[-1][2])


def test_who_cannot_know_them_all_records_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.recording.deleted_spans.MOST", 5)
    touching = [("room-1", NOW - n * HOUR, NOW - (n - 1) * HOUR, NOW) for n in range(1, 20)]
    apart = [("room-2", NOW - n * HOUR, NOW - n * HOUR + SECONDS, NOW) for n in range(1, 6)]
    assert spans(*touching, *apart[:4]).number == 5
    for too_many in ((*touching, *apart), [(None, None, NOW, NOW + n * HOUR) for n in range(1, 7)]):
        with pytest.raises(ConfigError, match="more than 5 times"):
            spans(*too_many)


def test_values_of_any_kind_stop_nothing() -> None:
    database = sqlite3.connect(":memory:", isolation_level=None)
    create(database, "classroom")
    asked = format_timestamp(NOW)
    rows = [(asked, b"2026", None), (b"now", None, None), (7, None, b"9999"), (asked, None, 3.5), (asked, None, asked)]
    query = 'INSERT INTO deletions (asked, by, device, start, "end", windows) VALUES (?, ?, NULL, ?, ?, 0)'
    for when, start, end in rows:
        database.execute(query, (when, b"x", start, end))
    found = DeletedSpans()
    found.load(database, NOW)
    assert found.covers("room-1", NOW - HOUR, NOW)
    assert not found.covers("room-1", NOW, NOW + HOUR)
