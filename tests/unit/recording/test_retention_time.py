"""The time that deleting goes by: a wrong clock moves it by days, and a right one has it in the end."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from edge.recording.retention_time import BELIEVED, PACE, Follower, RetentionTime

NOW = datetime(2026, 11, 20, 8, 0, tzinfo=timezone.utc)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
RIGHT = RetentionTime(NOW, NOW)
YEARS = timedelta(days=4000)


def run(kept: RetentionTime, *clocks: datetime) -> RetentionTime:
    """A run of the recorder, whose clock shows these at the start and an hour apart."""
    follower = Follower(kept, 1000)
    for hour, clock in enumerate(clocks):
        kept = follower.move(clock, 1000 + 3600 * hour)
    return kept


def hours(begin: datetime, count: int) -> list[datetime]:
    return [begin + hour * HOUR for hour in range(count + 1)]


def test_it_is_the_clock_s_while_that_runs_as_it_should() -> None:
    assert run(RIGHT, *hours(NOW, 120)).time == NOW + 5 * DAY


@pytest.mark.parametrize("days", [1, 7, 29])
def test_a_clock_that_jumps_ahead_moves_it_by_days(days: int) -> None:
    follower = Follower(RIGHT, 0)
    wrong = [follower.move(NOW + YEARS + hour * HOUR, 3600 * hour) for hour in range(24 * days)][-1]
    assert NOW + days * DAY <= wrong.time <= NOW + PACE * (days + 1) * DAY
    kept = RetentionTime.of(wrong.to_text())
    assert kept is not None
    right = run(kept, *hours(NOW + days * DAY, 24 * days))
    assert right.time <= NOW + 2 * days * DAY + PACE * DAY, "and comes back"


def test_a_clock_that_is_moved_again_and_again_gains_no_more() -> None:
    assert run(RIGHT, *(NOW + hour * 40 * DAY for hour in range(10 * 24))).time <= NOW + 11 * PACE * DAY


def test_restarts_do_not_hasten_it() -> None:
    time = RIGHT
    for second in range(100):
        time = run(time, NOW + YEARS + timedelta(seconds=10 * second))
    assert time.time <= NOW + PACE * (DAY + timedelta(seconds=1000))


def test_a_recorder_that_stopped_for_some_days_goes_on_at_once() -> None:
    assert run(RIGHT, NOW + 2.5 * DAY).time == NOW + 2.5 * DAY


@pytest.mark.parametrize("stopped", [60 * DAY, YEARS])
def test_however_long_it_was_stopped_a_month_later_it_is_the_clock_s(stopped: timedelta) -> None:
    time = run(RIGHT, *hours(NOW + stopped, BELIEVED // HOUR))
    assert time.time == time.clock == NOW + stopped + BELIEVED


def test_a_machine_that_is_switched_off_at_night_comes_to_it_as_well() -> None:
    time, clock = RIGHT, NOW + YEARS
    for _ in range(BELIEVED // DAY + 1):
        time, clock = run(time, clock, clock + HOUR), clock + DAY
    assert time.time == time.clock


@pytest.mark.parametrize("year", [1970, 2026])
def test_a_board_that_is_told_the_time_some_time_after_its_start_is_not_late(year: int) -> None:
    time = RIGHT
    for day in range(1, 100):
        began = datetime(1970, 1, 1, tzinfo=timezone.utc) if year == 1970 else time.clock
        time = run(time, began, began + HOUR, NOW + day * DAY)
        assert time.time == NOW + day * DAY


def test_a_clock_that_is_wrong_at_every_start_deletes_no_more_and_no_more() -> None:
    time = RIGHT
    for day in range(1, 100):
        time = run(time, NOW + day * DAY + YEARS, *hours(NOW + day * DAY, 23))
        assert abs(time.time - time.clock) < 10 * DAY


def test_a_recording_that_has_none_yet_begins_with_what_came_last() -> None:
    assert RetentionTime.first(NOW, NOW + YEARS) == RIGHT
    assert RetentionTime.first(NOW + YEARS, NOW) == RIGHT
    assert RetentionTime.first(None, NOW) is None


@pytest.mark.parametrize(
    "text", [None, "", "[", "7", "[1, 2, 3]", '["2026-11-20T08:00:00.000Z", "x", 0]', "[" * 200_000]
)
def test_what_was_damaged_is_as_if_there_were_none(text: str | None) -> None:
    assert RetentionTime.of(text) is None
