"""`edge bench`, what it measures with, and that the fast ways of the frame loop say what the plain ones say."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from edge.bench.energy import EnergyMeter
from edge.bench.footage import ClipFootage, SceneFootage
from edge.bench.plot import plot
from edge.bench.result import Result, Spread, slope
from edge.errors import CameraError
from edge.sample.portraits import read_portraits
from edge.sample.scene import Scene


def test_scenes_repeat_and_nobody_comes_or_goes() -> None:
    one, other = SceneFootage(10, (640, 360)), SceneFootage(10, (640, 360))
    for _ in range(25):
        assert np.array_equal(one.next()[0], other.next()[0])
    scene = Scene(read_portraits(), faces=100)
    assert {len(scene.truth(0.2 * step)) for step in range(12)} == {100}


def test_a_clip_that_is_gone_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CameraError, match="is not a file"):
        ClipFootage(tmp_path)


def measured(faces: float, cost: float, floor: float = 10.0) -> Result:
    return Result(
        footage="x", size=(1280, 720), people=None, faces=faces, classified=faces, frames=10,
        stages={}, frame=Spread(cost, cost), fps=1.0, cpu_ms=cost, floor_ms=floor, classifier_ms=0.2,
        ratio=cost / floor, rss_mb=None, rss_growth_mb=None, joules=None, busy=0.0,
    )  # fmt: skip


def test_the_slope_is_the_cost_of_one_more_face() -> None:
    found = slope([measured(n, 9 + 0.3 * n) for n in (1, 10, 100)])
    assert found == pytest.approx((0.3, 1.5))
    assert slope([measured(5, 10)]) is None


def test_a_plot_of_one_size_and_of_two() -> None:
    results = [measured(n, 9 + 0.3 * n) for n in (1, 10, 100)]
    both = [*results, *(replace(each, size=(1920, 1080)) for each in results)]
    for chosen, lines in ((results, 2), (both, 4)):
        drawn = ET.fromstring(plot(chosen, "<title & more>"))  # noqa: S314 - our own
        assert len([part for part in drawn.iter() if part.tag.endswith("polyline")]) == lines


def board(root: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        (root / "sys/class" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "sys/class" / name).write_text(content)
    return root


def test_energy_is_counted_where_there_is_a_counter(tmp_path: Path) -> None:
    root = board(tmp_path, {"powercap/intel-rapl:0/energy_uj": "1000000"})
    meter = EnergyMeter(root, "")
    assert meter.available
    counter = root / "sys/class/powercap/intel-rapl:0/energy_uj"
    assert meter.per_call(lambda: counter.write_text(str(int(counter.read_text()) + 500_000)), 4) == 0.5
    assert meter.per_call(lambda: counter.write_text("7"), 4) is None


def test_energy_is_power_times_time_where_there_are_rails(tmp_path: Path) -> None:
    files = {"hwmon/hwmon3/name": "ina3221\n", "hwmon/hwmon3/in1_input": "5000", "hwmon/hwmon3/curr1_input": "1200"}
    meter = EnergyMeter(board(tmp_path, files), "")
    assert meter.available
    began = time.monotonic()
    used = meter.per_call(lambda: None, 1)
    took = time.monotonic() - began
    assert used is not None
    assert 0 <= used <= 6.0 * took + 0.0001  # 5 V at 1.2 A, and what rounding adds


def test_energy_of_a_raspberry_pi_5(tmp_path: Path) -> None:
    firmware = tmp_path / "vcgencmd"
    lines = ["     3V3_SYS_A current(1)=0.5A", "     3V3_SYS_V volt(9)=3.3V", "     VDD_CORE_A current(7)=2.0A"]
    firmware.write_text("#!/bin/sh\ncat <<'END'\n" + "\n".join(lines) + "\nEND\n")
    firmware.chmod(0o755)
    assert EnergyMeter(tmp_path, str(firmware)).watts() == pytest.approx(1.65)


def test_a_board_without_a_meter(tmp_path: Path) -> None:
    assert not EnergyMeter(tmp_path, "").available
    assert not EnergyMeter(tmp_path, str(tmp_path / "none")).available
