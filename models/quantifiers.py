"""The ways to estimate class shares among which `edge/aggregation/prevalence.py` was chosen, kept for the experiment.

All take what a classifier said about many rooms at once, and say the shares of each room.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.model_files.calibration import OutputCalibration

Floats = NDArray[np.float64]
Method = Callable[[Floats], Floats]

EM_STEPS, EM_ENOUGH = 1000, 1e-6
LEAST_SQUARES_STEPS = 2000


@dataclass(frozen=True)
class Known:
    """What a calibration says, as arrays.

    Attributes:
        priors: (k,) class shares of the calibration pictures.
        bias: (k,) for the logarithms.
        confusion: (k, k) share of each guess (column) for each truth (row).
        posteriors: (k, k) mean probability of each label (column) for each truth (row).
    """

    priors: Floats
    bias: Floats
    confusion: Floats
    posteriors: Floats

    @classmethod
    def of(cls, calibration: OutputCalibration) -> Known:
        """The arrays of a calibration file."""
        counts = np.array(calibration.confusion, np.float64)
        priors = np.array(calibration.priors)
        return cls(
            priors / priors.sum(),
            np.array(calibration.bias),
            counts / counts.sum(axis=1, keepdims=True),
            np.array(calibration.posteriors),
        )


def methods(known: Known) -> dict[str, Method]:
    """By name, functions from probabilities (rooms, faces, k) to shares (rooms, k)."""
    return {
        "counts": counts,
        "probabilities (PCC)": lambda said: said.mean(axis=1),
        "adjusted counts (ACC)": lambda said: adjusted(counts(said), known.confusion),
        "adjusted probabilities (PACC)": lambda said: adjusted(said.mean(axis=1), known.posteriors),
        "EM, temperature only": lambda said: expectation_maximisation(said, known.priors),
        "EM with bias": lambda said: expectation_maximisation(biased(said, known.bias), known.priors),
    }


def counts(said: Floats) -> Floats:
    """Classify and count."""
    labels = said.shape[-1]
    shares: Floats = np.eye(labels)[said.argmax(axis=-1)].mean(axis=1)
    return shares


def biased(said: Floats, bias: Floats) -> Floats:
    """Probabilities (..., k) with a bias added to their logarithms."""
    weighted = said * np.exp(bias)
    shares: Floats = weighted / weighted.sum(axis=-1, keepdims=True)
    return shares


def expectation_maximisation(said: Floats, priors: Floats) -> Floats:
    """Saerens, Latinne & Decaestecker (2002), as published: without a regulariser."""
    likelihood = said / priors
    shares = np.broadcast_to(priors, (len(said), said.shape[2]))
    for _ in range(EM_STEPS):
        faces = likelihood * shares[:, None, :]
        faces /= faces.sum(axis=2, keepdims=True)
        before, shares = shares, faces.mean(axis=1)
        if np.abs(shares - before).max() < EM_ENOUGH:
            break
    return shares


def adjusted(observed: Floats, matrix: Floats) -> Floats:
    """Shares (rooms, k) that explain the `observed` means best in least squares, given the mean of each true class.

    Forman (2008) with the confusion matrix, Bella et al. (2010) with mean probabilities; for more than two classes
    as least squares within the simplex.
    """
    shares = np.full(observed.shape, 1 / observed.shape[1])
    rate = 1 / np.linalg.eigvalsh(matrix @ matrix.T)[-1]
    for _ in range(LEAST_SQUARES_STEPS):
        shares = onto_simplex(shares - rate * (shares @ matrix - observed) @ matrix.T)
    return shares


def onto_simplex(points: Floats) -> Floats:
    """The nearest shares (rooms, k) to any points (rooms, k): what is below zero is cut, all else shifted."""
    falling = -np.sort(-points, axis=1)
    spare = falling.cumsum(axis=1) - 1
    kept = (falling * np.arange(1, points.shape[1] + 1) > spare).sum(axis=1)
    shift = spare[np.arange(len(points)), kept - 1] / kept
    return np.maximum(points - shift[:, None], 0)


def compare_with_quapy(said: Floats, known: Known) -> dict[str, float]:
    """The largest difference of a share from what QuaPy's implementation says, by method.

    Args:
        said: (rooms, faces, k).
        known: The calibration.

    Raises:
        ImportError: QuaPy is not installed (models/requirements-quapy.txt).
    """
    from quapy import functional  # type: ignore[import-not-found] # noqa: PLC0415 - not there where the checks run
    from quapy.method.aggregative import ACC, EMQ  # type: ignore[import-not-found] # noqa: PLC0415

    def solve(matrix: Floats, observed: Floats) -> Floats:
        found = ACC.solve_adjustment(matrix.T, observed, method="inversion", solver="minimize")
        return np.asarray(functional.normalize_prevalence(found, method="clip"))

    ours = methods(known)
    theirs: dict[str, Method] = {
        "counts": lambda room: functional.prevalence_from_labels(room.argmax(axis=1), np.arange(room.shape[1])),
        "probabilities (PCC)": functional.prevalence_from_probabilities,
        "adjusted counts (ACC)": lambda room: solve(known.confusion, counts(room[None])[0]),
        "adjusted probabilities (PACC)": lambda room: solve(known.posteriors, room.mean(axis=0)),
        "EM, temperature only": lambda room: EMQ.EM(known.priors, room, epsilon=EM_ENOUGH)[0],
        "EM with bias": lambda room: EMQ.EM(known.priors, biased(room, known.bias), epsilon=EM_ENOUGH)[0],
    }
    return {
        name: float(np.abs(ours[name](said) - np.stack([method(room) for room in said])).max())
        for name, method in theirs.items()
    }
