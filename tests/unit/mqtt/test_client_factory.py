"""Passwords of the broker."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.config.schema import Config
from edge.daemon.paths import broker_settings
from edge.errors import ConfigError


def test_passwords_come_from_a_file_or_a_credential(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mqtt-password").write_text("from-systemd\n")
    (tmp_path / "own").write_text("pass word\n")
    mqtt: dict[str, object] = {"broker": "mqtt://h", "username": "u"}
    assert broker_settings(Config.model_validate({"mqtt": mqtt})).password is None
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    settings = broker_settings(Config.model_validate({"mqtt": mqtt}))
    assert settings.password == "from-systemd"
    assert "from-systemd" not in repr(settings)
    mqtt["password_file"] = str(tmp_path / "own")
    assert broker_settings(Config.model_validate({"mqtt": mqtt})).password == "pass word"
    mqtt["password_file"] = str(tmp_path / "none")
    with pytest.raises(ConfigError, match="password_file cannot be read"):
        broker_settings(Config.model_validate({"mqtt": mqtt}))
