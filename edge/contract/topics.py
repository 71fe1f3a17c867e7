"""The topics of one device: `<prefix>/<device>/...`."""

from __future__ import annotations

from dataclasses import dataclass


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
    def commands(self) -> str:
        """The filter that every command matches."""
        return self._topic("cmd/+")

    def command(self, name: str) -> str:
        """Where one command is given."""
        return self._topic(f"cmd/{name}")

    def response(self, name: str) -> str:
        """Where a command is answered, unless whoever gave it asked for another topic."""
        return self._topic(f"cmd/{name}/response")
