"""Times that were deleted on request: what a prepared file says of them keeps nothing out that is measured later."""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta, timezone

import pytest

from edge.contract.timestamps import format_timestamp
from edge.recording.deleted_spans import DeletedSpans
from edge.recording.layout import create

NOW = datetime(2026, 11, 20, 9, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)


def spans(*requests: tuple[str | None, datetime | None, datetime | None, datetime]) -> DeletedSpans:
    database = sqlite3.connect(":memory:", isolation_level=None)
    create(database, "classroom")
    for device, start, end, asked in requests:
        times = [None if each is None else format_timestamp(each) for each in (start, end)]
        query = 'INSERT INTO deletions (asked, by, device, start, "end", windows) VALUES (?, ?, ?, ?, ?, 0)'
        database.execute(query, (format_timestamp(asked), "anna", device, *times))
    found = DeletedSpans()
    found.load(database, NOW)
    return found


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
