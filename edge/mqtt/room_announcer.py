"""Announces the rooms of one broker to Home Assistant, from what they say about themselves."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from edge.contract.channels import DISCOVERY
from edge.contract.machine_messages import MAX_INFO
from edge.contract.topics import Topics, discovery_topic
from edge.mqtt.announced_rooms import MAX_ROOMS, AnnouncedRooms, digest
from edge.mqtt.client_factory import BrokerSettings
from edge.mqtt.connection import Callbacks, Connection
from edge.mqtt.fair_queue import FairQueue
from edge.mqtt.properties import IncomingMessage
from edge.mqtt.refusals import MessageTooLargeError
from edge.text import counted, printable

logger = logging.getLogger(__name__)


class RoomAnnouncer:
    """One connection that reads `info` and writes discovery messages.

    Args:
        settings: Where and as whom.
        prefix: The first level of the rooms' topics.
        devices: Their names, or `+` for all.
        discovery_prefix: Home Assistant's.
    """

    def __init__(self, settings: BrokerSettings, prefix: str, devices: Sequence[str], discovery_prefix: str) -> None:
        self._infos = [Topics(prefix, device).info for device in devices]
        self._announcements = discovery_topic(discovery_prefix, "+")
        self._start_of_announcements = f"{discovery_prefix}/device/"
        self._rooms = AnnouncedRooms(prefix, discovery_prefix, all_rooms="+" in devices)
        self._heard = self._queue = self._new_queue()
        self._connection = Connection(settings, callbacks=Callbacks(connected=self._subscribe, message=self._put))
        self._full = False

    @property
    def status(self) -> str:
        """How it goes, in a line."""
        if not self._connection.connected:
            return f"not connected: {self._connection.problem or 'connecting'}"
        invalid = f", {self._rooms.invalid} invalid messages" if self._rooms.invalid else ""
        return f"announcing {counted(self._rooms.rooms, 'room')}{invalid}"

    def start(self) -> None:
        """Begin to connect, in a thread of its own. Raises ConfigError for unusable TLS files."""
        self._connection.start()

    def stop(self) -> None:
        """Say goodbye; what is announced stays."""
        self._connection.stop()

    def step(self, seconds: float) -> None:
        """Take what comes in so many seconds, and publish what is due.

        That is looked for once, however much comes: whoever floods must not have us, and systemd, do it each time.

        Raises:
            RefusedError: The broker refused us from the first.
        """
        self._connection.advance()
        self._connection.check()
        if self._heard is not self._queue:
            self._heard = self._queue
            self._rooms.connected()
        until = time.monotonic() + seconds
        for _ in range(MAX_ROOMS):  # nor keep us from it
            message = self._heard.get(until - time.monotonic())
            if message is None:
                break
            self._take(*message)
        self._rooms.full = self._rooms.full or self._heard.lost > 0
        if self._rooms.full and not self._full:
            self._full = True
            logger.warning("more than %d rooms: not all are announced; name them with --device", MAX_ROOMS)
        for topic, payload in self._rooms.due():
            self._publish(topic, payload)

    def _take(self, topic: str, payload: bytes) -> None:
        if topic.startswith(self._start_of_announcements):
            self._rooms.hear_announcement(topic, payload)
        else:
            self._rooms.hear_room(topic, payload)

    def _publish(self, topic: str, payload: bytes) -> None:
        try:
            if self._connection.publish(topic, payload, DISCOVERY) is None:
                return
        except MessageTooLargeError:  # the log has named it
            pass
        else:
            logger.info("%s %s", "announced" if payload else "removed", printable(topic))
        self._rooms.published(topic)

    def _subscribe(self) -> None:
        # What an earlier connection has brought must not be taken for what this one brings.
        self._queue = self._new_queue()
        self._connection.subscribe([self._announcements, *self._infos])

    @staticmethod
    def _new_queue() -> FairQueue:
        return FairQueue(MAX_ROOMS + 1)  # one for all announcements, which must not take the places of rooms

    def _put(self, incoming: IncomingMessage) -> None:
        """In the network thread: of each topic the newest counts, and of announcements only whether they are ours."""
        topic, payload = incoming.topic, incoming.payload
        if topic.startswith(self._start_of_announcements):
            self._queue.put("", topic, digest(payload), newest=1)
        else:
            self._queue.put(topic, topic, payload[: MAX_INFO + 1], newest=1)
