"""Another configuration while the daemon runs: prepare it, swap it in, go back where that fails."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge.cameras import factory
from edge.cameras.certificates import check_certificate_file
from edge.cameras.supervisor import capture_maker
from edge.config.camera_source import live
from edge.contract.causes import FORMER_CONFIGURATION
from edge.contract.payloads import Alert
from edge.contract.timestamps import format_timestamp
from edge.daemon import audit, telemetry
from edge.daemon.known_cameras import other_camera
from edge.daemon.mqtt_service import MqttService
from edge.daemon.paths import cameras_path, masks_path, pause_path, place_key_path
from edge.daemon.place_digest import place_digest
from edge.errors import ConfigError, EdgeError
from edge.vision.model_set import ModelChoice, ModelSet

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge.cameras.camera import Camera
    from edge.cameras.supervisor import CameraSupervisor
    from edge.config.schema import Config
    from edge.contract.payloads import Info
    from edge.daemon.analysis import Analysis
    from edge.daemon.exporter import Exporter
    from edge.daemon.health_reporter import HealthReporter
    from edge.daemon.pause_control import PauseControl
    from edge.daemon.run_state import RunState
    from edge.hardware.gpio import GpioPins
    from edge.timing.clock import Clock

logger = logging.getLogger(__name__)

CONNECTION = ("device", "mqtt", "outbox", "homeassistant")  # sections whose change needs a new connection


@dataclass(frozen=True)
class Prepared:
    """A configuration that can be swapped in: everything that may fail without hardware has been tried.

    Attributes:
        config: The configuration.
        source: What to open, where it may say `auto`.
        models: The models that it asks for, loaded.
    """

    config: Config
    source: str
    models: ModelSet


@dataclass(frozen=True)
class ReloadTargets:
    """The parts that a configuration is swapped into."""

    gpio: GpioPins
    camera: CameraSupervisor
    analysis: Analysis
    run_state: RunState
    pauses: PauseControl
    service: MqttService
    health: HealthReporter
    exporter: Exporter


class Reload:
    """Holds the configuration in force and replaces it.

    Args:
        config: The configuration at the start.
        source: What is open, where the configuration may say `auto`.
        read_config: Reads the configuration again; raises ConfigError.
        targets: What a configuration is swapped into.
        clock: Where time comes from.
        open_camera: Makes a camera, not yet started.
    """

    def __init__(
        self,
        config: Config,
        source: str,
        read_config: Callable[[], Config],
        targets: ReloadTargets,
        clock: Clock,
        open_camera: Callable[[str, Config], Camera] = factory.open_camera,
    ) -> None:
        self.config = config
        """The configuration in force."""
        self.source = source
        """What is open, where the configuration may say `auto`."""
        self._read_config = read_config
        self._targets = targets
        self._clock = clock
        self._open_camera = open_camera
        self._next_connection: Config | None = None  # the connection is to be made anew, for this configuration

    @property
    def wanted(self) -> Config:
        """The configuration that was applied last, also where its connection is still to be made."""
        return self._next_connection or self.config

    def reload(self, by: str) -> None:
        """Read the configuration again and put it in force; see `apply`."""
        self.apply(self._read_config(), by)

    def apply(self, config: Config, by: str) -> None:
        """Put another configuration in force; the running window is published first.

        What belongs to the connection changes with `reconnect`, once the command is answered.

        Args:
            config: The configuration.
            by: Who wants it so, in words.

        Raises:
            EdgeError: It cannot be used: the old one stays.
        """
        self._targets.service.set_alert("config", None)
        if config != self.wanted:
            self._swap(self.prepare(config), by)

    def prepare(self, config: Config) -> Prepared:
        """Load and examine what a configuration asks for; nothing that runs is touched.

        Raises:
            EdgeError: Models, source, password or TLS files cannot be used.
        """
        choice, models = ModelChoice.of(config), self._targets.analysis.models
        if choice != models.choice:
            models = ModelSet.load(choice)
        source, same = self.source, config.camera.source == self.config.camera.source
        if not (same and config.camera.source == "auto" and live(source)):
            source, _ = factory.resolve_source(config)  # but a camera that is lost does not become the sample room
        if problem := config.unanswered(source):  # of `auto` the configuration alone does not tell that it is live
            raise ConfigError(problem)
        self._open_camera(source, config)  # the constructor alone: a source of no known kind is refused here
        check_certificate_file(config.camera.ca_file)
        MqttService.examine(config)
        return Prepared(config, source, models)

    def _swap(self, prepared: Prepared, by: str) -> None:
        old, new, parts = self.wanted, prepared.config, self._targets
        parts.gpio.change(new.gpio)  # the last step that can fail; it takes back what it has done itself
        parts.exporter.change(new.metrics)
        parts.analysis.end(goes_on=True)
        kept = {name: getattr(self.config, name) for name in CONNECTION}
        self.config = new.model_copy(update=kept)
        self._next_connection = new if new != self.config else None
        parts.analysis.change(self.config, prepared.models, live=live(prepared.source))
        audit.record("configuration", by, self._clock.utc(), changed=audit.changes(old, new))
        masks = parts.run_state.masks
        masks.use(masks_path(self.config), new.camera, prepared.source)
        parts.run_state.set_schedule(new.privacy)
        if parts.run_state.wants_closed:  # before the camera is opened anew, not after that
            parts.pauses.update()
        if new.camera != old.camera or prepared.source != self.source:
            self.source = prepared.source
            make_capture = capture_maker(new, prepared.source, self._clock.monotonic, self._open_camera, masks.accepts)
            parts.camera.change(make_capture, live=live(prepared.source))
        parts.health.change(self.config)
        parts.pauses.update()
        if not parts.run_state.closed:
            parts.analysis.begin()
        parts.service.publish_info(self.info(), self.config)

    @property
    def needs_connection(self) -> bool:
        """Whether broker, name, outbox or Home Assistant have changed, so that `reconnect` is due."""
        return self._next_connection is not None

    def reconnect(self) -> None:
        """Say goodbye at the old broker or under the old name, and go on at the new one; if that fails, at the old.

        Raises:
            EdgeError: Neither of them can be used any longer.
        """
        new, old, parts = self._next_connection, self.config, self._targets
        self._next_connection = None
        if new is None:
            return
        parts.analysis.end(goes_on=True)  # a window belongs to the name under which it began
        try:
            parts.service.stop(goes_on=True)
        except EdgeError as error:
            logger.error("%s", error)
        parts.pauses.progress()  # a pause of these seconds lies under the old name, and goes along
        try:
            self._connect(new, "the configuration was changed")
            parts.run_state.kept.settle()
        except EdgeError as error:
            logger.error("the connection stays as it was: %s", error)
            back = audit.changes(new, old)
            audit.record("configuration", "edge: no such connection", self._clock.utc(), changed=back)
            parts.run_state.kept.go_back()  # what lies under the new name may be another room's
            self._connect(old, "the new configuration could not be used")
            parts.pauses.update(FORMER_CONFIGURATION)  # where that pause has closed the camera meanwhile
            since = format_timestamp(self._clock.utc())
            parts.service.set_alert("config", Alert(problem=error.problem, remedy=error.remedy, since=since))
        if not parts.run_state.closed and parts.camera.mode != "paused":
            parts.analysis.begin()

    def _connect(self, config: Config, reason: str) -> None:
        parts = self._targets
        parts.run_state.use(pause_path(config), config.privacy)
        parts.run_state.masks.use(masks_path(config), config.camera, self.source)
        self.config = config
        parts.analysis.change(config, parts.analysis.models, live=live(self.source))
        parts.service.reconfigure(config)
        parts.service.start(self.info(), parts.run_state.next_state(parts.camera, reason), patient=True)

    def info(self) -> Info:
        """What is running here."""
        camera = other_camera(self.config, self.source, cameras_path(masks_path(self.config)))
        place = place_digest(self.config, place_key_path(self.config), camera)
        return telemetry.info(self.config, self.source, self._targets.analysis.models, place)
