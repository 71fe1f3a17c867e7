"""Which version of MQTT the next attempt speaks: 5, or 3.1.1 where the broker does not know 5. Pure."""

from __future__ import annotations

CLOSED_HANDSHAKES = 3  # one or two may be a broker that is just starting, behind something that already listens


class ProtocolChoice:
    """MQTT 5 first, then 3.1.1 and 5 in turn for as long as the broker understands neither.

    This is the only place that decides on the protocol. A setting that fixes it, or a memory of what this broker
    accepted last, belongs here.

    Args:
        mqtt5: Whether to begin with MQTT 5, else with 3.1.1 and nothing but that.
        closed_handshakes: How many connections in a row the broker has to close instead of answering until that
            means that it does not know the protocol.
    """

    def __init__(self, *, mqtt5: bool, closed_handshakes: int = CLOSED_HANDSHAKES) -> None:
        self._preferred5 = mqtt5
        self._enough = closed_handshakes
        self._closed = 0  # handshakes in a row
        self.mqtt5 = mqtt5
        """Whether the next attempt speaks MQTT 5, else 3.1.1."""

    def handshake_timed_out(self) -> bool:
        """The broker did not answer CONNECT; an old one may wait for the rest of a packet that it misreads.

        Returns:
            Whether to try the older protocol at once, without waiting.
        """
        return self._change()

    def unsupported(self) -> bool:
        """The broker answered that it does not know this protocol. Returns as `handshake_timed_out`."""
        return self._change()

    def handshake_closed(self) -> bool:
        """The broker closed the connection instead of answering. Returns as `handshake_timed_out`."""
        self._closed += 1
        return self._closed >= self._enough and self._change()

    def answered(self) -> None:
        """The broker accepted or refused us in this protocol."""
        self._closed = 0

    def reset(self) -> None:
        """A stable connection has ended: another broker may answer next."""
        self.mqtt5 = self._preferred5

    def _change(self) -> bool:
        self._closed = 0
        if self.mqtt5:
            self.mqtt5 = False
            return True
        self.mqtt5 = self._preferred5
        return False
