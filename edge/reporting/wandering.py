"""How far the share of a room wanders by itself, and how likely the minutes of a lesson are then. Pure.

Each of n people keeps a state for a while and then draws another one, so the share of those in one state scatters with
variance p (1 - p) / n, and forgets where it was at the rate at which states are drawn. Nobody knows that rate, how much
is new in each minute (faces turn away and back, labels err), or whether people move together: all combinations of the
values below are tried.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

DWELL = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)  # minutes for which a state is kept
NOISE = (0.05, 0.3, 1.0)  # variance of what is new in each minute, as a part of the wandering's
SCATTER = (1.0, 2.0, 4.0)  # variance of the wandering, as a multiple of that of independent people
TOGETHER = 1.0  # logarithm by which each further scatter is less likely beforehand
LIKELY_CHANGE = 0.2  # standard deviation of changes, were there any

SHORTEST, EDGE = 5, 4  # minutes: of a changed stretch, and before and after it


class Likelihoods(NamedTuple):
    """Of k models and s stretches, each (k, s), models in the order of `DWELL`, `NOISE`, `SCATTER`.

    Attributes:
        still: Logarithm of the likelihood without a change.
        moved: The same with one, over all sizes that it may have.
        change: The likeliest change.
        variance: Of that.
    """

    still: Array
    moved: Array
    change: Array
    variance: Array


class _Model(NamedTuple):
    """One dwell and noise in a room of unit variance, ready for any series of the same m minutes.

    Attributes:
        whiten: (m, m), makes minutes independent of each other.
        steps: (m, m), whitened: column j is 1 from minute j on; the first is the mean.
        determinant: Logarithm, of the covariance.
        mean: Information on the mean.
        shared: (s,) information that the mean shares with the change of each stretch.
        change: (s,) information on the change of each stretch, the mean being unknown.
    """

    whiten: Array
    steps: Array
    determinant: float
    mean: float
    shared: Array
    change: Array


class Wandering:
    """All models of a lesson.

    Args:
        times: m moments of the minutes with figures, in minutes, in order.
    """

    def __init__(self, times: Sequence[float]) -> None:
        moments = np.array(times)
        size = len(moments)
        first, after = np.indices((size + 1, size + 1))
        possible = (after - first >= SHORTEST) & (first >= EDGE) & ((after <= size - EDGE) | (after == size))
        self.first: NDArray[np.intp] = first[possible]
        """(s,) first minute of each stretch that may have changed."""
        self.after: NDArray[np.intp] = after[possible]
        """(s,) the one after its last."""
        apart = np.abs(moments[:, None] - moments)
        self._models = [self._model(apart, dwell, noise) for dwell in DWELL for noise in NOISE]

    def _model(self, apart: Array, dwell: float, noise: float) -> _Model:
        size = len(apart)
        # Covariance of means over minutes of what is forgotten at this rate.
        own = 2 * dwell**2 * (1 / dwell - 1 + math.exp(-1 / dwell))
        others = dwell**2 * (1 - math.exp(-1 / dwell)) ** 2 * np.exp((1 - apart) / dwell)
        root = np.linalg.cholesky(np.where(apart == 0, own * (1 + noise), others))
        whiten = np.linalg.inv(root)
        steps = whiten @ np.tril(np.ones((size, size)))
        information = np.zeros((size + 1, size + 1))  # the last: a step that never comes
        information[:size, :size] = steps.T @ steps
        own_information, mean = np.diag(information), float(information[0, 0])
        shared = information[0, self.first] - information[0, self.after]
        change = own_information[self.first] + own_information[self.after] - 2 * information[self.first, self.after]
        determinant = 2 * float(np.log(np.diag(root)).sum())
        return _Model(whiten, steps, determinant, mean, shared, change - shared**2 / mean)

    def likelihoods(self, shares: Array, variance: Array) -> Likelihoods:
        """What each model says of a series.

        Args:
            shares: (m,) of the minutes.
            variance: (s,) of a share of independent people, were each stretch the one that changed.
        """
        size, logs = len(shares), np.log(variance)
        rows: list[tuple[Array, Array, Array, Array]] = []
        for model in self._models:
            white = model.whiten @ shares
            along = np.append(model.steps.T @ white, 0.0)
            rest = max(0.0, float(white @ white - along[0] ** 2 / model.mean))
            pull = along[self.first] - along[self.after] - model.shared * along[0] / model.mean
            change = pull / model.change
            for number, scatter in enumerate(SCATTER):
                scale = scatter * variance
                doubt = scale / model.change
                common = -(size * (logs + math.log(scatter)) + model.determinant) / 2 - number * TOGETHER
                known = LIKELY_CHANGE**2 / (LIKELY_CHANGE**2 + doubt)
                still = common - rest / scale / 2
                moved = common - (rest - pull * change * known) / scale / 2 + np.log(1 - known) / 2
                rows.append((still, moved, change, doubt))
        return Likelihoods(*(np.array(each) for each in zip(*rows, strict=True)))


def log_sum(logs: Array) -> Array:
    """Logarithm of the sum, over the first axis, of what these are the logarithms of."""
    largest = logs.max(axis=0)
    total: Array = largest + np.log(np.exp(logs - largest).sum(axis=0))
    return total
