"""Windows keep their order in time whatever the clock of the machine does."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
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
def test_spans_never_overlap_or_run_backwards(steps: list[tuple[float, float, float]]) -> None:
    clock = JumpyClock()
    stamps = Timestamps(clock)
    last = None
    for seconds, gap, step in steps:
        clock.now += gap
        start = clock.now
        clock.now += seconds
        clock.offset += step
        began, ended = stamps.span(start, clock.now)
        assert abs((ended - began).total_seconds() - seconds) < 1e-3
        assert last is None or began >= last
        last = ended


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


def test_a_clock_set_forward_is_followed_at_once_and_one_set_back_at_the_next_gap() -> None:
    clock = JumpyClock()
    stamps = Timestamps(clock)
    clock.now = 10
    stamps.span(0, 10)
    clock.now, clock.offset = 20, 3600
    assert stamps.span(10, 20)[1] == START + timedelta(seconds=3620)
    assert stamps.true
    clock.now, clock.offset = 30, 3570
    assert stamps.span(20, 30)[1] == START + timedelta(seconds=3630)
    assert not stamps.true
    clock.now = 90
    assert stamps.span(80, 90)[1] == START + timedelta(seconds=3660)
    assert stamps.true


@pytest.mark.parametrize(
    ("answer", "sign", "synced"), [(0, False, True), (5, True, False), (-1, True, True), (-1, False, False)]
)
def test_a_service_that_may_not_ask_the_kernel_looks_for_the_sign_of_timesyncd(
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
