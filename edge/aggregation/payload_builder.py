"""From a window of observations to its payload. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from edge.aggregation.prevalence import EstimatedShare
from edge.aggregation.windows import Window
from edge.contract.payloads import Estimate, FaceFigures, ModelNames, Quality, Span, WindowPayload
from edge.contract.timestamps import format_timestamp


def compose_window(
    window: Window,
    *,
    device: str,
    end: datetime,
    suppressed: bool,
    clock_synced: bool,
    models: ModelNames,
    estimate: Mapping[str, EstimatedShare] | None = None,
) -> WindowPayload:
    """Build the payload of a window.

    Args:
        window: The sums, already rounded as the privacy policy asks.
        device: The device's name.
        end: When the window ended.
        suppressed: Leave out everything about people.
        clock_synced: Whether the system says that its clock is set.
        models: The models that were used.
        estimate: Estimated shares, already rounded as well; None where nothing is known of them.

    Returns:
        The payload with a placeholder identity (epoch, seq), which the outbox gives.
    """
    shown = not suppressed
    named = shown and models.emotions is not None
    frames = window.frames
    return WindowPayload(
        device=device,
        epoch="00000000",
        seq=1,
        replayed=False,
        window=Span(
            start=format_timestamp(end - timedelta(seconds=window.seconds)),
            end=format_timestamp(end),
            seconds=round(window.seconds, 3),
        ),
        frames=frames,
        faces=FaceFigures(
            total=window.faces if shown else None,
            mean=round(window.mean, 2) if shown else None,
            min=window.lowest if shown else None,
            max=window.highest if shown else None,
        ),
        counts=window.counts if named else None,
        people={k: round(n / frames, 2) if frames else 0.0 for k, n in window.counts.items()} if named else None,
        estimate=_estimate(estimate) if named and estimate is not None else None,
        suppressed=suppressed,
        quality=Quality(
            coverage=round(window.coverage, 3),
            too_small=window.too_small if named else None,
            clock_synced=clock_synced,
        ),
        model=models,
    )


def _estimate(shares: Mapping[str, EstimatedShare]) -> dict[str, Estimate]:
    return {label: Estimate(share=each.share, low=each.low, high=each.high) for label, each in shares.items()}
