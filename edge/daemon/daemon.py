"""The daemon's life: start, the loop of frames and everything in between, stop. Its parts come from composition.py."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge.config.address_redaction import without_password
from edge.daemon.metrics import rss_megabytes
from edge.daemon.paths import masks_path, pause_path
from edge.errors import EdgeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge.cameras.supervisor import CameraSupervisor
    from edge.daemon.analysis import Analysis
    from edge.daemon.board_monitor import BoardMonitor
    from edge.daemon.command_handlers import CommandHandlers
    from edge.daemon.exporter import Exporter
    from edge.daemon.health_reporter import HealthReporter
    from edge.daemon.metric_families import Snapshot
    from edge.daemon.metrics import Meter
    from edge.daemon.mqtt_service import MqttService
    from edge.daemon.pause_control import PauseControl
    from edge.daemon.reload import Reload
    from edge.daemon.run_state import RunState
    from edge.daemon.sd_notify import Notifier
    from edge.daemon.signals import Signals
    from edge.daemon.state_publisher import StatePublisher
    from edge.hardware.gpio import GpioPins
    from edge.timing.clock import Clock

logger = logging.getLogger(__name__)

TICK = 0.2  # seconds: how often everything else is checked when no frame comes


@dataclass(frozen=True)
class Parts:
    """Everything that a daemon consists of, complete, but for devices and threads that `run` starts.

    Attributes:
        signals: What the operating system wants: stop, reload.
        notifier: Reports to systemd.
        clock: Where time comes from.
        gpio: Lamp and button.
        camera: The camera, opened, lost and found again.
        analysis: Frames in, windows out.
        meter: How long that takes.
        run_state: Running or paused, and why.
        pauses: Closes and opens the camera accordingly.
        board: Temperature, throttling, power supply.
        service: Broker, publisher, commands.
        state: Publishes the state when it changes.
        health: Publishes health messages.
        reload: Holds the configuration in force and replaces it.
        commands: What each command does.
        exporter: What Prometheus reads.
        on_ready: Called with a few lines for the user when everything is up.
        notice: For the user: which camera was chosen; empty: the configuration says it.
    """

    signals: Signals
    notifier: Notifier
    clock: Clock
    gpio: GpioPins
    camera: CameraSupervisor
    analysis: Analysis
    meter: Meter
    run_state: RunState
    pauses: PauseControl
    board: BoardMonitor
    service: MqttService
    state: StatePublisher
    health: HealthReporter
    reload: Reload
    commands: CommandHandlers
    exporter: Exporter
    on_ready: Callable[[list[str]], None]
    notice: str


class Daemon:
    """One camera in one room.

    Args:
        parts: From `build_daemon`.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._stop = parts.signals.stop

    def run(self) -> None:
        """Run until the input ends or `stop` is set.

        Raises:
            EdgeError: Something outside the code is wrong; its text says what and what to do.
        """
        parts = self._parts
        config = parts.reload.config
        parts.run_state.use(pause_path(config), config.privacy)
        parts.run_state.masks.use(masks_path(config), config.camera, parts.reload.source)
        try:
            parts.gpio.start()
            parts.exporter.start()
            parts.pauses.open()
            parts.notifier.status("opening the camera")
            while not parts.pauses.wait_open(TICK):
                if self._stop.is_set():
                    return
            parts.service.start(parts.reload.info(), parts.run_state.next_state(parts.camera, "started"))
            parts.state.publish()
            parts.notifier.ready()
            lines = (parts.notice, *parts.service.how_to_subscribe(), parts.run_state.notice)
            parts.on_ready([line for line in lines if line])
            self._loop()
            if parts.camera.ended and not self._stop.is_set():
                source = parts.reload.config.camera.source
                what = "the pictures have" if source.startswith("images:") else "the film has"
                logger.info("%s ended (%s); camera.loop: true shows it again", what, without_password(source))
        finally:
            parts.notifier.stopping()
            parts.exporter.stop()
            parts.camera.stop()
            parts.gpio.stop()
            parts.service.stop()
            parts.run_state.kept.stop()

    def _loop(self) -> None:
        parts, now = self._parts, self._parts.clock.monotonic
        next_frame = now()
        parts.health.begin()
        if not parts.run_state.closed:
            parts.analysis.begin()
        try:
            while not self._stop.is_set() and not parts.camera.ended:
                self._check()
                if self._stop.wait(min(TICK, max(0.0, next_frame - now()))) or now() < next_frame:
                    continue
                frame, period = parts.camera.take(TICK), parts.analysis.period
                if frame is None or period is None:  # paused, no camera, or within the time that a frame may take
                    parts.notifier.progress()
                    if parts.camera.mode != "running":
                        self._stop.wait(TICK)
                    continue
                next_frame = max(next_frame + period, now() - period)
                parts.camera.skip_until(next_frame)
                parts.analysis.observe(frame, late=frame.waited and next_frame <= now())
                del frame  # no picture is kept while the next one is waited for
                parts.notifier.progress()
        finally:
            parts.analysis.stop()

    def _check(self) -> None:
        """Everything but frames, several times a second."""
        parts, now = self._parts, self._parts.clock.monotonic()
        parts.service.check()
        parts.service.serve(parts.commands.handlers)
        parts.pauses.update()
        parts.board.update(now, parts.reload.config, waits_for_clock=parts.run_state.waits_for_clock)
        parts.run_state.throttled = parts.board.throttled
        parts.service.set_alert("hardware", parts.board.alert)
        if parts.signals.reload.is_set():
            self._reload()
        if parts.reload.needs_connection:
            parts.service.serve_all(parts.commands.handlers)
            parts.reload.reconnect()
        parts.analysis.update(parts.board.fps, now)
        parts.state.publish()
        parts.health.update(now)
        parts.exporter.update(self._snapshot)

    def _snapshot(self) -> Snapshot:
        from edge.daemon.metric_families import Snapshot  # noqa: PLC0415 - only where somebody asks

        parts, service = self._parts, self._parts.service
        state, device = parts.run_state.published, parts.reload.config.device
        return Snapshot(
            room=(device.prefix, device.name),
            mode=state.mode if state else parts.camera.mode, frames=parts.meter.frames,
            camera_losses=parts.camera.losses, connected=service.connected, connections=service.connections,
            waiting=service.depth, oldest=service.oldest_age, board=parts.board.readings,
            rss_mb=rss_megabytes(), alerts=tuple(service.alerts), waits_for_clock=parts.run_state.waits_for_clock,
        )  # fmt: skip

    def _reload(self) -> None:
        """What SIGHUP asks for; there is nobody to answer."""
        parts = self._parts
        parts.signals.reload.clear()
        parts.notifier.reloading()
        try:
            parts.reload.reload("SIGHUP")
            logger.info("the configuration was read again")
        except EdgeError as error:
            logger.error("the configuration stays as it was: %s", error)
        parts.notifier.ready()
