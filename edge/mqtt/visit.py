"""A short visit at a broker, for a command: connect or fail within seconds, ask, receive, leave."""

from __future__ import annotations

import queue
import time
from collections.abc import Iterable

from edge.errors import EdgeError
from edge.mqtt.backoff import Backoff
from edge.mqtt.client_factory import BrokerSettings
from edge.mqtt.connection import Connection
from edge.mqtt.connection_state import ConnectionState
from edge.mqtt.problem import Problem, ProblemCode
from edge.mqtt.properties import IncomingMessage

ANSWER_SECONDS = 5.0
CONNECT_SECONDS = 15.0  # both protocols, and a name that is slow to resolve
TICK = 0.05
# After these the other protocol is worth a try: an old broker may hang up at one that it does not know, or wait.
PROTOCOL_PROBLEMS = (ProblemCode.TIMED_OUT, ProblemCode.CLOSED_IN_HANDSHAKE)


class Visit:
    """One connection, without will and kept session.

    Args:
        settings: Where and as whom.
    """

    def __init__(self, settings: BrokerSettings) -> None:
        self._settings = settings
        self._messages: queue.SimpleQueue[IncomingMessage] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[tuple[int, str]] = queue.SimpleQueue()
        self._connection = Connection(
            settings,
            None,
            on_acknowledged=lambda mid, refusal: self._answers.put((mid, refusal)),
            on_message=self._messages.put,
            # A person waits: no second try in the same protocol.
            state=ConnectionState(Backoff(mqtt5=settings.mqtt5, max_closes=1), answer_seconds=ANSWER_SECONDS),
        )

    @property
    def problem(self) -> Problem | None:
        """The last problem since the broker accepted us."""
        return self._connection.problem

    @property
    def protocol(self) -> str:
        """The MQTT version that is spoken."""
        return "5" if self._connection.protocol5 else "3.1.1"

    def connect(self) -> None:
        """Connect, in the newest protocol that the broker knows.

        Raises:
            ConfigError: The TLS files cannot be used.
            RefusedError: The broker refused us.
            EdgeError: It cannot be reached, or is none.
        """
        self._connection.start()
        deadline = time.monotonic() + CONNECT_SECONDS
        while not self._connection.wait_connected(TICK):
            self._connection.run_timers()
            problem = self.problem
            if self._connection.protocols_exhausted:
                raise EdgeError(
                    f"broker {self._settings.url} speaks neither MQTT 5 nor 3.1.1",
                    "is it an MQTT broker, and not a TLS port?",
                )
            if problem is not None and problem.code not in PROTOCOL_PROBLEMS:
                raise problem.error()
            if time.monotonic() > deadline:
                raise EdgeError(
                    f"broker {self._settings.url} does not answer", "check mqtt.broker, and that the broker is running"
                )

    def subscribe(self, filters: Iterable[str]) -> None:
        """Ask for topics; a refusal becomes `problem`."""
        self._connection.subscribe(filters)

    def receive(self, timeout: float) -> IncomingMessage | None:
        """The next message; None after so many seconds without one."""
        try:
            return self._messages.get(timeout=timeout)
        except queue.Empty:
            return None

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> int | None:
        """Send a message with QoS 1; returns its id, None when the connection is lost."""
        return self._connection.publish(topic, payload, qos=1, retain=retain)

    def answer(self) -> tuple[int, str]:
        """The id of the next message that the broker answered, and why it refused it, or "".

        Raises:
            EdgeError: It answers no more.
        """
        try:
            return self._answers.get(timeout=ANSWER_SECONDS)
        except queue.Empty:
            problem = self.problem
            if problem is not None:
                raise problem.error() from None
            raise EdgeError(f"broker {self._settings.url} stopped answering", "is it overloaded?") from None

    def stop(self) -> None:
        """Say goodbye."""
        self._connection.stop()
