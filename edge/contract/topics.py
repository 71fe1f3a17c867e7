"""The topics of one device: `<prefix>/<device>/...`."""

from __future__ import annotations

import re
from dataclasses import dataclass

# What MQTT gives a meaning to (+ # /, $ in front), what it forbids, and what no terminal should be sent.
_NO_NAME = r"+#/\x00-\x1f\x7f-\x9f\ufdd0-\ufdef\ufffe\uffff"
NAME_PATTERN = rf"^[^${_NO_NAME}][^{_NO_NAME}]{{0,63}}$"
"""A device or a prefix: one level of a topic, of 1 to 64 characters."""


@dataclass(frozen=True)
class Topics:
    """Topic names; prefix and device were checked when the configuration was read."""

    prefix: str
    device: str

    def _topic(self, name: str) -> str:
        return f"{self.prefix}/{self.device}/{name}"

    @property
    def availability(self) -> str:
        """`online` or `offline`, retained."""
        return self._topic("availability")

    @property
    def info(self) -> str:
        """Versions, models, policy, retained."""
        return self._topic("info")

    @property
    def state(self) -> str:
        """Mode, reason, since, retained."""
        return self._topic("state")

    @property
    def window(self) -> str:
        """Every window, in order."""
        return self._topic("window")

    @property
    def latest(self) -> str:
        """The newest window, retained."""
        return self._topic("latest")

    @property
    def health(self) -> str:
        """How the daemon is doing, retained."""
        return self._topic("health")

    def alert(self, name: str) -> str:
        """A problem, retained; an empty payload says that it is over."""
        return self._topic(f"alert/{name}")

    @property
    def alerts(self) -> str:
        """All alerts in force, retained."""
        return self._topic("alerts")

    @property
    def commands(self) -> str:
        """The filter that every command matches."""
        return self._topic("cmd/+")

    def command(self, name: str) -> str:
        """Where one command is given."""
        return self._topic(f"cmd/{name}")

    def response(self, name: str) -> str:
        """Where a command is answered, unless whoever gave it asked for another topic."""
        return self._topic(f"cmd/{name}/response")


def birth_topic(discovery_prefix: str) -> str:
    """Where Home Assistant says `online` when it comes back and wants everything announced again."""
    return f"{discovery_prefix}/status"


def discovery_topic(discovery_prefix: str, object_id: str) -> str:
    """Where one device is announced to Home Assistant, retained."""
    return f"{discovery_prefix}/device/{object_id}/config"


def is_home_assistant_topic(topic: str) -> bool:
    """Whether a topic is one of these two, of one device, under any prefix; no other has so few levels, or so many."""
    return re.fullmatch("[^/+]+/(status|device/[^/+]+/config)", topic) is not None
