"""Frames in, window payloads out: one stretch of measuring under one configuration."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from edge.aggregation.payload_builder import PayloadBuilder
from edge.aggregation.windows import Window, WindowAggregator
from edge.contract.payloads import ModelNames, WindowBody
from edge.timing.clock import Timestamps, clock_synced
from edge.vision.frame_analyzer import FrameAnalyzer, PendingFrame
from edge.vision.rate_controller import Plan, RateController
from edge.vision.tracker import MAX_AGE

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from edge.cameras.capture_thread import Frame
    from edge.config.schema import Config
    from edge.daemon.metrics import Meter
    from edge.vision.model_set import ModelSet
    from edge.vision.still_faces import StillFaces


PLAN_EVERY = 1.0  # seconds
SLOW = 0.8  # of the frames that were asked for: if fewer come, and the analysis is not late, the camera is slow


class Pipeline:
    """Analyses frames, adds them up to windows, and builds the payloads.

    A change of the configuration, or a pause, ends it with `finish`; another one begins with no memory of faces.

    Args:
        config: The configuration.
        models: Detector and classifier.
        meter: Records how long stages take.
        timestamps: The time of day of windows.
        start: When the first window begins, monotonic seconds.
        executor: Where detection runs that overlaps with classification; None: the two always take turns.
        rate: Decides what there is time for; None: one made for this machine and configuration.
        still: Knows which faces do not move; None: nobody asks.
    """

    def __init__(  # noqa: PLR0913 - what it is made of, passed in
        self,
        config: Config,
        models: ModelSet,
        meter: Meter,
        timestamps: Timestamps,
        start: float,
        executor: Executor | None = None,
        rate: RateController | None = None,
        *,
        still: StillFaces | None = None,
    ) -> None:
        self._meter = meter
        self._timestamps = timestamps
        self._trust_clock = config.privacy.trust_clock
        self._builder = PayloadBuilder(
            device=config.device.name,
            mode=config.mode,
            models=ModelNames(
                faces=models.detector.card.identity,
                emotions=models.classifier.card.identity if models.classifier else None,
                pose=f"{config.vision.pose}, {models.pose.identity}" if models.pose else None,
            ),
            min_faces=config.privacy.min_faces,
            round_to=config.privacy.round_to,
            estimator=models.estimator,
        )
        vision = config.vision
        self._rate = rate or RateController.of(config)
        self._plan = Plan(vision.fps, vision.fps)
        self._wanted = self._expected = vision.fps  # frames per second: that are wanted, and that the camera delivers
        self._planned = start
        self._frames = 0  # since then
        self._late = False  # since then, at any time
        self._newest: float | None = None  # when the newest frame was taken
        self._analyzer = FrameAnalyzer(
            models.detector, models.classifier, models.rules(vision), self._plan, self._record_stage, executor, still,
        )  # fmt: skip
        self._aggregator = WindowAggregator(
            models.labels, config.window.seconds, start, vision.fps, front_only=vision.pose == "front"
        )
        self._pending: PendingFrame | None = None

    @property
    def fps(self) -> float:
        """Frames per second for which there is time."""
        return self._plan.fps

    def update_plan(self, fps: float, now: float) -> None:
        """Plan for a number of frames per second, once a second; the running window goes on.

        Args:
            fps: Frames per second that are wanted.
            now: Monotonic seconds.
        """
        since = now - self._planned
        if since < PLAN_EVERY and self._plan.fps <= fps:
            return
        delivered, expected = self._frames / max(since, PLAN_EVERY), fps
        if 0 < delivered < SLOW * self._plan.fps and not self._late:
            expected = min(fps, delivered / SLOW)  # no plan for frames that the camera does not deliver
        self._planned, self._frames, self._late = now, 0, False
        self._rate.record_cpu_time(time.process_time())
        self._wanted, self._expected = fps, expected
        self._plan_anew()

    def observe(self, frame: Frame, *, late: bool = False) -> list[WindowBody]:
        """Analyse a frame.

        Args:
            frame: Newer than all before.
            late: The next one is already due: its faces may be detected while those of this one are classified, so
                that this one is counted only then.

        Returns:
            The windows that were over before it was taken, oldest first.
        """
        self._frames += 1
        self._late |= late
        self._newest = frame.time
        pending = self._analyzer.detect(frame, overlap=self._rate.overlaps and (late or self._pending is not None))
        # The windows before come first: what is reset with a withheld one must not reach into this frame.
        done = self.due(frame.time)
        self._pending = pending
        if not (late and self._rate.overlaps):
            self._count()
        return done

    def due(self, now: float) -> list[WindowBody]:
        """The windows whose time is over, oldest first."""
        if self._pending is not None and self._pending.frame.time <= now:
            self._count()
        if self._newest is not None and now - self._newest > MAX_AGE:  # the camera is lost: so is who was there
            self._newest = None
            self._analyzer.reset()
        return [self._payload(window) for window in self._aggregator.due(now)]

    def finish(self, now: float) -> list[WindowBody]:
        """What is left: windows that are over, then the running one if it has frames."""
        self._count()
        last = [self._payload(window) for window in self._aggregator.finish(now)]
        self._analyzer.reset()
        return last

    def _count(self) -> None:
        """Count the frame that is on its way."""
        pending, self._pending = self._pending, None
        if pending is not None:
            observation = self._analyzer.complete(pending)
            self._rate.record_faces(observation.eligible)
            self._aggregator.add(observation)
            self._meter.count_frame()

    def _plan_anew(self) -> None:
        plan, fps = self._rate.plan(self._expected), self._wanted
        if plan.fps == self._expected:
            plan = replace(plan, fps=fps, detections=plan.detections if plan.uses_flow else fps)
        self._plan = plan
        self._analyzer.set_plan(plan)
        self._aggregator.expect(plan.fps)

    def _forget_people(self) -> None:
        """Carry nothing into the next window: neither what faces were smoothed with, nor a plan for their number."""
        self._rate.forget_people()
        self._plan_anew()
        self._analyzer.reset()

    def _record_stage(self, stage: str, seconds: float, faces: int) -> None:
        self._meter.record_stage(stage, seconds)
        self._rate.record_stage(stage, seconds, faces if stage == "classify" else 1)

    def _payload(self, window: Window) -> WindowBody:
        _, end = self._timestamps.span(window.start, window.end)
        synced = self._timestamps.true and (self._trust_clock or clock_synced())
        body = self._builder.build(window, end, clock_synced=synced)
        if body.withheld is not None:
            self._forget_people()
        # How long the stages took tells the number of faces far better than coarsely rounded counts do.
        exact = self._builder.round_to == 1 and body.withheld is None
        self._meter.close_window(body.faces.mean, exact=exact)
        return body
