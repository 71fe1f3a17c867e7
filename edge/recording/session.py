"""A session that the broker keeps while we are away, and messages that are ours only once we say so."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from edge.mqtt.client_factory import BrokerSettings, SessionOptions
from edge.mqtt.connection import Callbacks, Connection
from edge.mqtt.properties import IncomingMessage, Receipt
from edge.mqtt.retained_topics import RetainedTopics

KEPT = 30 * 24 * 3600  # seconds that the broker keeps the session of a recorder that is away (MQTT 5)
MOST = 200  # messages that may be on their way to us, not yet acknowledged (MQTT 5); and of one poll
TICK = 0.5
GATHER = 0.4  # seconds that a message may wait for others of the same transaction, while they come
PAUSE = 0.02  # seconds without any, after which no more are waited for


class Delivery(NamedTuple):
    """A message that the broker has not heard of yet that it came; `connection` says over which it did."""

    topic: str
    payload: bytes
    mid: int
    qos: int
    connection: int


class Session:
    """The messages of one subscriber, which the broker sends again until they are acknowledged.

    Messages wait in a queue for `poll`. While it is full the network thread waits too, and the broker with it.

    Args:
        settings: Where and as whom; its client id names the session.
        topics: What to subscribe to.
        unwanted: What an earlier run may have subscribed to.
        retained: What to ask for device by device where wildcards do not bring it; None: nothing.
        keep: False: the broker is to forget the session of that name.
    """

    def __init__(
        self, settings: BrokerSettings, topics: Sequence[str], unwanted: Sequence[str] = (), *,
        retained: RetainedTopics | None = None, keep: bool = True,
    ) -> None:  # fmt: skip
        self._topics = topics
        self._retained = retained
        self._unwanted = unwanted
        self._queue: queue.Queue[Delivery] = queue.Queue(MOST)
        self._stopping = threading.Event()
        self._connection = Connection(
            settings,
            SessionOptions(keep=keep, expiry=KEPT if keep else 0, receive_maximum=MOST, manual_acknowledgement=True),
            Callbacks(connected=self._subscribe, subscribed=self._compare, message=self._put),
        )
        self.forgotten = False
        """Whether the broker knew nothing of us when we came back: set by it, cleared by whoever has read it."""

    @property
    def connected(self) -> bool:
        """Whether the broker has accepted us and was there a moment ago."""
        return self._connection.connected

    @property
    def subscribed(self) -> bool:
        """Whether the broker has answered everything that was subscribed to, so that nothing is missed."""
        return self._connection.wait_subscribed(0.0)

    @property
    def connection(self) -> int:
        """Which connection this is, as in `Delivery`."""
        return self._connection.number

    @property
    def protocol5(self) -> bool:
        """Whether MQTT 5 is spoken."""
        return self._connection.protocol5

    @property
    def refused(self) -> bool:
        """Whether the broker has refused us, or something that was subscribed to."""
        return self._connection.problem is not None

    def start(self) -> None:
        """Begin to connect, in a thread of its own. Raises ConfigError for unusable TLS files."""
        self._connection.start()

    def poll(self, seconds: float) -> list[Delivery]:
        """What comes within so many seconds; call it again and again.

        As soon as something does, what follows at once is gathered: a transaction for each window of thousands of rooms
        would cost several times as much. A broker that waits for our acknowledgement sends nothing, and ends that.
        Within no time, only what is here already is brought.

        Raises:
            RefusedError: The broker refused us from the first.
        """
        self._connection.advance()
        self._connection.check()
        found: list[Delivery] = []
        try:
            found.append(self._queue.get(timeout=seconds))
            if seconds:
                self._gather()
            while len(found) < MOST:  # what is here already belongs into the same transaction
                found.append(self._queue.get_nowait())
        except queue.Empty:
            pass
        return found

    def _gather(self) -> None:
        until, before = time.monotonic() + GATHER, -1
        while before < (waiting := self._queue.qsize()) < MOST - 1 and time.monotonic() < until:
            before = waiting
            time.sleep(PAUSE)

    def acknowledge(self, deliveries: Iterable[Delivery]) -> None:
        """Tell the broker that these are safe; those of an earlier connection it sends again."""
        for delivery in deliveries:
            self._connection.acknowledge(Receipt(delivery.connection, delivery.mid, delivery.qos))

    def ask_again(self) -> None:
        """Subscribe once more, which brings what is retained; `subscribed` says when that is answered."""
        if self._retained is not None:
            self._retained.clear()
        self._connection.subscribe(self._topics)

    def reset(self) -> None:
        """Have everything sent again that is not acknowledged."""
        self._connection.reset("is asked again for what we could not take")

    def stop(self) -> None:
        """Say goodbye; the broker keeps the session all the same."""
        self._stopping.set()
        self._connection.stop()

    def _subscribe(self) -> None:
        if self._unwanted and self._connection.session_present:
            self._connection.unsubscribe(self._unwanted)
        self.ask_again()

    def _compare(self) -> None:
        """Nothing is missed from now on; what came while we were away was, unless the broker knew us."""
        self.forgotten = not self._connection.session_present

    def _put(self, incoming: IncomingMessage) -> None:
        if self._retained is not None:
            self._connection.subscribe(self._retained.missing(incoming.topic, retained=incoming.retained))
        receipt = incoming.receipt
        if receipt is None:
            return
        delivery = Delivery(incoming.topic, incoming.payload, receipt.message_id, receipt.qos, receipt.attempt)
        while not self._stopping.is_set():
            try:
                self._queue.put(delivery, timeout=TICK)
            except queue.Full:
                continue
            return
