"""Frames in, window payloads out: one stretch of watching under one configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge import privacy
from edge.clock import Stamps, clock_synced
from edge.mqtt.compose import compose_window
from edge.mqtt.payloads import ModelNames, WindowPayload
from edge.prevalence import Share
from edge.prevalence import published as published_shares
from edge.vision.analysis import Analysis
from edge.windows import Window, WindowCutter

if TYPE_CHECKING:
    from edge.cameras.capture import Frame
    from edge.config import Config
    from edge.health import Meter
    from edge.vision.models import Models


class Observer:
    """Analyses frames, cuts windows, holds back what the policy says, and builds the payloads.

    A change of the configuration, or a pause, ends it with `finish`; another one begins with no memory of faces.

    Args:
        config: The configuration.
        models: Detector and classifier, started.
        meter: Told how long stages take.
        stamps: The time of day of windows.
        start: When the first window begins, monotonic seconds.
    """

    def __init__(self, config: Config, models: Models, meter: Meter, stamps: Stamps, start: float) -> None:
        self._config = config
        self._meter = meter
        self._stamps = stamps
        self._estimator = models.estimator
        self._names = ModelNames(
            faces=models.detector.card.identity,
            emotions=models.classifier.card.identity if models.classifier else None,
        )
        vision = config.vision
        self._analysis = Analysis(
            models.detector, models.classifier, vision.min_face_px, vision.min_confidence, vision.fps, meter.stage
        )
        self._cutter = WindowCutter(models.labels, config.window.seconds, start, vision.fps)

    def expect(self, fps: float) -> None:
        """Another number of frames per second comes from now on; the running window goes on."""
        self._analysis.expect(fps)
        self._cutter.expect(fps)

    def observe(self, frame: Frame) -> list[WindowPayload]:
        """Analyse a frame; returns the windows that were over before it was taken, oldest first."""
        # The windows before come first: what is forgotten with a suppressed one must not reach into this frame.
        done = self.due(frame.time)
        self._cutter.add(self._analysis.observe(frame))
        self._meter.frame()
        return done

    def due(self, now: float) -> list[WindowPayload]:
        """The windows whose time is over, oldest first."""
        return [self._payload(window) for window in self._cutter.due(now)]

    def finish(self, now: float) -> list[WindowPayload]:
        """What is left: windows that are over, then the running one if it has frames."""
        return [self._payload(window) for window in self._cutter.finish(now)]

    def _payload(self, window: Window) -> WindowPayload:
        policy = self._config.privacy
        suppressed = privacy.is_suppressed(window, policy.min_faces)
        hidden = privacy.hides_emotions(window, policy.min_faces)
        if suppressed or hidden:  # a track would carry what a face was smoothed with into the next window
            self._analysis.forget()
        if hidden:
            window = privacy.without_emotions(window)
        published = privacy.rounded(window, policy.round_to)
        # How long the stages took tells the number of faces far better than coarsely rounded counts do.
        self._meter.close_window(None if suppressed else round(published.mean, 2), told=policy.round_to == 1)
        _, end = self._stamps.span(window.start, window.end)
        shares = None if suppressed else self._shares(window)
        return compose_window(
            published,
            device=self._config.device.name,
            end=end,
            suppressed=suppressed,
            clock_synced=self._stamps.true and clock_synced(),
            models=self._names,
            estimate=published_shares(shares, published.faces, policy.round_to),
        )

    def _shares(self, window: Window) -> dict[str, Share] | None:
        """Estimated shares, None without calibration; and when only few were near enough for their emotions."""
        tally, enough = window.tally, self._config.privacy.min_faces
        if self._estimator is None or tally is None or round(tally.people) < enough:
            return None
        return self._estimator.estimate(tally)
