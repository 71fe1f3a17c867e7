"""Measures the whole way of a frame beside its floor: one bare run of the detector and one of the classifier per face.

Frame and floor take turns, so that both meet the same machine. The ratio between them is one of CPU seconds, which
other programs lengthen little; times by the clock are what they are.
"""

from __future__ import annotations

import resource
import statistics
import tempfile
import time
from array import array
from collections import defaultdict
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edge.bench.result import Result, spread
from edge.cameras.capture_thread import Frame
from edge.cameras.masks import Masks
from edge.daemon.malloc import give_back_now
from edge.daemon.metrics import Meter, rss_megabytes
from edge.daemon.pipeline import Pipeline
from edge.delivery.outbox import Outbox
from edge.hardware.private_memory import own_files_of_proc
from edge.hardware.process_memory import PEAK, memory
from edge.timing.clock import Timestamps
from edge.vision.emotion_classifier import EmotionClassifier
from edge.vision.face_detector import Detections, FaceDetector
from edge.vision.model_set import ModelChoice, ModelSet

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from edge.bench.energy import EnergyMeter
    from edge.bench.footage import Footage
    from edge.bench.trace import Trace
    from edge.config.schema import Config

WARM_UP = 10  # frames; the first ones pay for memory that the others find ready
STAGES = ("decode", "mask", "detect", "track", "crop", "classify", "window", "publish")
FPS = 10.0  # of the footage, in its own time: a window of one second has ten frames


class _CountingDetector(FaceDetector):
    """Counts the faces that it finds."""

    found = 0

    def detect(self, image: NDArray[np.uint8]) -> Detections:
        """See FaceDetector."""
        faces = super().detect(image)
        self.found = len(faces.boxes)
        return faces


class _TimedClassifier(EmotionClassifier):
    """Measures how long cropping takes, and counts the faces that it is given."""

    record: Callable[[str, float], None]
    given = 0

    def classify(
        self, image: NDArray[np.uint8], boxes: NDArray[np.float32], rolls: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        """See EmotionClassifier."""
        self.given = len(boxes)
        return super().classify(image, boxes, rolls)

    def crop(
        self, image: NDArray[np.uint8], boxes: NDArray[np.float32], rolls: NDArray[np.float32] | None = None
    ) -> NDArray[np.uint8]:
        """See EmotionClassifier."""
        began = time.perf_counter()
        crops = super().crop(image, boxes, rolls)
        self.record("crop", time.perf_counter() - began)
        return crops


class _Times(Meter):
    """Keeps every time that is recorded."""

    def __init__(self) -> None:
        super().__init__(0.0)
        self.trace: Callable[[str, float], None] | None = None
        """Is told of each stage as it ends."""
        # Plain arrays: ten thousand frames as objects would look like a leak of the daemon's.
        self.all: defaultdict[str, array[float]] = defaultdict(lambda: array("d"))

    def record_stage(self, name: str, seconds: float) -> None:
        """See Meter."""
        self.all[name].append(seconds)
        if self.trace is not None:
            self.trace(name, seconds)

    def newest(self, *names: str) -> float:
        """The sum of the latest times of these stages."""
        return sum(self.all[name][-1] for name in names if self.all[name])


class FootageClock:
    """The time in the footage."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        """Seconds."""
        return self.now

    def utc(self) -> datetime:
        """A time of day."""
        return datetime(2026, 10, 4, 8, tzinfo=timezone.utc) + timedelta(seconds=self.now)


class Bench:
    """The daemon without camera and broker. It never asks the rate controller for a plan: every face is measured.

    Args:
        config: Which models, with how many threads; windows become one second long.
        energy: Measures what the board uses.

    Raises:
        ModelError: A model cannot be used.
    """

    def __init__(self, config: Config, energy: EnergyMeter) -> None:
        window = config.window.model_copy(update={"seconds": 1.0})
        vision = config.vision.model_copy(update={"fps": FPS})
        self._config = config.model_copy(update={"window": window, "vision": vision})
        self._energy = energy
        self._models = ModelSet.load(ModelChoice.of(self._config), _CountingDetector, _TimedClassifier)
        detector, classifier = self._models.detector, self._models.classifier
        assert isinstance(detector, _CountingDetector)  # noqa: S101 - for mypy: they were just made so
        assert classifier is None or isinstance(classifier, _TimedClassifier)  # noqa: S101
        self._detector, self._classifier = detector, classifier

    @property
    def models(self) -> dict[str, str]:
        """Name and sha256 of the models in use, by what they find."""
        names = {"faces": self._detector.card.identity}
        return names | ({"emotions": self._classifier.card.identity} if self._classifier else {})

    def measure(self, footage: Footage, frames: int, trace: Trace | None = None) -> Result:
        """Measure some footage.

        Args:
            footage: What is looked at.
            frames: How many.
            trace: Takes the stages of each frame; that lengthens them by some microseconds.

        Raises:
            CameraError: The footage cannot be decoded.
        """
        clock, times = FootageClock(), _Times()
        with tempfile.TemporaryDirectory(prefix="edge-bench-") as folder:
            outbox = Outbox(Path(folder) / "outbox.sqlite")
            outbox.start()
            try:
                pipeline = Pipeline(self._config, self._models, times, Timestamps(clock), 0.0)
                masks = Masks(self._config.camera.masks)
                measurement = _Measurement(self._detector, self._classifier, pipeline, times, clock, outbox, masks)
                return measurement.run(footage, frames, self._energy, trace)
            finally:
                outbox.stop()


class _Measurement:
    def __init__(
        self,
        detector: _CountingDetector,
        classifier: _TimedClassifier | None,
        pipeline: Pipeline,
        times: _Times,
        clock: FootageClock,
        outbox: Outbox,
        masks: Masks,
    ) -> None:
        self._masks = masks
        self._detector = detector
        self._classifier = classifier
        self._pipeline = pipeline
        self._times = times
        self._clock = clock
        self._outbox = outbox
        if classifier is not None:
            classifier.record = times.record_stage
        self._size = (0, 0)

    def run(self, footage: Footage, frames: int, energy: EnergyMeter, trace: Trace | None) -> Result:
        for _ in range(WARM_UP):
            self._frame(footage)
        for times in self._times.all.values():
            del times[:]
        if trace is not None:
            self._times.trace = lambda name, seconds: trace.stage(name, seconds, footage.name)
        give_back_now()  # what drawing the scene has left is not ours
        _reset_peak()
        early = self._resident()
        began, cpu = time.perf_counter(), time.process_time()
        for index in range(frames):
            self._frame(footage)
            self._bare(self._classifier.given if self._classifier else 0)
            if index == frames // 10:
                early = self._resident()
        busy = 1 - (time.process_time() - cpu) / (time.perf_counter() - began)
        peak, late = _peak_megabytes(), self._resident()
        used = energy.per_call(lambda: self._frame(footage), frames) if energy.available else None
        return self._result(footage, busy, peak, late - early if late and early else None, used)

    def _frame(self, footage: Footage) -> None:
        """All that the daemon does with a frame."""
        before = time.process_time()
        image, seconds = footage.next()
        decoded = time.process_time()
        self._times.record_stage("decode", seconds)
        self._size = (image.shape[1], image.shape[0])
        self._clock.now += 1 / FPS
        began = time.perf_counter()
        image = self._masks.apply(image)
        self._times.record_stage("mask", time.perf_counter() - began)
        windows = self._pipeline.observe(Frame(image, self._clock.now))
        whole = time.perf_counter() - began
        observed = time.process_time()
        self._times.record_stage("frame", whole)
        self._times.record_stage("window", whole - self._times.newest("mask", "detect", "track", "classify"))
        for window in windows:
            began = time.perf_counter()
            number = self._outbox.put(window.to_json().decode(), window.schema_)
            self._times.record_stage("publish", time.perf_counter() - began)
            self._outbox.acknowledge(number)
            self._outbox.delete_acknowledged()
        self._times.record_stage("cpu", time.process_time() - before)
        self._times.record_stage("cpu of the analysis", observed - decoded)
        self._times.record_stage("faces", self._detector.found)
        self._times.record_stage("classified", self._classifier.given if self._classifier else 0)

    def _resident(self) -> float | None:
        """Resident memory without our own records."""
        resident, records = rss_megabytes(), sum(times.itemsize * len(times) for times in self._times.all.values())
        return None if resident is None else resident - records / 2**20

    def _bare(self, faces: int) -> None:
        """One run of the detector and one of the classifier per face, on what lies in their tensors."""
        began = time.process_time()
        self._detector.run_bare()
        detected = time.process_time()
        if self._classifier is not None:
            for _ in range(faces):
                self._classifier.run_bare()
        ended = time.process_time()
        self._times.record_stage("floor", ended - began)
        if faces:
            self._times.record_stage("one bare run of the classifier", (ended - detected) / faces)

    def _result(
        self, footage: Footage, busy: float, peak: float | None, growth: float | None, joules: float | None
    ) -> Result:
        times: dict[str, Sequence[float]] = dict(self._times.all)
        single = times.get("one bare run of the classifier")
        if "crop" in times:  # the classifier is timed from outside, with its crops
            times["classify"] = [a - b for a, b in zip(times["classify"], times["crop"], strict=False)]
        floor = statistics.median(times["floor"])
        return Result(
            footage=footage.name,
            size=self._size,
            people=footage.faces,
            faces=round(statistics.mean(times["faces"]), 2),
            classified=round(statistics.mean(times["classified"]), 2),
            frames=len(times["floor"]),
            stages={name: spread(times[name]) for name in STAGES if times.get(name)},
            frame=spread(times["frame"]),
            fps=round(len(times["frame"]) / sum(times["frame"]), 2),
            cpu_ms=round(statistics.median(times["cpu"]) * 1000, 3),
            floor_ms=round(floor * 1000, 3),
            classifier_ms=round(statistics.median(single) * 1000, 4) if single else None,
            ratio=round(statistics.median(times["cpu of the analysis"]) / floor, 4),
            rss_mb=peak,
            rss_growth_mb=None if growth is None else round(growth, 2),
            joules=joules,
            busy=round(max(0.0, busy), 3),
        )


def _reset_peak() -> None:
    """Forget the highest resident memory so far (Linux)."""
    with suppress(OSError), own_files_of_proc():
        Path("/proc/self/clear_refs").write_text("5")


def _peak_megabytes() -> float:
    """The highest resident memory since then; since the program began, where only that is known."""
    peak = memory(PEAK) or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return round(peak / 2**20, 1)
