"""Wires everything: camera -> vision -> window -> privacy -> outbox -> mqtt. The only file that knows every part."""

from __future__ import annotations

import logging
from collections.abc import Callable

from edge.cameras.factory import open_camera, resolve_source
from edge.cameras.supervisor import CameraSupervisor
from edge.config.schema import Config, live
from edge.contract import payloads
from edge.contract.timestamps import format_timestamp
from edge.daemon import audit, metrics, telemetry
from edge.daemon.board_monitor import BoardMonitor
from edge.daemon.command_handlers import CommandHandlers
from edge.daemon.mqtt_service import MqttService
from edge.daemon.paths import pause_path
from edge.daemon.pipeline import Pipeline
from edge.daemon.run_state import RunState
from edge.daemon.sd_notify import Notifier
from edge.daemon.signals import Signals
from edge.errors import EdgeError
from edge.hardware.gpio import BUTTON, GpioPins
from edge.timing.clock import Clock, SystemClock, Timestamps
from edge.vision.model_set import ModelSet

logger = logging.getLogger(__name__)

TICK = 0.2  # seconds: how often everything else is looked after when no frame comes
LATE = 0.5  # seconds that a window waits for frames taken before its end
LINK_SECTIONS = ("device", "mqtt", "outbox", "homeassistant")  # a change of these needs a new connection


class Daemon:
    """One camera in one room.

    Args:
        config: The configuration.
        signals: Set from a signal handler or another thread.
        read_config: Reads the configuration again; raises ConfigError.
        on_window: Called with every window once it is in the outbox (for a line on the terminal).
        on_ready: Called with a few lines for the user when everything is up.
        clock: Where time comes from.
        notifier: Tells systemd that we are up, and that frames still come.
    """

    def __init__(
        self,
        config: Config,
        signals: Signals,
        read_config: Callable[[], Config],
        on_window: Callable[[payloads.WindowPayload], None] = lambda _window: None,
        on_ready: Callable[[list[str]], None] = lambda _lines: None,
        clock: Clock | None = None,
        notifier: Notifier | None = None,
    ) -> None:
        self._config = config
        self._stop = signals.stop
        self._reload = signals.reload
        self._read_config = read_config
        self._on_window = on_window
        self._on_ready = on_ready
        self._clock = clock or SystemClock()
        self._notifier = notifier or Notifier("")
        self._stamps = Timestamps(self._clock)
        self._condition = RunState(self._clock.utc)
        self._models = ModelSet.of(config)
        self._guard = BoardMonitor(lambda: format_timestamp(self._clock.utc()))
        self._room = GpioPins(config.gpio)
        self._observer: Pipeline | None = None
        self._new_link: Config | None = None  # the connection is to be made anew, for this configuration
        self._control = CommandHandlers(self)

    def run(self) -> None:
        """Run until the input ends or `stop` is set.

        Raises:
            EdgeError: Something outside the code is wrong; its text says what and what to do.
        """
        config = self._config
        self._models.start()
        self._source, sentence = resolve_source(config)
        self._sensor = CameraSupervisor.of(config, self._source, self._clock.monotonic, self._room.light)
        self._condition.use(pause_path(config), config.privacy)
        self._condition.look()
        self._link = MqttService(config, self._on_window)
        linked = False
        try:
            self._room.start()
            if self._condition.closed:
                self._sensor.pause()
            else:
                self._sensor.start()
            self._notifier.status("opening the camera")
            while not self._sensor.wait_open(TICK):
                if self._stop.is_set():
                    return
            self._link.start(self._info(), self._condition.tell(self._sensor, "started"))
            linked = True
            self._tell_state()
            self._notifier.ready()
            self._on_ready(list(filter(None, (sentence, *self._link.how_to_subscribe(), self._condition.notice))))
            self._loop()
        finally:
            self._notifier.stopping()
            self._sensor.stop()
            self._room.stop()
            if linked:
                self._link.stop()

    def _loop(self) -> None:
        now = self._clock.monotonic
        next_frame = now()
        self._meter = metrics.Meter(now())
        self._next_health = now() + min(self._config.health.seconds, self._config.window.seconds + 1)
        self._watch_anew()
        try:
            while not self._stop.is_set() and not self._sensor.ended:
                self._look_after()
                if self._stop.wait(min(TICK, max(0.0, next_frame - now()))) or now() < next_frame:
                    continue
                frame = self._sensor.take(TICK)
                if frame is None or self._observer is None:  # paused, no camera, or within the time that one may take
                    self._notifier.progress()
                    if self._sensor.mode != "running":
                        self._stop.wait(TICK)
                    continue
                period = 1 / self._observer.fps
                next_frame = max(next_frame + period, now() - period)
                self._sensor.rest_until(next_frame)
                self._publish(self._observer.observe(frame, hurry=frame.waited and next_frame <= now()))
                del frame  # no picture is kept while the next one is waited for
                self._notifier.progress()
        finally:
            self._flush()

    def _look_after(self) -> None:
        """Everything but frames, several times a second."""
        now = self._clock.monotonic()
        self._link.check()
        self._link.serve(self._control.handlers)
        self._look_at_the_pauses()
        self._guard.look(now, self._config)
        self._condition.throttled = self._guard.throttled
        self._link.tell_hardware(self._guard.alert)
        if self._reload.is_set():
            self._reload.clear()
            self._notifier.reloading()
            self._control.reload_and_log()
            self._notifier.ready()
        if self._new_link is not None:
            self._make_new_link(self._new_link)
        if self._observer is not None:
            self._observer.expect(self._guard.fps, now)
            # A frame may still arrive that was taken before the end; without any, time goes on all the same.
            self._publish(self._observer.due(now - LATE))
        self._tell_state()
        if now >= self._next_health:
            self.publish_health()

    # What commands do

    @property
    def config(self) -> Config:
        """The configuration in force."""
        return self._config

    def read_config(self) -> Config:
        """The configuration as it stands in its file now. Raises ConfigError."""
        return self._read_config()

    def publish_health(self) -> None:
        """Say how the daemon is doing."""
        now = self._clock.monotonic()
        self._next_health = now + self._config.health.seconds
        said = telemetry.health(self._meter, self._guard.readings, now, self._clock.utc(), self._link.depth)
        self._link.publish_health(said)

    def pause(self, by: str) -> None:
        """Close the camera and stay so, also over a restart.

        Raises:
            EdgeError: It is paused, but the disk would not remember it.
        """
        self._condition.begin_pause(by)
        self._look_at_the_pauses()
        self._condition.store()

    def resume(self, by: str) -> None:
        """Open the camera again.

        Raises:
            EdgeError: The schedule is against it, or the pause cannot be removed from the disk: still paused.
        """
        self._condition.end_pause(by)
        self._look_at_the_pauses(by)

    def apply(self, config: Config, by: str) -> None:
        """Put another configuration in force; the running window is published first where it matters to it.

        Raises:
            EdgeError: Models or source cannot be used: the old configuration stays.
        """
        old = self._config
        self._link.alert("config", None)
        if config == old:
            return
        models = ModelSet.of(config)
        if models.key == self._models.key:
            models = self._models
        else:
            models.start()
        source = self._source
        if config.camera.source != old.camera.source or not (config.camera.source == "auto" and live(source)):
            source, _ = resolve_source(config)  # but a camera that is lost does not become the sample scene
        open_camera(source, config)  # the constructor alone: a source of no known kind is refused here
        MqttService.examine(config)
        self._room.change(config.gpio)
        self._flush()
        self._models = models
        # What the connection depends on changes with the connection, once the command is answered.
        kept = {name: getattr(old, name) for name in LINK_SECTIONS}
        self._config = config.model_copy(update=kept)
        if any(getattr(config, name) != kept[name] for name in LINK_SECTIONS):
            self._new_link = config
        if config.camera != old.camera or source != self._source:
            self._source = source
            self._sensor.change(config, source)
        self._next_health = min(self._next_health, self._clock.monotonic() + config.health.seconds)
        audit.record("configuration", by, self._clock.utc(), changed=audit.changes(old, config))
        self._condition.follow(config.privacy)
        self._look_at_the_pauses()
        self._watch_anew()
        self._link.tell_info(self._info(), self._config)

    # How it is done

    def _make_new_link(self, config: Config) -> None:
        """Say goodbye at the old broker or under the old name, and go on at the new one; if that fails, at the old."""
        self._new_link, old = None, self._config
        self._link.serve_all(self._control.handlers)
        try:
            self._link.stop()
        except EdgeError as error:
            logger.error("%s", error)
        try:
            self._connect(config, "the configuration was changed")
        except EdgeError as error:
            logger.error("the connection stays as it was: %s", error)
            back = audit.changes(config, old)
            audit.record("configuration", "edge: no such connection", self._clock.utc(), changed=back)
            self._connect(old, "the new configuration could not be used")
            since = format_timestamp(self._clock.utc())
            self._link.alert("config", payloads.Alert(problem=error.problem, remedy=error.remedy, since=since))

    def _connect(self, config: Config, reason: str) -> None:
        self._condition.use(pause_path(config), config.privacy)
        self._config, self._link = config, MqttService(config, self._on_window, patient=True)
        self._link.start(self._info(), self._condition.tell(self._sensor, reason))

    def _watch_anew(self) -> None:
        """A new window and an empty memory of faces; none while paused."""
        if not self._condition.closed:
            now = self._clock.monotonic()
            self._observer = Pipeline(self._config, self._models, self._meter, self._stamps, now)

    def _flush(self) -> None:
        """Publish the running window, short as it is."""
        observer, self._observer = self._observer, None
        if observer is not None:
            self._publish(observer.finish(self._clock.monotonic()))

    def _publish(self, windows: list[payloads.WindowBody]) -> None:
        for window in windows:
            self._link.publish_window(window)

    def _look_at_the_pauses(self, by: str = "") -> None:
        """Close the camera where somebody, or the schedule, wants it closed; open it when nobody does any longer."""
        if self._room.pressed():
            by = BUTTON
            self._condition.press(by)
        by = self._condition.look() or by
        if self._condition.closed and self._sensor.mode != "paused":
            self._sensor.pause()
            self._flush()
            self._models.reset()
            self._tell_state()
        elif self._sensor.mode == "paused" and not self._condition.closed:
            self._sensor.resume()
            self._watch_anew()
            self._tell_state(f"resumed by {by}")

    def _info(self) -> payloads.Info:
        return telemetry.info(self._config, self._source, self._models)

    def _tell_state(self, reason: str = "") -> None:
        if (state := self._condition.news(self._sensor, reason)) is not None:
            self._link.tell_state(state)
        if (told := self._condition.told) is not None:
            waiting = f"; {self._link.depth} windows wait for the broker" if self._link.depth > 1 else ""
            self._notifier.status(f"{told.mode}: {told.reason}{waiting}")
