"""How many frames are analysed in a second: fewer while the board is too hot. Pure: time comes with the readings."""

from __future__ import annotations

from edge.hardware.board import Readings

SLOWEST = 2  # times that the rate is halved
SLOWEST_FPS = 1.0  # and no lower than this, for the sake of the figures
WARMING = 10.0  # seconds that a step is given to show in the temperature, before the next one down
COOLED = 30.0  # seconds of coolness before every step up
MARGIN = 5.0  # degrees below the limit that count as cool


class ThermalThrottle:
    """Halves the rate step by step while it is hot, and returns step by step once it was cool for a while.

    In between, where it is neither hot nor cool, nothing changes: so a board at its limit does not go back and forth.
    """

    def __init__(self) -> None:
        self._level = 0  # times that the rate is halved now
        self._changed = 0.0  # when; monotonic seconds
        self._cool_since: float | None = None
        self._why = ""

    def update(self, now: float, readings: Readings, hot_c: float) -> None:
        """Decide anew whether the rate is halved.

        Args:
            now: Monotonic seconds.
            readings: What the board says; a board that reports nothing is not hot.
            hot_c: Degrees Celsius from which it is hot.
        """
        temperature = readings.temperature_c
        hot = readings.slowed is True or (temperature is not None and temperature >= hot_c)
        if hot:
            self._cool_since = None
            if self._level == 0 or (self._level < SLOWEST and now - self._changed >= WARMING):
                self._level += 1
                self._changed = now
                self._why = _why(readings)
        elif temperature is not None and temperature > hot_c - MARGIN:
            self._cool_since = None
        elif self._level:
            if self._cool_since is None:
                self._cool_since = now
            elif now - self._cool_since >= COOLED:
                self._level -= 1
                self._changed = self._cool_since = now

    def fps(self, wanted: float) -> float:
        """Frames to analyse per second where `wanted` are configured."""
        return max(min(wanted, SLOWEST_FPS), wanted / (1 << self._level))

    def reason(self, wanted: float) -> str:
        """Why the rate is lower than wanted and what it is, for a person; "" while it is not.

        The temperature in it is the one at which the rate fell: it changes with the rate, not with every degree.
        """
        if not self._level:
            return ""
        return f"{self._why}; {self.fps(wanted):g} of {wanted:g} frames a second are analysed"


def _why(readings: Readings) -> str:
    at = "" if readings.temperature_c is None else f" at {readings.temperature_c:.0f} °C"
    if not readings.slowed:
        return f"the processor is{at}"
    supply = ", and its power supply is too weak" if readings.under_voltage else ""
    return f"the board slows its processor down{at}{supply}"
