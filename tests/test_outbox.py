"""The outbox, and where it and the password come from."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from edge.config import Config
from edge.errors import ConfigError
from edge.outbox import Outbox
from edge.settings import broker_settings, outbox_path
from tests.publishing import window


def test_two_daemons_cannot_share_an_outbox(tmp_path: Path) -> None:
    first, second = Outbox(tmp_path / "o"), Outbox(tmp_path / "o")
    first.start()
    with pytest.raises(ConfigError, match="in use by another edge daemon"):
        second.start()
    first.stop()
    second.start()
    assert second.epoch == first.epoch
    second.stop()


def test_a_corrupt_outbox_is_set_aside_and_a_new_epoch_begins(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "o")
    outbox.start()
    outbox.put("{}", 1.0)
    epoch = outbox.epoch
    outbox.stop()
    (tmp_path / "o").write_bytes(b"this was a database" * 500)
    outbox.start()
    assert outbox.epoch != epoch
    assert outbox.depth() == 0
    assert len(list(tmp_path.glob("o.corrupt-*"))) == 1
    outbox.stop()


def test_sequence_numbers_are_never_used_twice(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "o")
    outbox.start()
    outbox.delete([outbox.put("{}", 1.0), outbox.put("{}", 2.0)])
    outbox.stop()
    outbox.start()
    assert outbox.put("{}", 3.0) == 3
    assert outbox.expire(before=4.0) == 1
    outbox.stop()


def test_a_database_of_something_else_is_refused(tmp_path: Path) -> None:
    database = sqlite3.connect(tmp_path / "o")
    database.execute("CREATE TABLE windows (a, b)")
    database.close()
    with pytest.raises(ConfigError, match="no such column"):
        Outbox(tmp_path / "o").start()


def test_an_outbox_that_cannot_be_made_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="outbox"):
        Outbox(tmp_path / "file" / "o").start()


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


def test_the_outbox_lies_where_systemd_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/edge")
    assert outbox_path(Config()) == Path("/var/lib/edge/outbox.sqlite")


def test_payloads_on_the_wire_are_compact_json() -> None:
    text = window().to_json()
    assert json.loads(text)["schema"] == "edge.window/1"
    assert b": " not in text
