"""What each command does to the daemon, and what it is refused for."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from pydantic import ValidationError

from edge.config.schema import WindowConfig
from edge.contract.causes import OVER_MQTT, SOMEBODY_OVER_MQTT
from edge.contract.commands import IntervalRequest, PauseRequest, Request
from edge.mqtt.command_queue import CommandError, Handler

if TYPE_CHECKING:
    from edge.daemon.health_reporter import HealthReporter
    from edge.daemon.pause_control import PauseControl
    from edge.daemon.reload import Reload


MOST_A_MINUTE = 10  # of the commands that read the configuration, or change it and so end the running window
MINUTE = 60.0  # seconds


class _Frequency:
    """When a command was obeyed last, so that who sends it without end is refused, and a pause never waits for that."""

    def __init__(self, command: str, monotonic: Callable[[], float]) -> None:
        self._command = command
        self._monotonic = monotonic
        self._times: deque[float] = deque(maxlen=MOST_A_MINUTE)

    def count(self) -> None:
        """It is to be obeyed now. Raises CommandError: too often."""
        now = self._monotonic()
        if len(self._times) == MOST_A_MINUTE and now - self._times[0] < MINUTE:
            raise CommandError(f"{self._command}: at most {MOST_A_MINUTE} a minute; try again later")
        self._times.append(now)


class CommandHandlers:
    """Carries out checked requests.

    Args:
        pauses: Pauses and resumes.
        reload: Holds the configuration in force and replaces it.
        health: Publishes how the daemon is doing.
        monotonic: Where passed time comes from.
    """

    def __init__(
        self,
        pauses: PauseControl,
        reload: Reload,
        health: HealthReporter,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pauses = pauses
        self._reload = reload
        self._intervals, self._reloads = _Frequency("interval", monotonic), _Frequency("reload", monotonic)
        self.handlers: dict[str, Handler] = {
            "pause": self._pause,
            "resume": self._resume,
            "interval": self._interval,
            "reload": self._read_again,
            "health": lambda _request: health.publish(),
        }

    def _pause(self, request: Request) -> None:
        if isinstance(request, PauseRequest) and not request.pause:
            self._resume(request)
        else:
            self._pauses.pause(_requester(request))

    def _resume(self, request: Request) -> None:
        if not self._reload.config.privacy.allow_remote_resume:
            raise CommandError(
                "a pause ends only on the device itself (privacy.allow_remote_resume is false)", "run: edge resume"
            )
        self._pauses.resume(_requester(request))

    def _interval(self, request: Request) -> None:
        if not isinstance(request, IntervalRequest):
            raise CommandError("interval needs a number of seconds")
        try:
            window = WindowConfig(seconds=request.seconds)
        except ValidationError:
            raise CommandError("interval: allowed is a number from 1 to 3600, in seconds") from None
        wanted = self._reload.wanted.model_copy(update={"window": window})
        if wanted == self._reload.wanted:
            return
        self._intervals.count()
        self._reload.apply(wanted, _requester(request))

    def _read_again(self, request: Request) -> None:
        self._reloads.count()  # also where nothing turns out to have changed: reading takes its time
        self._reload.reload(_requester(request))


def _requester(request: Request) -> str:
    return f"{request.by}, {OVER_MQTT}" if request.by else SOMEBODY_OVER_MQTT
