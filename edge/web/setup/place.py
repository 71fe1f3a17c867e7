"""Half a minute in the real room: what a camera at this place will and will not tell. Only numbers stay.

Frames of the same people say the same again and again. So every figure is a mean of means, one for each second, and how
it varies is the lowest and the highest second, not an error that shrinks with the number of frames.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Literal

from edge.contract.timestamps import format_timestamp
from edge.model_files.benchmark import SIZES, Range, missed, size_class
from edge.web.setup.place_file import place_record, write_record
from edge.web.setup.place_verdict import Figures, verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from edge.config.schema import Config
    from edge.web.setup.frame_facts import FrameFacts

SECONDS = 30  # that a calibration takes
FEWEST_SECONDS = 10  # seconds with a picture, without which nothing is said
SHARP = 0.9  # of the sharpest second

State = Literal["idle", "running", "done"]


class PlaceCalibration:
    """Collects facts from one thread, and is asked from others.

    Args:
        config: The configuration: limits, mode, smallest group.
        clock: Monotonic seconds.
    """

    def __init__(self, config: Config, clock: Callable[[], float] = time.monotonic) -> None:
        self._config = config
        self._clock = clock
        self._lock = threading.Lock()
        self._state: State = "idle"
        self._figures: Figures | None = None
        self._ended = ""
        self._begin()

    def start(self) -> None:
        """Begin, or begin anew."""
        with self._lock:
            self._begin()
            self._state = "running"

    def cancel(self) -> None:
        """Forget what was collected: the camera, or the way it is turned, is another one now."""
        with self._lock:
            self._begin()
            self._state = "idle"

    def add(self, facts: FrameFacts) -> None:
        """Take in a frame; nothing happens to it while no calibration runs."""
        with self._lock:
            self._end_if_time()
            if self._state != "running":
                return
            second = self._by_second.setdefault(int(self._clock() - self._began), defaultdict(float))
            counted = facts.counted
            second["frames"] += 1
            second["sharpness"] += facts.sharpness
            second["seen"] += len(facts.faces)
            second["counted"] += len(counted)
            second["large"] += sum(face.large for face in counted)
            second["lit"] += sum(face.lit for face in counted)
            second["judged"] += len(facts.judged)
            second["front"] += len(facts.front)
            second["named"] += sum(face.large and face.lit for face in facts.front)
            for face in counted:
                second[f"size {size_class(face.box[3], facts.size)}"] += 1

    @property
    def state(self) -> State:
        """Whether one runs, or is done."""
        with self._lock:
            self._end_if_time()
            return self._state

    @property
    def figures(self) -> Figures | None:
        """The figures, once it is done."""
        with self._lock:
            self._end_if_time()
            return self._figures

    def status(self) -> dict[str, Any]:
        """For a page: state, progress, and the result once it is done."""
        with self._lock:
            self._end_if_time()
            result = verdict(self._figures, self._config) if self._figures else None
            return {"state": self._state, "progress": round(self._passed(), 3), "result": result}

    def keep(self, path: Path) -> None:
        """Store the figures and what they were measured with, for `edge support`; no sentence and no picture.

        Raises:
            EdgeError: There are none, or the file cannot be written.
        """
        write_record(path, place_record(self._config, self.figures, self._ended))

    def _begin(self) -> None:
        self._began = self._clock()
        self._by_second: dict[int, dict[str, float]] = {}
        self._figures = None

    def _passed(self) -> float:
        if self._state == "idle":
            return 0.0
        return 1.0 if self._state == "done" else min(1.0, (self._clock() - self._began) / SECONDS)

    def _end_if_time(self) -> None:
        if self._state == "running" and self._clock() - self._began >= SECONDS:
            self._state = "done"
            self._ended = format_timestamp(datetime.now(timezone.utc))
            self._figures = summarize(list(self._by_second.values()), self._config)
            self._by_second = {}


def summarize(seconds: Sequence[Mapping[str, float]], config: Config) -> Figures:
    """The figures of all seconds.

    Args:
        seconds: What was counted in each second that had a frame.
        config: The configuration.
    """
    means = [{name: count / second["frames"] for name, count in second.items()} for second in seconds]
    sharpest = max((mean.get("sharpness", 0.0) for mean in means), default=0.0)
    sharp = [mean.get("sharpness", 0.0) >= SHARP * sharpest for mean in means]
    sizes = [sum(mean.get(f"size {number}", 0.0) for mean in means) for number in range(len(SIZES))]

    def share(part: str, whole: str) -> Range | None:
        return _range([mean.get(part, 0.0) / mean[whole] for mean in means if mean.get(whole)])

    return Figures(
        seconds=len(seconds),
        enough=len(seconds) >= FEWEST_SECONDS,
        people=_range([mean.get("counted", 0.0) for mean in means]),
        judged=_range([mean.get("judged", 0.0) for mean in means]),
        named=_range([mean.get("named", 0.0) for mean in means]),
        large=share("large", "counted"),
        lit=share("lit", "counted"),
        inside=share("counted", "seen"),
        front=share("front", "judged"),
        sharp=sum(sharp) / len(sharp) if sharp else None,
        missed=missed(sizes, config.vision.detect_width),
    )


def _range(values: list[float]) -> Range | None:
    return Range(sum(values) / len(values), min(values), max(values)) if values else None
