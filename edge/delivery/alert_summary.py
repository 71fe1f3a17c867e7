"""All alerts that are in force, in one message: for readers that cannot follow a topic for each."""

from __future__ import annotations

from edge.contract.payloads import Alert, Alerts, NamedAlert
from edge.contract.topics import Topics


class AlertSummary:
    """What is in force. Not thread-safe.

    Args:
        topics: Of the device.
    """

    def __init__(self, topics: Topics) -> None:
        self._prefix = topics.alert("")
        self._alerts: dict[str, Alert] = {}

    def take(self, topic: str, payload: bytes) -> bytes | None:
        """Take a message; returns the new summary, None where it is no alert or changes nothing.

        Args:
            topic: Where it is announced.
            payload: An alert, or empty.
        """
        name = topic.removeprefix(self._prefix)
        before = self._alerts.get(name)
        if name == topic or (before is None and not payload):
            return None
        if payload:
            self._alerts[name] = Alert.model_validate_json(payload)
        else:
            del self._alerts[name]
        return self.to_json()

    def to_json(self) -> bytes:
        """The summary."""
        named = [NamedAlert(id=name, **dict(alert)) for name, alert in sorted(self._alerts.items())]
        return Alerts(number=len(named), alerts=named).to_json()
