"""How often a USB camera is read before it is given up."""

from __future__ import annotations

import pytest

from edge.cameras.usb import tries


@pytest.mark.parametrize(("seconds", "expected"), [(0.2, 2), (10.0, 1)])
def test_a_damaged_frame_is_read_over_but_a_driver_that_hangs_is_not_waited_for_twice(
    seconds: float, expected: int
) -> None:
    times = iter([100.0, 100.0 + seconds])
    assert len(list(tries(lambda: next(times)))) == expected
