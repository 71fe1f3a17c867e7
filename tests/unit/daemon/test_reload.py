"""Another configuration while the daemon runs: each way it can fail, and that nothing has changed then."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import gpiozero
import numpy as np
import pytest
from gpiozero.pins.mock import MockFactory
from numpy.typing import NDArray

from edge.cameras import factory
from edge.cameras.camera import Camera
from edge.cameras.found import FoundCamera
from edge.cameras.supervisor import CameraSupervisor, capture_maker
from edge.config.schema import Config
from edge.contract.examples import WINDOW
from edge.contract.payloads import WindowPayload
from edge.daemon.analysis import Analysis
from edge.daemon.board_monitor import BoardMonitor
from edge.daemon.exporter import Exporter
from edge.daemon.health_reporter import HealthReporter
from edge.daemon.metrics import Meter
from edge.daemon.mqtt_service import MqttService
from edge.daemon.paths import pause_path
from edge.daemon.pause_control import PauseControl
from edge.daemon.pause_store import Pause, PauseStore
from edge.daemon.reload import Reload, ReloadTargets
from edge.daemon.run_state import RunState
from edge.daemon.sd_notify import Notifier
from edge.daemon.state_publisher import StatePublisher
from edge.errors import BusyError, CameraError, ConfigError, EdgeError
from edge.hardware.board import Board
from edge.hardware.gpio import GpioPins
from edge.timing.clock import SystemClock, Timestamps
from edge.vision.model_set import ModelChoice, ModelSet
from tests.support.brokers import can_connect, free_port, wait_for

ALWAYS_CLOSED = {
    "trust_clock": True, "time_zone": "UTC",
    "schedule": [{"from": "00:00", "to": "12:00"}, {"from": "12:00", "to": "00:00"}],
}  # fmt: skip


class Still:
    """A camera that shows a grey wall."""

    every_frame = False
    started: ClassVar[list[str]] = []

    def __init__(self, name: str) -> None:
        self.name = name

    def start(self) -> None:
        self.started.append(self.name)

    def read(self) -> NDArray[np.uint8] | None:
        time.sleep(0.02)
        return np.full((48, 64, 3), 90, np.uint8)

    def stop(self) -> None:
        pass


def still(source: str, config: Config) -> Camera:
    factory.open_camera(source, config)  # refuses what it would refuse
    return Still(source)


class Running:
    """All parts of a daemon, started, without its loop; nobody answers at its broker."""

    def __init__(self, folder: Path) -> None:
        self.file: dict[str, Any] = {
            "mode": "headcount", "camera": {"source": f"images:{folder}"}, "vision": {"detect_width": 640},
            "mqtt": {"broker": f"mqtt://127.0.0.1:{free_port()}"}, "outbox": {"path": str(folder / "outbox.sqlite")},
        }  # fmt: skip
        self.windows: list[WindowPayload] = []
        config, clock = self.read(), SystemClock()
        source, _ = factory.resolve_source(config)
        self.gpio = GpioPins(config.gpio)
        make_capture = capture_maker(config, source, clock.monotonic, still)
        self.camera = CameraSupervisor(make_capture, clock.monotonic, recovers=True)
        self.models = ModelSet.load(ModelChoice.of(config))
        self.service = MqttService(config, self.windows.append)
        meter = Meter(0.0)
        self.analysis = Analysis(
            config, self.models, meter, Timestamps(clock), clock, self.service.publish_window
        )  # fmt: skip
        self.run_state = RunState(clock.utc)
        self.exporter = Exporter(config.metrics, clock.monotonic)
        state = StatePublisher(self.run_state, self.camera, self.service, Notifier(""), clock)
        pauses = PauseControl(self.run_state, self.camera, self.gpio, self.analysis, state)
        board = BoardMonitor(lambda: "2026-01-01T00:00:00.000Z", Board(folder, ""))
        health = HealthReporter(config, meter, board, self.service, clock)
        targets = ReloadTargets(
            self.gpio,
            self.camera,
            self.analysis,
            self.run_state,
            pauses,
            self.service,
            health,
            self.exporter,
        )
        self.reload = Reload(config, source, self.read, targets, clock, still)
        self.run_state.use(pause_path(config), config.privacy)
        self.gpio.start()
        self.camera.start()
        wait_for(lambda: self.camera.wait_open(0.1), 10)
        self.service.start(self.reload.info(), self.run_state.next_state(self.camera, "started"))
        self.analysis.begin()

    def read(self) -> Config:
        try:
            return Config.model_validate(self.file)
        except ValueError:
            raise ConfigError("config.yaml: it is wrong") from None

    def look(self) -> None:
        """One frame is analysed."""
        wait_for(lambda: (frame := self.camera.take(0.5)) is not None and self._analyse(frame), 10)

    def _analyse(self, frame: Any) -> bool:
        self.analysis.observe(frame, late=False)
        return True

    def stop(self) -> None:
        self.analysis.stop()
        self.camera.stop()
        self.gpio.stop()
        self.service.stop()


@pytest.fixture
def running(tmp_path: Path, pins: MockFactory) -> Iterator[Running]:
    (tmp_path / "a.png").write_bytes(b"")
    running = Running(tmp_path)
    yield running
    running.stop()


@pytest.fixture
def audited(caplog: pytest.LogCaptureFixture) -> Callable[[], list[dict[str, Any]]]:
    caplog.set_level(logging.INFO)
    logger = logging.getLogger("edge.audit")
    logger.handlers, logger.propagate = [], True
    return lambda: [json.loads(each.message) for each in caplog.records if each.name == "edge.audit"]


def test_what_was_applied_is_in_force_and_the_running_window_comes_first(running: Running) -> None:
    running.look()
    running.file["window"] = {"seconds": 3}
    running.reload.reload("Jane")
    assert running.reload.config.window.seconds == 3
    assert running.analysis.config is running.reload.config
    assert running.analysis.models is running.models  # the same ones are not loaded again
    wait_for(lambda: len(running.windows) == 1, 10)
    assert not running.reload.needs_connection


def test_a_file_that_is_wrong_changes_nothing(running: Running) -> None:
    before = running.reload.config
    running.file["window"] = {"seconds": 0}
    with pytest.raises(ConfigError, match="it is wrong"):
        running.reload.reload("Jane")
    assert running.reload.config is before


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"mode": "emotions", "vision": {"emotions_model": "none.json"}}, "does not exist"),
        ({"mode": "emotions", "vision": {"emotions_output": "mood"}}, "it has ferplus"),
        ({"mqtt": {"broker": "mqtts://127.0.0.1:1", "ca_file": "/none.pem"}}, "TLS files cannot be used"),
        ({"camera": {"source": "https://h/", "ca_file": "/none.pem"}, "mode": "headcount"}, r"camera\.ca_file"),
        ({"mqtt": {"broker": "mqtt://h", "username": "u", "password_file": "/none"}}, "password_file cannot be read"),
        ({"gpio": {"led": 5, "button": 6}}, "gpio.led and gpio.button cannot be used"),
    ],
)
def test_what_cannot_be_used_is_refused_before_anything_is_touched(
    running: Running, change: dict[str, Any], error: str, audited: Callable[[], list[dict[str, Any]]]
) -> None:
    taken = gpiozero.LED(6)
    before = running.reload.config
    running.file |= change
    running.look()
    with pytest.raises(EdgeError, match=error):
        running.reload.reload("Jane")
    taken.close()
    assert running.reload.config is before
    assert running.reload.wanted is before
    assert running.analysis.models is running.models
    assert running.analysis.config is before
    assert not running.reload.needs_connection
    assert audited() == []
    running.look()  # and the window goes on
    assert running.windows == []


def test_a_refused_change_leaves_the_metrics_as_they_were(running: Running, pins: MockFactory) -> None:
    port, other = free_port(), free_port()
    running.file["metrics"] = {"port": port}
    running.reload.reload("Jane")
    wait_for(lambda: can_connect(port), 20)
    running.exporter.observe_window(WINDOW)
    taken = gpiozero.LED(6, pin_factory=pins)
    running.file.update(metrics={"port": other}, gpio={"led": 6})
    with pytest.raises(BusyError, match=r"gpio\.led"):
        running.reload.reload("Jane")
    taken.close()
    running.exporter.observe_window(WINDOW)
    assert 'edge_windows_total{withheld="nothing"} 2.0' in read_metrics(port)
    assert not can_connect(other)
    running.exporter.stop()


def test_a_port_that_another_program_has_is_no_reason_to_refuse_a_change(running: Running) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        running.file.update(metrics={"port": taken.getsockname()[1]}, window={"seconds": 3})
        running.reload.reload("Jane")
        assert running.reload.config.window.seconds == 3
        running.exporter.stop()


def read_metrics(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        return str(answer.read().decode())


@pytest.mark.parametrize("before", [{}, ALWAYS_CLOSED])
def test_another_camera_is_not_opened_in_a_pause_that_comes_with_it(running: Running, before: dict[str, Any]) -> None:
    running.file["privacy"] = before
    running.reload.reload("Jane")
    other = f"{running.file['camera']['source']}/."
    running.file |= {"camera": {"source": other}, "privacy": ALWAYS_CLOSED}
    running.reload.reload("Jane")
    assert running.camera.mode == "paused"
    running.file["privacy"] = {}
    running.reload.reload("Jane")
    running.look()
    assert Still.started.count(other) == 1  # only now


def test_the_former_camera_is_not_opened_by_the_end_of_a_pause_that_comes_with_another(running: Running) -> None:
    first = running.file["camera"]["source"]
    running.file["privacy"] = ALWAYS_CLOSED
    running.reload.reload("Jane")
    opened = Still.started.count(first)
    running.file |= {"camera": {"source": f"{first}/."}, "privacy": {}}
    running.reload.reload("Jane")
    running.look()
    assert Still.started.count(first) == opened


def test_no_camera_where_somebody_answers_for_one_is_refused(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(factory, "real_cameras", list)
    running.file |= {"camera": {"source": "auto"}, "deployment": {"responsible": "J", "legal_basis": "consent"}}
    with pytest.raises(CameraError, match="auto found no camera"):
        running.reload.reload("Jane")
    running.look()


def test_a_live_camera_that_nobody_answers_for_any_more_is_refused(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The schema cannot know that what `auto` found is live."""
    running.file |= {"camera": {"source": "auto"}}
    monkeypatch.setattr(factory, "real_cameras", lambda: [FoundCamera("usb:0", "a camera", "usb", "usb:0")])
    running.reload.reload("Jane")  # counting needs nobody
    before = running.reload.config
    running.file |= {"mode": "emotions"}
    with pytest.raises(ConfigError, match="usb:0 is a live camera: in mode: emotions it is opened only when"):
        running.reload.reload("Jane")
    assert running.reload.config is before


def test_a_new_name_goes_with_a_new_connection_and_its_windows_carry_it(running: Running, tmp_path: Path) -> None:
    running.file |= {"device": {"name": "hall"}, "outbox": {"path": str(tmp_path / "hall.sqlite")}}
    running.reload.reload("Jane")
    assert running.reload.config.device.name == "room-1"  # until the command is answered
    assert running.reload.wanted.device.name == "hall"
    assert running.reload.needs_connection
    running.look()
    running.reload.reconnect()
    assert running.reload.config.device.name == "hall"
    assert not running.reload.needs_connection
    running.look()
    running.analysis.end()
    wait_for(lambda: len(running.windows) >= 2, 10)
    assert [window.device for window in running.windows] == ["room-1", "hall"]


def test_a_command_before_the_new_connection_keeps_it_wanted(running: Running, tmp_path: Path) -> None:
    running.file |= {"outbox": {"path": str(tmp_path / "hall.sqlite")}}
    running.reload.reload("Jane")
    window = running.reload.config.window.model_copy(update={"seconds": 7.0})
    running.reload.apply(running.reload.wanted.model_copy(update={"window": window}), "Jane")
    assert running.reload.needs_connection
    running.reload.reconnect()
    assert running.reload.config.outbox.path == str(tmp_path / "hall.sqlite")
    assert running.reload.config.window.seconds == 7


def test_a_new_connection_that_is_taken_back_at_once_is_not_made(running: Running, tmp_path: Path) -> None:
    before = running.reload.config
    running.file["outbox"] = {"path": str(tmp_path / "hall.sqlite")}
    running.reload.reload("Jane")
    running.file["outbox"] = {"path": before.outbox.path}
    running.reload.reload("Jane")
    assert not running.reload.needs_connection
    assert running.reload.config == before


@pytest.mark.parametrize("what", ["outbox", "broker", "pause"])
def test_a_connection_that_cannot_be_made_is_the_old_one_again(
    running: Running,
    tmp_path: Path,
    what: str,
    audited: Callable[[], list[dict[str, Any]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = running.reload.config
    blocked = tmp_path / "blocked"
    if what == "broker":  # there is none that could be embedded
        monkeypatch.setattr("edge.mqtt.embedded_broker.shutil.which", lambda *_, **__: None)
        monkeypatch.setattr("edge.mqtt.embedded_broker.importlib.util.find_spec", lambda _: None)
        running.file["mqtt"] = {"broker": "embedded", "embedded_port": free_port()}
    else:
        blocked.write_text("a file where a folder should be")
        running.file["outbox"] = {"path": str(blocked / "outbox.sqlite")}
    if what == "pause":
        running.run_state.begin_pause("Jane")
        running.run_state.kept.store()
        running.camera.pause()
        running.analysis.end()
    running.reload.reload("Jane")
    running.reload.reconnect()
    assert running.reload.config == before
    assert not running.reload.needs_connection
    assert running.service.how_to_subscribe()[0].startswith(f"windows go to {before.mqtt.broker}")
    lines = [each for each in audited() if each["audit"] == "configuration"]
    assert [each["by"] for each in lines] == ["Jane", "edge: no such connection"]
    assert running.run_state.published is not None
    assert running.run_state.published.reason == (
        "paused by Jane" if what == "pause" else "the new configuration could not be used"
    )
    if what == "pause":
        assert PauseStore(pause_path(before)).load() is not None
    else:
        running.look()
        running.analysis.end()
        wait_for(lambda: len(running.windows) >= 1, 10)
        assert running.windows[-1].device == "room-1"


def test_a_pause_left_under_a_name_that_cannot_be_used_is_not_ours(running: Running, tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite"
    path.mkdir()  # no outbox can be opened there
    PauseStore(tmp_path / "other.pause").store(Pause("Mrs Doe", "2026-10-04T08:15:00.000Z"))
    running.file["outbox"] = {"path": str(path)}
    running.reload.reload("Jane")
    running.reload.reconnect()
    assert running.run_state.pause is None
    assert not (tmp_path / "outbox.pause").exists()
    assert not running.run_state.closed


def test_without_the_old_connection_either_it_is_an_error(running: Running, tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("")
    running.file["outbox"] = {"path": str(blocked / "outbox.sqlite")}
    running.reload.reload("Jane")
    old = tmp_path / "outbox.sqlite"
    running.service.stop()
    for file in tmp_path.glob("outbox.sqlite*"):
        file.unlink()
    old.mkdir()
    with pytest.raises(EdgeError, match="outbox"):
        running.reload.reconnect()
    assert threading.active_count() < 20
