"""A window as reports and the dashboard add it up, whether it comes from a recording or straight from the broker."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from edge.contract.labels import absence
from edge.contract.payloads import EstimateAbsent, Facing, MeasuringMode, Unclassified, WindowPayload, Withheld
from edge.contract.shares import ShareRange
from edge.contract.timestamps import parse_timestamp


class Series(NamedTuple):
    """What must be the same for two figures to be comparable: what was measured, and by which models and rule."""

    mode: MeasuringMode
    faces: str
    emotions: str | None
    pose: str | None

    @classmethod
    def of(cls, window: WindowPayload) -> Series:
        """That of a window as it came."""
        return cls(window.mode, window.model.faces, window.model.emotions, window.model.pose)


class Stretch(Protocol):
    """Windows that follow on one another without a gap; one window is the shortest."""

    @property
    def start(self) -> datetime:
        """When the first begins."""

    @property
    def end(self) -> datetime:
        """When the last ends."""

    @property
    def epoch(self) -> str:
        """Of all of them."""

    @property
    def first(self) -> int:
        """Number of the first."""

    @property
    def last(self) -> int:
        """Number of the last."""

    @property
    def opening(self) -> timedelta:
        """How long the first is."""

    @property
    def closing(self) -> timedelta:
        """How long the last is."""

    @property
    def reason(self) -> str | None:
        """Why nothing, or not all, is known of each of them; None: all is."""


@dataclass(frozen=True)
class WindowRecord:
    """One window; what is withheld or was not measured is None.

    Attributes:
        total, mean, low, high: Face observations, and mean, fewest and most faces in a frame.
        counts: Face observations per label, `unknown` among them.
        estimate: Estimated shares, 0..1, with their 90 % intervals.
        series: What it can be compared with; None where that is not kept.
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
    series: Series | None = None

    @classmethod
    def of(cls, window: WindowPayload) -> WindowRecord:
        """A window as it came. Raises ValueError for a date that does not exist."""
        faces, estimate = window.faces, None
        if window.estimate is not None:
            estimate = {name: ShareRange(each.share, each.low, each.high) for name, each in window.estimate.items()}
        return cls(
            window.epoch, window.seq, parse_timestamp(window.window.start), parse_timestamp(window.window.end),
            window.mode, window.replayed, window.frames, faces.total, faces.mean, faces.min, faces.max,
            window.facing, window.counts, window.unclassified, estimate, window.estimate_absent, window.withheld,
            window.quality.coverage, window.quality.clock_synced,
            Series.of(window),
        )  # fmt: skip

    @property
    def duration(self) -> timedelta:
        """How long it is."""
        return self.end - self.start

    @property
    def has_figures(self) -> bool:
        """Whether faces were counted and are not withheld."""
        return self.mean is not None

    @property
    def first(self) -> int:
        """As `Stretch`."""
        return self.seq

    @property
    def last(self) -> int:
        """As `Stretch`."""
        return self.seq

    @property
    def opening(self) -> timedelta:
        """As `Stretch`."""
        return self.duration

    @property
    def closing(self) -> timedelta:
        """As `Stretch`."""
        return self.duration

    @property
    def reason(self) -> str | None:
        """As `Stretch`."""
        return absence(self.withheld.reason, self.frames) if self.withheld else None
