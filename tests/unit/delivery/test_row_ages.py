"""Limits and ages of windows on a board without a battery, which starts each time with a clock that is not set."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.delivery.outbox import Outbox
from edge.timing.elapsed import TimePoint

SCHEMA = "edge.window/2"
DAY = 86_400.0
HOUR = 3600.0
FIRST = 1.79e9


class Board:
    """A machine whose clock stands still while it is off, and is set some time after each start."""

    def __init__(self) -> None:
        self.true = FIRST
        self.started = FIRST
        self.starts = 0
        self.synced = False
        self.behind = 0.0  # seconds, while the clock is not set

    def __call__(self) -> TimePoint:
        unix = self.true if self.synced else self.true - self.behind
        return TimePoint(f"start {self.starts}", self.true - self.started, unix, self.synced)

    def run(self, seconds: float) -> None:
        self.true += seconds

    def restart(self, off: float) -> None:
        self.true += off
        self.started, self.starts = self.true, self.starts + 1
        self.behind, self.synced = self.behind + off, False

    def set_clock(self) -> None:
        self.behind, self.synced = 0.0, True


class Waiting:
    """An outbox that nobody empties, and when each of its windows was really stored."""

    def __init__(self, path: Path | None) -> None:
        self.board = Board()
        self.path = path
        self.stored: dict[int, float] = {}
        self.outbox = Outbox(path, now=self.board)
        self.outbox.start()

    def put(self, count: int = 1) -> None:
        for _ in range(count):
            self.stored[self.outbox.put("{}", SCHEMA)] = self.board.true

    def restart(self, off: float) -> None:
        self.board.restart(off)
        if self.path is not None:
            self.outbox.stop()
            self.outbox = Outbox(self.path, now=self.board)
            self.outbox.start()

    def ages(self) -> list[float]:
        """How long those that wait have really waited."""
        return [self.board.true - self.stored[row.seq] for row in self.outbox.rows(0, self.outbox.newest, 100_000)]


@pytest.fixture
def waiting(tmp_path: Path) -> Iterator[Waiting]:
    there = Waiting(tmp_path / "o")
    yield there
    there.outbox.stop()


@pytest.mark.parametrize("unset", [0, 3])
@pytest.mark.parametrize("limit", [24 * HOUR, HOUR])
def test_windows_of_a_clock_that_was_not_set_keep_no_older_ones_behind_them(
    waiting: Waiting, unset: int, limit: float
) -> None:
    for day in range(7):
        if day:
            waiting.restart(off=16 * HOUR)
        waiting.put(unset)
        waiting.board.run(30)
        waiting.board.set_clock()
        for _ in range(8):
            waiting.put()
            waiting.board.run(HOUR)
            waiting.outbox.expire(limit)
            assert max(waiting.ages(), default=0.0) <= limit + HOUR
            ages = waiting.ages()
            assert waiting.outbox.oldest_age() == (pytest.approx(max(ages), abs=31) if ages else None)


def test_windows_that_tell_no_age_are_as_old_as_the_next_that_does(waiting: Waiting) -> None:
    waiting.put(2)
    waiting.board.run(30)
    waiting.board.set_clock()
    waiting.put()
    waiting.restart(off=DAY)
    waiting.board.run(60)
    assert waiting.outbox.expire(DAY) == 0, "the clock is not set: nothing but this start is certain"
    assert waiting.outbox.oldest_age() == 60
    assert [row.age for row in waiting.outbox.rows(0, 9, 9)] == [60] * 3
    waiting.board.set_clock()
    assert waiting.outbox.oldest_age() == DAY + 60
    assert [row.age for row in waiting.outbox.rows(0, 9, 9)] == [DAY + 60] * 3
    assert [row.age for row in waiting.outbox.rows(0, 9, 1)] == [DAY + 60], "also where it is not sent along"
    assert waiting.outbox.expire(DAY, keep={2}) == 2
    assert waiting.outbox.expire(2 * DAY) == 0
    assert waiting.outbox.expire(DAY) == 1, "it was in flight; what told its age is gone"
    assert waiting.outbox.oldest_age() is None


def test_a_window_from_a_clock_that_was_ahead_keeps_none_behind_it(waiting: Waiting) -> None:
    waiting.board.set_clock()
    waiting.board.run(100 * DAY)
    waiting.put()
    waiting.board.run(-100 * DAY)
    waiting.put()
    waiting.restart(off=2 * DAY)
    waiting.board.set_clock()
    waiting.put()
    assert waiting.outbox.expire(DAY) == 2
    assert waiting.outbox.oldest_age() == 0


def test_what_is_passed_over_in_one_database_is_not_in_the_next(waiting: Waiting) -> None:
    waiting.put(5)
    waiting.restart(off=DAY)
    waiting.board.set_clock()
    assert waiting.outbox.expire(DAY) == 0
    waiting.outbox.set_aside("a test wants it")
    waiting.put()
    waiting.board.run(DAY + 1)
    assert waiting.outbox.oldest_age() == DAY + 1
    assert waiting.outbox.expire(DAY) == 1


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(1, 4)),
        st.tuples(st.just("run"), st.floats(1, 10 * HOUR)),
        st.tuples(st.just("restart"), st.floats(1, 30 * HOUR)),
        st.tuples(st.just("set"), st.just(0)),
        st.tuples(st.just("expire"), st.just(0)),
    ),
    max_size=40,
)


@given(STEPS)
def test_no_window_is_dropped_too_early_and_none_stays_that_is_known_to_be_too_old(
    steps: list[tuple[str, float]],
) -> None:
    there = Waiting(None)
    clock_when_stored: dict[int, TimePoint] = {}
    for what, value in [*steps, ("expire", 0)]:
        if what == "put":
            there.put(int(value))
            clock_when_stored |= {seq: there.board() for seq in there.stored.keys() - clock_when_stored.keys()}
        elif what == "run":
            there.board.run(value)
        elif what == "restart":
            there.restart(value)
        elif what == "set":
            there.board.set_clock()
        else:
            before, now = {row.seq for row in there.outbox.rows(0, there.outbox.newest, 1000)}, there.board()
            there.outbox.expire(DAY)
            rows = there.outbox.rows(0, there.outbox.newest, 1000)
            left = {row.seq for row in rows}
            assert all(there.board.true - there.stored[seq] > DAY for seq in before - left)
            known = {
                seq: there.board.true - there.stored[seq]
                for seq in left
                if clock_when_stored[seq].boot == now.boot or (now.synced and clock_when_stored[seq].synced)
            }
            assert all(age <= DAY + 1e-3 for age in known.values())
            if left:
                oldest = there.outbox.oldest_age()
                assert oldest is not None
                assert oldest >= max(known.values(), default=0.0) - 1e-3
                assert oldest <= there.board.true - there.stored[min(left)] + 1e-3
                assert [row.age for row in rows] == sorted((row.age for row in rows), reverse=True)
    there.outbox.stop()


def test_sixty_thousand_windows_that_tell_no_age_are_read_once(waiting: Waiting) -> None:
    outbox = waiting.outbox
    values = [(0.0, "x" * 100, "another start", SCHEMA)] * 60_000
    with outbox._undoable() as database:
        database.executemany("INSERT INTO windows (created, body, boot, schema) VALUES (?, ?, ?, ?)", values)
    waiting.board.set_clock()
    waiting.put()
    done = 0

    def count() -> None:
        nonlocal done
        done += 1

    outbox._db.set_progress_handler(count, 1000)  # of SQLite's instructions
    assert outbox.expire(DAY) == 0
    first, done = done, 0
    assert first > 60
    for _ in range(100):
        assert outbox.expire(DAY) == 0
        assert outbox.oldest_age() == 0
        assert len(outbox.rows(0, outbox.newest, 20)) == 20
    assert done < first
    waiting.board.run(DAY + 1)
    assert outbox.expire(DAY) == 60_001
