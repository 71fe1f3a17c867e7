"""What a device subscribes to where wildcards are not taken."""

from __future__ import annotations

from edge.contract.alerts import ALERTS
from edge.contract.commands import REQUESTS
from edge.contract.filters import by_name
from edge.contract.topics import Topics

TOPICS = Topics("classroom", "room-1")


def test_every_command_and_every_alert_has_its_topic() -> None:
    assert by_name(TOPICS, TOPICS.commands) == [f"classroom/room-1/cmd/{name}" for name in REQUESTS]
    assert by_name(TOPICS, TOPICS.alert("+")) == [f"classroom/room-1/alert/{name}" for name in ALERTS]
    assert by_name(TOPICS, "homeassistant/status") == ["homeassistant/status"]
