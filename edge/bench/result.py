"""What a benchmark found, and what one more face costs."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Spread:
    """Median and 95th percentile, milliseconds."""

    median: float
    p95: float


@dataclass(frozen=True)
class Result:
    """What was measured with one piece of footage.

    Attributes:
        footage: Its name.
        size: Width and height of a frame, pixels.
        people: How many are there; None where nobody has counted them.
        faces: Mean number found.
        classified: Mean number whose emotion was classified.
        frames: How many were measured.
        stages: By name, by the clock; `decode` is done by the capture thread, `publish` once in a window.
        frame: All stages but `decode` and `publish` together, by the clock.
        fps: Frames per second that the analysis reaches; decoding is beside it.
        cpu_ms: CPU milliseconds of one frame, with decoding and publishing.
        floor_ms: CPU milliseconds of the bare runs: one of the detector, one of the classifier per classified face.
        classifier_ms: CPU milliseconds of one bare run of the classifier; None where none was run.
        ratio: CPU time of a frame (without decoding and publishing) over the floor.
        rss_mb: Peak of resident memory.
        rss_growth_mb: Resident memory at the end less that after the first tenth of the frames.
        joules: Energy of one frame, of the whole board; None where that cannot be read.
        busy: Share of the time in which this program had to wait for other programs, or for the disk.
    """

    footage: str
    size: tuple[int, int]
    people: int | None
    faces: float
    classified: float
    frames: int
    stages: dict[str, Spread]
    frame: Spread
    fps: float
    cpu_ms: float
    floor_ms: float
    classifier_ms: float | None
    ratio: float
    rss_mb: float | None
    rss_growth_mb: float | None
    joules: float | None
    busy: float


def slope(results: Sequence[Result]) -> tuple[float, float] | None:
    """What one more face costs, from a fit through the results of one size.

    Returns:
        CPU milliseconds, and how many bare runs of the classifier that is; None with fewer than two numbers of faces.
    """
    singles = [result.classifier_ms for result in results if result.classifier_ms]
    if len({round(result.classified) for result in results}) < 2 or not singles:
        return None
    cost = [result.ratio * result.floor_ms for result in results]
    per_face = float(np.polyfit([result.classified for result in results], cost, 1)[0])
    return per_face, per_face / statistics.median(singles)


def spread(seconds: Sequence[float]) -> Spread:
    """Of some times in seconds, at least one."""
    return Spread(round(statistics.median(seconds) * 1000, 4), round(float(np.percentile(seconds, 95)) * 1000, 4))
