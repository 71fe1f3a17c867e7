"""paho's client, with bounds on what it reads: a message may be of any length, and have any properties."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable

from paho.mqtt import client as paho
from paho.mqtt.enums import MQTTErrorCode, MQTTProtocolVersion

from edge.contract.channels import MAX_PACKET
from edge.mqtt.publish_packet import Publish, read_publish

MOST_ADDRESSES = 8  # of a name, each of which is tried for five seconds: an answer of DNS may have thousands

logger = logging.getLogger(__name__)


class BoundedClient(paho.Client):
    """Hangs up when a packet announces more than MAX_PACKET bytes, and reads messages itself.

    A broker that speaks MQTT 3.1.1 cannot be told how much we take. paho asks its socket for the whole rest of a packet
    at once, and keeps what it gets. `_sock_recv`, `_handle_publish`, `_in_packet`, `_handle_connack`, `_keepalive`,
    `_create_socket_connection`, `_host`, `_port` and `_connect_timeout` are not part of its public interface;
    tests/integration/mqtt/test_large_messages.py, test_odd_properties.py, test_many_addresses.py and
    tests/unit/mqtt/test_connection.py fail if another version no longer uses them so.
    """

    received: Callable[[Publish], None]
    """Called with each message, in the network thread; whoever takes it has to call `ack`."""
    given_up = False
    """Whether nobody waits for a connection any more: then none is made, nor any CONNECT sent."""

    def loop_stop(self) -> MQTTErrorCode:
        """As paho's, which looks for its thread twice: between the two looks the thread may end, and forget itself."""
        try:
            return super().loop_stop()
        except AttributeError:
            return MQTTErrorCode.MQTT_ERR_SUCCESS

    def _create_socket_connection(self) -> socket.socket:
        """As paho's, which tries all addresses of a name, however many there are, and whoever has given it up."""
        found = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        failed = OSError("the name has no address")
        for family, kind, protocol, _, address in found[:MOST_ADDRESSES]:
            line = socket.socket(family, kind, protocol)
            try:
                line.settimeout(self._connect_timeout)
                line.connect(address)
                if not self.given_up:
                    return line
                failed = ConnectionAbortedError("it was given up")
            except OSError as error:
                failed = error
            line.close()
            if self.given_up:
                break
        raise failed

    def _sock_recv(self, bufsize: int) -> bytes:
        if bufsize > MAX_PACKET:
            logger.warning(
                "the broker sends a message of %d MB, and we take %d KB at most: hanging up. Limit messages at the "
                "broker, in Mosquitto with max_packet_size", bufsize // 1_000_000, MAX_PACKET // 1024,
            )  # fmt: skip
            raise ConnectionAbortedError("a packet is too long")
        return super()._sock_recv(bufsize)

    def _handle_publish(self) -> MQTTErrorCode:
        mqtt5 = self._protocol == MQTTProtocolVersion.MQTTv5
        try:
            found = read_publish(self._in_packet["command"], self._in_packet["packet"], mqtt5=mqtt5)
        except ValueError:
            return MQTTErrorCode.MQTT_ERR_PROTOCOL
        self.received(found)
        return MQTTErrorCode.MQTT_ERR_SUCCESS

    def _handle_connack(self) -> MQTTErrorCode:
        asked = self._keepalive
        result = super()._handle_connack()
        # A broker may want signs of life more often. None, or fewer, and nobody would notice that the line is dead.
        self._keepalive = min(asked, self._keepalive or asked)
        return result
