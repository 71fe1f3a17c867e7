"""Passwords of the broker, and TLS files that are none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from paho.mqtt.enums import MQTTProtocolVersion

from edge.config.schema import Config
from edge.daemon.paths import broker_settings
from edge.errors import ConfigError
from edge.mqtt.client_factory import make_client


def test_passwords_come_from_a_file_or_a_credential(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "mqtt-password").write_text("from-systemd\n")
    (tmp_path / "own").write_text("pass word\n")
    mqtt: dict[str, object] = {"broker": "mqtt://h", "username": "u"}
    assert broker_settings(Config.model_validate({"mqtt": mqtt})).password is None
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    settings = broker_settings(Config.model_validate({"mqtt": mqtt}))
    assert settings.password == "from-systemd"
    assert "from-systemd" not in repr(settings)
    mqtt["password_file"] = str(tmp_path / "own")
    (tmp_path / "own").chmod(0o644)
    assert broker_settings(Config.model_validate({"mqtt": mqtt})).password == "pass word"
    assert f"chmod o= {tmp_path}/own" in caplog.text
    caplog.clear()
    (tmp_path / "own").chmod(0o640)
    assert broker_settings(Config.model_validate({"mqtt": mqtt})).password == "pass word"
    assert "chmod" not in caplog.text
    mqtt["password_file"] = str(tmp_path / "none")
    with pytest.raises(ConfigError, match="password_file cannot be read"):
        broker_settings(Config.model_validate({"mqtt": mqtt}))


@pytest.mark.parametrize("kind", ["fifo", "endless"])
def test_a_tls_file_that_is_no_file(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "ca.pem"
    if kind == "fifo":
        os.mkfifo(file)
    else:
        file.symlink_to("/dev/zero")
    settings = broker_settings(Config.model_validate({"mqtt": {"broker": "mqtts://h", "ca_file": str(file)}}))
    with pytest.raises(ConfigError, match="not a regular file"):
        make_client(settings, MQTTProtocolVersion.MQTTv5)
