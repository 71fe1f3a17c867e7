"""What of the board needs a person: a weak supply, and a clock that nothing sets while a schedule waits for it."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from edge.config.schema import Config
from edge.contract.examples import ALERT
from edge.daemon import unset_clock
from edge.daemon.board_monitor import CLOCK_SECONDS, PROBLEM, WELL_AGAIN, BoardMonitor
from edge.hardware.board import Board, Readings


class WeakBoard(Board):
    """A board whose supply is chosen by the test."""

    weak = False

    def read(self, now: float, disk: Path, ask_every: float) -> Readings:
        return Readings(under_voltage=self.weak)


@pytest.fixture
def board() -> WeakBoard:
    return WeakBoard(vcgencmd="")


@pytest.fixture
def monitor(board: WeakBoard) -> BoardMonitor:
    return BoardMonitor(lambda: ALERT.since, board)


def problem(monitor: BoardMonitor, now: float, *, waits: bool) -> str:
    monitor.update(now, Config(), waits_for_clock=waits)
    return monitor.alert.problem if monitor.alert is not None else ""


def test_a_camera_that_is_closed_for_an_unset_clock_is_an_alert_after_ten_minutes(monitor: BoardMonitor) -> None:
    assert problem(monitor, 50.0, waits=True) == ""
    assert problem(monitor, 49.0 + CLOCK_SECONDS, waits=True) == ""
    assert unset_clock.PROBLEM in problem(monitor, 50.0 + CLOCK_SECONDS, waits=True)
    assert monitor.alert is not None
    assert monitor.alert.remedy == unset_clock.REMEDY
    assert problem(monitor, 51.0 + CLOCK_SECONDS, waits=False) == ""
    assert problem(monitor, 52.0 + CLOCK_SECONDS, waits=True) == "", "it is counted anew"


def test_a_weak_supply_does_not_hide_an_unset_clock(monitor: BoardMonitor, board: WeakBoard) -> None:
    board.weak = True
    assert problem(monitor, 0.0, waits=True) == PROBLEM
    both = problem(monitor, CLOCK_SECONDS, waits=True)
    assert PROBLEM in both
    assert unset_clock.PROBLEM in both
    board.weak = False
    assert PROBLEM not in problem(monitor, CLOCK_SECONDS + 2 * WELL_AGAIN, waits=True)


def test_where_no_file_descriptor_is_left_the_board_tells_nothing(tmp_path: Path) -> None:
    (tmp_path / "sys/class/thermal/thermal_zone0").mkdir(parents=True)
    board = Board(tmp_path, vcgencmd="")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        readings = board.read(0.0, tmp_path, 5.0)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert readings.temperature_c is readings.slowed is readings.under_voltage is None
