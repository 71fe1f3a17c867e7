"""All alerts in one message."""

from __future__ import annotations

from edge.contract.examples import ALERT
from edge.contract.payloads import Alerts
from edge.contract.topics import Topics
from edge.delivery.alert_summary import AlertSummary

TOPICS = Topics("classroom", "room-204")


def ids(payload: bytes | None) -> list[str]:
    assert payload is not None
    summary = Alerts.model_validate_json(payload)
    assert summary.number == len(summary.alerts)
    return [each.id for each in summary.alerts]


def test_it_has_what_is_in_force() -> None:
    summary = AlertSummary(TOPICS)
    assert ids(summary.to_json()) == []
    assert ids(summary.take(TOPICS.alert("disk"), ALERT.to_json())) == ["disk"]
    both = summary.take(TOPICS.alert("camera"), ALERT.to_json())
    assert ids(both) == ["camera", "disk"]
    assert both is not None
    assert Alerts.model_validate_json(both).alerts[0].remedy == ALERT.remedy
    assert ids(summary.take(TOPICS.alert("disk"), b"")) == ["camera"]
    assert ids(summary.take(TOPICS.alert("camera"), b"")) == []


def test_nothing_else_changes_it() -> None:
    summary = AlertSummary(TOPICS)
    assert summary.take(TOPICS.alert("left-over"), b"") is None
    assert summary.take(TOPICS.state, b"{}") is None
    assert summary.take(TOPICS.alerts, b"{}") is None
