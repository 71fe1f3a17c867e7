"""Wires everything: camera -> vision -> window -> privacy -> outbox -> mqtt. The only file that knows every part."""

from __future__ import annotations

import logging
import platform
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from edge import PROGRAM, __version__, health, privacy
from edge.broker import EmbeddedBroker
from edge.cameras.capture import Capture
from edge.cameras.sources import open_camera, resolve_source
from edge.clock import Clock, SystemClock, clock_synced, stamp
from edge.config import Config
from edge.mqtt import payloads
from edge.mqtt.compose import compose_window
from edge.mqtt.publisher import Publisher
from edge.outbox import Outbox
from edge.settings import broker_settings, lifetimes, outbox_path, topics
from edge.urls import BrokerUrl
from edge.vision.analysis import Analysis
from edge.vision.emotions import EmotionClassifier
from edge.vision.faces import FaceDetector
from edge.vision.tflite import runtime_version
from edge.windows import Window, WindowCutter

logger = logging.getLogger(__name__)

TICK = 0.2  # seconds: how often everything else is looked after when no frame comes
LATE = 0.5  # seconds that a window waits for frames taken before its end
CLOCK_SET = timedelta(seconds=0.5)  # a larger step than this is somebody setting the clock
KINDS = {"sample": "sample", "usb": "usb", "file": "file", "images": "images"}


class Daemon:
    """One camera in one room.

    Args:
        config: The configuration.
        stop: Set from a signal handler or another thread: publish what there is, and return.
        on_window: Called with every window once it is in the outbox (for a line on the terminal).
        on_ready: Called with a few lines for the user when everything is up.
        clock: Where time comes from.
    """

    def __init__(
        self,
        config: Config,
        stop: threading.Event,
        on_window: Callable[[payloads.WindowPayload], None] = lambda _window: None,
        on_ready: Callable[[list[str]], None] = lambda _lines: None,
        clock: Clock | None = None,
    ) -> None:
        self._config = config
        self._on_ready = on_ready
        self._clock = clock or SystemClock()
        self._stop = stop
        self._detector = FaceDetector(config.vision.detect_width, config.vision.threads)
        self._classifier = EmotionClassifier(
            config.vision.emotions_model, config.vision.emotions_output, config.vision.threads
        )
        self._on_window = on_window
        self._zero: datetime | None = None  # the time of day at monotonic 0

    def run(self) -> None:
        """Run until the input ends or `stop` is called.

        Raises:
            EdgeError: Something outside the code is wrong; its text says what and what to do.
        """
        config = self._config
        self._detector.start()
        self._classifier.start()
        source, sentence = resolve_source(config)
        camera = open_camera(source, config)
        broker = EmbeddedBroker(config.mqtt.embedded_port) if config.mqtt.broker == "embedded" else None
        capture = Capture(camera, config.camera.open_timeout, config.camera.read_timeout, self._clock.monotonic)
        publisher: Publisher | None = None
        try:
            capture.start()
            while not capture.wait_open(TICK):
                if self._stop.is_set():
                    return
            url = broker.start() if broker else None
            settings = broker_settings(config, url, mqtt5=broker is None or broker.mqtt5)
            publisher = Publisher(
                settings, topics(config), Outbox(outbox_path(config)), lifetimes(config), self._on_window
            )
            publisher.start(self._info(source), self._state("running", "started"))
            self._on_ready([line for line in (sentence, *self._where_to_subscribe(settings.url)) if line])
            self._loop(capture, publisher, broker)
        finally:
            capture.stop()
            try:
                if publisher is not None:
                    publisher.stop()
            finally:
                if broker is not None:
                    broker.stop()

    def _loop(self, capture: Capture, publisher: Publisher, broker: EmbeddedBroker | None) -> None:
        config, now = self._config, self._clock.monotonic
        meter = health.Meter(now())
        analysis = Analysis(
            self._detector,
            self._classifier,
            config.vision.min_face_px,
            config.vision.min_confidence,
            config.vision.fps,
            meter.stage,
        )
        cutter = WindowCutter(self._classifier.labels, config.window.seconds, now(), config.vision.fps)
        period = 1 / config.vision.fps
        began = next_frame = now()
        next_health = began + min(config.health.seconds, config.window.seconds + 1)
        try:
            while not self._stop.is_set() and not capture.ended:
                publisher.check()
                if broker is not None:
                    broker.check()
                # A frame may still arrive that was taken before the end; without any, time goes on all the same.
                for window in cutter.due(now() - LATE):
                    self._publish(window, publisher, meter)
                if now() >= next_health:
                    next_health = now() + config.health.seconds
                    publisher.publish_health(self._health(meter, publisher, began))
                if self._stop.wait(min(TICK, max(0.0, next_frame - now()))) or now() < next_frame:
                    continue
                frame = capture.take(TICK)
                if frame is None:
                    continue
                next_frame = max(next_frame + period, now() - period)
                observation = analysis.observe(frame)
                meter.frame()
                for window in cutter.due(frame.time):
                    self._publish(window, publisher, meter)
                cutter.add(observation)
        finally:
            for window in cutter.finish(now()):
                self._publish(window, publisher, meter)

    def _publish(self, window: Window, publisher: Publisher, meter: health.Meter) -> None:
        policy = self._config.privacy
        suppressed = privacy.is_suppressed(window, policy.min_faces)
        published = privacy.rounded(window, policy.round_to)
        meter.close_window(None if suppressed else round(published.mean, 2))
        publisher.publish_window(
            compose_window(
                published,
                device=self._config.device.name,
                end=self._utc(window.end),
                suppressed=suppressed,
                clock_synced=clock_synced(),
                models=payloads.ModelNames(faces=self._detector.card.identity, emotions=self._classifier.card.identity),
            )
        )

    def _utc(self, moment: float) -> datetime:
        """The time of day of a monotonic moment.

        The two are compared anew only when the clock was set, so that a window ends when the next begins.
        """
        zero = self._clock.utc() - timedelta(seconds=self._clock.monotonic())
        if self._zero is None or abs(zero - self._zero) > CLOCK_SET:
            self._zero = zero
        return self._zero + timedelta(seconds=moment)

    def _where_to_subscribe(self, url: BrokerUrl) -> list[str]:
        prefix, name = self._config.device.prefix, self._config.device.name
        user = f" -u {self._config.mqtt.username} -P ..." if self._config.mqtt.username else ""
        return [
            f"windows go to {url} as {prefix}/{name}/window every {self._config.window.seconds:g} s; to subscribe:",
            f"  mosquitto_sub -h {url.host} -p {url.port}{user} -v -t '{prefix}/#'",
            f"  {PROGRAM} watch --broker {url}",
        ]

    def _state(self, mode: str, reason: str) -> payloads.State:
        return payloads.State.model_validate({"mode": mode, "reason": reason, "since": stamp(self._clock.utc())})

    def _info(self, source: str) -> payloads.Info:
        config = self._config
        faces, emotions = self._detector.card, self._classifier.card
        return payloads.Info(
            device=config.device.name,
            version=__version__,
            python=platform.python_version(),
            runtime=runtime_version(),
            camera=KINDS.get(source.partition(":")[0], "usb" if source.startswith("/dev/") else "stream"),
            models=payloads.Models(
                faces=payloads.ModelInfo(name=faces.name, sha256=faces.sha256),
                emotions=payloads.ModelInfo(name=emotions.name, sha256=emotions.sha256),
            ),
            labels=list(self._classifier.labels),
            window_seconds=config.window.seconds,
            privacy=payloads.Policy(min_faces=config.privacy.min_faces, round_to=config.privacy.round_to),
            deployment=payloads.Responsible(
                responsible=config.deployment.responsible, legal_basis=config.deployment.legal_basis
            ),
        )

    def _health(self, meter: health.Meter, publisher: Publisher, began: float) -> payloads.HealthPayload:
        now = self._clock.monotonic()
        fps, stages, faces = meter.read(now)
        rss = health.rss_megabytes()
        return payloads.HealthPayload(
            time=stamp(self._clock.utc()),
            uptime=round(now - began, 1),
            fps=round(fps, 2),
            stages_ms={name: round(ms, 2) for name, ms in stages.items()},
            faces_per_frame=faces,
            temperature_c=health.temperature(),
            throttled_bits=health.throttled_bits(),
            rss_mb=None if rss is None else round(rss, 1),
            outbox_depth=publisher.depth,
        )
