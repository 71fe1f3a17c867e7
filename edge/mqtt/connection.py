"""The connection to a broker: MQTT 5, or 3.1.1 where the broker knows nothing newer; reconnects by itself.

`connection_state` says which states there are and what leads from one to another, `attempt` speaks to paho, `outcomes`
says what follows from how an attempt went; here are the one lock, and what a program does over a connection.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from edge.config.broker_url import BrokerUrl
from edge.contract.channels import Channel
from edge.errors import ConfigError
from edge.mqtt import problem, properties
from edge.mqtt.attempt import Answer, Attempt
from edge.mqtt.backoff import Backoff
from edge.mqtt.broker_limits import BrokerLimits, publish_bytes
from edge.mqtt.client_factory import CLEAN_SESSION, BrokerSettings, SessionOptions
from edge.mqtt.connection_state import Event, State, StateMachine
from edge.mqtt.outcomes import Outcomes
from edge.mqtt.outgoing import Outgoing, Request
from edge.mqtt.problem import Problem
from edge.mqtt.problem_log import ProblemLog
from edge.mqtt.properties import IncomingMessage, Receipt
from edge.mqtt.protocol import ProtocolChoice
from edge.mqtt.refusals import Refusals

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Callbacks:
    """What a connection calls, always in a thread of its own.

    Attributes:
        connected: After every successful connect; publishes and subscribes what belongs to each of them.
        subscribed: Once per connect, when the broker has answered everything that `connected` subscribed to.
        acknowledged: With the id of a QoS 1 message that the broker answered, and with the reason where it threw the
            message away (MQTT 5 only).
        message: With each message that was subscribed to.
    """

    connected: Callable[[], None] = lambda: None
    subscribed: Callable[[], None] = lambda: None
    acknowledged: Callable[[int, Problem | None], None] = lambda _id, _problem: None
    message: Callable[[IncomingMessage], None] = lambda _incoming: None


class Connection:
    """One client at one broker; survives every loss of the network.

    Args:
        settings: Where and as whom.
        session: What the broker keeps of us.
        callbacks: What is called in the network thread.
        backoff: How long to wait between attempts.
        protocol: Which version of MQTT to speak; by default what the settings say.
        problem_log: Decides what is logged.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        settings: BrokerSettings,
        session: SessionOptions = CLEAN_SESSION,
        callbacks: Callbacks = Callbacks(),
        *,
        backoff: Backoff | None = None,
        protocol: ProtocolChoice | None = None,
        problem_log: ProblemLog | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._session = session
        self._callbacks = callbacks
        self._clock = clock
        self._log = problem_log or ProblemLog(logger)
        self._machine = StateMachine(
            protocol or ProtocolChoice(settings.protocol),
            backoff or Backoff(),
            settings.connect_timeout,
            settings.handshake_timeout,
        )
        self._go_to(settings)
        # Around every transition and what belongs to a state; not held while a callback runs.
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._attempt: Attempt | None = None  # the present one
        self._unanswered: set[int] = set()  # ids of subscriptions
        self._complete = 0  # the last attempt that led to a connection with all its subscriptions answered
        self.session_present = False
        """Whether the broker still knew our session when it accepted us the last time."""
        self.accepted = 0
        """How often a broker has accepted us."""

    @property
    def state(self) -> State:
        """What it does at this moment."""
        return self._machine.state

    @property
    def url(self) -> BrokerUrl:
        """Where the broker is."""
        return self._settings.url

    @property
    def protocol5(self) -> bool:
        """Whether MQTT 5 is spoken: message expiry exists."""
        return self._machine.protocol.mqtt5

    @property
    def connected(self) -> bool:
        """Whether the broker has accepted us and was there a moment ago."""
        return self._machine.state is State.CONNECTED

    @property
    def number(self) -> int:
        """Which attempt to connect this is, as in `Receipt`."""
        return self._machine.attempts

    @property
    def gave_up(self) -> bool:
        """Whether the last attempt has failed, and the back-off allows no other."""
        with self._lock:
            return self._machine.gave_up

    @property
    def problem(self) -> Problem | None:
        """What is wrong at present; None once a connect succeeded."""
        return self._refusals.problem

    @property
    def refused(self) -> Problem | None:
        """Set while the broker refuses us for a reason that only a person can change."""
        return self._outcomes.refusal

    @property
    def limits(self) -> BrokerLimits:
        """What the broker takes."""
        with self._lock:
            return self._attempt.limits if self._attempt is not None else self._outcomes.known

    def leaves_out(self, topic: str) -> bool:
        """Whether messages on that topic are not sent at present, because the broker hangs up on them."""
        return self._refusals.leaves_out(Request("publish", topic))

    def try_again(self) -> None:
        """Send what is left out again: somebody may have mended the broker."""
        with self._lock:
            self._refusals.try_again()

    def check(self) -> None:
        """Raises RefusedError while the broker has refused us from the start, for what only a person can change."""
        refused = self.refused
        if refused is not None and not self._machine.ever_accepted:
            raise refused.to_error()

    def wait_connected(self, timeout: float) -> bool:
        """Wait until the broker has accepted us; False after `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: self.connected, timeout)

    def wait_subscribed(self, timeout: float) -> bool:
        """Wait until it has answered every subscription as well; False after `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: self._subscribed, timeout)

    def start(self) -> None:
        """Begin to connect, in a thread of its own. Raises ConfigError for unusable TLS files."""
        with self._lock:
            self._machine.start(self._clock())
            try:
                self._begin_attempt()
            except ConfigError:
                self._machine.stop()
                raise

    def advance(self) -> bool:
        """End a state whose time is up: notice silence, and begin the next attempt. Called a few times a second.

        Returns:
            True when there is a new client: everything that was in flight has to be sent again.
        """
        with self._lock:
            self._follow_broker()
            attempt = self._accepted_attempt()
            if self._machine.due(self._clock()) is Event.TIMED_OUT:
                self._outcomes.timed_out()
                self._abort()
            elif attempt is not None and self._outcomes.check_answers(
                attempt.unanswered, answered_any=attempt.answered_any
            ):
                self._abort()
            if self._machine.due(self._clock()) is not Event.ATTEMPT:
                return False
            try:
                self._begin_attempt()
            except ConfigError as error:  # a certificate that was there at the start
                self._outcomes.tls_failed(error)
                return False
            return True

    def reset(self, reason: str) -> None:
        """Give this connection up and begin another: it looks alive and is not.

        Args:
            reason: What the broker does or does not do, for the log.
        """
        with self._lock:
            if self._machine.accepted:  # else it has ended meanwhile
                self._outcomes.reset(reason)
                self._abort()

    def publish(
        self,
        topic: str,
        payload: bytes,
        channel: Channel,
        *,
        expiry: float | None = None,
        correlation: bytes | None = None,
        urgent: bool = False,
    ) -> int | None:
        """Hand a message to the network; it is sent when the broker takes it, and as it takes it.

        Args:
            topic: Where.
            payload: What.
            channel: What all messages of that topic have in common.
            expiry: Seconds after which it is of no use; only MQTT 5 can say so, as the next, and the schema.
            correlation: What a request wanted to be found in its answer.
            urgent: Before all that wait.

        Returns:
            An id that no other message of this connection has, or None when nobody listens, or the broker does not
            take the topic at present (`leaves_out`): then it was not taken.

        Raises:
            MessageTooLargeError: The broker would hang up on it; the log has said so.
        """
        attempt = self._accepted_attempt()
        if attempt is None or self.leaves_out(topic):
            return None
        limits = attempt.limits
        extra = properties.of_message(payload, expiry, channel.schema, correlation) if attempt.mqtt5 else None
        if limits.packet_bytes is not None and (size := publish_bytes(topic, payload, extra)) > limits.packet_bytes:
            with self._lock:
                raise self._refusals.too_large(topic, size, limits.packet_bytes)
        retain = channel.retain and limits.retain
        return attempt.publish(topic, payload, extra, qos=channel.qos, retain=retain, urgent=urgent)

    def subscribe(self, topics: Iterable[str]) -> None:
        """Ask for topics; belongs into `Callbacks.connected`, since a broker may have forgotten earlier ones."""
        with self._lock:  # an answer must not come before we know what it answers
            attempt = self._accepted_attempt()
            if attempt is None:
                return
            for topic in topics:
                if not attempt.limits.wildcards and set("+#") & set(topic):
                    self._refusals.report(problem.no_wildcards(self._settings.url, topic))
                elif not self._refusals.leaves_out(Request("subscribe", topic)):
                    self._unanswered.add(attempt.subscribe(topic))

    def unsubscribe(self, topics: Iterable[str]) -> None:
        """Withdraw what an earlier connection of a kept session has subscribed to."""
        attempt = self._accepted_attempt()
        if attempt is not None:
            attempt.unsubscribe(topics)

    def acknowledge(self, receipt: Receipt) -> None:
        """Tell the broker that a message is safe; one of an earlier connection it sends again."""
        attempt = self._accepted_attempt()
        if attempt is not None:
            attempt.acknowledge(receipt)

    def stop(self, *, goodbye: bool = True) -> None:
        """Say goodbye, which also tells the broker to forget the will, or leave that to the will; and close."""
        with self._lock:
            attempt, self._attempt = self._attempt, None
            self._machine.stop()
        if attempt is None:
            return
        if goodbye:
            attempt.disconnect()
        else:
            attempt.abort()

    @property
    def _subscribed(self) -> bool:
        return self.connected and not self._unanswered

    def _accepted_attempt(self) -> Attempt | None:
        with self._lock:
            return self._attempt if self._machine.accepted else None

    def _go_to(self, settings: BrokerSettings) -> None:
        """What another broker has refused, or does not take, means nothing there."""
        self._settings = settings
        self._refusals = Refusals(settings, self._log, self._clock)
        self._outcomes = Outcomes(settings, self._machine, self._refusals, self._log, self._clock)

    def _follow_broker(self) -> None:
        """Under the lock: a broker that may move is elsewhere, and what answers at the old place is another one."""
        accepted = self._machine.accepted
        if self._settings.whereabouts is None or not (accepted or self.state is State.WAITING):
            return
        url = self._settings.whereabouts(accepted)
        if url == self._settings.url:
            return
        logger.warning("edge's own broker is at %s, not at %s", url, self._settings.url)
        if accepted:
            self._machine.reset(self._clock(), explained=True)
            self._abort()
        self._go_to(replace(self._settings, url=url))

    def _begin_attempt(self) -> None:
        self._machine.begin_attempt(self._clock())
        attempt = Attempt(
            self._machine.attempts, self._settings, self._session, self,
            mqtt5=self.protocol5, known=self._outcomes.known, suspects=self._refusals.suspects,
        )  # fmt: skip
        self._unanswered.clear()
        self._attempt = attempt
        attempt.start()

    def _abort(self) -> None:
        """Under the lock: the attempt is over, and what it still reports is of no interest."""
        attempt, self._attempt = self._attempt, None
        if attempt is not None:
            attempt.abort()

    def handle_socket_opened(self, attempt: Attempt) -> None:
        """See `Listener`, as for all that follow."""
        with self._lock:
            if attempt is self._attempt:
                self._machine.socket_opened(self._clock())

    def handle_connect_failed(self, attempt: Attempt, error: BaseException | None) -> None:
        """Name, TCP or TLS failed."""
        with self._lock:
            if attempt is self._attempt:
                self._attempt = None
                self._outcomes.connect_failed(error)

    def handle_connack(self, attempt: Attempt, answer: Answer, *, session_present: bool) -> None:
        """The broker accepted or refused us."""
        with self._lock:
            # One that was given up speaks its last, or the broker answers twice.
            if attempt is not self._attempt or self.state is not State.HANDSHAKE:
                return
            if answer.failure:
                self._attempt = None
                self._outcomes.refused(answer)
                return
            self._outcomes.accepted(attempt.limits)
            self.accepted += 1
            if self._session.will_topic:
                self._refusals.compare(attempt.limits)
            self.session_present = session_present
        # Whoever waits for `connected` may publish only behind what is announced here.
        self._callbacks.connected()
        with self._changed:
            if attempt is not self._attempt:
                return
            self._machine.become_ready()
            self._refusals.problem = None
            self._changed.notify_all()
        self._handle_subscribed(attempt)

    def handle_closed(self, attempt: Attempt, answer: Answer, *, by_broker: bool) -> None:
        """The network or the broker ended the connection."""
        with self._lock:
            if attempt is not self._attempt:
                return
            self._attempt = None
            if self._machine.accepted:
                self._outcomes.lost(answer, attempt.unanswered, by_broker=by_broker, answered_any=attempt.answered_any)
            else:
                self._outcomes.handshake_closed()

    def handle_answer(self, attempt: Attempt, item: Outgoing, answers: list[Answer]) -> None:
        """The broker answered a message or a subscription."""
        refusal = next((answer for answer in answers if answer.failure), None)
        with self._changed:
            if attempt is not self._attempt:
                return
            found = self._refusals.answered(item.request, refusal)
            if item.request.action == "subscribe":
                self._unanswered.discard(item.id)
                self._changed.notify_all()
        if item.request.action == "publish":
            self._callbacks.acknowledged(item.id, found)
        else:
            self._handle_subscribed(attempt)

    def handle_message(self, attempt: Attempt, incoming: IncomingMessage) -> None:
        """A message came."""
        if attempt is not self._attempt:
            return
        try:
            self._callbacks.message(incoming)
        except Exception:  # an untrusted message must not end the network thread
            logger.exception("a message on %r could not be handled", incoming.topic)

    def _handle_subscribed(self, attempt: Attempt) -> None:
        """Once we are connected and no subscription waits for its answer, nothing is missed any more."""
        with self._lock:
            if attempt is not self._attempt or not self._subscribed:
                return
            first, self._complete = self._complete != self._machine.attempts, self._machine.attempts
        if first:
            self._log.connected(self._settings.url, mqtt5=attempt.mqtt5)
            self._callbacks.subscribed()
