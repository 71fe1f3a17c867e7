"""From a window of observations to its payload: what is withheld, rounded and estimated. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from edge.aggregation import privacy
from edge.aggregation.prevalence import Estimator, published
from edge.aggregation.windows import Window
from edge.contract.payloads import (
    EstimateAbsent,
    FaceFigures,
    Facing,
    MeasuringMode,
    ModelNames,
    Quality,
    ShareEstimate,
    Span,
    Unclassified,
    WindowBody,
)
from edge.contract.timestamps import format_timestamp

NO_FIGURES = FaceFigures(total=None, mean=None, min=None, max=None)
_SHOWN = {
    "emotions": privacy.without_emotions,
    "facing": privacy.without_facing,
    "figures": privacy.without_facing,
}


@dataclass(frozen=True)
class PayloadBuilder:
    """Builds the payloads of one configuration.

    Attributes:
        device: Its name.
        mode: What is measured.
        models: The models in use.
        min_faces: With fewer people figures are withheld; 1 or more. Raising it withholds more windows.
        round_to: Counts are rounded to multiples of this; 1 leaves them exact.
        estimator: Estimates the shares; None where the model has no calibration.
    """

    device: str
    mode: MeasuringMode
    models: ModelNames
    min_faces: int
    round_to: int
    estimator: Estimator | None = None

    def build(self, window: Window, end: datetime, *, clock_synced: bool) -> WindowBody:
        """The payload of a window.

        Args:
            window: Its sums.
            end: When it ended, time of day.
            clock_synced: Whether the system, or the configuration, says that the clock is set.
        """
        withheld = privacy.withheld(window, self.min_faces, self.mode)
        shown = window if withheld is None else _SHOWN[withheld.what](window)
        sums = privacy.rounded(shown, self.round_to)
        counts = people = unclassified = estimate = absent = None
        if withheld is None and self.models.emotions is not None:
            counts = sums.counts
            people = {label: round(count / sums.frames, 2) for label, count in counts.items()}
            away = None if sums.away is None else sums.left_out
            unclassified = Unclassified(too_small=sums.too_small, away=away, unclear=sums.unclear)
            estimate, absent = self._estimate(sums)
        return WindowBody(
            device=self.device,
            mode=self.mode,
            window=Span(
                start=format_timestamp(end - timedelta(seconds=window.seconds)),
                end=format_timestamp(end),
                seconds=round(window.seconds, 3),
            ),
            frames=window.frames,
            faces=NO_FIGURES if withheld is not None and withheld.what == "figures" else _faces(sums),
            facing=None if sums.away is None else Facing(front=sums.front, away=sums.away, unknown=sums.too_small),
            counts=counts,
            unclassified=unclassified,
            people=people,
            estimate=estimate,
            estimate_absent=absent,
            withheld=withheld,
            quality=Quality(coverage=round(window.coverage, 3), clock_synced=clock_synced),
            model=self.models,
        )

    def _estimate(self, sums: Window) -> tuple[dict[str, ShareEstimate] | None, EstimateAbsent | None]:
        """The estimated shares, or why there are none."""
        tally = sums.tally
        if self.estimator is None:
            return None, "uncalibrated"
        if tally is None or not tally.complete:
            return None, "incomplete"
        if round(tally.people) < self.min_faces:
            return None, "few"
        found = self.estimator.estimate(tally)
        if found is not None and found.shifted:
            return None, "shift"
        shares = published(found.shares if found else None, sums.faces, self.round_to)
        if shares is None:
            return None, "rounding"
        return {
            label: ShareEstimate(share=each.share, low=each.low, high=each.high) for label, each in shares.items()
        }, None


def _faces(sums: Window) -> FaceFigures:
    return FaceFigures(total=sums.faces, mean=round(sums.mean, 2), min=sums.lowest, max=sums.highest)
