"""What the daemon says of subscribing: commands that work at the broker which it uses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edge.config.schema import Config
from edge.daemon.mqtt_service import MqttService
from edge.daemon.paths import broker_settings

USER = " --set mqtt.username=NAME --set mqtt.password_file=FILE --client-id CLIENT-ID"


@pytest.mark.parametrize(
    ("mqtt", "mosquitto_sub", "watch"),
    [
        ({"broker": "mqtt://b"}, "-h b -p 1883 -v", "mqtt://b:1883"),
        (
            {"broker": "mqtts://b", "username": "room-1", "ca_file": "/etc/edge/ca.pem"},
            "-h b -p 8883 --cafile /etc/edge/ca.pem -u NAME -P PASSWORD -i CLIENT-ID -v",
            f"mqtts://b:8883 --set mqtt.ca_file=/etc/edge/ca.pem{USER}",
        ),
        (
            {"broker": "mqtts://b", "username": "room-1"},
            "-h b -p 8883 --tls-use-os-certs -u NAME -P PASSWORD -i CLIENT-ID -v",
            f"mqtts://b:8883{USER}",
        ),
    ],
)
def test_both_commands_have_what_the_broker_asks_for(mqtt: dict[str, Any], mosquitto_sub: str, watch: str) -> None:
    service = MqttService(Config.model_validate({"mqtt": mqtt}), lambda _: None)
    service.url = broker_settings(Config.model_validate({"mqtt": mqtt})).url
    first, with_mosquitto, with_edge = service.how_to_subscribe()
    assert ("as a user who may read there" in first) == ("username" in mqtt), "a room's own user may not"
    assert with_mosquitto == f"  mosquitto_sub {mosquitto_sub} 'classroom/#'".replace("-v ", "-v -t ")
    assert with_edge == f"  edge watch --broker {watch}"


def test_an_empty_password_file_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "password"
    file.write_text("\n")
    config = Config.model_validate({"mqtt": {"broker": "mqtt://b", "username": "u", "password_file": str(file)}})
    broker_settings(config)
    assert f"{file} (mqtt.password_file) is empty" in caplog.text
