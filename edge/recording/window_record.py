"""A window as reports and the dashboard add it up, whether it comes from a recording or straight from the broker."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from edge.contract.payloads import EstimateAbsent, Facing, MeasuringMode, Unclassified, Withheld
from edge.contract.shares import ShareRange


@dataclass(frozen=True)
class WindowRecord:
    """One window; what is withheld or was not measured is None.

    Attributes:
        total, mean, low, high: Face observations, and mean, fewest and most faces in a frame.
        counts: Face observations per label, `unknown` among them.
        estimate: Estimated shares, 0..1, with their 90 % intervals.
    """

    epoch: str
    seq: int
    start: datetime
    end: datetime
    mode: MeasuringMode
    replayed: bool
    frames: int
    total: int | None
    mean: float | None
    low: int | None
    high: int | None
    facing: Facing | None
    counts: dict[str, int] | None
    unclassified: Unclassified | None
    estimate: dict[str, ShareRange] | None
    estimate_absent: EstimateAbsent | None
    withheld: Withheld | None
    coverage: float
    clock_synced: bool

    @property
    def duration(self) -> timedelta:
        """How long it is."""
        return self.end - self.start
