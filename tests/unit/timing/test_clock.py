"""Windows keep their order in time whatever the clock of the machine does."""

from __future__ import annotations

import tracemalloc
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.timing import clock
from edge.timing.clock import Timestamps

START = datetime(2026, 10, 4, 8, 0, tzinfo=timezone.utc)


class JumpyClock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self.offset = 0.0

    def monotonic(self) -> float:
        return self.now

    def utc(self) -> datetime:
        return START + timedelta(seconds=self.now + self.offset)


STEPS = st.lists(
    st.tuples(st.floats(0.5, 60), st.floats(0, 120), st.sampled_from([0, 0, 0, 0.3, -0.3, 5, -5, 3600, -3600, 10**8])),
    max_size=30,
)


@given(STEPS)
def test_spans_never_overlap(steps: list[tuple[float, float, float]]) -> None:
    clock = JumpyClock()
    stamps = Timestamps(clock)
    found: list[tuple[datetime, datetime]] = []
    for seconds, gap, step in steps:
        clock.now += gap
        start = clock.now
        clock.now += seconds
        clock.offset += step
        began, ended = stamps.span(start, clock.now)
        assert abs((ended - began).total_seconds() - seconds) < 1e-3
        found.append((began, ended))
    assert all(after[0] >= before[1] for before, after in pairwise(sorted(found)))


def days(stamps: Timestamps, clock: JumpyClock, length: float, ahead: float) -> list[float]:
    """How far stamps are from the truth in windows of ten seconds; the clock is ahead from 600 s to 664 s."""
    found = []
    while clock.now < length:
        start = clock.now
        clock.now += 10
        clock.offset = ahead if 600 <= clock.now < 664 else 0
        found.append((stamps.span(start, clock.now)[1] - START).total_seconds() - clock.now)
    return found


@pytest.mark.parametrize("ahead", [3600.0, 2 * 86_400.0, 3650 * 86_400.0])
def test_a_clock_that_was_ahead_for_a_minute_spoils_no_stamps_but_those_of_that_minute(ahead: float) -> None:
    clock = JumpyClock()
    stamps = Timestamps(clock)
    wrong = days(stamps, clock, min(ahead + 500, 86_400), ahead)
    assert wrong.count(ahead) == 7
    assert wrong.count(0.0) == len(wrong) - 7
    assert stamps.true
    clock.now = max(clock.now, ahead + 605)  # now comes the minute that has stamps
    clock.now += 10
    began, ended = stamps.span(clock.now - 10, clock.now)
    assert timedelta() < ended - began <= timedelta(seconds=10)
    assert 0 < (ended - START).total_seconds() - clock.now <= 70
    clock.now += 100
    stamps.span(clock.now - 10, clock.now)
    assert stamps.true


def test_a_clock_that_was_ahead_at_the_start_is_right_once_it_is_set() -> None:
    clock = JumpyClock()
    stamps = Timestamps(clock)
    clock.now, clock.offset = 60, 10**8  # by the clock of the board
    stamps.span(50, 60)
    clock.now, clock.offset = 70, 0
    assert stamps.span(60, 70) == (START + timedelta(seconds=60), START + timedelta(seconds=70))
    assert stamps.true


def test_a_clock_that_never_rests_fills_no_memory() -> None:
    clock = JumpyClock()
    stamps = Timestamps(clock)
    tracemalloc.start()
    for number in range(20_000):
        clock.now += 10
        clock.offset += (-1) ** number * 10 * number
        stamps.span(clock.now - 10, clock.now)
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert used < 200_000


def test_windows_touch_while_the_clock_is_only_slewed() -> None:
    clock = JumpyClock()
    stamps = Timestamps(clock)
    last = None
    for _ in range(100):
        clock.now += 10
        clock.offset += 0.003
        began, ended = stamps.span(clock.now - 10, clock.now)
        assert last is None or began == last
        last = ended


def test_a_clock_set_forward_is_followed_at_once_and_one_set_back_to_what_has_stamps_at_the_next_gap() -> None:
    clock = JumpyClock()
    stamps = Timestamps(clock)
    clock.now = 10
    stamps.span(0, 10)
    clock.now, clock.offset = 20, 3600
    assert stamps.span(10, 20)[1] == START + timedelta(seconds=3620)
    assert stamps.true
    clock.now, clock.offset = 30, 3595
    assert stamps.span(20, 30)[1] == START + timedelta(seconds=3630)
    assert not stamps.true
    clock.now = 90
    assert stamps.span(80, 90)[1] == START + timedelta(seconds=3685)
    assert stamps.true


@pytest.mark.parametrize(("back", "true"), [(0.4, True), (0.6, False)])
def test_a_step_back_of_more_than_half_a_second_is_a_clock_that_was_set(back: float, *, true: bool) -> None:
    clock = JumpyClock()
    stamps = Timestamps(clock)
    last = START
    for number in range(100):
        clock.now += 10
        clock.offset = -back if number >= 50 else 0
        began, last = stamps.span(clock.now - 10, clock.now)
        assert (last - began).total_seconds() == 10
    assert last == START + timedelta(seconds=1000)
    assert stamps.true == true
    clock.now += 1  # a pause that is longer than the step
    stamps.span(clock.now, clock.now + 10)
    assert stamps.true


@pytest.mark.parametrize(
    ("answer", "sign", "synced"),
    [(0, False, True), (5, False, False), (5, True, True), (-1, True, True), (-1, False, False)],
)
def test_the_clock_is_set_by_the_kernel_or_by_the_lasting_sign_of_timesyncd(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    *,
    answer: int,
    sign: bool,
    synced: bool,
) -> None:
    libc = SimpleNamespace(adjtimex=lambda _buffer: answer)
    monkeypatch.setattr("ctypes.CDLL", lambda _name: libc)
    monkeypatch.setattr(clock, "SYNCHRONISED", tmp_path / "synchronized")
    if sign:
        (tmp_path / "synchronized").touch()
    assert clock.clock_synced() == synced
