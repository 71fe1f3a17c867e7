"""What every connection does about an event, whoever runs its network loop: transition, problem, refusal, fallback."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from paho.mqtt.reasoncodes import ReasonCode

from edge.errors import EdgeError, RefusedError
from edge.mqtt import problem
from edge.mqtt.client_factory import BrokerSettings
from edge.mqtt.connection_state import ConnectionState, State
from edge.mqtt.problem import Problem, ProblemCode, ProblemReporter


class ConnectionLifecycle:
    """The state of a connection together with its problems. Not thread-safe: its owner holds one lock.

    Args:
        settings: Where and as whom.
        state: The state machine.
        problems: Logs them.
        logger: For the change of protocol.
        remedies: By reason code of the broker.
    """

    def __init__(
        self,
        settings: BrokerSettings,
        state: ConnectionState,
        problems: ProblemReporter,
        logger: logging.Logger,
        remedies: Mapping[int, str] = problem.REMEDIES,
    ) -> None:
        self._settings = settings
        self._logger = logger
        self._remedies = remedies
        self._refused: Problem | None = None
        self.state = state
        self.problems = problems
        self.ever_connected = False
        """Whether the broker has accepted us at least once."""

    @property
    def refused(self) -> RefusedError | None:
        """Set while the broker refuses us for a reason that only a person can change."""
        return RefusedError(self._refused.text, self._refused.remedy) if self._refused is not None else None

    def accepted(self) -> None:
        """The broker accepted us."""
        self.state.accepted()
        self.problems.clear()
        self.ever_connected, self._refused = True, None

    def refuse(self, reason: ReasonCode) -> None:
        """The broker refused us, perhaps only this version of MQTT."""
        unsupported = reason.value == problem.UNSUPPORTED_PROTOCOL
        found = problem.refused(self._settings, reason, self._remedies)
        if found.code is ProblemCode.CREDENTIALS:
            self._refused = found
        falls_back = unsupported and self.state.protocol5
        self._leave(lambda: self.state.refused(unsupported_protocol=unsupported), lambda: None if falls_back else found)

    def unreachable(self, error: BaseException | None) -> None:
        """Name, TCP or TLS failed."""
        self._leave(self.state.unreachable, lambda: problem.unreachable(self._settings, error))

    def unusable_files(self, error: EdgeError) -> None:
        """TLS files that were there at the start cannot be used now."""
        found = Problem(ProblemCode.CONFIGURATION, error.problem, error.remedy)
        self._leave(self.state.unreachable, lambda: found)

    def timed_out(self) -> None:
        """The deadline passed without an answer."""
        reached = self.state.state is State.HANDSHAKE
        self._leave(self.state.timed_out, lambda: problem.timed_out(self._settings, reached=reached))

    def closed(self, reason: ReasonCode | None) -> None:
        """The connection ended; `reason` is the broker's, or paho's."""
        if self.state.connected:
            self._leave(
                self.state.closed,
                lambda: problem.disconnected(self._settings, reason, self.state.short_connections, self._remedies),
            )
        else:
            self._leave(self.state.closed, lambda: problem.closed_in_handshake(self._settings))

    def reset(self, reason: str) -> None:
        """We give the connection up; `reason` is what the broker does or does not do."""
        self._leave(self.state.reset, lambda: problem.reset(self._settings, reason))

    def subscribed(self, codes: list[ReasonCode]) -> None:
        """The broker granted or refused subscriptions."""
        for code in codes:
            if code.is_failure:
                self.problems.report(problem.subscription_refused(self._settings, code))

    def _leave(self, transition: Callable[[], None], describe: Callable[[], Problem | None]) -> None:
        """End this connection or attempt, and report why."""
        was_connected, protocol5 = self.state.connected, self.state.protocol5
        transition()
        if was_connected and not self.state.short_connections:
            self.problems.forget_logged()
        found = describe()
        if found is not None:
            self.problems.report(found)
        if protocol5 and not self.state.protocol5:
            self._logger.info("broker %s does not answer MQTT 5: trying 3.1.1", self._settings.url)
