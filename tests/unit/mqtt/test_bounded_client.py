"""What our client does where paho's does not hold."""

from __future__ import annotations

import threading

from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

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
