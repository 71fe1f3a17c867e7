"""Lessons that were never held, whose truth is known: the windows that a daemon would have published of them.

People have an expression until they take another one (exponential dwell), turn their heads, come late, go out and come
back. What the camera makes of that errs as models/README.md measured: the pose rule loses one in eight of the faces
turned to the front and keeps one in thirteen of the others, for some seconds each time; a face's probabilities scatter
around those of its class in the calibration file, and stay wrong as long as the expression stays. From there on every
step is the daemon's own: thresholds of strong words, windows, estimate, and what privacy withholds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.aggregation.payload_builder import PayloadBuilder
from edge.aggregation.prevalence import Estimator
from edge.aggregation.windows import Observation, WindowAggregator
from edge.contract.labels import UNKNOWN
from edge.contract.payloads import MeasuringMode, ModelNames, WindowPayload
from edge.contract.shares import ShareRange
from edge.contract.timestamps import parse_timestamp
from edge.model_files.calibration import Calibration, OutputCalibration
from edge.recording.window_record import WindowRecord
from edge.vision.naming import Namer

START = datetime(2026, 11, 16, 8, 0, tzinfo=timezone.utc)
USUAL = {"angry": 0.04, "disgust": 0.01, "fear": 0.02, "happy": 0.15, "sad": 0.07, "surprise": 0.06, "neutral": 0.65}
FRONT = "front"
MODELS = ModelNames(faces="f@000000000000", emotions="e@000000000000", pose="front, p@000000000000")
MIN_CONFIDENCE = 0.3

FRAME = 2.0  # seconds between frames
KEPT, LET_THROUGH = 0.875, 0.076  # of faces turned to the front and away, judged to be turned to the front
FOUND, MISSED_FOR = 0.93, 5.0  # of the faces, by the detector; seconds
POSE_DWELL, POSE_ERROR = 60.0, 20.0  # seconds
VIEW = 4.0  # seconds in which a face gives the classifier the same picture
SHARPNESS, PORTRAITS, VIEWS = 1.9, 2.0, 1.1  # of the logits: so that they err as the calibration says
SWITCHED_WITHIN = 30.0  # seconds that it takes until everybody has joined a change
LATE, LATE_BY = 0.1, 180.0  # part of the people, and by so many seconds on average
OUT_EVERY, OUT_FOR = 2400.0, 180.0  # seconds


@dataclass(frozen=True)
class Change:
    """So many more people show an expression (or, with `front`, turn to the front) for a while.

    Args:
        what: A label, or `front`.
        share: Of the people in the room, 0..1; below 0 for fewer.
        start: Seconds after the beginning of the lesson.
        seconds: How long; afterwards it is as before.
    """

    what: str = "happy"
    share: float = 0.2
    start: float = 1200.0
    seconds: float = 600.0


@dataclass(frozen=True)
class SimulatedLesson:
    """What happened, by chance, in a room; the same values make the same lesson.

    Args:
        seed: Of everything random.
        people: On the register.
        minutes: Length.
        dwell: Seconds for which a face keeps an expression, on average.
        window: Seconds of a window.
        front: Part of the time that people turn to the front.
        mixture: Shares of the expressions.
        changes: What changes.
        start: When it begins.
        min_faces: `privacy.min_faces`.
        mode: What is measured.
    """

    seed: int
    people: int = 25
    minutes: float = 45.0
    dwell: float = 120.0
    window: float = 10.0
    front: float = 0.75
    mixture: dict[str, float] = field(default_factory=lambda: dict(USUAL))
    changes: Sequence[Change] = ()
    start: datetime = START
    min_faces: int = 5
    mode: MeasuringMode = "emotions"

    def windows(self) -> list[WindowRecord]:
        """The windows as reports read them."""
        return [recorded(payload) for payload in self.payloads()]

    def payloads(self) -> list[WindowPayload]:
        """The windows as they are published."""
        rng, labels = np.random.default_rng(self.seed), calibration().labels
        times = np.arange(0, 60 * self.minutes, FRAME)
        present = self._present(times, rng)
        shown, portrait = self._expressions(times, present, rng)
        front = self._front(times, present, rng)
        error = _kept(rng.random(present.shape), POSE_ERROR, rng)
        judged = error < np.where(front, KEPT, LET_THROUGH)
        seen = present & (_kept(rng.random(present.shape), MISSED_FOR, rng) < FOUND)
        # A face that is turned away shows next to nothing: the network says neutral, and is not sure.
        shown = np.where(front, shown, labels.index("neutral"))
        said = _probabilities(shown, portrait, front, rng)
        names = Namer(labels, calibration().thresholds, MIN_CONFIDENCE).name(said.reshape(-1, len(labels)))
        names = np.where(judged, names.reshape(judged.shape), len(labels))
        return self._published(times, seen, judged, names, said)

    def _present(self, times: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.bool_]:
        """(frames, people): who is there."""
        shape = (len(times), self.people)
        away = _kept(rng.random(shape), OUT_FOR, rng) < OUT_FOR / (OUT_FOR + OUT_EVERY)
        late = np.where(rng.random(self.people) < LATE, rng.exponential(LATE_BY, self.people), 0)
        return np.asarray(~away & (times[:, None] >= late))

    def _expressions(
        self, times: NDArray[np.float64], present: NDArray[np.bool_], rng: np.random.Generator
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """(frames, people) each: what faces show, and the frame in which they began to show it."""
        labels = calibration().labels
        shares = np.tile([self.mixture[label] for label in labels], (len(times), 1))
        changes = [change for change in self.changes if change.what in labels]
        for change in changes:
            _shift(shares, labels.index(change.what), change, times)
        fates = _Fates(shares, self.dwell, present, rng)
        for change in changes:
            fates.switch(labels.index(change.what), change)
        return fates.states()

    def _front(
        self, times: NDArray[np.float64], present: NDArray[np.bool_], rng: np.random.Generator
    ) -> NDArray[np.bool_]:
        """(frames, people): whose head is turned to the front."""
        shares = np.tile([1 - self.front, self.front], (len(times), 1))
        changes = [change for change in self.changes if change.what == FRONT]
        for change in changes:
            _shift(shares, 1, change, times)
        fates = _Fates(shares, POSE_DWELL, present, rng)
        for change in changes:
            fates.switch(1, change)
        return np.asarray(fates.states()[0] == 1)

    def _published(
        self,
        times: NDArray[np.float64],
        seen: NDArray[np.bool_],
        judged: NDArray[np.bool_],
        names: NDArray[np.intp],
        said: NDArray[np.float32],
    ) -> list[WindowPayload]:
        labels = calibration().labels
        emotions = self.mode == "emotions"
        builder = PayloadBuilder("room-1", self.mode, MODELS, self.min_faces, 1, Estimator(calibration()))
        cutter = WindowAggregator(labels, self.window, 0.0, 1 / FRAME)
        closed = []
        for frame, time in enumerate(times.tolist()):
            closed += cutter.due(time)
            there = seen[frame]
            found = np.bincount(names[frame][there], minlength=len(labels) + 1).tolist()
            front = there & judged[frame]
            counts = dict(zip((*labels, UNKNOWN), found, strict=True))
            away = int(there.sum() - front.sum())
            cutter.add(
                Observation(
                    time, counts, 0, said[frame][front] if emotions else None, eligible=int(front.sum()), away=away
                )
            )
        closed += cutter.due(60 * self.minutes)
        payloads = []
        for seq, window in enumerate(closed, 1):
            body = builder.build(window, self.start + timedelta(seconds=window.end), clock_synced=True)
            payloads.append(
                WindowPayload(**body.model_dump(by_alias=True), epoch="5c400100", seq=seq, replayed=False),
            )
        return payloads


class _Fates:
    """What each person does in each frame, by chance: a state is kept for a while, and another one is drawn.

    Args:
        shares: (frames, states) with which they are drawn.
        dwell: Seconds for which one is kept on average.
        present: (frames, people).
        rng: Of the draws.
    """

    def __init__(
        self, shares: NDArray[np.float64], dwell: float, present: NDArray[np.bool_], rng: np.random.Generator
    ) -> None:
        self._shares, self._present, self._rng = shares, present, rng
        drawn = (rng.random(present.shape)[..., None] > shares.cumsum(axis=1)[:, None]).sum(axis=2)
        self._drawn = np.minimum(drawn, shares.shape[1] - 1)
        self._anew = rng.random(present.shape) < 1 - np.exp(-FRAME / dwell)
        self._anew[0] = True

    def states(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """(frames, people) each: the state, and the frame in which it began."""
        began = _last(self._anew)
        return np.take_along_axis(self._drawn, began, axis=0), began

    def switch(self, state: int, change: Change) -> None:
        """Let exactly the share of a change take a state up at its start, and drop it at its end, in half a minute."""
        for moment, share in ((change.start, change.share), (change.start + change.seconds, -change.share)):
            frame = round(moment / FRAME)
            if frame >= len(self._drawn):
                continue
            has = self.states()[0][frame] == state
            willing = np.flatnonzero(self._present[frame] & (has if share < 0 else ~has))
            number = min(round(abs(share) * self._present[frame].sum()), len(willing))
            others = self._shares[-1].copy()
            others[state] = 0
            for person in self._rng.permutation(willing)[:number].tolist():
                when = min(frame + int(self._rng.uniform(0, SWITCHED_WITHIN) / FRAME), len(self._drawn) - 1)
                self._anew[frame : when + 1, person] = False
                self._anew[when, person] = True
                left = self._rng.choice(len(others), p=others / others.sum())
                self._drawn[when, person] = state if share > 0 else left


def _shift(shares: NDArray[np.float64], state: int, change: Change, times: NDArray[np.float64]) -> None:
    """Raise the share of a state while a change lasts, and lower all others in proportion."""
    during = (times >= change.start) & (times < change.start + change.seconds)
    before = shares[during, state]
    shares[during] *= ((1 - before - change.share) / (1 - before))[:, None]
    shares[during, state] = before + change.share


def recorded(body: WindowPayload) -> WindowRecord:
    """A window as reports read it."""
    estimate = None
    if body.estimate:
        estimate = {label: ShareRange(each.share, each.low, each.high) for label, each in body.estimate.items()}
    return WindowRecord(
        epoch=body.epoch, seq=body.seq, start=parse_timestamp(body.window.start), end=parse_timestamp(body.window.end),
        mode=body.mode, replayed=body.replayed, frames=body.frames, total=body.faces.total, mean=body.faces.mean,
        low=body.faces.min, high=body.faces.max, facing=body.facing, counts=body.counts,
        unclassified=body.unclassified, estimate=estimate, estimate_absent=body.estimate_absent,
        withheld=body.withheld, coverage=body.quality.coverage,
        clock_synced=body.quality.clock_synced,
    )  # fmt: skip


@cache
def calibration() -> OutputCalibration:
    """Of the shipped model."""
    text = (Path(__file__).parents[2] / "models/emotions.calibration.json").read_text()
    return Calibration.model_validate_json(text).outputs["ferplus"]


def _probabilities(
    shown: NDArray[np.intp], portrait: NDArray[np.intp], front: NDArray[np.bool_], rng: np.random.Generator
) -> NDArray[np.float32]:
    """(frames, people, labels): what the classifier says."""
    centres = SHARPNESS * np.log(np.maximum(calibration().posteriors, 1e-3))
    size = len(centres)
    own = rng.normal(0, PORTRAITS, (*shown.shape, size)).astype(np.float32)
    views = rng.normal(0, VIEWS, (*shown.shape, size)).astype(np.float32)
    same = (np.arange(len(shown)) * FRAME // VIEW * (VIEW / FRAME)).astype(np.intp)
    logits = centres[shown] + np.take_along_axis(own, portrait[..., None], axis=0) + views[same]
    logits *= np.where(front, 1.0, 0.6)[..., None]
    powers = np.exp(logits - logits.max(axis=2, keepdims=True))
    shares: NDArray[np.float32] = (powers / powers.sum(axis=2, keepdims=True)).astype(np.float32)
    return shares


def _kept(values: NDArray[np.float64], seconds: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Values that each last for so many seconds on average."""
    anew = rng.random(values.shape) < 1 - np.exp(-FRAME / seconds)
    anew[0] = True
    return np.take_along_axis(values, _last(anew), axis=0)


def _last(anew: NDArray[np.bool_]) -> NDArray[np.intp]:
    """The frame, for each frame and person, in which it last began anew."""
    frames = np.arange(len(anew))[:, None]
    return np.maximum.accumulate(np.where(anew, frames, 0), axis=0)
