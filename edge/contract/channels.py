"""How the messages of each topic are sent: QoS, retained or not, schema, and how long they are of use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

WILL_DELAY = 10  # seconds: a short break in the network is no news
SESSION_EXPIRY = 60  # seconds; must outlast the will's delay, or the end of the session sends the will at once
SILENCE = 7260  # seconds without `health`, sent once an hour or more often, also in a pause: the device is gone
MAX_PACKET = 256 * 1024  # bytes; a broker keeps what is longer to itself, so that nobody can fill our memory
MAX_RESPONSE_TOPIC = 256  # characters


@dataclass(frozen=True)
class Channel:
    """What all messages of a topic have in common.

    Attributes:
        schema: The name of the payload's schema, sent as the MQTT 5 user property `schema`; None for what is no JSON
            of ours. A window names its own: one that was stored by an earlier version is sent unchanged.
        qos: 0 or 1.
        retain: Whether the broker keeps the newest one for later subscribers.
        lifetime: Which of the `Lifetimes` limits it (MQTT 5 message expiry); None: it never expires.
    """

    schema: str | None = None
    qos: int = 1
    retain: bool = True
    lifetime: Literal["window", "latest", "health"] | None = None


AVAILABILITY = Channel()
INFO = Channel("edge.info/1")
STATE = Channel("edge.state/1")
WINDOW = Channel("edge.window/2", retain=False, lifetime="window")
LATEST = Channel("edge.window/2", lifetime="latest")  # under MQTT 3.1.1 nothing expires: it is not retained there
HEALTH = Channel("edge.health/1", qos=0, lifetime="health")
ALERT = Channel("edge.alert/1")
ALERTS = Channel("edge.alerts/1")
ANSWER = Channel("edge.answer/1", retain=False)
COMMAND = Channel(retain=False)
DISCOVERY = Channel()
BIRTH = Channel(retain=False)


@dataclass(frozen=True)
class Lifetimes:
    """Seconds after which messages are of no use (MQTT 5 message expiry)."""

    window: float
    latest: float
    health: float

    def of(self, channel: Channel) -> float | None:
        """That of one channel; None where nothing expires."""
        seconds = {None: None, "window": self.window, "latest": self.latest, "health": self.health}
        return seconds[channel.lifetime]
