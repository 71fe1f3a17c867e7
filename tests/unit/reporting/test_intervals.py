"""Intervals: Wilson's against published values, and errors of values that follow on one another."""

from __future__ import annotations

import numpy as np
import pytest

from edge.reporting.intervals import block_error, wilson


@pytest.mark.parametrize(("share", "draws", "low", "high"), [(0.0, 10, 0.0, 0.2130), (0.5, 25, 0.3437, 0.6563)])
def test_wilson(share: float, draws: float, low: float, high: float) -> None:
    assert wilson(share, draws) == pytest.approx((low, high), abs=0.001)


def test_block_error_of_independent_and_of_dependent_minutes() -> None:
    rng, dwell = np.random.default_rng(1), 5
    independent, dependent = [], []
    for _ in range(200):
        noise = rng.normal(0, 1, 200)
        slow = [noise[0]]
        for each in noise[1:]:
            slow.append((1 - 1 / dwell) * slow[-1] + np.sqrt(2 / dwell - 1 / dwell**2) * each)
        independent.append(block_error([(value, 1.0) for value in noise]))
        dependent.append(block_error([(value, 1.0) for value in slow]))
    assert np.mean(independent) == pytest.approx(1 / np.sqrt(200), rel=0.1)
    assert np.mean(dependent) == pytest.approx(np.sqrt((2 * dwell - 1) / 200), rel=0.2)  # of n (1 - r) / (1 + r) draws
    assert block_error([(0.3, 1.0)] * 20) == pytest.approx(0)
