"""Which version of MQTT the next attempt speaks: 5, or 3.1.1 where the broker does not know 5. Pure."""

from __future__ import annotations

from edge.config.broker_url import Protocol

UNANSWERED_HANDSHAKES = 3  # one or two may be a broker that is busy, or just starting behind something that listens


class ProtocolChoice:
    """MQTT 5 first, then 3.1.1 and 5 in turn for as long as the broker understands neither.

    Every connection begins with MQTT 5: without an answer nobody can know why, and whoever is on the way can keep one
    back, while much of what holds under MQTT 5 does not under 3.1.1. Only where the broker has said itself that it
    does not know MQTT 5, and has never spoken it, 3.1.1 is first. This is the only place that decides on the protocol.

    Args:
        protocol: `5` or `3.1.1`: that and nothing else.
        unanswered_handshakes: How many CONNECTs in a row have to have no answer until that means that the broker
            does not know the protocol.
    """

    def __init__(self, protocol: Protocol = "auto", *, unanswered_handshakes: int = UNANSWERED_HANDSHAKES) -> None:
        self._fixed = protocol != "auto"
        self._enough = unanswered_handshakes
        self._unanswered = 0  # handshakes in a row
        self._first5 = protocol != "3.1.1"
        self._refused5 = False  # by a broker that said so
        self._worked5 = self._worked311 = False
        self.mqtt5 = self._first5
        """Whether the next attempt speaks MQTT 5, else 3.1.1."""

    @property
    def may_change(self) -> bool:
        """Whether 3.1.1 may follow upon the MQTT 5 that is spoken."""
        return self.mqtt5 and not self._fixed

    def unsupported(self) -> bool:
        """The broker answered that it does not know this protocol.

        Returns:
            Whether to try the other protocol at once, without waiting.
        """
        self._refused5 |= self.mqtt5
        return self._change()

    def unanswered(self) -> bool:
        """The broker fell silent or hung up instead of answering CONNECT. Returns as `unsupported`.

        An old one may wait for the rest of a packet that it misreads, or close.
        """
        self._unanswered += 1
        # The second choice, or the one that never worked where the other has, need not fail three times.
        once = self.mqtt5 != self._first5 or (self.mqtt5 and self._worked311 and not self._worked5)
        return self._unanswered >= (1 if once else self._enough) and self._change()

    def refused(self) -> None:
        """The broker answered in this protocol."""
        self._unanswered = 0

    def accepted(self) -> None:
        """The broker accepted us in this protocol; a broker that has done so in MQTT 5 knows that for good."""
        self._unanswered = 0
        if self.mqtt5:
            self._worked5 = True
        else:
            self._worked311 = True
        if not self._fixed:
            self._first5 = self._worked5 or not self._refused5

    def reset(self) -> None:
        """A connection has ended: begin anew."""
        self.mqtt5 = self._first5

    def _change(self) -> bool:
        self._unanswered = 0
        if self._fixed:
            return False
        at_once = self.mqtt5 == self._first5
        self.mqtt5 = not self.mqtt5
        return at_once
