"""The analysis of frames: begun with an empty memory, ended by a pause or another configuration, and begun again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from edge.daemon.pipeline import Pipeline
from edge.vision.still_faces import StillFaces

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from edge.cameras.capture_thread import Frame
    from edge.config.schema import Config
    from edge.contract.payloads import WindowBody
    from edge.daemon.metrics import Meter
    from edge.timing.clock import Clock, Timestamps
    from edge.vision.model_set import ModelSet

LATE = 0.5  # seconds that a window waits for frames taken before its end


class Analysis:
    """The pipeline in use, if any, and what it needs to be made again.

    Args:
        config: The configuration.
        models: What it asks for.
        meter: Records how long stages take.
        stamps: The time of day of windows.
        clock: Where time comes from.
        publish: Called with every window.
        live: Whether the camera shows people now; a recording or drawing may stand still.
    """

    def __init__(
        self,
        config: Config,
        models: ModelSet,
        meter: Meter,
        stamps: Timestamps,
        clock: Clock,
        publish: Callable[[WindowBody], None],
        *,
        live: bool = False,
    ) -> None:
        self.config = config
        self.models = models
        self._meter = meter
        self._stamps = stamps
        self._now = clock.monotonic
        self._publish = publish
        self._pipeline: Pipeline | None = None
        self._live, self._still = live, StillFaces()
        self._executor = ThreadPoolExecutor(1, "detect")  # its thread starts when it is used for the first time

    def begin(self) -> None:
        """Begin a window, with no memory of faces."""
        self._pipeline = Pipeline(
            self.config, self.models, self._meter, self._stamps, self._now(), self._executor,
            still=self._still if self._live else None,
        )  # fmt: skip

    @property
    def still_faces(self) -> bool:
        """Whether there are faces that do not move as living heads do."""
        return self._still.any

    def end(self, *, goes_on: bool = False) -> None:
        """Publish the running window, short as it is, and keep nothing of what was seen but still faces: nobody's.

        Args:
            goes_on: The camera stays open; so faces that have not been still for long are not forgotten, either.
        """
        pipeline, self._pipeline = self._pipeline, None
        if pipeline is not None:
            self._publish_all(pipeline.finish(self._now()))
        if not goes_on:
            self._still.forget_people()

    def change(self, config: Config, models: ModelSet, *, live: bool) -> None:
        """Use another configuration, and the models that it asks for, from the next `begin` on.

        Args:
            config: The configuration.
            models: What it asks for.
            live: As for the constructor.
        """
        if (config.camera, config.vision) != (self.config.camera, self.config.vision):
            self._still.reset()  # faces lie elsewhere, or others are found
        self.config, self.models, self._live = config, models, live

    @property
    def period(self) -> float | None:
        """Seconds between two frames for which there is time; None while nothing is analysed."""
        return 1 / self._pipeline.fps if self._pipeline is not None else None

    def observe(self, frame: Frame, *, late: bool) -> None:
        """Analyse a frame; `late`: the next one is already due."""
        if self._pipeline is not None:
            self._publish_all(self._pipeline.observe(frame, late=late))

    def update(self, fps: float, now: float) -> None:
        """Plan for a number of frames per second, and publish the windows whose time is over."""
        if self._pipeline is not None:
            self._pipeline.update_plan(fps, now)
            # A frame may still arrive that was taken before the end; without any, time goes on all the same.
            self._publish_all(self._pipeline.due(now - LATE))

    def stop(self) -> None:
        """End it for good."""
        self.end()
        self._executor.shutdown()

    def _publish_all(self, windows: Iterable[WindowBody]) -> None:
        for window in windows:
            self._publish(window)
