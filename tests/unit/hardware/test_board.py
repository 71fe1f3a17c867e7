"""What the board says, read from a tree of real files as the kernels of known boards lay them out."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.config.schema import Config
from edge.daemon.board_monitor import EVERY, WELL_AGAIN, BoardMonitor
from edge.hardware.board import COMMAND_TRIES, Board, Readings
from edge.hardware.thermal_throttle import COOLED, MARGIN, WARMING, ThermalThrottle

Tree = Callable[[dict[str, object]], Path]
HOT = 80.0
CONFIG = Config()
ZONE = "sys/class/thermal/thermal_zone"
PI4, PI5 = (
    f"sys/devices/platform/{folder}/get_throttled"
    for folder in ("soc/soc:firmware", "soc@107c000000/soc@107c000000:firmware")
)
PI_SUPPLY = {"sys/class/hwmon/hwmon2/name": "rpi_volt", "sys/class/hwmon/hwmon2/in0_lcrit_alarm": 1}


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Writes files below a folder that stands for `/`."""

    def write(files: dict[str, object]) -> Path:
        for name, content in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(f"{content}\n")
        return tmp_path

    return write


@pytest.fixture
def command(tmp_path: Path) -> Callable[[str], str]:
    """Makes a vcgencmd of a few lines of shell, that counts in `asked` how often it was run."""

    def make(script: str) -> str:
        file = tmp_path / "vcgencmd"
        file.write_text(f'#!/bin/sh\n[ "$1" = get_throttled ] || exit 3\necho >>{tmp_path}/asked\n{script}\n')
        file.chmod(0o700)
        return str(file)

    return make


def read(root: Path, now: float = 0.0, vcgencmd: str = "") -> Readings:
    return Board(root, vcgencmd).read(now, root, 30)


def test_a_machine_that_tells_nothing(tmp_path: Path) -> None:
    said = read(tmp_path)
    assert said == Readings(disk_free_mb=said.disk_free_mb)


def test_this_machine() -> None:
    said = Board().read(0.0, Path("/nowhere/that/exists"), 30)
    assert said.load is not None
    assert said.load >= 0
    assert said.disk_free_mb is not None
    assert said.disk_free_mb > 0


def test_the_processor_is_found_by_its_name(tree: Tree) -> None:
    files: dict[str, object] = {
        f"{ZONE}0/type": "PMIC-Die", f"{ZONE}0/temp": 100000,
        f"{ZONE}1/type": "cpu-thermal", f"{ZONE}1/temp": 61234,
        f"{ZONE}2/type": "soc0-thermal", f"{ZONE}2/temp": 63000,
        f"{ZONE}3/type": "CPU-therm", f"{ZONE}3/temp": 62500,
    }  # fmt: skip
    assert read(tree(files)).temperature_c == 62.5


@pytest.mark.parametrize(
    ("name", "temp", "expected"),
    [
        ("cpu_thermal", 48312, 48.3), ("x86_pkg_temp", 55000, 55.0), ("soc_thermal", 50000, 50.0),
        ("acpitz", 27800, None), ("iwlwifi_1", 40000, None), ("cpu-thermal", 1000000, None), ("cpu-thermal", "", None),
        ("cpu-thermal", -5000, -5.0), ("cpu-thermal", "cold", None),
    ],
)  # fmt: skip
def test_zones(tree: Tree, name: str, temp: object, expected: float | None) -> None:
    assert read(tree({f"{ZONE}0/type": name, f"{ZONE}0/temp": temp})).temperature_c == expected


@pytest.mark.parametrize("file", [PI4, PI5])
@pytest.mark.parametrize(
    ("text", "bits", "slowed", "weak"),
    [
        ("0", 0, False, False), ("50005", 0x50005, True, True), ("80008", 0x80008, True, False),
        ("e0000", 0xE0000, False, False), ("0x50001", 0x50001, False, True), ("what", None, None, None),
    ],
)  # fmt: skip
def test_the_bits_of_a_raspberry_pi(
    tree: Tree, file: str, text: str, bits: int | None, slowed: object, weak: object
) -> None:
    said = read(tree({file: text}))
    assert (said.throttled_bits, said.slowed, said.under_voltage) == (bits, slowed, weak)


def test_the_kernel_watches_the_supply_also_where_the_bits_are_out_of_reach(tree: Tree) -> None:
    assert read(tree(PI_SUPPLY)) == Readings(under_voltage=True, disk_free_mb=read(tree({})).disk_free_mb)


def test_the_command_is_asked_once_per_interval(tree: Tree, command: Callable[[str], str], tmp_path: Path) -> None:
    board = Board(tree({}), command("echo throttled=0x50004"))
    for second in range(0, 61, 5):
        said = board.read(float(second), tmp_path, 30)
        assert (said.throttled_bits, said.slowed, said.under_voltage) == (0x50004, True, False)
    assert (tmp_path / "asked").read_text() == "\n" * 3


@pytest.mark.parametrize("script", ["exit 255", "echo VCHI initialization failed", "echo throttled=", "kill -9 $$"])
def test_a_command_that_does_not_work_here_is_given_up(
    tree: Tree, command: Callable[[str], str], tmp_path: Path, script: str
) -> None:
    board = Board(tree({PI4: "8"}), command(script))
    assert [board.read(100.0 * n, tmp_path, 30).throttled_bits for n in range(9)] == [8] * 9
    assert (tmp_path / "asked").read_text() == "\n" * COMMAND_TRIES


def test_a_command_that_is_gone_is_no_error(tree: Tree) -> None:
    assert read(tree({}), vcgencmd="/nowhere/vcgencmd").throttled_bits is None


def test_a_jetson_that_slows_down(tree: Tree) -> None:
    device = "sys/class/thermal/cooling_device"
    files: dict[str, object] = {
        f"{device}0/type": "pwm-fan", f"{device}0/cur_state": 1,
        f"{device}1/type": "cpu-throttle-alert", f"{device}1/cur_state": 0,
        f"{device}2/type": "gpu-throttle-alert", f"{device}2/cur_state": 0,
    }  # fmt: skip
    assert read(tree(files)).slowed is False
    assert read(tree({f"{device}2/cur_state": 1})).slowed is True
    assert read(tree({})).throttled_bits is None


def test_load_is_per_core(tree: Tree) -> None:
    assert read(tree({"proc/loadavg": "3.00 1.00 0.50 1/99 1234"})).load == round(3 / (os.cpu_count() or 1), 2)
    assert read(tree({"proc/loadavg": ""})).load is None


# Throttling


def test_hot_halves_and_cool_returns() -> None:
    throttle, hot, cool = ThermalThrottle(), Readings(temperature_c=84.4), Readings(temperature_c=60.0)
    throttle.update(0, cool, HOT)
    assert (throttle.fps(5), throttle.reason(5)) == (5, "")
    throttle.update(5, hot, HOT)
    assert throttle.reason(5) == "the processor is at 84 °C; 2.5 of 5 frames a second are analysed"
    throttle.update(5 + WARMING, hot, HOT)
    assert throttle.fps(5) == 1.25
    throttle.update(100, hot, HOT)
    assert throttle.fps(5) == 1.25
    throttle.update(105, Readings(temperature_c=HOT - MARGIN + 1), HOT)
    for seconds, fps in ((110, 1.25), (139, 1.25), (140, 2.5), (169, 2.5), (170, 5), (999, 5)):
        throttle.update(seconds, cool, HOT)
        assert throttle.fps(5) == fps
    assert throttle.reason(5) == ""


@pytest.mark.parametrize(
    ("readings", "reason"),
    [
        (Readings(60.4, 0xE0008, slowed=True), "the board slows its processor down at 60 °C; 1 of 2 frames"),
        (Readings(slowed=True), "the board slows its processor down; 1 of 2 frames"),
        (Readings(50.0, 5, slowed=True, under_voltage=True), "at 50 °C, and its power supply is too weak; 1 of"),
    ],
)
def test_the_board_says_so_itself(readings: Readings, reason: str) -> None:
    throttle = ThermalThrottle()
    throttle.update(0, readings, HOT)
    assert reason in throttle.reason(2)


looks = st.lists(
    st.tuples(
        st.floats(0.1, 100),
        st.builds(
            Readings,
            temperature_c=st.none() | st.floats(20, 110),
            slowed=st.none() | st.booleans(),
            under_voltage=st.none() | st.booleans(),
        ),
    ),
    max_size=60,
)


@given(looks, st.floats(0.1, 60))
@settings(max_examples=300)
def test_one_step_at_a_time_and_no_flapping(steps: list[tuple[float, Readings]], wanted: float) -> None:
    throttle, now, before, last_hot, last_change = ThermalThrottle(), 0.0, wanted, -1e9, -1e9
    for pause, readings in steps:
        now += pause
        temperature = readings.temperature_c
        hot = readings.slowed is True or (temperature is not None and temperature >= HOT)
        last_hot = now if hot else last_hot
        throttle.update(now, readings, HOT)
        fps = throttle.fps(wanted)
        assert min(wanted, max(1.0, wanted / 4)) <= fps <= wanted
        assert fps == before or fps in (before / 2, before * 2) or 1.0 in (fps, before)
        assert bool(throttle.reason(wanted)) >= (fps < wanted)
        if hot:
            assert throttle.reason(wanted)
            assert fps <= before
        if fps > before:
            assert now - last_hot >= COOLED
            assert now - last_change >= COOLED
        last_change = now if fps != before else last_change
        before = fps
    for _ in range(4):
        now += COOLED
        throttle.update(now, Readings(), HOT)
    assert (throttle.fps(wanted), throttle.reason(wanted)) == (wanted, "")


# The guard


def test_a_weak_supply_is_told_until_it_was_well_for_a_while(tree: Tree) -> None:
    stamps = iter(["2026-01-01T00:00:00.000Z", "2026-01-01T01:00:00.000Z"])
    guard = BoardMonitor(lambda: next(stamps), Board(tree({PI4: "50005"}), ""))
    guard.update(0.0, CONFIG, waits_for_clock=False)
    first = guard.alert
    assert first is not None
    assert "power supply" in first.problem
    assert guard.fps == 2.5
    tree({PI4: "50000"})
    guard.update(EVERY - 0.1, CONFIG, waits_for_clock=False)
    assert guard.readings.under_voltage
    guard.update(EVERY, CONFIG, waits_for_clock=False)
    assert not guard.readings.under_voltage
    assert guard.alert is first
    guard.update(WELL_AGAIN + EVERY, CONFIG, waits_for_clock=False)
    assert guard.alert is None
