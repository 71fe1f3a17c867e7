"""The time that deleting goes by: a wrong clock moves it by days, and a right one has it in the end."""

from __future__ import annotations

import random
from datetime import datetime, timedelta, timezone

import pytest

from edge.recording.retention_time import AT_ONCE, BELIEVED, PACE, RetentionTime

NOW = datetime(2026, 11, 20, 8, 0, tzinfo=timezone.utc)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
RIGHT = RetentionTime(NOW)
YEARS = timedelta(days=4000)


class Machine:
    """A recorder's machine: what it keeps, how long it has run, and what its clock shows."""

    def __init__(self) -> None:
        self.kept = RIGHT
        self.boots, self.uptime = 1, timedelta(seconds=1000)
        self.moved(NOW)

    @property
    def time(self) -> datetime:
        return self.kept.time

    def boot(self) -> None:
        self.boots, self.uptime = self.boots + 1, timedelta(seconds=30)

    def moved(self, clock: datetime) -> RetentionTime:
        """A step of a recorder that was started just now."""
        found = RetentionTime.of(self.kept.to_text())
        assert found is not None
        self.clock = clock
        self.kept = found.moved(clock, f"{self.boots:08x}", self.uptime.total_seconds())
        return self.kept

    def run(self, *clocks: datetime) -> RetentionTime:
        """Steps an hour apart."""
        for hour, clock in enumerate(clocks):
            self.uptime += HOUR if hour else timedelta()
            self.moved(clock)
        return self.kept


def hours(begin: datetime, count: int) -> list[datetime]:
    return [begin + hour * HOUR for hour in range(count + 1)]


def test_it_is_the_clock_s_while_that_runs_as_it_should() -> None:
    assert Machine().run(*hours(NOW, 120)).time == NOW + 5 * DAY


@pytest.mark.parametrize("days", [1, 7, 29])
def test_a_clock_that_jumps_ahead_moves_it_by_days(days: int) -> None:
    machine = Machine()
    wrong = machine.run(*(NOW + YEARS + hour * HOUR for hour in range(24 * days)))
    assert NOW + days * DAY <= wrong.time <= NOW + days * DAY + PACE * (days + 1) * DAY
    right = machine.run(*hours(NOW + days * DAY, 24 * days))
    assert right.time <= NOW + 2 * days * DAY + PACE * DAY, "and comes back"


def test_a_clock_that_is_moved_again_and_again_gains_no_more() -> None:
    most = NOW + 10 * DAY + AT_ONCE + 10 * PACE * DAY
    assert Machine().run(*(NOW + hour * 40 * DAY for hour in range(10 * 24))).time <= most


@pytest.mark.parametrize("step", [DAY, 3 * DAY, 30 * DAY, YEARS])
@pytest.mark.parametrize("boots", [False, True], ids=["the recorder", "its machine"])
def test_restarts_gain_nothing(step: timedelta, *, boots: bool) -> None:
    """As of a unit that ends at once again and again, with whoever answers for the time beside it."""
    machine, passed = Machine(), timedelta()
    for number in range(1, 101):
        passed += timedelta(seconds=10)
        machine.uptime += timedelta(seconds=10)
        if boots:
            machine.boot()
        machine.moved(NOW + number * step)
    assert machine.time <= NOW + AT_ONCE + (PACE + 1) * passed


@pytest.mark.parametrize("pause", [timedelta(minutes=10), HOUR, 6 * HOUR])
def test_whatever_the_clock_and_restarts_do_it_gains_three_days_a_day(pause: timedelta) -> None:
    dice, machine, passed = random.Random(1), Machine(), timedelta()  # noqa: S311
    while passed < 20 * DAY:
        passed += pause
        machine.uptime += pause
        if dice.random() < 0.3:
            machine.boot()
        machine.moved(NOW + passed + dice.choice([-DAY, timedelta(), HOUR, 2 * DAY, 4 * DAY, 20 * DAY, YEARS]))
        assert machine.time <= NOW + passed + AT_ONCE + PACE * passed


def test_a_recorder_that_stopped_while_its_machine_ran_goes_on_at_once() -> None:
    machine = Machine()
    machine.uptime += 20 * DAY
    assert machine.moved(NOW + 20 * DAY).time == NOW + 20 * DAY


def test_a_machine_that_was_off_for_some_days_goes_on_at_once() -> None:
    machine = Machine()
    machine.boot()
    assert machine.moved(NOW + 2.5 * DAY).time == NOW + 2.5 * DAY


@pytest.mark.parametrize("stopped", [60 * DAY, YEARS])
def test_however_long_it_was_off_a_month_later_it_is_the_clock_s(stopped: timedelta) -> None:
    machine = Machine()
    machine.boot()
    found = machine.run(*hours(NOW + stopped, BELIEVED // HOUR))
    assert found.time == NOW + stopped + BELIEVED


def test_a_machine_that_is_off_at_night_comes_to_it_as_well() -> None:
    machine, clock = Machine(), NOW + YEARS
    for _ in range(3 * BELIEVED // DAY + 1):
        machine.boot()
        machine.run(*hours(clock, 8))
        clock += DAY
    assert machine.time == machine.clock


def test_a_machine_that_is_off_at_night_and_at_weekends_is_never_a_day_late() -> None:
    machine = Machine()  # on a Friday
    for day in (day for day in range(365) if (NOW + day * DAY).weekday() < 5):
        machine.boot()
        assert machine.run(NOW + day * DAY).time > NOW + (day - 1) * DAY
        machine.run(*hours(NOW + day * DAY, 9))  # more than a quarter of the week


@pytest.mark.parametrize("year", [1970, 2026])
def test_a_board_that_is_told_the_time_some_time_after_its_start_is_not_late(year: int) -> None:
    machine = Machine()
    for day in range(1, 100):
        began = datetime(1970, 1, 1, tzinfo=timezone.utc) if year == 1970 else machine.clock
        machine.boot()
        found = machine.run(began, began + HOUR, *hours(NOW + day * DAY, 8))
        assert found.time == NOW + day * DAY + 8 * HOUR


def test_a_clock_that_is_wrong_at_every_start_deletes_no_more_and_no_more() -> None:
    machine = Machine()
    for day in range(1, 100):
        machine.boot()
        found = machine.run(NOW + day * DAY + YEARS, *hours(NOW + day * DAY, 23))
        assert abs(found.time - machine.clock) < 10 * DAY


def test_a_recording_that_has_none_yet_begins_with_what_came_last() -> None:
    assert RetentionTime.first(NOW, NOW + YEARS) == RIGHT
    assert RetentionTime.first(NOW + YEARS, NOW) == RIGHT
    assert RetentionTime.first(None, NOW) is None


GOOD = '"2026-11-20T08:00:00.000Z"'


@pytest.mark.parametrize(
    "text",
    [
        None, "", "[", "7", "[1, 2, 3]", '["x", 0, 0, "", 0]', "[" * 200_000,
        f"[{GOOD}, 0]", f'[{GOOD}, NaN, 0, "", 0]', f'[{GOOD}, 0, Infinity, "", 0]', f'[{GOOD}, 0, 0, "", NaN]',
        f'[{GOOD}, 0, 0, "", -1]', f'[{GOOD}, 0, 0, "", 1e999]', f"[{GOOD}, 0, 0, 7, 0]",
        f'[{GOOD}, 0, 0, "{37 * "a"}", 0]',
    ],
)  # fmt: skip
def test_what_was_damaged_is_as_if_there_were_none(text: str | None) -> None:
    assert RetentionTime.of(text) is None


def test_what_is_kept_gives_no_more_than_may_be_kept() -> None:
    found = RetentionTime.of(f'[{GOOD}, -5, 1e9, "ab", 7]')
    assert found == RetentionTime(NOW, timedelta(), AT_ONCE, "ab", 7.0)
    found = RetentionTime.of(f'[{GOOD}, 1e9, -5, "ab", 7]')
    assert found == RetentionTime(NOW, BELIEVED, timedelta(), "ab", 7.0)
