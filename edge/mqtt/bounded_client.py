"""paho's client, with a bound on what it reads: a broker that speaks MQTT 3.1.1 cannot be told how much we take."""

from __future__ import annotations

import logging

from paho.mqtt import client as paho

from edge.contract.channels import MAX_PACKET

logger = logging.getLogger(__name__)


class BoundedClient(paho.Client):
    """Hangs up when a packet announces more than MAX_PACKET bytes, before any of it is kept.

    paho asks its socket for the whole rest of a packet at once, and keeps what it gets. `_sock_recv` is not part of its
    public interface; tests/integration/mqtt/test_large_messages.py fails if another version no longer calls it so.
    """

    def _sock_recv(self, bufsize: int) -> bytes:
        if bufsize > MAX_PACKET:
            logger.warning(
                "the broker sends a message of %d MB, and we take %d KB at most: hanging up. Limit messages at the "
                "broker, in Mosquitto with max_packet_size", bufsize // 1_000_000, MAX_PACKET // 1024,
            )  # fmt: skip
            raise ConnectionAbortedError("a packet is too long")
        return super()._sock_recv(bufsize)
