"""Which discovery messages a broker should have of its rooms, and which it has. Pure but for the clock."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable
from itertools import islice
from typing import NamedTuple

from edge.contract.announced_info import read_announced_info
from edge.contract.topics import Topics, discovery_topic
from edge.mqtt.home_assistant_entities import config_topic, discovery, identifier

MAX_ROOMS = 1000  # whoever may publish could invent more
MAX_SHOWN = 2 * MAX_ROOMS  # topics of others that are looked at
REST = 60.0  # seconds between two messages about the same room: Home Assistant makes its entities anew at each
SETTLE = 2.0  # seconds after a connect in which what is retained comes
GONE = 600.0  # seconds after a connect until a room that has said nothing is none: meanwhile each could connect anew
AT_ONCE = 10  # messages, of up to 27 KB


def digest(payload: bytes) -> bytes:
    """What is kept of a discovery message to compare it with another; empty for an empty one."""
    return hashlib.sha256(payload).digest() if payload else b""


class _Message(NamedTuple):
    payload: bytes
    digest: bytes


REMOVAL = _Message(b"", b"")


class AnnouncedRooms:
    """Compares what is announced with what rooms say about themselves.

    Args:
        prefix: The first level of the rooms' topics.
        discovery_prefix: Home Assistant's.
        all_rooms: Whether it is for every room of the prefix, so that what is announced of others is removed.
        clock: Monotonic seconds.
    """

    def __init__(
        self, prefix: str, discovery_prefix: str, *, all_rooms: bool, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._prefix = prefix
        self._discovery_prefix = discovery_prefix
        self._clock = clock
        # The names of another prefix cannot begin so; of one that is hashed they could.
        plain = identifier(prefix) == prefix
        self._ours = discovery_topic(discovery_prefix, f"{prefix}_").removesuffix("/config") if plain else None
        self._all_rooms = all_rooms
        self._wanted: dict[str, _Message] = {}  # by the topic
        self._shown: dict[str, bytes] = {}  # digests of what the broker keeps
        self._published: dict[str, float] = {}  # when, in the last `REST` seconds
        self._since: float | None = None
        self.invalid = 0
        """Messages of rooms that were no valid info."""
        self.full = False
        """Whether rooms are left out, because there are too many: then nothing is taken for a room that is gone."""

    @property
    def rooms(self) -> int:
        """How many are to be announced."""
        return sum(1 for message in self._wanted.values() if message is not REMOVAL)

    def connected(self) -> None:
        """There is a new connection: what is announced there comes again.

        What rooms have said holds: a broker that has lost it may be back before a room that is switched off.
        """
        self._since = self._clock()
        self._shown.clear()

    def hear_room(self, topic: str, payload: bytes) -> None:
        """Take a message on `<prefix>/<device>/info`, which may be anything."""
        try:
            device, info = read_announced_info(self._prefix, topic, payload)
        except ValueError:  # pydantic's error is one
            self.invalid += 1
            return
        topics = Topics(self._prefix, device)
        announced = config_topic(self._discovery_prefix, topics)
        if announced not in self._wanted:
            if info is None:
                return
            if len(self._wanted) >= MAX_ROOMS:
                self.full = True
                return
        payload = discovery(info, topics) if info is not None else b""
        self._wanted[announced] = _Message(payload, digest(payload)) if payload else REMOVAL

    def hear_announcement(self, topic: str, shown: bytes) -> None:
        """Take the digest of a message on `<discovery prefix>/device/+/config`: ours come back, too."""
        if not shown:
            self._shown.pop(topic, None)
        elif topic in self._wanted or topic in self._shown or len(self._shown) < MAX_SHOWN:
            self._shown[topic] = shown

    def due(self) -> list[tuple[str, bytes]]:
        """Topics and payloads to be published now, retained; some at once, call it again and again."""
        now = self._clock()
        if self._since is None or now - self._since < SETTLE:
            return []
        self._published = {topic: at for topic, at in self._published.items() if now - at < REST}
        # Who hears of no room at all may not read what they say, and knows nothing of any.
        if now - self._since >= GONE and self._wanted and not self.full:
            self._wanted |= dict.fromkeys(filter(self._is_strange, self._shown), REMOVAL)
        wrong = {topic for topic, message in self._wanted.items() if message.digest != self._shown.get(topic, b"")}
        for topic in [topic for topic, message in self._wanted.items() if message is REMOVAL and topic not in wrong]:
            del self._wanted[topic]
        waiting = ((topic, self._wanted[topic].payload) for topic in wrong if topic not in self._published)
        return list(islice(waiting, AT_ONCE))

    def published(self, topic: str) -> None:
        """A message was handed to the network."""
        self._published[topic] = self._clock()

    def _is_strange(self, topic: str) -> bool:
        """Whether it is announced as a room of this prefix, and none has sent its info."""
        if not self._all_rooms or self._ours is None or topic in self._wanted:
            return False
        return topic.startswith(self._ours) and re.fullmatch("[A-Za-z0-9_-]+", topic.split("/")[-2]) is not None
