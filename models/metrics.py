"""How well guesses fit the truth: pure functions on arrays, without any framework."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Confusion:
    """Counts of truth against guess; every figure follows from them.

    Attributes:
        counts: (k, k) int64, row = truth, column = guess.
    """

    counts: NDArray[np.int64]

    @classmethod
    def of(cls, truth: NDArray[np.int64], guess: NDArray[np.int64], classes: int) -> Confusion:
        """Count `truth` (n,) against `guess` (n,), classes 0..classes-1; rows whose truth is -1 are left out."""
        scored = truth >= 0
        flat = np.bincount(truth[scored] * classes + guess[scored], minlength=classes * classes)
        return cls(flat.reshape(classes, classes).astype(np.int64))

    @property
    def rows(self) -> int:
        """How many pictures were scored."""
        return int(self.counts.sum())

    @property
    def accuracy(self) -> float:
        """Share of right guesses, 0..1; NaN without pictures."""
        return float(np.trace(self.counts)) / self.rows if self.rows else math.nan

    @property
    def recall(self) -> NDArray[np.float64]:
        """(k,) share of each true class that was found; NaN where the class does not occur."""
        return _share(np.diag(self.counts), self.counts.sum(axis=1))

    @property
    def precision(self) -> NDArray[np.float64]:
        """(k,) share of each guessed class that was right; NaN where the class was never guessed."""
        return _share(np.diag(self.counts), self.counts.sum(axis=0))

    @property
    def f1(self) -> NDArray[np.float64]:
        """(k,) harmonic mean of recall and precision; NaN where the class neither occurs nor was guessed."""
        return _share(2 * np.diag(self.counts), self.counts.sum(axis=1) + self.counts.sum(axis=0))

    @property
    def balanced_accuracy(self) -> float:
        """Mean recall of the classes that occur."""
        return _mean(self.recall)

    @property
    def macro_f1(self) -> float:
        """Mean F1 of the classes that occur or were guessed."""
        return _mean(self.f1)

    @property
    def weighted_f1(self) -> float:
        """F1 of the classes, each weighted by how often it is the truth; NaN without pictures."""
        pictures = self.counts.sum(axis=1)
        return float(pictures @ np.nan_to_num(self.f1)) / self.rows if self.rows else math.nan


@dataclass(frozen=True)
class Reliability:
    """How sure a model is of its best guess, against how often that guess is right, in bins of equal width.

    Attributes:
        counts: (bins,) int64, pictures whose confidence lies in the bin.
        confidence: (bins,) float64, their mean confidence; NaN in an empty bin.
        accuracy: (bins,) float64, the share of right guesses among them; NaN in an empty bin.
    """

    counts: NDArray[np.int64]
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]

    @classmethod
    def of(cls, shares: NDArray[np.float64], truth: NDArray[np.int64], bins: int = 15) -> Reliability:
        """Sort probabilities `shares` (n, k) into bins by the largest of each row; rows whose `truth` is -1 are out."""
        shares, truth = shares[truth >= 0], truth[truth >= 0]
        best = shares.max(axis=1)
        into = np.minimum((best * bins).astype(np.int64), bins - 1)  # a confidence of exactly 1 is in the last bin
        counts = np.bincount(into, minlength=bins).astype(np.int64)
        sure = np.bincount(into, weights=best, minlength=bins)
        right = np.bincount(into, weights=shares.argmax(axis=1) == truth, minlength=bins)
        return cls(counts, _share(sure, counts), _share(right, counts))

    @property
    def error(self) -> float:
        """Expected calibration error (Guo et al. 2017): mean gap of accuracy and confidence, 0..1; NaN if empty."""
        total = self.counts.sum()
        gaps = np.abs(np.nan_to_num(self.accuracy - self.confidence))
        return float(self.counts @ gaps / total) if total else math.nan


def _share(part: NDArray[np.int64] | NDArray[np.float64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.divide(part, whole, out=np.full(len(whole), math.nan), where=whole > 0)


def _mean(values: NDArray[np.float64]) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else math.nan


def softmax(logits: NDArray[np.float32], temperature: float) -> NDArray[np.float64]:
    """Probabilities (n, k) float64 of logits (n, k) that are divided by `temperature` first."""
    scaled = logits.astype(np.float64) / temperature
    powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    shares: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return shares


def negative_log_likelihood(logits: NDArray[np.float32], truth: NDArray[np.int64], temperature: float) -> float:
    """Mean of -log p(truth), in nats.

    Args:
        logits: (n, k) float32.
        truth: (n,) int64, 0..k-1.
        temperature: What the logits are divided by before the softmax.
    """
    scaled = logits.astype(np.float64) / temperature
    scaled -= scaled.max(axis=1, keepdims=True)
    right = scaled[np.arange(len(truth)), truth]
    return float((np.log(np.exp(scaled).sum(axis=1)) - right).mean())


def fit_temperature(logits: NDArray[np.float32], truth: NDArray[np.int64]) -> float:
    """The temperature (0.05 to 20) under which the probabilities fit the truth best (Guo et al. 2017).

    Args:
        logits: (n, k) float32.
        truth: (n,) int64, 0..k-1, or -1 for rows that are left out.
    """
    logits, truth = logits[truth >= 0], truth[truth >= 0]
    if not len(truth):
        return 1.0
    low, high = math.log(0.05), math.log(20)
    for _ in range(40):  # The loss has a single minimum in log T: cut a third off the worse side each time.
        left, right = low + (high - low) / 3, high - (high - low) / 3
        losses = [negative_log_likelihood(logits, truth, math.exp(middle)) for middle in (left, right)]
        low, high = (low, right) if losses[0] < losses[1] else (left, high)
    return math.exp((low + high) / 2)
