"""Faces that a classifier has judged."""

from __future__ import annotations

from datetime import datetime, timezone

import numpy as np
from numpy.typing import NDArray

from edge.aggregation.payload_builder import PayloadBuilder
from edge.aggregation.prevalence import Estimator
from edge.aggregation.windows import Observation, Window, WindowAggregator
from edge.contract.labels import UNKNOWN
from edge.contract.payloads import ModelNames, WindowBody
from edge.model_files.calibration import OutputCalibration

LABELS = ("calm", "glad", "grim")
CALIBRATION = OutputCalibration(
    labels=LABELS, temperature=1, pictures=1000, priors=(0.6, 0.3, 0.1), bias=(0.1, 0.0, -0.1),
    confusion=((500, 60, 40), (30, 260, 10), (20, 10, 70)),
    posteriors=((0.8, 0.12, 0.08), (0.12, 0.82, 0.06), (0.3, 0.1, 0.6)),
)  # fmt: skip
ESTIMATOR = Estimator(CALIBRATION)
MODELS = ModelNames(faces="f@000000000000", emotions="e@000000000000", pose=None)


def said(seed: int, faces: int, sureness: float = 0.7) -> NDArray[np.float32]:
    """What a classifier might say about faces: anything from certainty to none."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 6 * sureness, (faces, len(LABELS)))
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: NDArray[np.float32] = (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
    return shares


def windows_of(frames: list[NDArray[np.float32]], per_window: int = 10) -> list[Window]:
    cutter, windows = WindowAggregator(LABELS, per_window, start=0.0, fps=1), []
    for n, frame in enumerate(frames):
        windows += cutter.due(n)
        counts = dict.fromkeys((*LABELS, UNKNOWN), 0) | {"calm": len(frame)}
        cutter.add(Observation(n, counts, 0, frame))
    return windows + cutter.due(len(frames))


def payload(
    window: Window, min_faces: int = 5, round_to: int = 1, estimator: Estimator | None = ESTIMATOR
) -> WindowBody:
    builder = PayloadBuilder("r", "emotions", MODELS, min_faces, round_to, estimator)
    return builder.build(window, datetime.now(timezone.utc), clock_synced=True)
