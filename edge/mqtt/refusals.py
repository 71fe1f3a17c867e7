"""What one broker has not taken, and what is said of it: the present problem, the log, and what is left out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from edge.errors import EdgeError
from edge.mqtt import problem
from edge.mqtt.attempt import Answer
from edge.mqtt.broker_limits import BrokerLimits
from edge.mqtt.client_factory import BrokerSettings
from edge.mqtt.outgoing import Request, Sent
from edge.mqtt.problem import Problem
from edge.mqtt.problem_log import ProblemLog
from edge.mqtt.suspects import End, Suspects


class MessageTooLargeError(EdgeError):
    """The broker takes no packet of that size."""


class Refusals:
    """Knows what a broker does not take. The caller holds one lock, except for `leaves_out`.

    Args:
        settings: Which broker.
        log: Decides what is logged.
        clock: Monotonic seconds.
    """

    def __init__(self, settings: BrokerSettings, log: ProblemLog, clock: Callable[[], float]) -> None:
        self._url = settings.url
        self._log = log
        self._clock = clock
        self._suspects = Suspects()
        self._too_large: set[str] = set()  # topics that the log has named
        self.problem: Problem | None = None
        """What is wrong at present."""

    def report(self, found: Problem) -> None:
        """Something is wrong with the connection."""
        self.problem = found
        self.mention(found)

    def mention(self, found: Problem) -> None:
        """Something is wrong that does not concern the connection as a whole."""
        self._log.report(found, self._clock())

    @property
    def suspects(self) -> Collection[Request]:
        """What has to travel alone."""
        return self._suspects.suspects

    def leaves_out(self, request: Request) -> bool:
        """Whether the broker does not take it at present."""
        return self._suspects.leaves_out(request, self._clock())

    def try_again(self) -> None:
        """Somebody may have mended it."""
        self._suspects.try_again()
        self._too_large.clear()

    def answered(self, request: Request, refusal: Answer | None) -> Problem | None:
        """The broker answered a request; returns what is wrong where it answered no: `refusal`."""
        self._suspects.answered(request)
        if refusal is None:
            return None
        if request.action == "publish":
            found = problem.publish_refused(self._url, request.topic, refusal.reason, refusal.name)
            self.mention(found)
        else:
            found = problem.subscription_refused(self._url, request.topic, refusal.reason, refusal.name)
            self.report(found)
        return found

    def ended(self, how: End, unanswered: Sequence[Sent], what: str, *, answered_any: bool) -> bool:
        """A connection ended; says once which topics are left out for that.

        Args:
            how: In what way.
            unanswered: What may be the reason.
            what: What the broker did, in words.
            answered_any: Whether it answered anything over that connection.

        Returns:
            Whether the reason was found.
        """
        verdicts = self._suspects.ended(how, unanswered, self._clock(), answered_any=answered_any)
        for verdict in verdicts:
            if verdict.new:
                self.mention(problem.left_out(self._url, verdict.request, what))
        return bool(verdicts)

    def compare(self, limits: BrokerLimits) -> None:
        """Say what a broker cannot do that a device needs."""
        if not limits.qos:
            self.mention(problem.no_acknowledgement(self._url))
        if not limits.retain:
            self.mention(problem.no_retain(self._url))

    def too_large(self, topic: str, size: int, limit: int) -> MessageTooLargeError:
        """Name a topic once, whatever size its messages have; returns what is to be raised."""
        found = problem.too_large(self._url, topic, size, limit)
        if topic not in self._too_large:
            self._too_large.add(topic)
            self.mention(found)
        return MessageTooLargeError(found.text, found.remedy)
