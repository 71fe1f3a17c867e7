"""`edge check`: try every part for real, and say what to do about those that fail."""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from edge.cameras.capture_thread import Frame
from edge.cameras.certificates import check_certificate_file
from edge.cameras.exif import UPRIGHT
from edge.cameras.factory import resolve_source
from edge.cameras.masks import Masks
from edge.cli import add_config_arguments, read_config
from edge.cli.check_rows import FAILED, OK, WARNING, clock_row, folder_rows, pause_rows, schedule_row
from edge.config.address_redaction import without_password
from edge.config.camera_source import drawn, has_certificate, live
from edge.config.schema import ANSWERED_FOR, Config
from edge.daemon import mask_guard
from edge.daemon.broker_check import check_broker, takes_any_client_id
from edge.daemon.guarded_camera import CameraClosedError, GuardedCamera
from edge.daemon.paths import masks_path, outbox_path
from edge.delivery.outbox_tables import ForeignFileError, examine
from edge.errors import EXIT_FAILED, CameraError, EdgeError
from edge.files.presence import is_file, is_there
from edge.hardware.private_memory import REMEDY, swap_problem
from edge.support.daemon_words import kept_place
from edge.support.support_file import CheckRow
from edge.text import printable
from edge.vision.model_set import ModelChoice, ModelSet
from edge.vision.tflite import runtime_version
from edge.web.setup.place_file import geometry

if TYPE_CHECKING:
    import argparse

FEW = 3  # people: of two, each knows what the other one showed
TICK = 0.2  # seconds between two looks whether the camera may still be open

EXAMPLES = """examples:
  edge check
  edge check --config /etc/edge/config.yaml
  edge check --set mqtt.broker=mqtts://broker.example:8883
"""

WIDEST = 10_000  # characters: a line of the table takes as many as it needs
ANY_CLIENT_ID = CheckRow(
    "client id", WARNING,
    "the broker takes any client id: whoever has a certificate of another room, also of one that was removed, can take "
    "this room's session, with a pause that waits in it",
    "with Mosquitto's dynamic security plugin, ask for a password besides the certificate: docs/scale.md, \"Client "
    'certificates"',
)  # fmt: skip
STYLES = {OK: "[green]ok", WARNING: "[yellow]warning", FAILED: "[red]failed"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_config_arguments(parser)


def main(args: argparse.Namespace) -> int:
    """Run every check; 0 when none failed, 1 otherwise."""
    rows = run_checks(args)
    _print(rows, Console())
    return EXIT_FAILED if any(row.status == FAILED for row in rows) else 0


def _print(rows: list[CheckRow], console: Console) -> None:
    """As a table; where it is too wide, remedies come below it, each as one line: commands in them can be copied."""
    columns = ("part", "result", "found", "remedy")
    beside = Console(width=WIDEST).measure(_table(rows, columns)).maximum <= console.width
    console.print(_table(rows, columns if beside else columns[:-1]))
    for row in rows:
        if row.remedy and not beside:
            console.print(Text(f"\n{row.part}: "), _plain(row.remedy), sep="", soft_wrap=True)


def _table(rows: list[CheckRow], columns: tuple[str, ...]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        cells = (row.part, STYLES[row.status], _plain(row.found), _plain(row.remedy))
        table.add_row(*cells[: len(columns)])
    return table


def run_checks(args: argparse.Namespace) -> list[CheckRow]:
    """Try every part of the configuration that the arguments name; some seconds. The camera is opened if it may be."""
    report = _Report()
    config = report.run("configuration", lambda: _configuration(args))
    if config is not None:
        models = report.run("models", lambda: _models(config))
        frame = report.run("camera", lambda: _camera(config))
        if report.rows[-1].status != WARNING:  # else that row says so
            report.rows += pause_rows(config)
        if models is not None and frame is not None:
            report.run("analysis", lambda: _analysis(models, frame))
        if config.camera.masks:
            report.run("masks", lambda: _masks(config, frame))
        report.run("outbox", lambda: _outbox(config))
        report.rows += folder_rows(config)
        report.run("broker", lambda: _broker(config, models))
        if config.mqtt.certificate_file and report.rows[-1].status == OK and takes_any_client_id(config):
            report.rows.append(ANY_CLIENT_ID)
        report.rows.append(_privacy(config))
        if config.privacy.schedule:
            report.rows.append(schedule_row(config))
        report.rows.append(clock_row(config))
        if config.metrics.port is not None:
            report.run("metrics", lambda: _metrics(config))
        report.run("place", lambda: _place(config))
    return report.rows


class _Report:
    def __init__(self) -> None:
        self.rows: list[CheckRow] = []

    def run(self, part: str, check: Callable[[], tuple[str, Any]]) -> Any:  # noqa: ANN401 - each check has its own
        """Run one check and write its line; returns what it made, None if it failed or was not tried."""
        try:
            found, made = check()
        except CameraClosedError as error:  # as somebody wants it
            self.rows.append(CheckRow(part, WARNING, f"not tried: {error.problem}", error.remedy))
            return None
        except EdgeError as error:
            self.rows.append(CheckRow(part, FAILED, error.problem, error.remedy))
            return None
        except Exception as error:  # noqa: BLE001 - whatever it is, the other parts are still worth trying
            self.rows.append(CheckRow(part, FAILED, f"{type(error).__name__}: {error}", "please report this"))
            return None
        self.rows.append(CheckRow(part, OK, found))
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
    check_certificate_file(config.camera.ca_file)
    camera = GuardedCamera(config, config, source)
    try:
        camera.start()
        patience = config.camera.open_timeout + config.camera.read_timeout
        deadline = time.monotonic() + patience
        while (frame := camera.take(TICK)) is None and not camera.ended and time.monotonic() < deadline:
            camera.check()  # a pause that comes meanwhile closes it
        camera.check()  # and holds for this picture, too
    finally:
        camera.stop()
    if frame is None and drawn(source):
        raise CameraError(f"the sample room was not drawn in {patience:g} s", "this machine is too busy: see what runs")
    if frame is None:
        raise CameraError(f"camera {without_password(source)} gave no frame", "is it connected?")
    height, width = frame.image.shape[:2]
    found = f"{without_password(source)}: {width}x{height}, brightness {frame.image.mean():.0f} of 255"
    found += certificate_note(source, config.camera.ca_file)
    return f"{found}; {sentence}" if sentence else found, frame


def certificate_note(source: str, ca_file: str | None) -> str:
    """Whether anybody vouches for a camera that shows a certificate; empty: it shows none."""
    if not has_certificate(source):
        return ""
    return "; its certificate is checked" if ca_file else "; its certificate is not checked (camera.ca_file)"


def _masks(config: Config, frame: Frame | None) -> tuple[str, None]:
    size = (frame.image.shape[1], frame.image.shape[0]) if frame is not None else None
    orientation = frame.orientation if frame is not None else UPRIGHT
    if found := mask_guard.problem(masks_path(config), config.camera, size, orientation=orientation):
        raise EdgeError(f"the camera of the daemon stays closed: {found}", mask_guard.REMEDY)
    count, share = len(config.camera.masks), Masks(config.camera.masks).share
    unseen = "" if frame is not None else "; not compared with a picture"
    return f"{count} polygon{'' if count == 1 else 's'}, {share:.0%} of the picture{unseen}", None


def _analysis(models: ModelSet, frame: Frame) -> tuple[str, None]:
    models.detector.detect(frame.image)
    began = time.perf_counter()
    models.detector.detect(frame.image)
    detected = time.perf_counter()
    found = f"{1000 * (detected - began):.0f} ms to find faces in that frame"
    if models.classifier is not None:  # of one: the time for all would say how many there are
        models.classifier.classify(frame.image, np.array([[0, 0, 64, 64]], np.float32))
        found += f", {1000 * (time.perf_counter() - detected):.0f} ms to name the emotion of one"
    return found, None


def _outbox(config: Config) -> tuple[str, None]:
    path = outbox_path(config)
    if is_there(path) and not is_file(path):
        raise EdgeError(f"{path} is not a file", "set outbox.path to the name of a file")
    try:
        examine(path)
    except OSError as error:
        raise EdgeError(f"{path} cannot be read ({error.strerror})", "check its rights") from None
    except (ForeignFileError, sqlite3.DatabaseError) as error:
        raise EdgeError(f"{path} cannot be used: {error}", "set outbox.path to another file") from None
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=path.parent) as file:
            file.write(bytes(4096))
    except OSError as error:
        raise EdgeError(f"{path} cannot be written ({error.strerror})", "set outbox.path") from None
    return str(path), None


def _privacy(config: Config) -> CheckRow:
    """The rules in force: a value that was misunderstood is seen here."""
    privacy, times = config.privacy, len(config.privacy.schedule)
    least = f"figures of fewer than {privacy.min_faces} people are withheld"
    counts = "exact" if privacy.round_to == 1 else f"rounded to multiples of {privacy.round_to}"
    closed = f"closes the camera at {times} time{'' if times == 1 else 's'} of the week" if times else "is empty"
    found = f"{least if privacy.min_faces > 1 else 'figures of one person are sent'}, counts are {counts}, "
    found += f"the schedule {closed}"
    remedies = []
    if privacy.min_faces < FEW and config.mode in ANSWERED_FOR:
        remedies.append("set privacy.min_faces to 5 or more, unless everybody agreed to be shown alone")
    if _shows_people(config) and (problem := swap_problem()):
        found += f"; {problem}"
        remedies.append(REMEDY)
    return CheckRow("privacy", WARNING if remedies else OK, found, "; ".join(remedies))


def _shows_people(config: Config) -> bool:
    try:
        return live(resolve_source(config)[0])
    except EdgeError:  # a camera that is not plugged in
        return True


def _place(config: Config) -> tuple[str, None]:
    kept = kept_place(config)
    if "time" not in kept:
        return f"not calibrated ({kept['state']}); edge setup does that in half a minute", None
    found = f"calibrated {printable(str(kept['time']))}"
    if kept.get("camera") != geometry(config):
        found += "; the camera was set otherwise then, so do it again"
    return found, None


def _metrics(config: Config) -> tuple[str, None]:
    from edge.daemon.metrics_check import check_metrics  # noqa: PLC0415 - with a library that nobody else needs

    return check_metrics(config), None


def _broker(config: Config, models: ModelSet | None) -> tuple[str, None]:
    return check_broker(config, models), None
