"""Sums kept apart by the model that named the expressions: a label that a model does not have is not zero in its time.

A share of a label is therefore a part of the faces that models named which have the label, never of all. Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from edge.recording.rollups import Bucket
from edge.recording.series_ids import MOST_SERIES
from edge.recording.window_record import WindowRecord
from edge.recording.window_sums import OTHER, WindowSums


class Base(NamedTuple):
    """What the counts of a label are a part of: windows whose model has it.

    Attributes:
        named: Face observations with an emotion in these.
        frames: Analysed frames of these.
    """

    named: int
    frames: int


class ModelSums:
    """The sums of some windows, by the model that named the expressions."""

    def __init__(self) -> None:
        self._by_model: dict[str | None, WindowSums] = {}

    def add(self, part: WindowRecord | Bucket) -> None:
        """Add a window, or windows that were added up."""
        sums = self._of(part.series.emotions if part.series else None)
        if isinstance(part, Bucket):
            sums.merge(part.sums)
        else:
            sums.add(part)

    def merge(self, other: ModelSums) -> None:
        """Add what others add up to."""
        for model, sums in other._by_model.items():
            self._of(model).merge(sums)

    @property
    def total(self) -> WindowSums:
        """Of all models; not to be changed."""
        if len(self._by_model) == 1:
            return next(iter(self._by_model.values()))
        found = WindowSums()
        for each in self._by_model.values():
            found.merge(each)
        return found

    @property
    def naming(self) -> list[WindowSums]:
        """Of each model that was used to name expressions, where they are not withheld."""
        return [each for each in self._by_model.values() if each.counted]

    def _of(self, model: str | None) -> WindowSums:
        """Those of a model; of a room that makes up ever more names of models, the rest are one."""
        if model not in self._by_model and len(self._by_model) >= MOST_SERIES:
            model = OTHER
        return self._by_model.setdefault(model, WindowSums())


def base_of(labels: Sequence[str], sums: WindowSums, models: Sequence[WindowSums]) -> Base:
    """What the counts of some labels are a part of."""
    having = [each for each in models if len(models) == 1 or _has_any(each.counts, labels, sums.counts)]
    return Base(sum(each.named for each in having), sum(each.counted_frames for each in having))


def weight_of(labels: Sequence[str], sums: WindowSums, models: Sequence[WindowSums]) -> int:
    """What the estimates of some labels were weighted by."""
    return sum(each.weight for each in models if len(models) == 1 or _has_any(each.estimate, labels, sums.estimate))


def _has_any(labels: Collection[str], wanted: Collection[str], kept: Collection[str]) -> bool:
    """Whether a model has one of some labels.

    Args:
        labels: Of the model.
        wanted: As they are kept in a sum over all models.
        kept: All labels of that sum; what it had no room for is in `other`.
    """
    return any(label in wanted or (OTHER in wanted and label not in kept) for label in labels)
