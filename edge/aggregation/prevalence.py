"""What shares of a room show each emotion, corrected for what the classifier confuses, with intervals. Pure.

A classifier that is often wrong makes biased totals. But it also says how sure it is, and how it errs was measured on
pictures with a known truth. So a room's shares can be asked for that explain what it said about all faces together:
expectation-maximisation on the class priors (Saerens, Latinne & Decaestecker 2002), on probabilities that were
calibrated with a temperature and one bias per class (Alexandari, Kundaje & Shrikumar 2020). `docs/prevalence.md` has
the measurements behind every choice.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.model_files.calibration import OutputCalibration

# Chosen on PublicTest; see docs/prevalence.md.
TYPICAL_FACES = 4.0  # the regulariser: as if so many faces of the usual mixture were in the room, too
NARROWER = 0.8  # of the variance: people are counted too carefully, and the frames of a face average out some noise

EDGES = (1 / 32, 1 / 8, 1 / 3, 2 / 3)  # a tally keeps probabilities apart that lie on different sides of these
CELLS = 4093  # of a tally, a prime; a hundred faces or a whole school fill some hundred of them
BUFFER = 1024  # faces that are sorted into the cells of a tally together, which is much faster than frame by frame

MAX_STEPS = 200  # of expectation-maximisation
ENOUGH = 3e-5  # change of a share at which it has arrived
DOUBLINGS = 11  # 2**11 terms of a series of which each is smaller than the one before
GRID = 160  # points of a distribution function
REACH = 8.0  # standard deviations that they reach to either side
STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)  # of published shares: parts of 1, so that they can sum to it

QUANTILES = (0.05, 0.5, 0.95)
SHIFT_LIMIT = 3.5  # standard errors; see docs/prevalence.md


@dataclass(frozen=True)
class EstimatedShare:
    """The share of one class.

    Attributes:
        share: 0..1; those of all classes sum to 1.
        low: The true share is below this with a probability of 5 %.
        high: And above this with 5 %.
    """

    share: float
    low: float
    high: float


@dataclass(frozen=True)
class RoomEstimate:
    """What is estimated of a stretch of time.

    Attributes:
        shares: By label.
        shift: How much less sure (below 0) or surer (above 0) the classifier is than it was of such a mixture of
            calibration pictures, in standard errors; 0 where the calibration does not say how sure it was.
    """

    shares: dict[str, EstimatedShare]
    shift: float

    @property
    def shifted(self) -> bool:
        """Whether the faces do not look like the calibration pictures, so that the shares may be wrong."""
        return abs(self.shift) > SHIFT_LIMIT


class Tally:
    """What the classifier said about the faces of a stretch of time; its size does not depend on how many they were.

    Each probability lies in one of five ranges. Faces whose probabilities lie in the same ranges share a cell, which
    holds their sum: little is lost, and nothing is kept per person, neither the order of faces nor who was who.
    (Cells are found by a hash, so that their number does not depend on that of the labels, either.) Tallies add: the
    sum of two halves is the tally of the whole.

    Args:
        labels: How many labels the classifier has.
    """

    def __init__(self, labels: int) -> None:
        self._sums = np.zeros((labels, CELLS))
        self._counts = np.zeros(CELLS)
        self._hash = np.array([pow(len(EDGES) + 1, label, CELLS) for label in range(labels)], np.float32)
        self._frames = self._people = self._seen = 0
        self._buffer = np.empty((BUFFER, labels), np.float32)
        self._buffered = 0

    def add(self, probabilities: NDArray[np.float32], people: int = 0) -> None:
        """Add a frame.

        Args:
            probabilities: (n, labels) float32, rows sum to 1, as the classifier gives them, of the faces that it saw.
            people: Faces in the frame that it would have seen, were they not to take turns; n if that is more.
        """
        people = max(people, len(probabilities))
        self._seen += len(probabilities)
        self._frames += people > 0
        self._people += people
        while len(probabilities):
            part = probabilities[: BUFFER - self._buffered]
            self._buffer[self._buffered : self._buffered + len(part)] = part
            self._buffered += len(part)
            probabilities = probabilities[len(part) :]
            if self._buffered == BUFFER:
                self._sort()

    def merge(self, other: Tally) -> None:
        """Add another stretch of time."""
        other._sort()
        self._sums += other._sums
        self._counts += other._counts
        self._frames += other._frames
        self._people += other._people
        self._seen += other._seen

    @property
    def people(self) -> float:
        """Faces to classify in the average frame that has any; 0 without."""
        return self._people / max(self._frames, 1)

    @property
    def complete(self) -> bool:
        """Whether so many faces were classified that each can have been, though they take turns."""
        return self._seen >= self.people

    def cells(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The mean probabilities (m, labels) of the cells that are not empty, and the share (m,) of faces in each."""
        self._sort()
        used = np.flatnonzero(self._counts)
        counts = self._counts[used]
        return np.ascontiguousarray((self._sums[:, used] / counts).T), counts / max(counts.sum(), 1.0)

    def _sort(self) -> None:
        """Empty the buffer into the cells."""
        if not self._buffered:
            return
        faces, self._buffered = self._buffer[: self._buffered], 0
        ranges = sum((faces >= edge).astype(np.float32) for edge in EDGES)
        cell = (ranges @ self._hash).astype(np.intp) % CELLS  # exact: all numbers are far below 2**24
        for total, column in zip(self._sums, faces.T, strict=True):
            np.add(total, np.bincount(cell, column, CELLS), out=total)
        self._counts += np.bincount(cell, minlength=CELLS)
        faces.fill(0)


class Estimator:
    """Estimates the shares behind a tally.

    Args:
        calibration: How sure and how wrong the classifier is.
    """

    def __init__(self, calibration: OutputCalibration) -> None:
        self.labels = calibration.labels
        self._usual = np.array(calibration.priors) / sum(calibration.priors)
        # The probability of what was seen, given each class, up to a factor that is the same for all classes.
        self._likelihood = np.exp(calibration.bias) / self._usual
        self._pictures = np.array(calibration.confusion, np.float64).sum(axis=1)
        self._confidence = np.array(calibration.confidence, np.float64).reshape(-1, 2)

    def estimate(self, tally: Tally) -> RoomEstimate | None:
        """Estimate the shares of all classes.

        Args:
            tally: At least one face.

        Returns:
            Of each label the median of what the share may be (scaled so that all sum to 1) and a 90 % interval, and
            whether the faces look like the calibration pictures; None without a single face.
        """
        seen, weights = tally.cells()
        if not len(seen):
            return None
        mean, variance, errors = self._posterior(seen * self._likelihood, weights, tally.people)
        # What the calibration leaves open widens the interval, but is no reason to believe in smaller rare shares.
        both = beta_quantiles(np.tile(mean, 2), np.concatenate([variance, variance + errors]))
        share, (low, _, high) = both[1, : len(mean)], both[:, len(mean) :]
        share /= share.sum()
        # Scaling may carry a share beyond its interval, never by much.
        low, high = np.minimum(low, share), np.maximum(high, share)
        rows = zip(share.tolist(), low.tolist(), high.tolist(), strict=True)
        shares = {label: EstimatedShare(*row) for label, row in zip(self.labels, rows, strict=True)}
        return RoomEstimate(shares, self._shift(seen, weights, mean, tally.people))

    def _shift(
        self, seen: NDArray[np.float64], weights: NDArray[np.float64], shares: NDArray[np.float64], people: float
    ) -> float:
        """How far the mean of the largest probabilities lies from what this mixture of classes had, as a z-score.

        As in `_posterior`, all frames together count as `people` draws. The largest probability is a sufficient
        summary where a classifier fails by getting unsure: faces that are blurred, tiny, tilted or turned away do.
        """
        if not len(self._confidence):
            return 0.0
        expected, variances = self._confidence.T
        mean = float(shares @ expected)
        variance = float(shares @ (variances + expected**2)) - mean**2
        observed = float(weights @ seen.max(axis=1))
        return (observed - mean) / math.sqrt(max(variance, 1e-6) / max(people, 1.0))

    def _posterior(
        self, seen: NDArray[np.float64], weights: NDArray[np.float64], people: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Mean and variance of the share of each class among the faces seen, and the calibration's; all (labels,).

        Frames of one face are no news, so all frames together count as `people` draws, the faces of the average frame.
        No room has fewer: by Kish's formula (1965) persons who are seen w times each count as sum(w)^2 / sum(w^2),
        and no w exceeds the number of frames. That also holds when a track breaks and one person looks like two.
        """
        room = self._usual
        for _ in range(MAX_STEPS):
            before = room
            faces = seen * room
            faces /= faces.sum(axis=1, keepdims=True)
            shares = weights @ faces
            room = (people * shares + TYPICAL_FACES * self._usual) / (people + TYPICAL_FACES)
            if np.abs(room - before).max() < ENOUGH:
                break
        # Louis (1982): how far the shares follow when the room's mixture moves, and what each face leaves open.
        together = (faces * weights[:, None]).T @ faces
        unsure = np.diag(shares) - together
        follow = unsure / before
        known = people / (people + TYPICAL_FACES)
        mixture = (np.diag(room) - np.outer(room, room)) / (people + TYPICAL_FACES + 1)
        # V = unsure / people + follow (mixture + known^2 V) follow^T, summed as a series.
        variance = unsure / people + follow @ mixture @ follow.T
        step = known * follow
        inverse = np.eye(len(room))
        for _ in range(DOUBLINGS):
            variance = variance + step @ variance @ step.T
            inverse = inverse + step @ inverse  # 1 + step + step^2 + ..., the inverse of 1 - step
            step = step @ step
        # What the calibration pictures leave open: each class was measured with so many of them.
        confused = together / np.maximum(shares, 1e-12)  # column: the mean answer for a face of that class
        doubt = shares**2 / self._pictures
        errors = np.diag(confused @ doubt) - (confused * doubt) @ confused.T
        return shares, NARROWER * np.diag(variance), NARROWER * np.diag(inverse @ errors @ inverse.T)


def published(
    shares: Mapping[str, EstimatedShare] | None, faces: int, round_to: int
) -> dict[str, EstimatedShare] | None:
    """Shares as they may leave the room: rounded to a hundredth, and never finer than the counts beside them.

    Args:
        shares: By label; None where there is no estimate.
        faces: Face observations of the window as published, 0 or more.
        round_to: What its counts were rounded to.

    Returns:
        The rounded shares; None where even halves would be finer than the counts.
    """
    finest = round_to / max(faces, 1) if round_to > 1 else 0.0
    step = next((step for step in STEPS if step >= finest), None)
    return None if shares is None or step is None else rounded(shares, step)


def rounded(shares: Mapping[str, EstimatedShare], step: float) -> dict[str, EstimatedShare]:
    """Shares and intervals as multiples of `step`; the shares still sum to 1, each within its interval.

    Args:
        shares: By label.
        step: 1 divided by a whole number.
    """
    parts = round(1 / step)
    exact = {label: share.share * parts for label, share in shares.items()}
    whole = {label: math.floor(value) for label, value in exact.items()}
    # The largest remainders are rounded up, as many as are needed; of equal ones the first label's.
    by_remainder = sorted(exact, key=lambda label: whole[label] - exact[label])
    for label in by_remainder[: parts - sum(whole.values())]:
        whole[label] += 1
    return {
        label: EstimatedShare(
            share=round(n / parts, 6),
            low=round(min(n, round(shares[label].low * parts)) / parts, 6),
            high=round(max(n, round(shares[label].high * parts)) / parts, 6),
        )
        for label, n in whole.items()
    }


def beta_quantiles(mean: NDArray[np.float64], variance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Quantiles of beta distributions: (3, k) float64 in 0..1, for 5, 50 and 95 %, to about 0.005.

    Args:
        mean: (k,) in 0..1.
        variance: (k,) at least 0; more than a beta distribution of that mean can have is cut.
    """
    flipped = mean > 0.5  # what is computed is the half where the peak may stand at 0, never at 1
    mean = np.clip(np.where(flipped, 1 - mean, mean), 1e-6, None)
    variance = np.clip(variance, 1e-10, mean * (1 - mean) / 3)
    both = mean * (1 - mean) / variance - 1
    a, b = (mean * both)[:, None], ((1 - mean) * both)[:, None]
    reach = REACH * np.sqrt(variance)
    start, end = np.maximum(mean - reach, 0), np.minimum(mean + reach, 1)
    power = np.where(start > 0, 1, 4)  # finer where the density may be infinite
    edges = start[:, None] + (end - start)[:, None] * np.linspace(0, 1, GRID + 1) ** power[:, None]
    middle = (edges[:, 1:] + edges[:, :-1]) / 2
    logs = (a - 1) * np.log(middle) + (b - 1) * np.log1p(-middle) + np.log(np.diff(edges, axis=1))
    # The first cell may begin at 0, where the density may be infinite but x^(a-1) is easily integrated.
    first = a * np.log(edges[:, 1:2]) - np.log(a) + (b - 1) * np.log1p(-middle[:, :1])
    logs[:, :1] = np.where(start[:, None] > 0, logs[:, :1], first)
    mass = np.exp(logs - logs.max(axis=1, keepdims=True))
    total = np.concatenate([np.zeros((len(mean), 1)), mass.cumsum(axis=1)], axis=1)
    total /= total[:, -1:]
    found = np.array([np.interp(QUANTILES, t, x) for t, x in zip(total, edges, strict=True)]).T
    return np.where(flipped, 1 - found[::-1], found)
