"""Which topic makes a broker hang up or fall silent, found out without being told. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from enum import Enum
from typing import NamedTuple

from edge.mqtt.outgoing import Request, Sent

FIRST_PAUSE, LONGEST_PAUSE = 300.0, 3600.0  # seconds for which a topic is left out
STRIKES = 2  # times that a broker must hang up, without a reason, on something that travels alone


class End(Enum):
    """How a connection ended."""

    NAMED = "named"  # by the broker, for a reason of `reason_codes.ABOUT_A_PACKET`
    HUNG_UP = "hung up"  # soon after the connect, without such a reason
    SILENT = "silent"  # by us: something was not answered in time
    OTHER = "other"  # says nothing about what was sent


class Verdict(NamedTuple):
    """What is left out from now on; `new`: and was not before."""

    request: Request
    new: bool


class Suspects:
    """What was unanswered when a connection ended is suspected, and travels alone over the next.

    If that ends in the same way, the culprit is known and left out for five minutes, then for twice as long each time,
    at most an hour; what the broker answers is a suspect no more.
    """

    def __init__(self) -> None:
        self._suspects: set[Request] = set()
        self._strikes: dict[Request, int] = {}
        self._left_out: dict[Request, tuple[float, float]] = {}  # until when (monotonic), and for how long

    @property
    def suspects(self) -> Collection[Request]:
        """What has to travel alone."""
        return frozenset(self._suspects)

    def leaves_out(self, request: Request, now: float) -> bool:
        """Whether the broker does not take it at present."""
        until, _ = self._left_out.get(request, (0.0, 0.0))
        return now < until

    def try_again(self) -> None:
        """Leave nothing out; what was left out travels alone."""
        self._left_out.clear()

    def answered(self, request: Request) -> None:
        """The broker answered it, whatever it said."""
        self._suspects.discard(request)
        self._strikes.pop(request, None)
        self._left_out.pop(request, None)

    def ended(self, how: End, unanswered: Sequence[Sent], now: float, *, answered_any: bool) -> list[Verdict]:
        """A connection ended.

        Args:
            how: In what way.
            unanswered: What was sent and not answered; where a silence ended it, only what is late.
            now: Monotonic seconds.
            answered_any: Whether the broker answered anything over that connection.

        Returns:
            What is left out from now on.
        """
        if how is End.OTHER:
            return []
        guilty: dict[Request, bool] = {}
        for sent in unanswered:
            request = sent.item.request
            if how is End.SILENT:
                found = sent.overtaken or (sent.alone and answered_any)
            else:
                self._strikes[request] = self._strikes.get(request, 0) + sent.alone
                found = sent.alone and (how is End.NAMED or self._strikes[request] >= STRIKES)
            self._suspects.add(request)
            if found:
                guilty[request] = request not in self._left_out
        for request in guilty:
            _, pause = self._left_out.get(request, (0.0, FIRST_PAUSE / 2))
            pause = min(2 * pause, LONGEST_PAUSE)
            self._left_out[request] = (now + pause, pause)
        return [Verdict(request, new) for request, new in guilty.items()]
