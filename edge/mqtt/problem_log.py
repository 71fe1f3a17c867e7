"""When a problem with a broker is logged: once, not at every attempt of a long night, and few at all in a minute."""

from __future__ import annotations

import logging
import math

from edge.mqtt.problem import Problem

REPEAT_AFTER = 3600.0  # seconds after which a problem that lasts is logged again
MOST_LINES = 30  # in the log, a minute
MAX_LOGGED = 50  # problems that are remembered: a broker chooses some of the words


class ProblemLog:
    """Logs a problem once, not at every attempt of a long night, and again every hour while it lasts.

    Args:
        logger: Where lines go; None: nowhere, for a command that shows problems itself.
        repeat_after: Seconds after which the same problem is logged again.
    """

    def __init__(self, logger: logging.Logger | None, repeat_after: float = REPEAT_AFTER) -> None:
        self._logger = logger
        self._repeat_after = repeat_after
        self._logged: dict[Problem, float] = {}  # when; monotonic
        self._lines_from, self._lines = -math.inf, 0  # of this minute

    def report(self, problem: Problem, now: float) -> None:
        """Log it unless that was done a short while ago; `now` is monotonic."""
        if self._logger is None or now - self._logged.get(problem, -math.inf) < self._repeat_after:
            return
        self._logged[problem] = now
        if now - self._lines_from >= 60:
            self._lines_from, self._lines = now, 0
        self._lines += 1
        if self._lines <= MOST_LINES:
            self._logger.warning("%s", problem)
        elif self._lines == MOST_LINES + 1:
            self._logger.warning(
                "more than %d problems with the broker in a minute: the next are not logged", MOST_LINES
            )
        if len(self._logged) > MAX_LOGGED:
            del self._logged[next(iter(self._logged))]

    def connected(self, url: object, *, mqtt5: bool) -> None:
        """The broker has accepted us, and all subscriptions."""
        if self._logger is not None:
            self._logger.info("connected to broker %s (MQTT %s)", url, 5 if mqtt5 else "3.1.1")

    def clear(self) -> None:
        """A good while passed without a problem: the same one is news again."""
        self._logged.clear()
