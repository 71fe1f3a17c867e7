"""Home Assistant, where it is wanted: announces this device, and again whenever Home Assistant comes back."""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING

from edge.contract.topics import birth_topic
from edge.mqtt.home_assistant_entities import config_topic, discovery

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge.contract.payloads import Info
    from edge.contract.topics import Topics
    from edge.mqtt.properties import IncomingMessage

SPREAD = 3.0  # seconds over which the rooms of a school answer Home Assistant's return


class HomeAssistantAnnouncer:
    """Keeps the discovery payload of this device at the broker.

    Args:
        prefix: Home Assistant's discovery prefix.
        topics: The device's.
        announce: Makes a message part of the retained set; may be called from any thread.
        spread: Seconds within which it announces again after a birth message.
    """

    def __init__(
        self, prefix: str, topics: Topics, announce: Callable[[str, bytes], None], spread: float = SPREAD
    ) -> None:
        self.birth_topic = birth_topic(prefix)
        """Where Home Assistant says that it has started; to be subscribed to."""
        self._config_topic = config_topic(prefix, topics)
        self._topics = topics
        self._announce = announce
        self._spread = spread
        self._lock = threading.Lock()
        self._payload = b""
        self._timer: threading.Timer | None = None
        self._stopped = True

    def start(self, info: Info) -> None:
        """Announce the device, and again after every birth message from now on."""
        self._stopped = False
        self.update(info)

    def update(self, info: Info) -> None:
        """Announce the device as this info describes it."""
        self._payload = discovery(info, self._topics)
        self._announce_now()

    def receive(self, incoming: IncomingMessage) -> bool:
        """Take a message, in the network thread; False if it is not for this part."""
        if incoming.topic != self.birth_topic:
            return False
        if incoming.payload == b"online":
            with self._lock:
                if not self._stopped and self._timer is None:
                    delay = random.uniform(0, self._spread)  # noqa: S311 - no secret
                    self._timer = threading.Timer(delay, self._announce_now)
                    self._timer.daemon = True
                    self._timer.start()
        return True

    def stop(self) -> None:
        """Announce nothing any more; what the broker has stays there."""
        with self._lock:
            self._stopped = True
            if self._timer is not None:
                self._timer.cancel()

    def _announce_now(self) -> None:
        with self._lock:
            self._timer = None
            if self._payload and not self._stopped:
                self._announce(self._config_topic, self._payload)
