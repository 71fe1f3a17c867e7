"""The composition root: makes every part of the daemon, once, and hands each one what it needs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from edge.cameras import factory
from edge.cameras.certificates import check_certificate_file
from edge.cameras.supervisor import CameraSupervisor, capture_maker
from edge.config.camera_source import live
from edge.contract.timestamps import format_timestamp
from edge.daemon.analysis import Analysis
from edge.daemon.board_monitor import BoardMonitor
from edge.daemon.command_handlers import CommandHandlers
from edge.daemon.daemon import Daemon, Parts
from edge.daemon.exporter import Exporter
from edge.daemon.health_reporter import HealthReporter
from edge.daemon.mask_guard import MaskGuard
from edge.daemon.metrics import Meter
from edge.daemon.mqtt_service import MqttService
from edge.daemon.pause_control import PauseControl
from edge.daemon.reload import Reload, ReloadTargets
from edge.daemon.run_state import RunState
from edge.daemon.sd_notify import Notifier
from edge.daemon.state_publisher import StatePublisher
from edge.hardware.board import Board
from edge.hardware.gpio import GpioPins
from edge.timing.clock import Clock, SystemClock, Timestamps
from edge.vision.model_set import ModelChoice, ModelSet

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge.cameras.camera import Camera
    from edge.config.schema import Config
    from edge.contract.payloads import WindowPayload
    from edge.daemon.signals import Signals


@dataclass(frozen=True)
class Machine:
    """What the daemon runs on.

    Attributes:
        clock: Where time comes from.
        board: Where temperature and power supply are read.
        open_camera: Makes the camera of a source, not yet started.
    """

    clock: Clock = field(default_factory=SystemClock)
    board: Board = field(default_factory=Board)
    open_camera: Callable[[str, Config], Camera] = factory.open_camera


def build_daemon(  # noqa: PLR0913 - what it is made of, and who is told what
    config: Config,
    signals: Signals,
    read_config: Callable[[], Config],
    *,
    on_window: Callable[[WindowPayload], None] = lambda _window: None,
    on_ready: Callable[[list[str]], None] = lambda _lines: None,
    on_pause: Callable[[str], None] = lambda _sentence: None,
    notifier: Notifier | None = None,
    machine: Machine | None = None,
    mark: int | None = None,
) -> Daemon:
    """Load the models, find the camera, and put the daemon together; nothing is opened yet.

    Args:
        config: The configuration.
        signals: Set from a signal handler or another thread.
        read_config: Reads the configuration again; raises ConfigError.
        on_window: Called with every window once it is in the outbox (for a line on the terminal).
        on_ready: Called with a few lines for the user when everything is up.
        on_pause: Called with a sentence for the user when a pause begins or ends.
        notifier: Reports to systemd that we are up, and that frames still come.
        machine: Clock, board and cameras, if not those of the machine we run on.
        mark: What `started_with` says of the configuration file, by which `edge pause` finds this daemon.

    Raises:
        EdgeError: A model or `camera.ca_file` cannot be used, or there is no camera.
    """
    machine = machine or Machine()
    clock, open_camera = machine.clock, machine.open_camera
    notifier = notifier or Notifier("")
    models = ModelSet.load(ModelChoice.of(config))
    source, notice = factory.resolve_source(config)
    check_certificate_file(config.camera.ca_file)  # also of a camera that is paused: not only when it opens

    gpio, masks = GpioPins(config.gpio), MaskGuard(clock.monotonic)
    camera = CameraSupervisor(
        capture_maker(config, source, clock.monotonic, open_camera, masks.accepts), clock.monotonic,
        recovers=live(source), set_lamp=gpio.set_lamp,
    )  # fmt: skip
    exporter = Exporter(config.metrics, clock.monotonic)
    meter = Meter(clock.monotonic(), exporter.observe_stage)

    def published(window: WindowPayload) -> None:
        exporter.observe_window(window)
        on_window(window)

    def progress() -> None:
        """While the outbox is opened, which may take long, and again after a reload."""
        notifier.progress()
        pauses.progress()

    service = MqttService(config, published, progress)
    analysis = Analysis(
        config, models, meter, Timestamps(clock), clock, service.publish_window, live=live(source)
    )  # fmt: skip

    run_state = RunState(clock.utc, masks=masks, monotonic=clock.monotonic, mark=mark)
    state = StatePublisher(run_state, camera, service, notifier, clock, lambda: analysis.still_faces, on_pause)
    pauses = PauseControl(run_state, camera, gpio, analysis, state, clock.monotonic)
    monitor = BoardMonitor(lambda: format_timestamp(clock.utc()), machine.board)
    health = HealthReporter(config, meter, monitor, service, clock)

    targets = ReloadTargets(gpio, camera, analysis, run_state, pauses, service, health, exporter)
    reload = Reload(config, source, read_config, targets, clock, open_camera)
    commands = CommandHandlers(pauses, reload, health)
    return Daemon(
        Parts(
            signals, notifier, clock, gpio, camera, analysis, meter, run_state, pauses, monitor, service, state, health,
            reload, commands, exporter, on_ready, notice,
        )
    )  # fmt: skip
