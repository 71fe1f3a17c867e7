"""What each command does to the daemon, and what it is refused for."""

from __future__ import annotations

import logging
from typing import Protocol

from pydantic import ValidationError

from edge.config.schema import Config, WindowConfig
from edge.contract.commands import IntervalRequest, PauseRequest, Request
from edge.errors import EdgeError
from edge.mqtt.commands import CommandError, Handler

logger = logging.getLogger(__name__)


class Controlled(Protocol):
    """The daemon, as far as commands can reach it."""

    @property
    def config(self) -> Config:
        """The configuration in force."""

    def read_config(self) -> Config:
        """The configuration as it stands in its file now. Raises ConfigError."""

    def apply(self, config: Config, by: str) -> None:
        """Put another configuration in force, wanted by somebody. Raises EdgeError: the old one stays."""

    def pause(self, by: str) -> None:
        """Close the camera. Raises EdgeError when the pause cannot be stored."""

    def resume(self, by: str) -> None:
        """Open the camera. Raises EdgeError when the schedule or the disk is against it."""

    def publish_health(self) -> None:
        """Say how the daemon is doing."""


class CommandHandlers:
    """Carries out checked requests.

    Args:
        daemon: Whom they are for.
    """

    def __init__(self, daemon: Controlled) -> None:
        self._daemon = daemon
        self.handlers: dict[str, Handler] = {
            "pause": self._pause,
            "resume": self._resume,
            "interval": self._interval,
            "reload": lambda request: self.reload(_who(request)),
            "health": lambda _request: daemon.publish_health(),
        }

    def reload(self, by: str) -> None:
        """Read the configuration again and put it in force.

        Args:
            by: Who wants it so, in words.

        Raises:
            EdgeError: It has errors or cannot be used; the old one stays.
        """
        self._daemon.apply(self._daemon.read_config(), by)

    def reload_and_log(self) -> None:
        """The same for SIGHUP, which nobody answers."""
        try:
            self.reload("SIGHUP")
            logger.info("the configuration was read again")
        except EdgeError as error:
            logger.error("the configuration stays as it was: %s", error)

    def _pause(self, request: Request) -> None:
        if isinstance(request, PauseRequest) and not request.pause:
            self._resume(request)
        else:
            self._daemon.pause(_who(request))

    def _resume(self, request: Request) -> None:
        if not self._daemon.config.privacy.allow_remote_resume:
            raise CommandError(
                "a pause ends only on the device itself (privacy.allow_remote_resume is false)", "run: edge resume"
            )
        self._daemon.resume(_who(request))

    def _interval(self, request: Request) -> None:
        if not isinstance(request, IntervalRequest):
            raise CommandError("interval needs a number of seconds")
        try:
            window = WindowConfig(seconds=request.seconds)
        except ValidationError:
            raise CommandError("interval: allowed is a number from 1 to 3600, in seconds") from None
        self._daemon.apply(self._daemon.config.model_copy(update={"window": window}), _who(request))


def _who(request: Request) -> str:
    return f"{request.by}, over MQTT" if request.by else "somebody over MQTT"
