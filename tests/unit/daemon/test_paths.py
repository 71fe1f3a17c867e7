"""Where the daemon keeps its files."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.config.schema import Config
from edge.daemon.paths import outbox_path


def test_the_outbox_lies_where_systemd_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/edge")
    assert outbox_path(Config()) == Path("/var/lib/edge/outbox.sqlite")
