"""A short visit to a broker for a command: connect, ask, leave; every step waits for the broker's answer."""

from __future__ import annotations

import contextlib
import queue
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from edge.contract.channels import Channel
from edge.errors import EdgeError
from edge.mqtt.backoff import NoRetry
from edge.mqtt.broker_limits import BrokerLimits
from edge.mqtt.client_factory import BrokerSettings
from edge.mqtt.connection import Callbacks, Connection
from edge.mqtt.problem import BROKER_LOG_REMEDY, Problem
from edge.mqtt.problem_log import ProblemLog
from edge.mqtt.properties import IncomingMessage
from edge.mqtt.protocol import ProtocolChoice

CONNECT_SECONDS = 7.0  # longer than paho takes to give up one address
ANSWER_SECONDS = 5.0
MOST_SECONDS = 10.0
MOST_WAITING = 2000  # messages
TICK = 0.05


class SyncClient:
    """One attempt in each protocol; nothing is sent before the broker has accepted us.

    Args:
        settings: Where and as whom; the time-outs are those of a command that a person waits for.
    """

    def __init__(self, settings: BrokerSettings) -> None:
        self._url = settings.url
        self._messages: queue.Queue[IncomingMessage] = queue.Queue(MOST_WAITING)
        self._answers: queue.SimpleQueue[tuple[int, Problem | None]] = queue.SimpleQueue()
        self._connection = Connection(
            replace(settings, connect_timeout=CONNECT_SECONDS, handshake_timeout=ANSWER_SECONDS),
            callbacks=Callbacks(
                acknowledged=lambda message_id, problem: self._answers.put((message_id, problem)),
                message=self._keep,
            ),
            backoff=NoRetry(),
            protocol=ProtocolChoice(settings.protocol, closed_handshakes=1),
            problem_log=ProblemLog(None),
        )

    @property
    def protocol5(self) -> bool:
        """Whether MQTT 5 is spoken."""
        return self._connection.protocol5

    @property
    def limits(self) -> BrokerLimits:
        """What the broker takes."""
        return self._connection.limits

    @property
    def problem(self) -> Problem | None:
        """Why there is no connection, or not all that was subscribed to."""
        return self._connection.problem

    def connect(self, wanted: Callable[[], bool] = lambda: True) -> bool:
        """Connect; returns whether that succeeded, else `problem` says why. Raises ConfigError.

        Args:
            wanted: Asked meanwhile: whether anybody still waits for it.
        """
        self._connection.start()
        while not self._connection.wait_connected(TICK):
            self._connection.advance()
            if self._connection.gave_up or not wanted():
                return False
        return True

    def subscribe(self, filters: Iterable[str]) -> None:
        """Subscribe; `problem` says what the broker refused. Raises EdgeError without an answer."""
        self._connection.subscribe(filters)
        if not self._connection.wait_subscribed(ANSWER_SECONDS):
            raise self._silent("a subscription")

    def publish(self, messages: Iterable[tuple[str, bytes]], *, retain: bool = False) -> dict[str, Problem]:
        """Send topics and payloads; returns the topics that the broker refused, and why (MQTT 5 only).

        Raises:
            EdgeError: The broker did not acknowledge one, or takes none of that size.
        """
        waiting: dict[int, str] = {}
        for topic, payload in messages:
            message_id = self._connection.publish(topic, payload, Channel(retain=retain))
            if message_id is None:  # the connection is lost
                raise self._silent("a message")
            waiting[message_id] = topic
        refused: dict[str, Problem] = {}
        while waiting:
            try:
                message_id, problem = self._answers.get(timeout=ANSWER_SECONDS)
            except queue.Empty:
                raise self._silent("a message") from None
            topic = waiting.pop(message_id, "")
            if problem is not None:
                refused[topic] = problem
        return refused

    def messages(self, silence: float, most: float = MOST_SECONDS) -> Iterator[IncomingMessage]:
        """What comes, until there was silence for so many seconds, or for `most` in all: others may never be silent."""
        until = time.monotonic() + most
        while (left := until - time.monotonic()) > 0:
            try:
                yield self._messages.get(timeout=min(silence, left))
            except queue.Empty:
                return

    def _keep(self, incoming: IncomingMessage) -> None:
        with contextlib.suppress(queue.Full):  # it is not what is being waited for, or not that alone
            self._messages.put_nowait(incoming)

    def stop(self) -> None:
        """Say goodbye."""
        self._connection.stop()

    def _silent(self, what: str) -> EdgeError:
        problem = self.problem
        if problem is not None and not self._connection.connected:
            return problem.to_error()
        return EdgeError(f"broker {self._url} has not answered {what} in {ANSWER_SECONDS:g} s", BROKER_LOG_REMEDY)
