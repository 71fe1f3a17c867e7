"""Which version of MQTT the next attempt speaks: 5, or 3.1.1 where the broker does not know 5. Pure."""

from __future__ import annotations

from edge.config.broker_url import Protocol

CLOSED_HANDSHAKES = 3  # one or two may be a broker that is just starting, behind something that already listens


class ProtocolChoice:
    """MQTT 5 first, then 3.1.1 and 5 in turn for as long as the broker understands neither.

    What has worked is tried first from then on, so that a broker that knows only 3.1.1 is reached at once after an
    outage. A broker that was only silent when it was asked in MQTT 5 may have been busy: it is asked so again, until it
    has done that a few times, as amqtt does. This is the only place that decides on the protocol.

    Args:
        protocol: `5` or `3.1.1`: that and nothing else.
        closed_handshakes: How many connections in a row the broker has to close instead of answering until that
            means that it does not know the protocol; and how often it has to be silent, and then accept us in 3.1.1.
    """

    def __init__(self, protocol: Protocol = "auto", *, closed_handshakes: int = CLOSED_HANDSHAKES) -> None:
        self._fixed = protocol != "auto"
        self._enough = closed_handshakes
        self._closed = 0  # handshakes in a row
        self._preferred5 = protocol != "3.1.1"
        self._worked = False  # whether the preferred one has
        self._told = self._fixed  # whether the broker has let us know that it does not know MQTT 5
        self._silences = 0  # that led to 3.1.1, since MQTT 5 worked
        self.mqtt5 = self._preferred5
        """Whether the next attempt speaks MQTT 5, else 3.1.1."""

    @property
    def may_change(self) -> bool:
        """Whether 3.1.1 may follow upon the MQTT 5 that is spoken."""
        return self.mqtt5 and not self._fixed

    def handshake_timed_out(self) -> bool:
        """The broker did not answer CONNECT; an old one may wait for the rest of a packet that it misreads.

        Returns:
            Whether to try the other protocol at once, without waiting.
        """
        return self._change()

    def unsupported(self) -> bool:
        """The broker answered that it does not know this protocol. Returns as `handshake_timed_out`."""
        self._told |= self.mqtt5
        return self._change()

    def handshake_closed(self) -> bool:
        """The broker closed the connection instead of answering. Returns as `handshake_timed_out`."""
        self._closed += 1
        # Where the other one has worked, this one need not fail three times.
        enough = 1 if self._worked and self.mqtt5 != self._preferred5 else self._enough
        if self._closed < enough:
            return False
        self._told |= self.mqtt5
        return self._change()

    def refused(self) -> None:
        """The broker answered in this protocol."""
        self._closed = 0

    def accepted(self) -> None:
        """The broker accepted us in this protocol; a broker that has done so in MQTT 5 knows that for good."""
        self._closed = 0
        self._silences = 0 if self.mqtt5 else self._silences + 1
        if not (self.mqtt5 or self._told or self._silences >= self._enough):
            return
        self._preferred5 = self.mqtt5 or (self._worked and self._preferred5)
        self._worked = True

    def reset(self) -> None:
        """A stable connection has ended: begin with what has worked."""
        self.mqtt5 = self._preferred5

    def _change(self) -> bool:
        self._closed = 0
        if self._fixed:
            return False
        at_once = self.mqtt5 == self._preferred5
        self.mqtt5 = not self.mqtt5
        return at_once
