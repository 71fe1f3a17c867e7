"""What our client does where paho's does not hold."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading

import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion

from edge.mqtt.bounded_client import BoundedClient


class Ending(BoundedClient):
    """Its network thread ends, and forgets itself, while it is waited for."""

    looks = 0

    @property
    def _thread(self) -> threading.Thread | None:
        self.looks += 1
        return threading.Thread() if self.looks < 3 else None

    @_thread.setter
    def _thread(self, thread: threading.Thread | None) -> None:
        pass


def test_a_network_thread_that_ends_by_itself_is_no_error() -> None:
    client = Ending(CallbackAPIVersion.VERSION2)
    assert client.loop_stop() == MQTTErrorCode.MQTT_ERR_SUCCESS
    assert client.looks == 3


@pytest.mark.parametrize(("ours", "brokers"), [(1, 0), (1, 65535), (60, 1)])
def test_a_broker_can_have_it_ask_more_often_for_a_sign_of_life_but_not_less(ours: int, brokers: int) -> None:
    client = BoundedClient(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client.connect_async("127.0.0.1", listener.getsockname()[1], ours)
        client.loop_start()
        with contextlib.closing(listener.accept()[0]) as line:
            line.settimeout(20)
            assert line.recv(100)[0] == 0x10  # CONNECT
            line.sendall(b"\x20\x06\0\0\x03\x13" + struct.pack(">H", brokers))  # CONNACK with Server Keep Alive
            assert line.recv(2) == b"\xc0\0"  # PINGREQ
            client.disconnect()
            client.loop_stop()
