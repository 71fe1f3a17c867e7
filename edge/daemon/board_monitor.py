"""Monitors the board: reads it now and then, slows the analysis down while it is hot; a weak supply, an unset clock."""

from __future__ import annotations

from collections.abc import Callable

from edge.config.schema import Config
from edge.contract.payloads import Alert
from edge.daemon import unset_clock
from edge.daemon.paths import outbox_path
from edge.hardware.board import Board, Readings
from edge.hardware.thermal_throttle import ThermalThrottle

EVERY = 5.0  # seconds between two readings
WELL_AGAIN = 60.0  # seconds without under-voltage after which the alert is cleared
CLOCK_SECONDS = 600.0  # that a camera may be closed for an unset clock: after each start it takes some to be set
PROBLEM = "the power supply is too weak: the voltage drops"
REMEDY = "use the power supply made for this board, a short thick cable and no hub; unplug what it need not feed"


class BoardMonitor:
    """The latest readings, and what follows from them.

    Args:
        stamp: The time of day as a stamp.
        board: The board to read.
    """

    def __init__(self, stamp: Callable[[], str], board: Board) -> None:
        self._board = board
        self._stamp = stamp
        self._next = 0.0
        self._well_at = 0.0
        self._wanted = 1.0
        self._throttle = ThermalThrottle()
        self._supply: Alert | None = None
        self._clock: Alert | None = None
        self._waits_since: float | None = None
        self.readings = Readings()
        """What the board said last."""

    def update(self, now: float, config: Config, *, waits_for_clock: bool) -> None:
        """Read the board if it is time; to be called several times a second.

        Args:
            now: Monotonic seconds.
            config: The configuration in force.
            waits_for_clock: Whether the camera is closed because the clock is not set.
        """
        self._wanted = config.vision.fps
        self._update_clock(now, waits=waits_for_clock)
        if now < self._next:
            return
        self._next = now + EVERY
        self.readings = self._board.read(now, outbox_path(config), config.health.seconds)
        self._throttle.update(now, self.readings, config.health.hot_c)
        if self.readings.under_voltage:
            self._well_at = now + WELL_AGAIN
            self._supply = self._supply or Alert(problem=PROBLEM, remedy=REMEDY, since=self._stamp())
        elif now >= self._well_at:
            self._supply = None

    def _update_clock(self, now: float, *, waits: bool) -> None:
        if not waits:
            self._waits_since = self._clock = None
        elif self._waits_since is None:
            self._waits_since = now
        elif self._clock is None and now - self._waits_since >= CLOCK_SECONDS:
            problem = f"the camera is closed: {unset_clock.PROBLEM}"
            self._clock = Alert(problem=problem, remedy=unset_clock.REMEDY, since=self._stamp())

    @property
    def alert(self) -> Alert | None:
        """What a person should look at; None when there is nothing."""
        supply, clock = self._supply, self._clock
        if supply is None or clock is None:
            return supply or clock
        problem, remedy = f"{supply.problem}; {clock.problem}", f"{supply.remedy}; {clock.remedy}"
        return Alert(problem=problem, remedy=remedy, since=supply.since)

    @property
    def fps(self) -> float:
        """Frames to analyse per second."""
        return self._throttle.fps(self._wanted)

    @property
    def throttled(self) -> str:
        """Why that is fewer than wanted; empty: it is not."""
        return self._throttle.reason(self._wanted)
