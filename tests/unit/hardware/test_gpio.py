"""The lamp and the button alone, at gpiozero's mock pins."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import gpiozero
import pytest
from gpiozero.pins.mock import MockFactory

from edge.cameras.capture_thread import CaptureThread
from edge.cameras.supervisor import CameraSupervisor
from edge.config.schema import GpioConfig
from edge.errors import BusyError, ConfigError
from edge.hardware.gpio import GpioPins
from tests.support.brokers import wait_for
from tests.unit.cameras.test_supervisor import Scripted

LED, BUTTON = 17, 27


def test_no_press_is_lost_while_others_are_handled(pins: MockFactory) -> None:
    gpio = GpioPins(GpioConfig(button=BUTTON))
    gpio.start()
    button, presses = pins.pin(BUTTON), 2000

    def press_often() -> None:
        for _ in range(presses):
            button.drive_low()
            button.drive_high()

    thread, taken = threading.Thread(target=press_often), 0
    thread.start()
    while thread.is_alive():
        taken += gpio.take_presses()
    thread.join()
    assert taken + gpio.take_presses() == presses
    assert gpio.take_presses() == 0
    gpio.stop()


def test_the_lamp_stays_lit_until_a_driver_that_hangs_has_let_go() -> None:
    camera, lit = Scripted(), [False]

    def light(on: bool) -> None:  # noqa: FBT001
        lit[0] = on

    sensor = CameraSupervisor(lambda: CaptureThread(camera, 10, 5), time.monotonic, recovers=True, set_lamp=light)
    sensor.start()
    wait_for(lambda: sensor.take(0.1) is not None, 5)
    camera.hangs = True
    time.sleep(0.1)
    sensor.pause()
    assert not sensor.closed
    assert lit == [True]
    camera.let_go.set()
    wait_for(lambda: sensor.take(0.0) is None and sensor.closed, 5)
    assert lit == [False]


def test_neither_lamp_nor_button_needs_no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gpiozero", None)
    room = GpioPins(GpioConfig())
    room.start()
    room.set_lamp(True)
    assert room.take_presses() == 0
    room.stop()


@pytest.mark.parametrize("gpio", [GpioConfig(led=4), GpioConfig(button=4)])
def test_keys_without_the_library_are_an_error(gpio: GpioConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gpiozero", None)
    with pytest.raises(ConfigError, match="python3-gpiozero python3-lgpio"):
        GpioPins(gpio).start()


def test_other_pins_and_back(pins: MockFactory) -> None:
    room = GpioPins(GpioConfig(led=LED))
    room.start()
    room.set_lamp(True)
    room.change(GpioConfig(led=5))
    assert pins.pin(5).state
    assert not pins.pin(LED).state
    taken = gpiozero.LED(6)
    with pytest.raises(BusyError, match=r"cannot be used here \(pin .*sudo systemctl stop edge") as caught:
        room.change(GpioConfig(led=5, button=6))
    assert pins.pin(5).state
    assert caught.value.exit_code == 75  # systemd tries again
    taken.close()
    room.stop()


def test_one_pin_cannot_be_both() -> None:
    with pytest.raises(ValueError, match="cannot share pin 5"):
        GpioConfig(led=5, button=5)


STAND_IN = """
import os  # as lgpio: it goes to its folder, and makes a pipe there for all, or takes one of that name
os.chdir(os.environ.get("LG_WD", "."))
if not os.path.exists(".lgd-nfy0"):
    os.mkfifo(".lgd-nfy0")
os.chmod(".lgd-nfy0", 0o664)
both = os.open(".lgd-nfy0", os.O_RDWR)
reader = open(".lgd-nfy0", "rb", buffering=0)
"""
START = """
import contextlib, os, sys
from edge.config.schema import GpioConfig
from edge.errors import ConfigError
from edge.hardware.gpio import GpioPins
with contextlib.suppress(ConfigError):  # there are no pins
    GpioPins(GpioConfig(button=27)).start()
assert "lgpio" in sys.modules
files = [f"/proc/self/fd/{file}" for file in os.listdir("/proc/self/fd")]
pipes = {os.readlink(file) for file in files if os.path.lexists(file)}
print(os.getcwd(), *(pipe for pipe in pipes if ".lgd-nfy" in pipe), sep="\\n")
"""


@pytest.mark.parametrize("library", ["a stand-in", "lgpio"])
def test_the_pipe_of_the_button_is_nobody_elses_and_the_current_folder_stays(library: str, tmp_path: Path) -> None:
    if library == "lgpio" and importlib.util.find_spec("lgpio") is None:
        pytest.skip("lgpio is not installed")
    here, temporary, stand_in = (tmp_path / name for name in ("here", "tmp", "lib"))
    for folder in (here, temporary, stand_in):
        folder.mkdir()
        os.mkfifo(folder / ".lgd-nfy0")  # by somebody who came first
    if library == "a stand-in":
        (stand_in / "lgpio.py").write_text(STAND_IN)
    environment = {**os.environ, "TMPDIR": str(temporary), "GPIOZERO_PIN_FACTORY": "lgpio"}
    environment["PYTHONPATH"] = os.pathsep.join([str(stand_in), *sys.path])
    current, pipe = subprocess.check_output(
        [sys.executable, "-c", START], cwd=here, env=environment, text=True
    ).splitlines()
    assert current == str(here)
    assert pipe.startswith(f"{temporary}/edge-gpio-")
    assert pipe.endswith("(deleted)")  # nobody can open it any more, and nothing is left behind
    assert [each.name for each in temporary.iterdir()] == [".lgd-nfy0"]
