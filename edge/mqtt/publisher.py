"""The publisher: stores every window in the outbox, sends what is there, and keeps the retained topics true."""

from __future__ import annotations

import json
import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from edge.errors import EdgeError, RefusedError
from edge.mqtt.client import BrokerSettings
from edge.mqtt.connection import MAX_IN_FLIGHT, Connection
from edge.mqtt.payloads import HealthPayload, Info, State, WindowPayload
from edge.mqtt.topics import Topics
from edge.outbox import Outbox

logger = logging.getLogger(__name__)

LIVE = 2.0  # seconds: a window sent later than this after it was stored is `replayed`, as is one stored offline
TICK = 0.25
REST = 30.0  # seconds before refused windows are offered again
EXPIRE_EVERY = 60.0


@dataclass(frozen=True)
class Lifetimes:
    """Seconds after which messages are of no use (MQTT 5 message expiry)."""

    window: float
    latest: float
    health: float


class Publisher:
    """Owns the outbox and the connection; while it runs, its thread is the only one that touches the disk.

    Args:
        settings: The broker.
        topics: Where to publish.
        outbox: Where windows wait.
        lifetimes: How long messages are of use.
        on_stored: Called in the publisher's thread with each window once it has its identity and is on disk.
    """

    def __init__(
        self,
        settings: BrokerSettings,
        topics: Topics,
        outbox: Outbox,
        lifetimes: Lifetimes,
        on_stored: Callable[[WindowPayload], None] = lambda _window: None,
    ) -> None:
        self._topics = topics
        self._outbox = outbox
        self._lifetimes = lifetimes
        self._on_stored = on_stored
        self._connection = Connection(settings, topics.availability, self._announce, self._acknowledged)
        self._new: queue.SimpleQueue[WindowPayload] = queue.SimpleQueue()
        self._acks: queue.SimpleQueue[tuple[int, str]] = queue.SimpleQueue()  # id, reason if refused
        self._pending: WindowPayload | None = None  # taken, but not yet on the disk
        self._done: list[int] = []  # the broker has them, the outbox has not yet forgotten them
        self._failing = ""  # why the disk could not be written at the last try
        self._in_flight: dict[int, int] = {}  # message id -> seq
        self._sent = 0  # the highest seq handed to the network in this run
        self._missed = 0  # the highest seq that was stored while nobody listened, or by an earlier run
        self._accepted = False  # whether the broker took a window in this run
        self._rejected: RefusedError | None = None  # while it takes none
        self._rest_until = 0.0
        self._broken: EdgeError | None = None
        self._retained: dict[str, bytes] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
        self._next_expiry = 0.0
        self._depth = 0

    def start(self, info: Info, state: State) -> None:
        """Open the outbox, begin to connect. Raises ConfigError."""
        self._retained = {self._topics.info: info.to_json(), self._topics.state: state.to_json()}
        self._outbox.start()
        self._depth = self._outbox.depth()
        self._missed = self._outbox.newest()
        self._connection.start()
        self._thread.start()

    @property
    def connection(self) -> Connection:
        """The connection, to ask whether it is up and in what protocol."""
        return self._connection

    @property
    def depth(self) -> int:
        """How many windows the broker does not have yet."""
        return self._depth + self._new.qsize() + (self._pending is not None)

    def check(self) -> None:
        """Raises RefusedError while the broker has refused us from the start, and what ended the thread if it did."""
        if self._broken is not None:
            raise self._broken
        refused = self._connection.refused
        if refused is not None and not self._connection.ever_connected:
            raise refused
        if self._rejected is not None and not self._accepted:
            raise self._rejected

    def publish_window(self, window: WindowPayload) -> None:
        """Take a window; returns at once."""
        self._new.put(window)

    def publish_health(self, health: HealthPayload) -> None:
        """Send the health message if there is a connection; an old one is of no use later."""
        expiry = self._lifetimes.health
        self._connection.publish(self._topics.health, health.to_json(), qos=0, retain=True, expiry=expiry)

    def stop(self, timeout: float = 1.5) -> None:
        """Send what there is for at most `timeout` seconds, say `offline`, close.

        What the broker did not acknowledge stays in the outbox for the next start.

        Raises:
            EdgeError: Windows are lost, because the disk would not take them.
        """
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout)
        offline = self._connection.publish(self._topics.availability, b"offline", qos=1, retain=True)
        deadline = time.monotonic() + 0.3
        while offline is not None and time.monotonic() < deadline:
            try:
                if self._acks.get(timeout=0.05)[0] == offline:
                    break
            except queue.Empty:
                continue
        self._connection.stop()
        if not self._thread.is_alive():
            self._outbox.stop()
        lost = self._new.qsize() + (self._pending is not None)
        if lost:
            raise EdgeError(f"{lost} windows could not be stored and are lost ({self._failing or 'disk too slow'})")

    def _announce(self) -> None:
        """After every connect, in the network thread: everything retained, `online` last."""
        for topic, payload in list(self._retained.items()):
            self._connection.publish(topic, payload, qos=1, retain=True)
        self._connection.publish(self._topics.availability, b"online", qos=1, retain=True)

    def _acknowledged(self, mid: int, refusal: str) -> None:
        self._acks.put((mid, refusal))

    def _run(self) -> None:
        try:
            self._pump()
        except Exception as error:  # noqa: BLE001 - a dead publisher must not look healthy: `check` raises it
            self._broken = EdgeError(f"the publisher failed ({type(error).__name__}: {error})", "please report this")

    def _pump(self) -> None:
        while True:
            stopping = self._stopping.is_set()
            try:
                self._store(0.0 if stopping else TICK)
                if self._connection.maintain():
                    self._begin_again()
                self._delete_acknowledged()
                self._send()
                self._expire()
                self._failing = ""
            except sqlite3.Error as error:
                if str(error) != self._failing:
                    logger.error("outbox: %s; windows wait in memory while this lasts", error)
                self._failing = str(error)
                time.sleep(TICK)
                if stopping:
                    return
            if stopping and self._new.empty() and not (self._in_flight and self._connection.connected):
                return

    def _store(self, timeout: float) -> None:
        if self._pending is None:
            try:
                self._pending = self._new.get(timeout=timeout) if timeout else self._new.get_nowait()
            except queue.Empty:
                if not timeout:
                    time.sleep(0.01)
                return
        window = self._pending
        seq = self._outbox.put(window.to_json().decode(), time.time())
        self._pending = None
        self._depth += 1
        if not self._connection.connected:
            self._missed = seq
        named = window.model_copy(update={"epoch": self._outbox.epoch, "seq": seq})
        # Under 3.1.1 nothing expires: a retained figure would look like news for ever.
        retain = self._connection.protocol5
        self._connection.publish(
            self._topics.latest, named.to_json(), qos=1, retain=retain, expiry=self._lifetimes.latest
        )
        self._on_stored(named)

    def _begin_again(self) -> None:
        """There is a new client, which knows nothing of what the old one had in flight: it goes out again, as late."""
        self._delete_acknowledged()
        self._in_flight.clear()
        self._sent = 0
        self._missed = self._outbox.newest()

    def _send(self) -> None:
        room = MAX_IN_FLIGHT - len(self._in_flight)
        resting = time.monotonic() < self._rest_until or (self._rejected is not None and self._in_flight)
        if room <= 0 or resting or not self._connection.connected:
            return
        for row in self._outbox.after(self._sent, room):
            late = row.seq <= self._missed or time.time() - row.created > LIVE
            try:
                # Not validated again: a window that an older version stored is sent as it was.
                window = {**json.loads(row.body), "epoch": self._outbox.epoch, "seq": row.seq, "replayed": late}
            except (ValueError, TypeError):
                logger.error("outbox: window %d is damaged and was dropped", row.seq)
                self._outbox.delete([row.seq])
                continue
            payload = json.dumps(window, separators=(",", ":")).encode()
            expiry = max(1.0, row.created + self._lifetimes.window - time.time())
            mid = self._connection.publish(self._topics.window, payload, qos=1, retain=False, expiry=expiry)
            if mid is None:
                return
            self._in_flight[mid] = row.seq
            self._sent = row.seq

    def _delete_acknowledged(self) -> None:
        while not self._acks.empty():
            mid, refusal = self._acks.get()
            seq = self._in_flight.pop(mid, None)
            if seq is not None and not refusal:
                self._done.append(seq)
                self._rejected = None
                self._accepted = True
            elif seq is not None:
                self._keep_refused(refusal)
        if self._done:
            self._outbox.delete(self._done)
            self._done = []
            self._depth = self._outbox.depth()

    def _keep_refused(self, reason: str) -> None:
        """The broker took the message and threw it away: the window stays, and is offered again after a rest."""
        if self._rejected is None:
            self._rejected = RefusedError(
                f"the broker refuses windows on {self._topics.window}: {reason}", "check its access list"
            )
            logger.warning("%s; they are kept and offered again", self._rejected)
        self._rest_until = time.monotonic() + REST
        self._sent = 0  # begin again with the oldest, once nothing is in flight

    def _expire(self) -> None:
        now = time.monotonic()
        if now < self._next_expiry:
            return
        self._next_expiry = now + EXPIRE_EVERY
        dropped = self._outbox.expire(time.time() - self._lifetimes.window)
        if dropped:
            self._depth = self._outbox.depth()
            logger.warning("outbox: %d windows were too old to be sent and were dropped", dropped)
