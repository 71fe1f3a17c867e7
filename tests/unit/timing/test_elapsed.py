"""Ages by a clock that is set and one that starts with the machine."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.timing.elapsed import TimePoint, age

moments = st.builds(TimePoint, st.sampled_from(["a", "b"]), st.floats(0, 1e9), st.floats(-1e12, 1e12), st.booleans())


@given(moments, st.floats(0, 1e8), moments)
def test_within_one_start_no_clock_that_is_set_changes_an_age(then: TimePoint, passed: float, other: TimePoint) -> None:
    now = replace(other, boot=then.boot, uptime=then.uptime + passed)
    assert age(then, now) == pytest.approx(passed, abs=1e-6)


@given(moments, moments)
def test_an_age_is_never_negative_and_from_before_never_below_the_uptime(then: TimePoint, now: TimePoint) -> None:
    assert age(then, now) >= 0
    if then.boot != now.boot:
        assert age(then, now) >= now.uptime
