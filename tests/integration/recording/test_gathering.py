"""Messages that come close together are handed over together, and a broker that waits for us is not waited for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from edge.config.broker_url import BrokerUrl, Protocol
from edge.mqtt.client_factory import BrokerSettings
from edge.recording.session import Session
from tests.support.brokers import Broker, wait_for
from tests.support.recordings import Sender

TOPIC = "classroom/room-1/window"


def polls(port: int, sender: Callable[[int], Sender], count: int, pause: float, protocol: Protocol) -> list[int]:
    """How many messages each poll brings, when so many are sent with a pause between them."""
    session = Session(BrokerSettings(BrokerUrl("127.0.0.1", port, tls=False), "gathering", protocol=protocol), [TOPIC])
    session.start()
    wait_for(lambda: session.poll(0.05) == [] and session.subscribed, 10)
    device = sender(port)

    def send() -> None:
        for number in range(count):
            device.send(b"%d" % number, TOPIC)
            time.sleep(pause)

    thread = threading.Thread(target=send)
    thread.start()
    found: list[int] = []
    deadline = time.monotonic() + 30
    while sum(found) < count and time.monotonic() < deadline:
        brought = session.poll(1.0)
        session.acknowledge(brought)
        found.append(len(brought))
    thread.join()
    session.stop()
    return [each for each in found if each]


def test_what_comes_close_together_is_one_transaction(broker: int, sender: Callable[[int], Sender]) -> None:
    found = polls(broker, sender, 100, 0.002, "5")
    assert sum(found) == 100
    assert len(found) <= 30, "without gathering each comes by itself"


def test_a_broker_that_waits_for_an_acknowledgement_ends_the_gathering(
    start_broker: Callable[..., Broker], sender: Callable[[int], Sender]
) -> None:
    port = start_broker("max_inflight_messages 1").port
    began = time.monotonic()
    assert polls(port, sender, 40, 0.0, "3.1.1") == [1] * 40
    assert time.monotonic() - began < 40 * 0.25, "each was held back for as long as others may come"
