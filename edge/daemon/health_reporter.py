"""Publishes how the daemon is doing, now and then and on demand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge.daemon import telemetry

if TYPE_CHECKING:
    from edge.config.schema import Config
    from edge.daemon.board_monitor import BoardMonitor
    from edge.daemon.metrics import Meter
    from edge.daemon.mqtt_service import MqttService
    from edge.timing.clock import Clock


class HealthReporter:
    """Knows when the next health message is due.

    Args:
        config: The configuration.
        meter: What was measured since the last message.
        board: What the board reads.
        service: Where the message goes.
        clock: Where time comes from.
    """

    def __init__(self, config: Config, meter: Meter, board: BoardMonitor, service: MqttService, clock: Clock) -> None:
        self._config = config
        self._meter = meter
        self._board = board
        self._service = service
        self._clock = clock
        self._due = 0.0  # monotonic seconds

    def begin(self) -> None:
        """Measure from now on; the first message comes soon after the first window."""
        now = self._clock.monotonic()
        self._meter.begin(now)
        self._due = now + min(self._config.health.seconds, self._config.window.seconds + 1)

    def change(self, config: Config) -> None:
        """Obey another configuration; a shorter interval holds at once."""
        self._config = config
        self._due = min(self._due, self._clock.monotonic() + config.health.seconds)

    def update(self, now: float) -> None:
        """Publish if it is time; `now` in monotonic seconds."""
        if now >= self._due:
            self.publish()

    def publish(self) -> None:
        """Publish now."""
        now = self._clock.monotonic()
        self._due = now + self._config.health.seconds
        self._service.publish_health(
            telemetry.health(self._meter, self._board.readings, now, self._clock.utc(), self._service.depth)
        )
