"""The daemon with lamp and button, at gpiozero's mock pins: lit exactly while the camera is open."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gpiozero.pins.mock import MockFactory
from numpy.typing import NDArray

from edge.config.schema import Config
from edge.daemon.composition import Machine, build_daemon
from edge.daemon.signals import Signals
from edge.errors import CameraError
from edge.hardware.board import Board
from tests.support.brokers import Subscriber, wait_for
from tests.support.commander import wait_state

Edge = Callable[..., "subprocess.Popen[str]"]
Subscribe = Callable[..., Subscriber]
Run = Callable[..., Callable[[], None]]
LED, BUTTON = 17, 27


class Watched:
    """A camera that looks at the lamp whenever it is open, and may fail."""

    name = "watched"
    every_frame = False

    def __init__(self, pins: MockFactory) -> None:
        self._pins = pins
        self.works = True
        self.opens = threading.Event()  # while it is not set, opening takes its time
        self.opens.set()
        self.dark: list[str] = []  # moments in which it was open, but the lamp was not lit
        self.open = False

    def look(self, moment: str) -> None:
        if not self._pins.pin(LED).state:
            self.dark.append(moment)

    def start(self) -> None:
        self.open = True
        self.look("start")
        self.opens.wait(60)

    def read(self) -> NDArray[np.uint8] | None:
        self.look("read")
        time.sleep(0.02)
        if not self.works:
            raise CameraError("camera watched delivers no frames")
        return np.zeros((48, 64, 3), np.uint8)

    def stop(self) -> None:
        self.look("stop")
        self.open = False


@pytest.fixture
def camera(pins: MockFactory) -> Watched:
    return Watched(pins)


@pytest.fixture
def config(broker: int, tmp_path: Path) -> Config:
    return Config.model_validate(
        {
            "camera": {"source": "usb:9", "read_timeout": 1}, "vision": {"detect_width": 640, "fps": 20},
            "deployment": {"responsible": "J", "legal_basis": "consent"}, "window": {"seconds": 1},
            "mqtt": {"broker": f"mqtt://127.0.0.1:{broker}"}, "outbox": {"path": str(tmp_path / "outbox.sqlite")},
            "privacy": {"allow_remote_resume": False}, "gpio": {"led": LED, "button": BUTTON},
        }
    )  # fmt: skip


@pytest.fixture
def run(config: Config, camera: Watched) -> Iterator[Run]:
    """Runs a daemon in a thread, and returns what ends it; it has ended when the test ends."""
    signals = Signals()
    threads: list[threading.Thread] = []

    def end() -> None:
        signals.stop.set()
        for thread in threads:
            thread.join(10)
            assert not thread.is_alive()

    def start(board: Board | None = None) -> Callable[[], None]:
        machine = Machine(board=board or Board(), open_camera=lambda _source, _config: camera)
        daemon = build_daemon(config, signals, lambda: config, machine=machine)
        threads.append(threading.Thread(target=daemon.run))
        threads[0].start()
        return end

    yield start
    end()


def press(pins: MockFactory) -> None:
    button = pins.pin(BUTTON)
    button.drive_low()
    time.sleep(0.1)
    button.drive_high()


def test_the_lamp_is_lit_exactly_while_the_camera_is_open_and_the_button_pauses(
    broker: int, subscribe: Subscribe, pins: MockFactory, camera: Watched, run: Run
) -> None:
    subscriber, lamp = subscribe(broker), pins.pin(LED)
    end = run()
    subscriber.wait("window", 2)
    assert lamp.state
    press(pins)
    state = wait_state(subscriber, "paused")
    assert state["reason"] == "paused by the button in the room"
    assert not camera.open
    assert not lamp.state
    press(pins)  # though allow_remote_resume is false: whoever presses it is in the room
    assert wait_state(subscriber, "running")["reason"] == "resumed by the button in the room"
    wait_for(lambda: bool(lamp.state), 5)
    camera.works = False
    wait_state(subscriber, "camera_lost")
    wait_for(lambda: not lamp.state and not camera.open, 5)
    wait_for(lambda: bool(lamp.state), 5)  # it tries again
    camera.works = True
    wait_state(subscriber, "running")
    assert lamp.state
    end()
    assert not camera.open
    assert not lamp.state
    assert camera.dark == []


def test_the_button_pauses_while_the_camera_is_being_opened(
    broker: int, subscribe: Subscribe, pins: MockFactory, camera: Watched, run: Run
) -> None:
    subscriber = subscribe(broker)
    camera.opens.clear()
    end = run()
    wait_for(lambda: camera.open, 30)
    press(pins)
    assert wait_state(subscriber, "paused", 30)["reason"].startswith("paused by the button in the room")
    camera.opens.set()
    wait_for(lambda: not camera.open and not pins.pin(LED).state, 10)
    press(pins)
    wait_state(subscriber, "running")
    subscriber.wait("window", 1, seconds=30)
    end()
    assert camera.dark == []


def test_two_presses_in_a_row_pause_and_resume(broker: int, subscribe: Subscribe, pins: MockFactory, run: Run) -> None:
    subscriber = subscribe(broker)
    run()
    subscriber.wait("window", 1)
    before = len(subscriber.named("state"))
    button = pins.pin(BUTTON)
    for _ in range(2):  # faster than the daemon looks
        button.drive_low()
        button.drive_high()
    after = subscriber.wait("state", before + 2)[before:]
    assert [message.json()["mode"] for message in after[:2]] == ["paused", "running"]
    assert after[1].json()["reason"] == "resumed by the button in the room"


def is_covered(window: dict[str, Any]) -> bool:
    return bool(window["frames"] >= 3 and window["quality"]["coverage"] == 1.0)


def test_a_hot_board_is_told_slows_down_and_recovers_by_itself(
    broker: int,
    subscribe: Subscribe,
    camera: Watched,
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("edge.daemon.board_monitor.EVERY", 0.1)
    monkeypatch.setattr("edge.daemon.board_monitor.WELL_AGAIN", 0.2)
    monkeypatch.setattr("edge.hardware.thermal_throttle.WARMING", 0.5)
    monkeypatch.setattr("edge.hardware.thermal_throttle.COOLED", 1.5)
    zone, supply = tmp_path / "sys/class/thermal/thermal_zone0", tmp_path / "sys/class/hwmon/hwmon0"
    for file, text in ((zone / "type", "cpu-thermal"), (zone / "temp", "91000"), (supply / "name", "rpi_volt")):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (supply / "in0_lcrit_alarm").write_text("1")
    subscriber = subscribe(broker)
    run(Board(tmp_path, ""))
    state = wait_state(subscriber, "throttled")
    assert state["reason"] == "the processor is at 91 °C; 10 of 20 frames a second are analysed"
    alert = subscriber.wait("hardware")[-1].json()
    assert "power supply" in alert["problem"]
    wait_for(lambda: "5 of 20" in subscriber.named("state")[-1].json()["reason"], 10)
    assert subscriber.named("state")[-1].json()["since"] == state["since"]
    before = len(subscriber.named("window")) + 1  # the one that had begun
    windows = [message.json() for message in subscriber.wait("window", before + 3)[before:]]
    assert all(window["frames"] <= 6 and window["window"]["seconds"] == 1.0 for window in windows)
    # A busy machine may miss some frames, but what the pace leaves out counts as seen.
    wait_for(lambda: any(is_covered(message.json()) for message in subscriber.named("window")[before:]), 20)
    health = subscriber.wait("health")[-1].json()
    assert (health["temperature_c"], health["under_voltage"], health["throttled_bits"]) == (91.0, True, None)
    (zone / "temp").write_text("60000")
    (supply / "in0_lcrit_alarm").write_text("0")
    assert wait_state(subscriber, "running")["reason"] == "the board has cooled down"
    wait_for(lambda: subscriber.named("hardware")[-1].payload == b"", 5)
    before = len(subscriber.named("window"))
    wait_for(lambda: any(message.json()["frames"] > 10 for message in subscriber.named("window")[before:]), 30)


def test_keys_on_a_board_without_pins_stop_the_daemon(edge: Edge, broker: int) -> None:
    process = edge("run", "--set", f"mqtt.broker=mqtt://127.0.0.1:{broker}", "--set", "gpio.led=17")
    _, err = process.communicate(timeout=30)
    assert process.returncode == 78, err
    assert "gpio.led and gpio.button cannot be used here" in err
    assert "Traceback" not in err
