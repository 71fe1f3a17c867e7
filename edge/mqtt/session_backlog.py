"""Which messages waited in a session that the broker kept, and which came since we are connected again. Pure.

What waited was said while nobody could hear it; more may have happened since, of which its sender knew nothing. Under
MQTT 5 each connection gives its subscriptions an identifier of its own, and a message bears that of the subscription by
which the broker took it, however long it kept it. So this tells one from the other at a broker that sends what waits
in portions, too, and after its restart.
"""

from __future__ import annotations

import secrets

from edge.mqtt.publish_packet import Publish

HIGHEST_IDENTIFIER = 268_435_455  # of a subscription, as MQTT 5 has it


class SessionBacklog:
    """What is known of one connection.

    Args:
        wanted: Whether it matters; else no identifier is asked for.
    """

    def __init__(self, *, wanted: bool) -> None:
        # By chance, as a program that is started again does not know what it had before.
        self.identifier = secrets.randbelow(HIGHEST_IDENTIFIER) + 1 if wanted else None
        """Of all subscriptions of this connection; None: they have none."""
        self._kept = False
        self._answered = False

    def accepted(self, *, kept: bool, identifiers: bool) -> None:
        """The broker lets us in.

        Args:
            kept: Whether it has kept the session.
            identifiers: Whether it takes identifiers of subscriptions.
        """
        self._kept = kept
        if not identifiers:
            self.identifier = None

    def subscribed(self) -> None:
        """The broker has answered a subscription of this connection."""
        self._answered = True

    def includes(self, message: Publish) -> bool:
        """Whether a message waited. Without identifiers: whether it came before the answer to any subscription."""
        if message.subscriptions:
            return self._kept and self.identifier not in message.subscriptions
        return self._kept and not self._answered
