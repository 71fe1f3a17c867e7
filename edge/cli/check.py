"""`edge check`: try every part for real, and say what to do about those that fail."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from edge.cameras.capture_thread import Frame
from edge.cameras.factory import resolve_source
from edge.cameras.masks import Masks
from edge.cameras.supervisor import capture_maker
from edge.cli import add_config_arguments, read_config
from edge.config.schema import Config, without_password
from edge.contract.filters import by_name
from edge.contract.topics import birth_topic
from edge.daemon import mask_guard
from edge.daemon.paths import broker_settings, masks_path, outbox_path, topics
from edge.daemon.telemetry import info
from edge.delivery.outbox_tables import ForeignFileError, examine
from edge.errors import EXIT_FAILED, CameraError, EdgeError, RefusedError
from edge.mqtt import problem
from edge.mqtt.broker_limits import publish_bytes
from edge.mqtt.embedded_broker import EmbeddedBroker
from edge.mqtt.home_assistant_entities import config_topic, discovery
from edge.mqtt.problem import ACCESS_REMEDY, NOT_MQTT, PORT_REMEDY
from edge.mqtt.sync_client import SyncClient
from edge.text import printable
from edge.vision.model_set import ModelChoice, ModelSet
from edge.vision.tflite import runtime_version

if TYPE_CHECKING:
    import argparse

    from edge.config.broker_url import BrokerUrl
    from edge.mqtt.broker_limits import BrokerLimits
    from edge.mqtt.problem import Problem

EXAMPLES = """examples:
  edge check
  edge check --config /etc/edge/config.yaml
  edge check --set mqtt.broker=mqtts://broker.example:8883
"""

ROUND_TRIP_SECONDS = 5.0
NO_ALERT = "check"  # an alert that no device has: to clear it disturbs nobody


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_config_arguments(parser)


def main(args: argparse.Namespace) -> int:
    """Run every check; 0 when all are ok, 1 otherwise."""
    report = _Report()
    config = report.run("configuration", lambda: _configuration(args))
    if config is not None:
        models = report.run("models", lambda: _models(config))
        frame = report.run("camera", lambda: _camera(config))
        if models is not None and frame is not None:
            report.run("analysis", lambda: _analysis(models, frame))
        if config.camera.masks:
            report.run("masks", lambda: _masks(config, frame))
        report.run("outbox", lambda: _outbox(config))
        report.run("broker", lambda: _broker(config, models))
    Console().print(report.table)
    return EXIT_FAILED if report.failed else 0


class _Report:
    def __init__(self) -> None:
        self.failed = False
        self.table = Table(box=None, padding=(0, 2, 0, 0))
        for column in ("part", "result", "found", "remedy"):
            self.table.add_column(column, overflow="fold")

    def run(self, part: str, check: Callable[[], tuple[str, Any]]) -> Any:  # noqa: ANN401 - each check has its own
        """Run one check and write its line; returns what it made, None if it failed."""
        try:
            found, made = check()
        except EdgeError as error:
            self.failed = True
            self.table.add_row(part, "[red]failed", _plain(error.problem), _plain(error.remedy))
            return None
        except Exception as error:  # noqa: BLE001 - whatever it is, the other parts are still worth trying
            self.failed = True
            self.table.add_row(part, "[red]failed", _plain(f"{type(error).__name__}: {error}"), "please report this")
            return None
        self.table.add_row(part, "[green]ok", _plain(found), "")
        return made


def _plain(text: str) -> Text:
    """Text in which rich sees no markup."""
    return Text("\n".join(printable(line, len(line)) for line in text.split("\n")))


def _configuration(args: argparse.Namespace) -> tuple[str, Config]:
    config = read_config(args)
    return f"{config.device.prefix}/{config.device.name}, windows of {config.window.seconds:g} s", config


def _models(config: Config) -> tuple[str, ModelSet]:
    models = ModelSet.load(ModelChoice.of(config))
    names = models.detector.card.identity
    if models.pose is not None:
        names += f", {models.pose.identity}"
    if models.classifier is None:
        return f"{names}, in {runtime_version()}; no emotion model (mode: {config.mode})", models
    # A real inference: some runtimes load a model and fail at the first call.
    shares = models.classifier.classify(np.zeros((64, 64, 3), np.uint8), np.array([[0, 0, 64, 64]], np.float32))
    if not np.isclose(shares.sum(), 1, atol=1e-3):
        raise EdgeError(f"{runtime_version()} gives nonsense ({shares})", "reinstall: delete .venv and start ./run")
    return f"{names}, {models.classifier.card.identity}, in {runtime_version()}", models


def _camera(config: Config) -> tuple[str, Frame]:
    source, sentence = resolve_source(config)
    capture = capture_maker(config, source, time.monotonic)()
    capture.start()
    try:
        limit = config.camera.open_timeout + config.camera.read_timeout
        frame = capture.take(limit)
        if frame is None:
            raise CameraError(f"camera {without_password(source)} gave no frame in {limit:g} s", "is it connected?")
    finally:
        capture.stop()
    height, width = frame.image.shape[:2]
    found = f"{without_password(source)}: {width}x{height}, brightness {frame.image.mean():.0f} of 255"
    return f"{found}; {sentence}" if sentence else found, frame


def _masks(config: Config, frame: Frame | None) -> tuple[str, None]:
    size = (frame.image.shape[1], frame.image.shape[0]) if frame is not None else None
    if found := mask_guard.problem(masks_path(config), config.camera, size):
        raise EdgeError(f"the camera of the daemon stays closed: {found}", mask_guard.REMEDY)
    count, share = len(config.camera.masks), Masks(config.camera.masks).share
    return f"{count} polygon{'' if count == 1 else 's'}, {share:.0%} of the picture", None


def _analysis(models: ModelSet, frame: Frame) -> tuple[str, None]:
    models.detector.detect(frame.image)
    began = time.perf_counter()
    faces = models.detector.detect(frame.image)
    detected = time.perf_counter()
    found = f"{1000 * (detected - began):.0f} ms to find faces in that frame"
    if models.classifier is not None:
        models.classifier.classify(frame.image, faces.boxes)
        found += f", {1000 * (time.perf_counter() - detected):.0f} ms to name their emotions"
    return found, None


def _outbox(config: Config) -> tuple[str, None]:
    path = outbox_path(config)
    if path.exists() and not path.is_file():
        raise EdgeError(f"{path} is not a file", "set outbox.path to the name of a file")
    try:
        examine(path)
    except OSError as error:
        raise EdgeError(f"{path} cannot be read ({error.strerror})", "check its rights") from None
    except ForeignFileError as error:
        raise EdgeError(f"{path} cannot be used: {error}", "set outbox.path to another file") from None
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=path.parent) as file:
            file.write(bytes(4096))
    except OSError as error:
        raise EdgeError(f"{path} cannot be written ({error.strerror})", "set outbox.path") from None
    return str(path), None


def _broker(config: Config, models: ModelSet | None) -> tuple[str, None]:
    if config.mqtt.broker != "embedded":
        return _round_trip(config, models, None), None
    broker = EmbeddedBroker(config.mqtt.embedded_port)
    try:
        return f"embedded, {_round_trip(config, models, broker)}", None
    finally:
        broker.stop()


def _round_trip(config: Config, models: ModelSet | None, broker: EmbeddedBroker | None) -> str:
    """Connect, subscribe as the daemon will, publish, receive, and compare what the broker takes with what we send."""
    settings = broker_settings(config, broker.start() if broker else None, purpose="-check")
    names = topics(config)
    filters = [names.commands, names.alert("+")]
    if config.homeassistant.discovery:
        filters.append(birth_topic(config.homeassistant.prefix))
    client = SyncClient(settings)
    try:
        if not client.connect():
            raise _no_connection(settings.url, client.problem)
        if not client.limits.wildcards:
            filters = [topic for each in filters for topic in by_name(names, each)] + [names.alert(NO_ALERT)]
        for topic in filters:
            client.subscribe([topic])
            if client.problem is not None:
                raise client.problem.to_error()
        milliseconds = _exchange(client, names.alert(NO_ALERT), settings.url)
        _compare(client.limits, config, models, settings.url)
    finally:
        client.stop()
    return f"{settings.url}: MQTT {5 if client.protocol5 else '3.1.1'}, round trip {milliseconds:.0f} ms"


def _compare(limits: BrokerLimits, config: Config, models: ModelSet | None, url: BrokerUrl) -> None:
    """Raises EdgeError where the broker takes less than the daemon sends."""
    if not limits.qos:
        raise problem.no_acknowledgement(url).to_error()
    if not limits.retain:
        raise problem.no_retain(url).to_error()
    if limits.packet_bytes is None or models is None or not config.homeassistant.discovery:
        return
    names = topics(config)
    topic = config_topic(config.homeassistant.prefix, names)
    size = publish_bytes(topic, discovery(info(config, config.camera.source, models), names), None)
    if size > limits.packet_bytes:
        found = problem.too_large(url, topic, size, limits.packet_bytes)
        raise EdgeError(found.text, f"{found.remedy}, or set homeassistant.discovery: false")


def _no_connection(url: BrokerUrl, found: Problem | None) -> EdgeError:
    if found is None or found.code in NOT_MQTT:
        return EdgeError(f"broker {url} speaks neither MQTT 5 nor 3.1.1", f"is it an MQTT broker? {PORT_REMEDY}")
    return found.to_error()


def _exchange(client: SyncClient, topic: str, url: BrokerUrl) -> float:
    """Milliseconds from publish to receipt of what clears an alert: the daemon sends and hears it, too."""
    began = time.perf_counter()
    for refused in client.publish([(topic, b"")]).values():
        raise refused.to_error()
    while (message := client.receive(ROUND_TRIP_SECONDS)) is not None:
        if message.topic == topic:
            return (time.perf_counter() - began) * 1000
    raise RefusedError(f"broker {url} does not send back what is published on {topic}", ACCESS_REMEDY)
