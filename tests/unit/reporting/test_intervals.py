"""Intervals: Wilson's against published values, and errors of values that follow on one another."""

from __future__ import annotations

import numpy as np
import pytest

from edge.contract.shares import ShareRange
from edge.reporting.intervals import (
    AWAY,
    block_error,
    estimate_interval,
    independent_draws,
    interval,
    mean_interval,
    wilson,
)


@pytest.mark.parametrize(("share", "draws", "low", "high"), [(0.0, 10, 0.0, 0.2130), (0.5, 25, 0.3437, 0.6563)])
def test_wilson(share: float, draws: float, low: float, high: float) -> None:
    assert wilson(share, draws) == pytest.approx((low, high), abs=0.001)


def slow_series(rng: np.random.Generator, size: int, dwell: float) -> list[float]:
    """Values of variance 1 around 0, each of which is kept for so many on average."""
    noise, keep = rng.normal(0, 1, size), 1 - 1 / dwell
    found = [float(noise[0])]
    for each in noise[1:]:
        found.append(keep * found[-1] + float(np.sqrt(1 - keep**2) * each))
    return found


@pytest.mark.parametrize("draws", [4, 15])
def test_an_estimate_that_is_sure_of_what_few_faces_hardly_showed_is_not_believed(draws: int) -> None:
    assert interval(ShareRange(0.0, 0.0, 0.01), 15, draws) == wilson(0.0, draws)
    assert interval(ShareRange(0.2, 0.19, 0.21), 15, draws) == wilson(0.2, draws)
    assert interval(ShareRange(0.2), 15, draws) == wilson(0.2, draws)


def test_what_the_calibration_leaves_open_widens_it() -> None:
    assert interval(ShareRange(0.3, 0.0, 0.9), 15, 15) == pytest.approx((0.0, 0.9))
    assert interval(ShareRange(0.5, 0.2, 0.8), 16, 4) == (0.0, 1.0)


def test_two_errors_of_an_estimate_add_up_as_squares() -> None:
    low, high = wilson(0.3, 50)
    assert estimate_interval(ShareRange(0.3, 0.3, 0.3), 50) == estimate_interval(ShareRange(0.3), 50)
    assert estimate_interval(ShareRange(0.3), 50) == pytest.approx((low, high))
    both = estimate_interval(ShareRange(0.3, 0.25, 0.4), 50)
    assert (0.3 - both[0]) ** 2 == pytest.approx((0.3 - low) ** 2 + 0.05**2)
    assert (both[1] - 0.3) ** 2 == pytest.approx((high - 0.3) ** 2 + 0.1**2)
    assert estimate_interval(ShareRange(0.1, 0.0, 0.9), 4)[0] == 0.0
    assert estimate_interval(ShareRange(0.5, 0.0, 1.0), 4) == (0.0, 1.0)


def test_all_expressions_tell_as_how_many_draws_a_time_counts() -> None:
    """Of a hundred independent draws of five shares, a third: blocks are few. One that nobody showed counts as well."""
    hundred = [(share, (share * (1 - share) / 100) ** 0.5) for share in (0.6, 0.2, 0.1, 0.1, 0.0)]
    assert independent_draws(hundred, 15, 1e9) == pytest.approx(100 * (1.6449 / 2.92) ** 2, rel=1e-3)
    assert independent_draws(hundred, 15, 2 * AWAY) == pytest.approx(50 * (1.6449 / 2.92) ** 2)
    assert independent_draws([(0.5, 0.5), (0.5, 0.5)], 16, 2700) == 4, "what scatters more has changed"
    assert independent_draws([(0.5, 0.0), (0.5, 0.0)], 16, 2700) == 16, (
        "what never changes tells no more than its faces"
    )


@pytest.mark.parametrize(("minutes", "width"), [(45, 1), (45, 5), (90, 1), (20, 1)])
def test_the_interval_of_a_mean_holds_the_truth_in_nine_cases_of_ten(minutes: int, width: int) -> None:
    """Where who is out is so for three minutes; faces are few, so the mean of a short lesson is no normal one."""
    rng, held = np.random.default_rng(minutes), 0
    for _ in range(300):
        series = np.array(slow_series(rng, minutes, 3.0)).reshape(-1, width).mean(axis=1).tolist()
        error = block_error([(value, 1.0) for value in series])
        low, high = mean_interval(100 + sum(series) / len(series), error, 60.0 * minutes)
        held += low <= 100 <= high
    assert 0.88 <= held / 300 <= 0.99


def test_nothing_is_fewer_than_no_faces() -> None:
    assert mean_interval(0.2, 0.3, 2700.0)[0] == 0.0
    assert mean_interval(20.0, 0.0, 2700.0) == (20.0, 20.0)


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


@pytest.mark.parametrize("share", [0.1, 0.3, 0.7])
def test_equal_values_scatter_by_nothing_whatever_their_mean_is_rounded_to(share: float) -> None:
    error = block_error([(share, 13.3)] * 7)
    assert error == 0
    assert independent_draws([(share, error), (1 - share, error)], 13, 2700) == 13
